// A: appends that stay in memory. Small ones into new buffers and into one that is reused; of a length known to the compiler, known at run
// time only, and mixed; large ones of 1 and 16 MiB, at every offset within a page.

#include "pairs.hpp"

#include <array>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <memory>
#include <random>
#include <vector>

namespace {

using namespace hybridbuffer;
using bench::block;
using bench::Bump;

constexpr std::size_t small_volume = 1_MiB;
constexpr std::size_t large_piece = 64_KiB;
constexpr std::size_t line_bytes = 64;

struct FreeMemory {
  void operator()(void* memory) const noexcept { std::free(memory); }
};
using HeapBlock = std::unique_ptr<std::byte, FreeMemory>;
HeapBlock allocate(std::size_t bytes) { return HeapBlock{static_cast<std::byte*>(std::aligned_alloc(line_bytes, bytes))}; }

/// A buffer that spills nothing of what these workloads append.
HybridBuffer<> roomy() { return HybridBuffer<>{SpillAt{64_MiB}}; }

// Both sides run the same loop, with the target passed by reference.
template <class Target>
[[gnu::noinline]] bool append_16(Target& target, std::span<const std::byte, 16> piece, std::size_t count) {
  // A loop as short as this takes 1.4 times as long where it happens to cross a cache line: several turns of it always do.
#pragma GCC unroll 8
  for (std::size_t i = 0; i != count; ++i) {
    if (!static_cast<bool>(target.append(piece))) return false;
  }
  return true;
}
template <class Target>
[[gnu::noinline]] bool append_lengths(Target& target, const std::byte* bytes, std::span<const std::size_t> lengths) {
  for (const std::size_t length : lengths) {
    if (!static_cast<bool>(target.append(std::span{bytes, length}))) return false;
  }
  return true;
}
template <class Target>
[[gnu::noinline]] bool append_large(Target& target, const std::byte* bytes, std::size_t volume) {
  for (std::size_t done = 0; done != volume; done += large_piece) {
    if (!static_cast<bool>(target.append(std::span{bytes, large_piece}))) return false;
  }
  return true;
}

/// As `append(target)` says, into memory from malloc each round, or into the same each round.
template <class Append>
bench::Case new_limit(std::size_t bytes, Append append) {
  return {"limit", [=](benchmark::State& state) {
            bench::measure(state, bytes, [&] {
              const HeapBlock memory = allocate(bytes);
              Bump bump{memory.get(), memory.get() + bytes};
              const bool works = append(bump);
              benchmark::ClobberMemory();
              return works;
            });
          }};
}
template <class Append>
bench::Case reused_limit(std::size_t bytes, Append append) {
  return {"limit", [=](benchmark::State& state) {
            const HeapBlock memory = allocate(bytes);
            bench::measure(state, bytes, [&] {
              Bump bump{memory.get(), memory.get() + bytes};
              const bool works = append(bump);
              benchmark::ClobberMemory();
              return works;
            });
          }};
}
template <class Append>
bench::Case new_buffer(std::size_t bytes, Append append) {
  return {"buffer", [=](benchmark::State& state) {
            bench::measure(state, bytes, [&] {
              auto buffer = roomy();
              const bool works = append(buffer);
              benchmark::ClobberMemory();
              return works;
            });
          }};
}
template <class Append>
bench::Case reused_buffer(std::size_t bytes, Append append) {
  return {"buffer", [=](benchmark::State& state) {
            auto buffer = roomy();
            bench::measure(state, bytes, [&] {
              const bool works = append(buffer) && buffer.reset();
              benchmark::ClobberMemory();
              return works;
            });
          }};
}

// Small appends ------------------------------------------------------------------------------------------------------------------

constexpr auto small_pieces = [](auto& target) { return append_16(target, block(16).first<16>(), small_volume / 16); };

/// Lengths that sum up to 1 MiB: 16 each, or 1 to 32.
const std::vector<std::size_t>& lengths(bool mixed) {
  const auto make = [](bool vary) {
    std::minstd_rand random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same lengths in every run
    std::vector<std::size_t> all;
    for (std::size_t sum = 0; sum != small_volume;) {
      const std::size_t length = vary ? 1 + random() % 32 : 16;
      all.push_back(length < small_volume - sum ? length : small_volume - sum);
      sum += all.back();
    }
    return all;
  };
  static const auto equal = make(false);
  static const auto varying = make(true);
  return mixed ? varying : equal;
}
template <bool mixed>
constexpr auto pieces_of_lengths = [](auto& target) { return append_lengths(target, block(32).data(), lengths(mixed)); };

const bool a1 = bench::add("A1", 400, {new_limit(small_volume, small_pieces), new_buffer(small_volume, small_pieces)});
const bool a2 = bench::add("A2", 400, {reused_limit(small_volume, small_pieces), reused_buffer(small_volume, small_pieces)});
const bool a2_length = bench::add(
    "A2.length", 100, {reused_limit(small_volume, pieces_of_lengths<false>), reused_buffer(small_volume, pieces_of_lengths<false>)});
const bool a2_mixed =
    bench::add("A2.mixed", 60, {reused_limit(small_volume, pieces_of_lengths<true>), reused_buffer(small_volume, pieces_of_lengths<true>)});

// Large appends ------------------------------------------------------------------------------------------------------------------

template <std::size_t bytes>
constexpr auto large_pieces = [](auto& target) { return append_large(target, block(large_piece).data(), bytes); };

// The limit of a new buffer is memory that is mapped already, as warm chunks of the pool are.
const bool a3_new = bench::add("A3.new_1m", 600, {reused_limit(1_MiB, large_pieces<1_MiB>), new_buffer(1_MiB, large_pieces<1_MiB>)});
const bool a3_reused =
    bench::add("A3.reused_1m", 600, {reused_limit(1_MiB, large_pieces<1_MiB>), reused_buffer(1_MiB, large_pieces<1_MiB>)});
const bool a3_new_16 = bench::add("A3.new_16m", 20, {reused_limit(16_MiB, large_pieces<16_MiB>), new_buffer(16_MiB, large_pieces<16_MiB>)});
const bool a3_reused_16 =
    bench::add("A3.reused_16m", 20, {reused_limit(16_MiB, large_pieces<16_MiB>), reused_buffer(16_MiB, large_pieces<16_MiB>)});

/// A source at `source` within its page, after `before` bytes that the buffer holds already.
bench::Case at_offset(std::size_t source, std::size_t before) {
  const std::string name = "from_" + std::to_string(source) + "_to_" + std::to_string(before);
  return {name, [=](benchmark::State& state) {
            auto buffer = roomy();
            bench::measure(state, small_volume, [&] {
              const bool works = (before == 0 || buffer.append(block(before))) &&
                                 append_large(buffer, block(large_piece).data() + source, small_volume) && buffer.reset();
              benchmark::ClobberMemory();
              return works;
            });
          }};
}
std::vector<bench::Case> offsets() {
  std::vector<bench::Case> cases;
  for (const std::size_t source : std::array<std::size_t, 10>{0, 1, 8, 16, 63, 64, 2048, 4033, 4088, 4095})
    cases.push_back(at_offset(source, 0));
  for (const std::size_t before : std::array<std::size_t, 10>{1, 8, 16, 32, 63, 64, 2048, 4033, 4088, 4095})
    cases.push_back(at_offset(0, before));
  return cases;
}
const bool a3_offsets = bench::add("A3.offsets", 100, offsets());

}  // namespace
