// What each memory policy, spill policy and storage costs, one replaced at a time in HybridBuffer<>: appends of 16 bytes and of 64 KiB,
// sequential read-back and random reads, 64 MiB through a threshold of 2 MiB; 1 MiB where nothing spills. Stores that need a server have
// benchmarks of their own; what AnyBackend adds, through which the storages go here, any_benchmark tells.

#include "pairs.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/memory/mapped.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>
#if __has_include(<isa-l/crc.h>)
#include <hybridbuffer/transform/checksummed.hpp>
#endif
#if __has_include(<openssl/evp.h>)
#include <hybridbuffer/transform/encrypted.hpp>
#endif
#if __has_include(<zstd.h>) && __has_include(<lz4.h>) && __has_include(<snappy.h>) && __has_include(<zlib.h>) && __has_include(<xxhash.h>)
#include <hybridbuffer/transform/compressed.hpp>
#endif

#include <random>
#include <utility>

namespace {

using namespace hybridbuffer;
using bench::block;

constexpr std::size_t piece_bytes = 64_KiB;
constexpr std::size_t random_reads = 1024;

/// The bytes vary enough that a compressor has work.
void fill_block() {
  static const bool filled = [] {
    std::minstd_rand random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bytes in every run
    for (std::byte& byte : block(piece_bytes)) byte = static_cast<std::byte>('a' + random() % 8);
    return true;
  }();
  static_cast<void>(filled);
}

template <class Buffer>
bool append_all(Buffer& buffer, std::size_t piece, std::size_t bytes) {
  const std::span<const std::byte> from = block(piece);
  for (std::size_t done = 0; done != bytes; done += piece) {
    if (!buffer.append(from)) return false;
  }
  return true;
}

template <class Make>
void append(benchmark::State& state, std::size_t piece, std::size_t bytes, const Make& make) {
  fill_block();
  bench::measure(state, bytes, [&] {
    auto buffer = make();
    return append_all(buffer, piece, bytes);
  });
}

/// Reads go over a buffer of their own, into another place than the block that is appended.
template <class Make>
void read(benchmark::State& state, std::size_t bytes, const Make& make, bool in_sequence) {
  fill_block();
  auto buffer = make();
  if (!append_all(buffer, piece_bytes, bytes)) return state.SkipWithError("an append failed");
  std::vector<std::byte> out(in_sequence ? piece_bytes : bench::page_bytes);
  std::minstd_rand random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  if (in_sequence) {
    bench::measure(state, bytes, [&] {
      if (!buffer.seek(0)) return false;
      while (buffer.read(out).value_or(0) != 0) {}
      return buffer.unread() == 0;
    });
  } else {
    bench::measure(state, random_reads * bench::page_bytes, [&] {
      for (std::size_t i = 0; i != random_reads; ++i) {
        if (buffer.read_at(random() % (bytes - out.size()), out).value_or(0) != out.size()) return false;
      }
      return true;
    });
  }
}

bench::Group group(const char* workload) { return {std::string{"compositions."} + workload, 1, {}}; }
bench::Group append_16 = group("append_16");
bench::Group append_64k = group("append_64k");
bench::Group read_64k = group("read_64k");
bench::Group read_at_4k = group("read_at_4k");

/// `make` answers a new buffer; `most` is what goes through it.
template <class Make>
void compose(const std::string& name, std::size_t most, Make make) {
  // Each small append of AlwaysSpill is a system call, so fewer do.
  const std::size_t small = name == "AlwaysSpill" ? std::size_t{256_KiB} : most;
  append_16.cases.push_back({name, [=](benchmark::State& state) { append(state, 16, bench::volume(small), make); }});
  append_64k.cases.push_back({name, [=](benchmark::State& state) { append(state, piece_bytes, bench::volume(most), make); }});
  read_64k.cases.push_back({name, [=](benchmark::State& state) { read(state, bench::volume(most), make, true); }});
  read_at_4k.cases.push_back({name, [=](benchmark::State& state) { read(state, bench::volume(most), make, false); }});
}

FileStorage files() { return FileStorage{{.directory = bench::directory()}}; }

template <class Memory>
void compose_memory(const std::string& name, std::uint64_t threshold = 2_MiB) {
  compose(name, 64_MiB, [threshold] { return HybridBuffer<Memory>{Memory{}, SpillAt{threshold}, files()}; });
}
template <class MakeSpill>
void compose_spill(const std::string& name, MakeSpill make_spill, std::size_t most = 64_MiB) {
  using Spill = decltype(make_spill());
  compose(name, most, [make_spill] { return HybridBuffer<SegmentedMemory<>, Spill>{SegmentedMemory<>{}, make_spill(), files()}; });
}
void compose_storage(const std::string& name, const AnyStorage& storage) {
  compose(name, 64_MiB, [storage] { return HybridBuffer<SegmentedMemory<>, SpillAt, AnyBackend>{SpillAt{}, storage}; });
}

OperationCounts counts;

const bool added = [] {
  compose_memory<SegmentedMemory<>>("SegmentedMemory");
  compose_memory<ContiguousMemory>("ContiguousMemory");
  compose_memory<InlineMemory<64_KiB>>("InlineMemory");
  compose_memory<PmrMemory>("PmrMemory");
  compose_memory<MappedMemory>("MappedMemory");
  compose_memory<LockedMemory>("LockedMemory");

  compose_spill("NeverSpill", [] { return NeverSpill{}; }, 1_MiB);
  compose_spill("AlwaysSpill", [] { return AlwaysSpill{}; });
  compose_spill("SharedBudget", [budget = MemoryBudget{2_MiB}] { return SharedBudget{budget}; });
  compose_spill("Capped", [] { return Capped{SpillAt{}, 1_GiB}; });

  compose_storage("files", files());
  compose_storage("files, recycled", FileStorage{{.directory = bench::directory(), .recycled_files = 1}});
  compose_storage("memory", MemoryStorage{});
  compose_storage("observed files", observed(files(), counts));
  compose_storage("retrying files", retrying(files()));
  compose_storage("files, tiered", tiered(files(), MemoryStorage{}));
#if __has_include(<isa-l/crc.h>)
  compose_storage("checksummed files", checksummed(files()));
#endif
#if __has_include(<openssl/evp.h>)
  compose_storage("encrypted files", encrypted(files()));
#endif
#if __has_include(<zstd.h>) && __has_include(<lz4.h>) && __has_include(<snappy.h>) && __has_include(<zlib.h>) && __has_include(<xxhash.h>)
  compose_storage("files, LZ4", compressed(files(), Lz4{}));
#endif
  for (bench::Group* one : {&append_16, &append_64k, &read_64k, &read_at_4k}) bench::groups().push_back(std::move(*one));
  return true;
}();

}  // namespace
