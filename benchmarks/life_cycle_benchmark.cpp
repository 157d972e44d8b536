// L, C: what a buffer costs from its making to its end, alone and beside 100 000 others.

#include "pairs.hpp"

#include <algorithm>
#include <array>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <thread>
#include <vector>

namespace {

using namespace hybridbuffer;
using bench::block;
using bench::PlainFile;

constexpr std::size_t message_bytes = 1_KiB;

FileStorage files(std::size_t recycled) { return FileStorage{{.directory = bench::directory(), .recycled_files = recycled}}; }

// One kibibyte in memory ---------------------------------------------------------------------------------------------------------

std::array<std::byte, message_bytes>& read_into() {
  alignas(64) static std::array<std::byte, message_bytes> bytes;
  return bytes;
}

bool message_through_malloc() {
  void* memory = std::malloc(64_KiB);
  benchmark::DoNotOptimize(memory);
  std::memcpy(memory, block(message_bytes).data(), message_bytes);
  benchmark::ClobberMemory();
  std::memcpy(read_into().data(), memory, message_bytes);
  benchmark::ClobberMemory();
  std::free(memory);
  return true;
}
template <class Memory>
bool message_through_buffer() {
  HybridBuffer<Memory> buffer;
  const bool works = buffer.append(block(message_bytes)) && buffer.read(read_into()).value_or(0) == message_bytes;
  benchmark::ClobberMemory();
  return works;
}

bench::Case thousands(std::string name, bool (*once)(), std::size_t count) {
  return {std::move(name), [=](benchmark::State& state) {
            bench::measure(state, count * message_bytes, [&] {
              for (std::size_t i = 0; i != count; ++i) {
                if (!once()) return false;
              }
              return true;
            });
          }};
}
constexpr std::size_t messages = 10'000;
const bool l1 = bench::add(
    "L1", 40,
    {thousands("limit", message_through_malloc, messages), thousands("buffer", message_through_buffer<SegmentedMemory<>>, messages),
     thousands("inline", message_through_buffer<InlineMemory<message_bytes>>, messages)});

// One byte beyond the threshold --------------------------------------------------------------------------------------------------

bool message_through_file() { return PlainFile{}.write(block(message_bytes)); }

bench::Case spilled_life(std::string name, std::uint64_t threshold, std::size_t recycled) {
  return {std::move(name), [=](benchmark::State& state) {
            const FileStorage storage = files(recycled);
            bench::measure(state, messages / 20 * message_bytes, [&] {
              for (std::size_t i = 0; i != messages / 20; ++i) {
                HybridBuffer buffer{SpillAt{threshold}, storage};
                if (!buffer.append(block(message_bytes)) || buffer.is_spilled() != (threshold < message_bytes)) return false;
              }
              return true;
            });
          }};
}
// Whoever allows a chunk of slack adds it to the threshold: no file is made until a chunk is full.
const bool l2 = bench::add("L2", 4,
                           {thousands("limit", message_through_file, messages / 20), spilled_life("buffer", message_bytes - 1, 0),
                            spilled_life("recycled", message_bytes - 1, 1), spilled_life("slack", message_bytes - 1 + 64_KiB, 0)});

// Many at a time -----------------------------------------------------------------------------------------------------------------

constexpr std::size_t small_bytes = 100;

/// Makes `count` containers of 100 bytes, all alive at once; 100 000 in all, in as many turns as that takes.
template <class Container, class Fill>
bench::Case alive(std::string name, std::size_t count, Fill fill) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t all = bench::settings().quick ? count : 100'000;
            std::vector<Container> containers;
            containers.reserve(count);
            bench::measure(state, all * small_bytes, [&] {
              for (std::size_t done = 0; done < all; done += count) {
                containers.clear();
                for (std::size_t i = 0; i != count; ++i) {
                  if (!fill(containers.emplace_back())) return false;
                }
              }
              return true;
            });
          }};
}
constexpr auto fill_buffer = [](auto& buffer) { return buffer.append(block(small_bytes)).has_value(); };
constexpr auto fill_vector = [](std::vector<std::byte>& bytes) {
  bytes.assign(block(small_bytes).begin(), block(small_bytes).end());
  benchmark::DoNotOptimize(bytes.data());
  return true;
};
/// As much memory as a buffer of the default composition takes for a short content.
constexpr auto fill_reserved_vector = [](std::vector<std::byte>& bytes) {
  bytes.reserve(512);
  return fill_vector(bytes);
};
template <class Memory>
void add_alive(std::vector<bench::Case>& cases, const std::string& name) {
  cases.push_back(alive<HybridBuffer<Memory>>(name + "_100", 100, fill_buffer));
  cases.push_back(alive<HybridBuffer<Memory>>(name + "_100k", 100'000, fill_buffer));
}
const bool c1_alive = bench::add("C1.alive", 1, [] {
  std::vector<bench::Case> cases;
  cases.push_back(alive<std::vector<std::byte>>("vector_100", 100, fill_vector));
  cases.push_back(alive<std::vector<std::byte>>("vector_100k", 100'000, fill_vector));
  cases.push_back(alive<std::vector<std::byte>>("reserved_100", 100, fill_reserved_vector));
  cases.push_back(alive<std::vector<std::byte>>("reserved_100k", 100'000, fill_reserved_vector));
  add_alive<SegmentedMemory<>>(cases, "segmented");
  add_alive<SegmentedMemory<256>>(cases, "small_chunks");
  add_alive<InlineMemory<128>>(cases, "inline");
  return cases;
}());

/// 1 000 of them, 4 KiB in turn to each until each holds 256 KiB.
constexpr std::size_t round_robin = 1'000;
constexpr std::size_t turn_bytes = 4_KiB;
constexpr std::size_t turns = 64;

bool files_in_turn(std::size_t count) {
  const std::vector<PlainFile> all(count);
  for (std::size_t turn = 0; turn != turns; ++turn) {
    for (const auto& file : all) {
      if (!file.write(block(turn_bytes))) return false;
    }
  }
  return true;
}
bool buffers_in_turn(std::size_t count) {
  const FileStorage storage = files(0);
  std::vector<HybridBuffer<>> all;
  all.reserve(count);
  for (std::size_t i = 0; i != count; ++i) all.push_back(HybridBuffer{SpillAt{16_KiB}, storage});
  for (std::size_t turn = 0; turn != turns; ++turn) {
    for (auto& buffer : all) {
      if (!buffer.append(block(turn_bytes))) return false;
    }
  }
  return true;
}
bench::Case in_turn(std::string name, bool (*run)(std::size_t)) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t count = bench::settings().quick ? 10 : round_robin;
            bench::measure(state, count * turns * turn_bytes, [&] { return run(count); });
          }};
}
const bool c1_in_turn = bench::add("C1.in_turn", 1, {in_turn("limit", files_in_turn), in_turn("buffer", buffers_in_turn)});

/// The same amount of work for each of `count` threads. What the process takes in all tells how they disturb each other, on a busy machine
/// too; that none waits for another is what the time on the clock shows beside it.
bool threads_work() {
  const FileStorage storage = files(0);
  for (std::size_t i = 0; i != 200; ++i) {
    HybridBuffer buffer{SpillAt{64_KiB}, storage};
    for (std::size_t done = 0; done != 256_KiB; done += 16) {
      if (!buffer.append(block(16))) return false;
    }
  }
  return true;
}
bench::Case threads(std::string name, std::size_t count) {
  return {std::move(name), [=](benchmark::State& state) {
            bench::measure(state, count * 200 * 256_KiB, [&] {
              std::vector<char> worked(count);
              std::vector<std::thread> all;
              for (std::size_t i = 0; i != count; ++i) all.emplace_back([&worked, i] { worked[i] = threads_work() ? 1 : 0; });
              for (auto& thread : all) thread.join();
              return std::ranges::all_of(worked, [](char one) { return one == 1; });
            });
          }};
}
const bool c1_threads = bench::add("C1.threads", 2, {threads("one", 1), threads("two", 2)}, true);

}  // namespace
