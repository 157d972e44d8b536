#include "../support/named_kits.hpp"
#include "counting_resource.hpp"

#include <hybridbuffer/conformance/memory_policy.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/memory/mapped.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/memory/segmented.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The conformance kit on every memory policy.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

template <class Policy>
struct DefaultHarness {
  static constexpr std::string_view name = "a memory policy";
  static Policy make() { return Policy{}; }
};

struct MappedPages {
  static constexpr std::string_view name = "MappedMemory in pages";
  static MappedMemory make() { return MappedMemory{{.chunk_bytes = 4096, .huge_pages = false}}; }
};

struct LockedPages {
  static constexpr std::string_view name = "LockedMemory in pages";
  static LockedMemory make() { return LockedMemory{4096}; }
};

template <std::size_t ChunkBytes>
struct PmrHarness {
  static constexpr std::string_view name = "PmrMemory";
  PmrMemory make() { return PmrMemory{&resource, ChunkBytes}; }
  void fail_allocations(std::uint64_t first, std::uint64_t count) { resource.fail(first, count); }
  [[nodiscard]] std::uint64_t failed_allocations() const { return resource.failed(); }
  [[nodiscard]] std::uint64_t outstanding_bytes() const { return resource.out(); }

  CountingResource resource;
};

/// Out of a resource that has only so much.
struct BoundedPmrHarness {
  static constexpr std::string_view name = "PmrMemory out of 10 000 bytes";
  PmrMemory make() { return PmrMemory{&resource, 64}; }

  CountingResource resource{10'000};
};

/// Out of an arena, which takes nothing back.
struct ArenaHarness {
  static constexpr std::string_view name = "PmrMemory out of an arena";
  static constexpr bool memory_returns = false;
  PmrMemory make() { return PmrMemory{&arena, 64}; }

  CountingResource arena{200'000, false};
};

template <class Harness>
void add(std::vector<NamedKit>& kits, std::string name) {
  add_kit(kits, std::move(name), conformance::memory_kit<Harness>());
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<NamedKit> kits;
  add<DefaultHarness<SegmentedMemory<1>>>(kits, "segmented-1");
  add<DefaultHarness<SegmentedMemory<7>>>(kits, "segmented-7");
  add<DefaultHarness<SegmentedMemory<16>>>(kits, "segmented-16");
  add<DefaultHarness<SegmentedMemory<4096>>>(kits, "segmented-4096");
  add<DefaultHarness<SegmentedMemory<>>>(kits, "segmented");
  add<DefaultHarness<InlineMemory<1>>>(kits, "inline-1");
  add<DefaultHarness<InlineMemory<48>>>(kits, "inline-48");
  add<DefaultHarness<InlineMemory<4096>>>(kits, "inline-4096");
  add<DefaultHarness<ContiguousMemory>>(kits, "contiguous");
  add<PmrHarness<5>>(kits, "pmr-5");
  add<PmrHarness<4096>>(kits, "pmr-4096");
  add<BoundedPmrHarness>(kits, "pmr-bounded");
  add<ArenaHarness>(kits, "pmr-arena");
  add<MappedPages>(kits, "mapped-4096");
  add<DefaultHarness<MappedMemory>>(kits, "mapped");
  add<LockedPages>(kits, "locked-4096");
  add<DefaultHarness<LockedMemory>>(kits, "locked");
  return run_named_kits(kits, count, arguments);
}
