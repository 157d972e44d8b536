// Appending, spilling, reading back, random reads and life cycles, each beside what a C program would write by hand for just that.
// A case and its limit are called `name/buffer` and `name/limit`; scripts/bench prints their ratio.

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <memory>
#include <random>
#include <span>
#include <unistd.h>
#include <vector>

namespace {

using namespace hybridbuffer;

constexpr std::size_t small_volume = std::size_t{1} << 20U;
constexpr std::size_t large_volume = std::size_t{256} << 20U;
constexpr std::size_t block_bytes = std::size_t{64} << 10U;
constexpr std::size_t large_block_bytes = std::size_t{1} << 20U;
constexpr std::size_t page_bytes = 4096;

std::span<std::byte> block(std::size_t size = block_bytes) {
  static const auto bytes =
      static_cast<std::byte*>(std::memset(std::aligned_alloc(page_bytes, large_block_bytes), 0x5A, large_block_bytes));
  return {bytes, size};
}

void check(bool holds, benchmark::State& state, const char* what) {
  if (!holds) state.SkipWithError(what);
}

void count_bytes(benchmark::State& state, std::size_t in_each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(in_each) * state.iterations());
}

/// An anonymous file, as a C program would make it.
class PlainFile {
 public:
  PlainFile() : descriptor_{::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)} {}
  ~PlainFile() { ::close(descriptor_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool write(std::span<const std::byte> bytes) const {
    return ::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

 private:
  int descriptor_;
};

FileStorage storage() { return FileStorage{{.directory = "/var/tmp"}}; }

// Appends of 16 bytes into memory -----------------------------------------------------------------------------------------------

/// The pointer bump, through an object passed by reference.
struct Bump {
  std::byte* cursor;
  std::byte* end;
  [[nodiscard]] bool append(std::span<const std::byte> bytes) {
    if (static_cast<std::size_t>(end - cursor) < bytes.size()) return false;
    std::memcpy(cursor, bytes.data(), bytes.size());
    cursor += bytes.size();
    return true;
  }
};

template <class Target>
[[gnu::noinline]] bool append_pieces(Target& target, std::span<const std::byte, 16> piece, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    if (!static_cast<bool>(target.append(piece))) return false;
  }
  return true;
}

constexpr std::size_t pieces = small_volume / 16;

void append_16_limit(benchmark::State& state) {
  const auto memory = std::make_unique<std::byte[]>(small_volume);
  for (auto _ : state) {
    Bump bump{memory.get(), memory.get() + small_volume};
    check(append_pieces(bump, block(16).first<16>(), pieces), state, "append");
    benchmark::ClobberMemory();
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_16_limit)->Name("append_16_reused/limit");

void append_16_buffer(benchmark::State& state) {
  HybridBuffer buffer{SpillAt{2 * small_volume}};
  for (auto _ : state) {
    check(append_pieces(buffer, block(16).first<16>(), pieces), state, "append");
    check(buffer.reset().has_value(), state, "reset");
    benchmark::ClobberMemory();
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_16_buffer)->Name("append_16_reused/buffer");

void append_16_new_limit(benchmark::State& state) {
  for (auto _ : state) {
    auto* memory = static_cast<std::byte*>(std::malloc(small_volume));
    Bump bump{memory, memory + small_volume};
    check(append_pieces(bump, block(16).first<16>(), pieces), state, "append");
    benchmark::ClobberMemory();
    std::free(memory);
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_16_new_limit)->Name("append_16_new/limit");

void append_16_new_buffer(benchmark::State& state) {
  for (auto _ : state) {
    HybridBuffer buffer{SpillAt{2 * small_volume}};
    check(append_pieces(buffer, block(16).first<16>(), pieces), state, "append");
    benchmark::ClobberMemory();
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_16_new_buffer)->Name("append_16_new/buffer");

// Appends of 64 KiB into memory ------------------------------------------------------------------------------------------------

void append_64k_limit(benchmark::State& state) {
  const auto memory = std::make_unique<std::byte[]>(small_volume);
  for (auto _ : state) {
    for (std::size_t offset = 0; offset != small_volume; offset += block_bytes) {
      std::memcpy(memory.get() + offset, block().data(), block_bytes);
    }
    benchmark::ClobberMemory();
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_64k_limit)->Name("append_64k/limit");

void append_64k_buffer(benchmark::State& state) {
  HybridBuffer buffer{SpillAt{2 * small_volume}};
  for (auto _ : state) {
    for (std::size_t offset = 0; offset != small_volume; offset += block_bytes) check(buffer.append(block()).has_value(), state, "append");
    check(buffer.reset().has_value(), state, "reset");
  }
  count_bytes(state, small_volume);
}
BENCHMARK(append_64k_buffer)->Name("append_64k/buffer");

// Spilling 256 MiB ---------------------------------------------------------------------------------------------------------------

void spill_limit(benchmark::State& state) {
  for (auto _ : state) {
    const PlainFile file;
    for (std::size_t offset = 0; offset != large_volume; offset += large_block_bytes) {
      check(file.write(block(large_block_bytes)), state, "write");
    }
  }
  count_bytes(state, large_volume);
}
BENCHMARK(spill_limit)->Name("spill_256m/limit")->Unit(benchmark::kMillisecond);  // write(2) of 1 MiB

template <std::uint64_t reserve_ahead>
void spill_buffer(benchmark::State& state) {
  for (auto _ : state) {
    HybridBuffer buffer{SpillAt{}, FileStorage{{.directory = "/var/tmp", .reserve_ahead = reserve_ahead}}};
    for (std::size_t offset = 0; offset != large_volume; offset += block_bytes) check(buffer.append(block()).has_value(), state, "append");
    check(buffer.spill().has_value(), state, "spill");
  }
  count_bytes(state, large_volume);
}
BENCHMARK(spill_buffer<16_MiB>)->Name("spill_256m/buffer")->Unit(benchmark::kMillisecond);
BENCHMARK(spill_buffer<0>)->Name("spill_256m/buffer_without_reservation")->Unit(benchmark::kMillisecond);

void spill_small_limit(benchmark::State& state) {
  constexpr std::size_t volume = large_volume / 4;
  const auto staged = std::make_unique<std::byte[]>(4 * block_bytes);
  for (auto _ : state) {
    const PlainFile file;
    for (std::size_t offset = 0; offset != volume; offset += 4 * block_bytes) {
      Bump bump{staged.get(), staged.get() + 4 * block_bytes};
      check(append_pieces(bump, block(16).first<16>(), 4 * block_bytes / 16), state, "append");
      check(file.write({staged.get(), 4 * block_bytes}), state, "write");
    }
  }
  count_bytes(state, volume);
}
BENCHMARK(spill_small_limit)->Name("spill_64m_of_16/limit")->Unit(benchmark::kMillisecond);  // copy into 256 KiB, then write(2)

void spill_small_buffer(benchmark::State& state) {
  constexpr std::size_t volume = large_volume / 4;
  for (auto _ : state) {
    HybridBuffer buffer{SpillAt{}, storage()};
    check(append_pieces(buffer, block(16).first<16>(), volume / 16), state, "append");
    check(buffer.spill().has_value(), state, "spill");
  }
  count_bytes(state, volume);
}
BENCHMARK(spill_small_buffer)->Name("spill_64m_of_16/buffer")->Unit(benchmark::kMillisecond);

// Reading 256 MiB back ------------------------------------------------------------------------------------------------------------

void read_back_limit(benchmark::State& state) {
  const PlainFile file;
  for (std::size_t offset = 0; offset != large_volume; offset += block_bytes) check(file.write(block()), state, "write");
  for (auto _ : state) {
    check(::lseek(file.descriptor(), 0, SEEK_SET) == 0, state, "seek");
    while (::read(file.descriptor(), block().data(), block_bytes) > 0) {}
  }
  count_bytes(state, large_volume);
}
BENCHMARK(read_back_limit)->Name("read_back_256m/limit")->Unit(benchmark::kMillisecond);  // read(2) of 64 KiB

void read_back_buffer(benchmark::State& state) {
  HybridBuffer buffer{SpillAt{}, storage()};
  for (std::size_t offset = 0; offset != large_volume; offset += block_bytes) check(buffer.append(block()).has_value(), state, "append");
  for (auto _ : state) {
    check(buffer.seek(0).has_value(), state, "seek");
    while (buffer.read(block()).value_or(0) != 0) {}
    check(buffer.unread() == 0, state, "read everything");
  }
  count_bytes(state, large_volume);
}
BENCHMARK(read_back_buffer)->Name("read_back_256m/buffer")->Unit(benchmark::kMillisecond);

// Random reads of 4 KiB -----------------------------------------------------------------------------------------------------------

constexpr std::size_t offsets_count = 4096;

std::vector<std::uint64_t> random_offsets() {
  std::mt19937_64 random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same reads in every run
  std::vector<std::uint64_t> offsets(offsets_count);
  for (auto& offset : offsets) offset = random() % (large_volume - page_bytes);
  return offsets;
}

void read_at_limit(benchmark::State& state) {
  const PlainFile file;
  for (std::size_t offset = 0; offset != large_volume; offset += block_bytes) check(file.write(block()), state, "write");
  const auto offsets = random_offsets();
  std::size_t next = 0;
  for (auto _ : state) {
    const auto offset = static_cast<off_t>(offsets[next++ % offsets_count]);
    check(::pread(file.descriptor(), block().data(), page_bytes, offset) == page_bytes, state, "pread");
  }
}
BENCHMARK(read_at_limit)->Name("read_at_4k/limit");  // pread(2) on a file written in blocks of 64 KiB

void read_at_buffer(benchmark::State& state) {
  HybridBuffer buffer{SpillAt{}, storage()};
  for (std::size_t offset = 0; offset != large_volume; offset += block_bytes) check(buffer.append(block()).has_value(), state, "append");
  const auto offsets = random_offsets();
  std::size_t next = 0;
  for (auto _ : state) {
    check(buffer.read_at(offsets[next++ % offsets_count], block(page_bytes)).value_or(0) == page_bytes, state, "read_at");
  }
}
BENCHMARK(read_at_buffer)->Name("read_at_4k/buffer");

// Life cycles ---------------------------------------------------------------------------------------------------------------------

constexpr std::size_t message_bytes = 1024;

void life_cycle_limit(benchmark::State& state) {
  std::array<std::byte, message_bytes> out{};
  for (auto _ : state) {
    void* memory = std::malloc(block_bytes);
    benchmark::DoNotOptimize(memory);
    std::memcpy(memory, block().data(), message_bytes);
    benchmark::ClobberMemory();
    std::memcpy(out.data(), memory, message_bytes);
    benchmark::DoNotOptimize(out);
    std::free(memory);
  }
}
BENCHMARK(life_cycle_limit)->Name("life_cycle_1k/limit");  // malloc, two copies, free

template <class Memory>
void life_cycle_buffer(benchmark::State& state) {
  std::array<std::byte, message_bytes> out{};
  for (auto _ : state) {
    HybridBuffer<Memory> buffer;
    check(buffer.append(block(message_bytes)).has_value(), state, "append");
    check(buffer.read(out).value_or(0) == message_bytes, state, "read");
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(life_cycle_buffer<SegmentedMemory<>>)->Name("life_cycle_1k/buffer");
BENCHMARK(life_cycle_buffer<InlineMemory<message_bytes>>)->Name("life_cycle_1k/buffer_inline");

void spilled_life_cycle_limit(benchmark::State& state) {
  for (auto _ : state) {
    const PlainFile file;
    check(file.write(block(message_bytes)), state, "write");
  }
}
BENCHMARK(spilled_life_cycle_limit)->Name("life_cycle_spilled/limit");  // O_TMPFILE, write, close

template <std::size_t recycled>
void spilled_life_cycle_buffer(benchmark::State& state) {
  const FileStorage place{{.directory = "/var/tmp", .recycled_files = recycled}};
  for (auto _ : state) {
    HybridBuffer buffer{SpillAt{message_bytes - 1}, place};
    check(buffer.append(block(message_bytes)).has_value() && buffer.is_spilled(), state, "append");
  }
}
BENCHMARK(spilled_life_cycle_buffer<0>)->Name("life_cycle_spilled/buffer");
BENCHMARK(spilled_life_cycle_buffer<1>)->Name("life_cycle_spilled/buffer_recycled");

}  // namespace
