#pragma once

#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/memory/mapped.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/memory/segmented.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <tuple>
#include <vector>

/// \file
/// The memory models under test, and what the tests of memory policies share.

namespace hybridbuffer::testing {

/// A model with the size round which it has boundaries.
template <class MemoryPolicy, std::size_t Unit>
struct Model {
  using Memory = MemoryPolicy;
  static constexpr std::size_t unit = Unit;
  static Memory make() { return Memory{}; }
};

template <std::size_t ChunkBytes>
struct PmrModel {
  using Memory = PmrMemory;
  static constexpr std::size_t unit = ChunkBytes;
  static Memory make() { return PmrMemory{std::pmr::new_delete_resource(), ChunkBytes}; }
};

struct MappedPageModel {
  using Memory = MappedMemory;
  static constexpr std::size_t unit = 4096;
  static Memory make() { return MappedMemory{{.chunk_bytes = unit, .huge_pages = false}}; }
};

struct LockedPageModel {
  using Memory = LockedMemory;
  static constexpr std::size_t unit = 4096;
  static Memory make() { return LockedMemory{unit}; }
};

/// Small enough for every combination of sizes.
using SmallModels =
    std::tuple<Model<SegmentedMemory<1>, 1>, Model<SegmentedMemory<2>, 2>, Model<SegmentedMemory<7>, 7>, Model<SegmentedMemory<16>, 16>,
               Model<InlineMemory<1>, 1>, Model<InlineMemory<2>, 2>, Model<InlineMemory<48>, 16>, Model<ContiguousMemory, 16>, PmrModel<5>>;

using AllModels = std::tuple<Model<SegmentedMemory<1>, 1>, Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<4096>, 4096>,
                             Model<SegmentedMemory<>, 65536>, Model<InlineMemory<1>, 1>, Model<InlineMemory<48>, 16>,
                             Model<InlineMemory<4096>, 4096>, Model<ContiguousMemory, 16>, Model<ContiguousMemory, 4096>, PmrModel<5>,
                             PmrModel<4096>, MappedPageModel, Model<MappedMemory, 2097152>, LockedPageModel>;

/// The byte at `position` of the test content; period 251, so that chunks of a power of two never look alike.
[[nodiscard]] inline std::byte content_at(std::uint64_t position) { return static_cast<std::byte>(position % 251); }

/// Appends `count` bytes of the test content from `position` on.
/// Returns: how many bytes the policy took before it answered empty.
template <class Memory>
std::size_t append_content(Memory& memory, std::uint64_t position, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const std::span<std::byte> window = memory.prepare(count - done);
    if (window.empty()) break;
    const std::size_t part = window.size() < count - done ? window.size() : count - done;
    for (std::size_t i = 0; i < part; ++i) window[i] = content_at(position + done + i);
    memory.commit(part);
    done += part;
  }
  return done;
}

/// All committed bytes, gathered from chunks().
template <class Memory>
[[nodiscard]] std::vector<std::byte> gathered(const Memory& memory) {
  std::vector<std::byte> all;
  for (std::span<const std::byte> chunk : memory.chunks()) all.insert(all.end(), chunk.begin(), chunk.end());
  return all;
}

/// The seed of the random tests: HYBRIDBUFFER_SEED, or a new one; printed, so that a failure can be repeated.
[[nodiscard]] inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("HYBRIDBUFFER_SEED");
    const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("HYBRIDBUFFER_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    return chosen;
  }();
  return value;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool under_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif
#else
inline constexpr bool under_sanitizer = false;
#endif

}  // namespace hybridbuffer::testing
