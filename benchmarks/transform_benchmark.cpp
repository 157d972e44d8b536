// What the transforms cost: appending an object in blocks and reading it back, through each of them and without, over memory and over
// files, in processor time: nothing here waits for anything but memory. The speeds of memcpy and of the checksum itself stand beside them.

#include <benchmark/benchmark.h>

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>
#if __has_include(<isa-l/crc.h>)
#include <hybridbuffer/transform/checksummed.hpp>
#define HYBRIDBUFFER_HAS_CHECKSUMS
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;

constexpr std::size_t volume = std::size_t{16} << 20U;
constexpr std::size_t block_bytes = std::size_t{64} << 10U;
constexpr std::size_t small_block = std::size_t{4} << 10U;

std::span<std::byte> block() {
  static std::vector<std::byte> bytes(block_bytes, std::byte{0x5A});
  return bytes;
}

void count_bytes(benchmark::State& state, std::size_t in_each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(in_each) * state.iterations());
}

// Appends `volume` bytes, each block a commit of its own, as a buffer spills them; reads them back in blocks.
template <class Backend>
bool append_and_read(Backend& backend, std::size_t piece) {
  const auto bytes = block().first(piece);
  for (std::size_t done = 0; done != volume; done += piece) {
    auto writer = backend.append();
    if (!writer || !writer->write(bytes) || !writer->close()) return false;
  }
  auto reader = backend.open();
  if (!reader) return false;
  std::size_t seen = 0;
  for (;;) {
    const auto count = reader->read(bytes);
    if (!count) return false;
    if (*count == 0) break;
    seen += *count;
  }
  return seen == volume && backend.remove();
}

template <class Storage>
void round_trip(benchmark::State& state, const Storage& storage, std::size_t piece) {
  auto backend = storage.create_backend();
  if (!backend) return state.SkipWithError("no location");
  for (auto _ : state) {
    if (!append_and_read(*backend, piece)) return state.SkipWithError("an append or a read failed");
  }
  count_bytes(state, 2 * volume);
}

FileStorage files() { return FileStorage{{.directory = "/var/tmp", .recycled_files = 4}}; }

OperationCounts& counts() {
  static OperationCounts all;
  return all;
}

// memory_64k/…, file_64k/…, memory_4k/…: each beside what is beneath it.
template <class Wrap>
void add(const char* memory, const char* file, const char* memory_4k, Wrap wrap) {
  const auto run = [wrap](auto make, std::size_t piece) {
    return [wrap, make, piece](benchmark::State& state) { round_trip(state, wrap(make()), piece); };
  };
  benchmark::RegisterBenchmark(memory, run([] { return MemoryStorage{}; }, block_bytes));
  benchmark::RegisterBenchmark(file, run([] { return files(); }, block_bytes));
  benchmark::RegisterBenchmark(memory_4k, run([] { return MemoryStorage{}; }, small_block));
}

const bool added = [] {
  add("memory_64k/plain", "file_64k/plain", "memory_4k/plain", [](auto storage) { return storage; });
#ifdef HYBRIDBUFFER_HAS_CHECKSUMS
  add("memory_64k/checksummed", "file_64k/checksummed", "memory_4k/checksummed",
      [](auto storage) { return checksummed(std::move(storage)); });
#endif
  add("memory_64k/observed", "file_64k/observed", "memory_4k/observed",
      [](auto storage) { return observed(std::move(storage), counts()); });
  add("memory_64k/retrying", "file_64k/retrying", "memory_4k/retrying", [](auto storage) { return retrying(std::move(storage)); });
  add("memory_64k/tiered", "file_64k/tiered", "memory_4k/tiered", [](auto storage) { return tiered(std::move(storage), MemoryStorage{}); });
  return true;
}();

// The limits ----------------------------------------------------------------------------------------------------------------------

void copy(benchmark::State& state) {
  std::vector<std::byte> target(volume);
  for (auto _ : state) {
    for (std::size_t at = 0; at != volume; at += block_bytes) std::memcpy(target.data() + at, block().data(), block_bytes);
    benchmark::DoNotOptimize(target.data());
  }
  count_bytes(state, volume);
}
BENCHMARK(copy)->Name("limit/memcpy_64k");

#ifdef HYBRIDBUFFER_HAS_CHECKSUMS
void checksum(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(detail::crc32c(0, block()));
  count_bytes(state, block_bytes);
}
BENCHMARK(checksum)->Name("limit/crc32c_64k");
#endif

}  // namespace
