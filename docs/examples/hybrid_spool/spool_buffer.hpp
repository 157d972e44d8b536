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

/// A spill policy of our own: memory from a budget that several buffers share, and a limit on what they keep in storage together.
///
/// A buffer knows only what it stores itself; who else stores how much is told through `elsewhere`.
class SpoolPolicy {
 public:
  SpoolPolicy(const hybridbuffer::MemoryBudget& memory, std::uint64_t max_storage, const std::atomic<std::uint64_t>& elsewhere) noexcept
      : memory_{memory}, max_storage_{max_storage}, elsewhere_{&elsewhere} {}

  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    const SpillAction action = memory_.decide(state);
    if (action != SpillAction::spill) return action;
    const std::uint64_t stored = state.stored + elsewhere_->load(std::memory_order_relaxed);
    const std::uint64_t room = stored < max_storage_ ? max_storage_ - stored : 0;
    const bool fits = state.in_memory <= room && state.incoming <= room - state.in_memory;
    return fits ? SpillAction::spill : SpillAction::reject;
  }
  [[nodiscard]] std::uint64_t room(const SpillState& state) noexcept { return memory_.room(state); }
  void settle(const SpillState& state) noexcept { memory_.settle(state); }

 private:
  hybridbuffer::SharedBudget memory_;
  std::uint64_t max_storage_;
  const std::atomic<std::uint64_t>* elsewhere_;
};

/// Where it keeps what memory cannot hold is known only when the command line was read.
using SpoolBuffer = hybridbuffer::HybridBuffer<SegmentedMemory<>, SpoolPolicy, hybridbuffer::AnyBackend>;

/// Makes the buffers of one run, which share its memory, its storage and its limits.
class BufferSource {
 public:
  BufferSource(std::uint64_t memory, std::uint64_t max_storage, hybridbuffer::AnyStorage storage)
      : memory_{memory - beside_content}, max_storage_{max_storage}, storage_{std::move(storage)} {}

  [[nodiscard]] SpoolBuffer make() const {
    return SpoolBuffer{SegmentedMemory<>{}, SpoolPolicy{memory_, max_storage_, *elsewhere_}, storage_};
  }

  /// How much consumed data is given back at a time: giving back is a system call or two, and what waits for it takes memory from others.
  [[nodiscard]] std::uint64_t give_back_step() const noexcept { return std::min(std::uint64_t{1} << 20U, memory_.total() / 4); }

  /// Says how much is stored by the buffers other than the one that is appended to.
  void set_stored_elsewhere(std::uint64_t bytes) noexcept { elsewhere_->store(bytes, std::memory_order_relaxed); }

 private:
  /// Memory that is not content: for each of two buffers its read-ahead, the chunk that reading fills, and those that content begins and
  /// ends in. The chunk pool needs none: all chunks are taken by one thread, from its pool first, and the other keeps none.
  static constexpr std::uint64_t beside_content = 2 * std::uint64_t{4} * SegmentedMemory<>::chunk_bytes;

  hybridbuffer::MemoryBudget memory_;
  std::uint64_t max_storage_;
  hybridbuffer::AnyStorage storage_;
  std::unique_ptr<std::atomic<std::uint64_t>> elsewhere_ = std::make_unique<std::atomic<std::uint64_t>>(0);
};

/// Whether an append failed only for lack of room.
[[nodiscard]] inline bool means_full(const hybridbuffer::Error& error) noexcept {
  return error == hybridbuffer::errc::no_space || error == hybridbuffer::errc::limit_exceeded;
}
/// Which room that is.
[[nodiscard]] inline std::string why_full(const hybridbuffer::Error& error) {
  const bool is_policy = error == hybridbuffer::errc::limit_exceeded && !error.native();
  return is_policy ? "what --max-storage allows is used" : error.message();
}

}  // namespace spool
