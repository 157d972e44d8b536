#pragma once

#include <hybridbuffer/spill/spill_policy.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

class SharedBudget;

/// An amount of memory that many buffers share. Copies are handles on the same budget, which lives as long as one of them, or a
/// SharedBudget made of it, does.
///
///     MemoryBudget budget{256_MiB};
///     HybridBuffer first{SegmentedMemory<>{}, SharedBudget{budget}, FileStorage{}};
///     HybridBuffer second{SegmentedMemory<>{}, SharedBudget{budget}, FileStorage{}};   // together at most 256 MiB
///
/// Threads: every member from any thread; no lock.
class MemoryBudget {
 public:
  /// Errors: std::bad_alloc.
  explicit MemoryBudget(std::uint64_t total) : shared_{new Shared{total}} {}
  MemoryBudget(const MemoryBudget& other) noexcept : shared_{other.shared_} { shared_->references.fetch_add(1, std::memory_order_relaxed); }
  MemoryBudget& operator=(MemoryBudget other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~MemoryBudget() {
    if (shared_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
  }

  /// What may be granted together.
  [[nodiscard]] std::uint64_t total() const noexcept { return shared_->total; }
  /// What is granted now, at most total().
  [[nodiscard]] std::uint64_t used() const noexcept { return shared_->used.load(std::memory_order_relaxed); }
  /// What is not granted now.
  [[nodiscard]] std::uint64_t available() const noexcept { return total() - used(); }

 private:
  friend class SharedBudget;

  struct Shared {
    explicit Shared(std::uint64_t bytes) noexcept : total{bytes} {}

    const std::uint64_t total;
    std::atomic<std::uint64_t> used{0};  // ≤ total
    std::atomic<std::uint64_t> references{1};
  };

  /// Returns: how many bytes were granted: `wanted`, or what is left if that is at least `least`, else 0.
  [[nodiscard]] std::uint64_t acquire(std::uint64_t least, std::uint64_t wanted) const noexcept {
    std::uint64_t used = shared_->used.load(std::memory_order_relaxed);
    while (true) {
      const std::uint64_t left = shared_->total - used;
      if (left < least) return 0;
      const std::uint64_t granted = wanted < left ? wanted : left;
      if (shared_->used.compare_exchange_weak(used, used + granted, std::memory_order_relaxed)) return granted;
    }
  }

  void give_back(std::uint64_t bytes) const noexcept {
    if (bytes != 0) shared_->used.fetch_sub(bytes, std::memory_order_relaxed);
  }

  Shared* shared_;
};

/// Keeps bytes in memory while the budget that this buffer shares with others has room for them, and spills otherwise.
///
/// Owns what the budget granted to it, in steps of 64 KiB (less when the budget is short): never more than one step above what the
/// buffer holds and was asked to reserve, nothing when it holds nothing and reserved nothing. What it does not need returns at settle(),
/// all of it at destruction and assignment; a moved-from policy owns nothing. Threads: one at a time, as the buffer; policies on one budget
/// are independent.
class SharedBudget {
 public:
  static constexpr std::uint64_t step = std::uint64_t{64} * 1024;  ///< In what portions a policy takes from the budget.

  /// `most_per_buffer` keeps one buffer from taking the whole budget.
  explicit SharedBudget(const MemoryBudget& budget, std::uint64_t most_per_buffer = std::numeric_limits<std::uint64_t>::max()) noexcept
      : budget_{budget}, most_{most_per_buffer} {}
  SharedBudget(SharedBudget&& other) noexcept : budget_{other.budget_}, most_{other.most_}, held_{std::exchange(other.held_, 0)} {}
  SharedBudget& operator=(SharedBudget&& other) noexcept {
    if (this == &other) return *this;
    budget_.give_back(held_);
    budget_ = other.budget_;
    most_ = other.most_;
    held_ = std::exchange(other.held_, 0);
    return *this;
  }
  ~SharedBudget() { budget_.give_back(held_); }

  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    const std::uint64_t need = sum(state.in_memory, state.incoming);
    const bool covered = need <= held_ || need - held_ <= budget_.available();
    return covered && need <= most_ && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }

  /// Acquires what `state.incoming` needs, rounded up to whole steps where the budget allows it.
  [[nodiscard]] std::uint64_t room(const SpillState& state) noexcept {
    const std::uint64_t need = sum(state.in_memory, state.incoming);
    if (need > held_ && need <= most_) {
      const std::uint64_t wanted = whole_steps(need) < most_ ? whole_steps(need) : most_;
      held_ += budget_.acquire(need - held_, wanted - held_);
    }
    return held_ > state.in_memory ? held_ - state.in_memory : 0;
  }

  /// Gives back what exceeds the steps that `state.in_memory` needs.
  void settle(const SpillState& state) noexcept {
    const std::uint64_t kept = whole_steps(state.in_memory);
    if (held_ > kept) budget_.give_back(std::exchange(held_, kept) - kept);
  }

  /// What the budget has granted to this policy and not got back.
  [[nodiscard]] std::uint64_t held() const noexcept { return held_; }
  /// The budget that it shares.
  [[nodiscard]] const MemoryBudget& budget() const noexcept { return budget_; }

 private:
  [[nodiscard]] static std::uint64_t sum(std::uint64_t left, std::uint64_t right) noexcept {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    return right < most - left ? left + right : most;
  }
  /// `bytes` rounded up to a multiple of step.
  [[nodiscard]] static std::uint64_t whole_steps(std::uint64_t bytes) noexcept {
    const std::uint64_t rest = bytes % step;
    return rest == 0 ? bytes : sum(bytes, step - rest);
  }

  MemoryBudget budget_;
  std::uint64_t most_;
  std::uint64_t held_ = 0;
};

static_assert(spill_policy<SharedBudget>);

}  // namespace hybridbuffer::inline v0_1
