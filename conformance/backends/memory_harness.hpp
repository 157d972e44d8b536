#pragma once

#include "memory_blocks.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

/// \file
/// MemoryBackend for the conformance kit. The one fault of its store is an allocation that fails.

namespace hybridbuffer::testing {

template <bool are_counted>
struct BlockCounts {};
template <>
struct BlockCounts<true> {
  std::size_t stored_objects() { return StoreAllocations::blocks(); }
  std::uint64_t stored_bytes() { return StoreAllocations::blocks() * block_bytes; }
};

struct MemoryHarness : BlockCounts<StoreAllocations::counts_blocks> {
  static constexpr std::string_view name = block_bytes == MemoryBackend::block_bytes ? "MemoryBackend" : "MemoryBackend, small blocks";
  static constexpr std::uint64_t chunk_size = block_bytes;

  using Storage = BasicMemoryStorage<block_bytes>;

  Result<BasicMemoryBackend<block_bytes>> make_backend() { return Storage{}.create_backend(); }
  Result<Storage> make_storage() { return Storage{}; }

#ifndef HYBRIDBUFFER_WITHOUT_ALLOCATIONS
  std::uint64_t primitive_calls() { return StoreAllocations::calls(); }
  bool inject(const conformance::Fault& fault) {
    StoreAllocations::arm(0, false);
    if (fault.k == 0) return true;
    if (fault.mode != conformance::FaultMode::error || fault.category != errc::no_space) return false;
    StoreAllocations::arm(fault.k, fault.for_ever);
    return true;
  }
  std::uint64_t faults_fired() { return StoreAllocations::fired(); }
#endif
};

}  // namespace hybridbuffer::testing
