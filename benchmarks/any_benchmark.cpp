// What it costs that a backend's type is known at run time only: each call of 64 KiB on AnyBackend (`name/buffer`) beside the same on the
// backend itself (`name/limit`), through a buffer and without one.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <span>
#include <vector>

namespace {

using namespace hybridbuffer;

constexpr std::size_t block_bytes = std::size_t{64} << 10U;
constexpr std::size_t blocks = 256;  // of one object: 16 MiB

std::span<std::byte> block() {
  static std::vector<std::byte> bytes(block_bytes, std::byte{0x5A});
  return bytes;
}

void check(bool holds, benchmark::State& state, const char* what) {
  if (!holds) state.SkipWithError(what);
}

void count_blocks(benchmark::State& state) { state.SetBytesProcessed(static_cast<std::int64_t>(block_bytes) * state.iterations()); }

FileStorage files() { return FileStorage{{.directory = "/var/tmp"}}; }

/// One append() of the backend a call: a writer, 64 KiB, a commit. The object begins anew every 16 MiB, off the clock.
template <class Storage>
void append_to_backend(benchmark::State& state, Storage storage) {
  auto backend = storage.create_backend().value();
  std::size_t appended = 0;
  for (auto _ : state) {
    auto writer = backend.append();
    const bool done = writer && writer->write(block()) && writer->close();
    check(done, state, "append");
    if (++appended % blocks == 0) {
      state.PauseTiming();
      check(backend.remove().has_value(), state, "remove");
      state.ResumeTiming();
    }
  }
  count_blocks(state);
}

/// One read_at() of 64 KiB a call, on a handle that is open.
template <class Storage>
void read_at_of_backend(benchmark::State& state, Storage storage) {
  auto backend = storage.create_backend().value();
  {
    auto writer = backend.create().value();
    for (std::size_t i = 0; i != blocks; ++i) check(writer.write(block()).has_value(), state, "write");
    check(writer.close().has_value(), state, "close");
  }
  const auto reader = backend.open_reader_at().value();
  std::uint64_t next = 0;
  for (auto _ : state) check(reader.read_at(next++ % blocks * block_bytes, block()).value_or(0) == block_bytes, state, "read_at");
  count_blocks(state);
}

/// One append of 64 KiB to a buffer that spills each: the threshold is 0.
template <class Storage>
void append_to_buffer(benchmark::State& state, Storage storage) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{0}, std::move(storage)};
  std::size_t appended = 0;
  for (auto _ : state) {
    check(buffer.append(block()).has_value(), state, "append");
    if (++appended % blocks == 0) {
      state.PauseTiming();
      check(buffer.reset().has_value(), state, "reset");
      state.ResumeTiming();
    }
  }
  count_blocks(state);
}

/// One read_at of 64 KiB a call, of a buffer whose content is stored.
template <class Storage>
void read_at_of_buffer(benchmark::State& state, Storage storage) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{0}, std::move(storage)};
  for (std::size_t i = 0; i != blocks; ++i) check(buffer.append(block()).has_value(), state, "append");
  std::uint64_t next = 0;
  for (auto _ : state) check(buffer.read_at(next++ % blocks * block_bytes, block()).value_or(0) == block_bytes, state, "read_at");
  count_blocks(state);
}

BENCHMARK_CAPTURE(append_to_backend, , MemoryStorage{})->Name("any_append_64k_memory/limit");
BENCHMARK_CAPTURE(append_to_backend, , AnyStorage{MemoryStorage{}})->Name("any_append_64k_memory/buffer");
BENCHMARK_CAPTURE(append_to_backend, , files())->Name("any_append_64k_file/limit");
BENCHMARK_CAPTURE(append_to_backend, , AnyStorage{files()})->Name("any_append_64k_file/buffer");
BENCHMARK_CAPTURE(read_at_of_backend, , MemoryStorage{})->Name("any_read_at_64k_memory/limit");
BENCHMARK_CAPTURE(read_at_of_backend, , AnyStorage{MemoryStorage{}})->Name("any_read_at_64k_memory/buffer");
BENCHMARK_CAPTURE(read_at_of_backend, , files())->Name("any_read_at_64k_file/limit");
BENCHMARK_CAPTURE(read_at_of_backend, , AnyStorage{files()})->Name("any_read_at_64k_file/buffer");

BENCHMARK_CAPTURE(append_to_buffer, , MemoryStorage{})->Name("any_buffer_append_64k_memory/limit");
BENCHMARK_CAPTURE(append_to_buffer, , AnyStorage{MemoryStorage{}})->Name("any_buffer_append_64k_memory/buffer");
BENCHMARK_CAPTURE(append_to_buffer, , files())->Name("any_buffer_append_64k_file/limit");
BENCHMARK_CAPTURE(append_to_buffer, , AnyStorage{files()})->Name("any_buffer_append_64k_file/buffer");
BENCHMARK_CAPTURE(read_at_of_buffer, , MemoryStorage{})->Name("any_buffer_read_at_64k_memory/limit");
BENCHMARK_CAPTURE(read_at_of_buffer, , AnyStorage{MemoryStorage{}})->Name("any_buffer_read_at_64k_memory/buffer");
BENCHMARK_CAPTURE(read_at_of_buffer, , files())->Name("any_buffer_read_at_64k_file/limit");
BENCHMARK_CAPTURE(read_at_of_buffer, , AnyStorage{files()})->Name("any_buffer_read_at_64k_file/buffer");

}  // namespace
