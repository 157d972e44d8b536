#pragma once

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace spool {

using hybridbuffer::SegmentedMemory;
using hybridbuffer::SpillAction;
using hybridbuffer::SpillState;

/// What several buffers may keep in storage together. A buffer knows only what it stores itself.
struct StorageLimit {
  std::uint64_t most;
  std::atomic<std::uint64_t> elsewhere{0};  ///< what the buffers other than the one that is appended to store
  std::atomic<bool> rejected{false};        ///< whether it stood in the way of what was decided last
};

/// A spill policy of our own: memory from a budget that several buffers share, and a limit on what they keep in storage together.
class SpoolPolicy {
 public:
  SpoolPolicy(const hybridbuffer::MemoryBudget& memory, StorageLimit& limit) noexcept : memory_{memory}, limit_{&limit} {}

  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    const SpillAction action = memory_.decide(state);
    const bool rejected = action == SpillAction::spill && !fits(state);
    limit_->rejected.store(rejected, std::memory_order_relaxed);
    return rejected ? SpillAction::reject : action;
  }
  [[nodiscard]] std::uint64_t room(const SpillState& state) noexcept { return memory_.room(state); }
  void settle(const SpillState& state) noexcept { memory_.settle(state); }

 private:
  [[nodiscard]] bool fits(const SpillState& state) const noexcept {
    const std::uint64_t stored = state.stored + limit_->elsewhere.load(std::memory_order_relaxed);
    const std::uint64_t room = stored < limit_->most ? limit_->most - stored : 0;
    return state.in_memory <= room && state.incoming <= room - state.in_memory;
  }

  hybridbuffer::SharedBudget memory_;
  StorageLimit* limit_;
};

/// Where it keeps what memory cannot hold is known only when the command line was read.
using SpoolBuffer = hybridbuffer::HybridBuffer<SegmentedMemory<>, SpoolPolicy, hybridbuffer::AnyBackend>;

/// Makes the buffers of one run, which share its memory, its storage and its limits.
class BufferSource {
 public:
  BufferSource(std::uint64_t memory, std::uint64_t max_storage, hybridbuffer::AnyStorage storage)
      : memory_{memory - beside_content}, limit_{std::make_unique<StorageLimit>(max_storage)}, storage_{std::move(storage)} {}

  [[nodiscard]] SpoolBuffer make() const { return SpoolBuffer{SegmentedMemory<>{}, SpoolPolicy{memory_, *limit_}, storage_}; }

  /// How much consumed data is given back at a time: giving back is a system call or two, and what waits for it takes memory from others.
  [[nodiscard]] std::uint64_t give_back_step() const noexcept { return std::min(std::uint64_t{1} << 20U, memory_.total() / 4); }

  /// Says how much is stored by the buffers other than the one that is appended to.
  void set_stored_elsewhere(std::uint64_t bytes) noexcept { limit_->elsewhere.store(bytes, std::memory_order_relaxed); }

  /// Which room an append failed for lack of: that of --max-storage, or of the store itself.
  [[nodiscard]] std::string why_full(const hybridbuffer::Error& error) const {
    const bool is_limit = error == hybridbuffer::errc::limit_exceeded && limit_->rejected.load(std::memory_order_relaxed);
    return is_limit ? "what --max-storage allows is used" : error.message();
  }

 private:
  /// Memory that is not content: for each of two buffers its read-ahead, the chunk that reading fills, and those that content begins and
  /// ends in. The chunk pool needs none: all chunks are taken by one thread, from its pool first, and the other keeps none.
  static constexpr std::uint64_t beside_content = 2 * std::uint64_t{4} * SegmentedMemory<>::chunk_bytes;

  hybridbuffer::MemoryBudget memory_;
  std::unique_ptr<StorageLimit> limit_;
  hybridbuffer::AnyStorage storage_;
};

/// Whether an append failed only for lack of room.
[[nodiscard]] inline bool means_full(const hybridbuffer::Error& error) noexcept {
  return error == hybridbuffer::errc::no_space || error == hybridbuffer::errc::limit_exceeded;
}

}  // namespace spool
