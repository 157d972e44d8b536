#pragma once

#include <hybridbuffer/detail/publish_copy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/memory_tail.hpp>
#include <hybridbuffer/overlapped_extents.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>
#include <hybridbuffer/spill_content.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/stored_extents.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// All bytes of a buffer, and the one way that they flow: appended to memory, spilled to the end of storage.
///
///     [ extent | extent | … ] [ memory, uncommitted window ]      absolute offsets: stored_begin() … stored_end() … size()
///       committed in storage    append here
///
/// A call that fails leaves the bytes as they were. Whoever shows memory to a reader asks again after each call that is not const.
/// Threads: const members from any number at once; the rest one at a time.
template <memory_policy MemoryPolicy, spill_policy SpillPolicy, storage_backend Backend, storage_factory Storage>
class BufferContent {
  // Spills on a worker: what was in memory is then, for a while, neither in tail_ nor committed.
  static constexpr bool overlaps = overlapping_spill_policy<SpillPolicy>;
  template <bool on_worker, class Spill>
  struct StoredPart : std::type_identity<StoredExtents<Backend>> {};
  template <class Spill>
  struct StoredPart<true, Spill> : std::type_identity<OverlappedExtents<MemoryPolicy, Backend, typename Spill::worker_type>> {
    static_assert(is_stable_memory<MemoryPolicy>, "a spill policy that overlaps needs a stable memory policy");
  };

 public:
  using Stored = typename StoredPart<overlaps, SpillPolicy>::type;                       ///< The extents in storage.
  using Position = typename Stored::Position;                                            ///< Where sequential reads of storage stand.
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();  ///< As a limit: none.

  // Not defaulted: it would be constexpr, and g++ then zeroes the whole of it by one `rep stos` first, which takes 10 ns.
  // NOLINTNEXTLINE(modernize-use-equals-default)
  BufferContent() noexcept(std::is_nothrow_default_constructible_v<MemoryPolicy> && std::is_nothrow_default_constructible_v<SpillPolicy> &&
                           std::is_nothrow_default_constructible_v<Storage>) {}
  BufferContent(MemoryPolicy memory, SpillPolicy spill, Storage storage)
      : spill_policy_{std::move(spill)}, storage_{std::move(storage)}, tail_{std::move(memory)} {}
  BufferContent(BufferContent&& other) noexcept
      : spill_policy_{std::move(other.without_worker().spill_policy_)},
        storage_{std::move(other.storage_)},
        stored_{std::move(other.stored_)},
        spills_{std::exchange(other.spills_, 0)},
        spilled_{std::exchange(other.spilled_, 0)},
        memory_limit_{std::exchange(other.memory_limit_, 0)},
        reserved_{std::exchange(other.reserved_, 0)},
        tail_{std::move(other.tail_)} {}
  BufferContent& operator=(BufferContent&& other) noexcept {
    if (this == &other) return *this;
    collect();
    other.collect();
    tail_ = std::move(other.tail_);
    memory_limit_ = std::exchange(other.memory_limit_, 0);
    reserved_ = std::exchange(other.reserved_, 0);
    stored_ = std::move(other.stored_);
    storage_ = std::move(other.storage_);
    spill_policy_ = std::move(other.spill_policy_);
    spills_ = std::exchange(other.spills_, 0);
    spilled_ = std::exchange(other.spilled_, 0);
    return *this;
  }
  ~BufferContent() = default;

  // What is held -----------------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::uint64_t size() const noexcept { return stored_.end() + tail_.size(); }
  /// What is in storage.
  [[nodiscard]] const Stored& stored() const noexcept { return stored_; }
  /// What is in memory.
  [[nodiscard]] const MemoryTail<MemoryPolicy>& memory() const noexcept { return tail_; }
  /// What makes locations.
  [[nodiscard]] const Storage& storage() const noexcept { return storage_; }
  /// Bytes below stored().end() that are still in memory, because a worker is storing them.
  [[nodiscard]] std::uint64_t in_flight() const noexcept {
    if constexpr (overlaps) return stored_.in_flight();
    else return 0;
  }
  /// Bytes that are held in storage alone.
  [[nodiscard]] std::uint64_t committed() const noexcept { return stored_.end() - stored_.begin() - in_flight(); }
  /// Bytes of memory held for content, used or not.
  [[nodiscard]] std::uint64_t capacity() const noexcept {
    if constexpr (overlaps) return tail_.capacity() + stored_.flight_capacity();
    else return tail_.capacity();
  }
  /// How often bytes were spilled.
  [[nodiscard]] std::uint64_t spills() const noexcept { return spills_; }
  /// How many bytes were spilled in all.
  [[nodiscard]] std::uint64_t spilled() const noexcept { return spilled_; }

  /// Bytes that may still be kept in memory without asking the spill policy.
  [[nodiscard]] std::uint64_t room() const noexcept { return memory_limit_ > tail_.size() ? memory_limit_ - tail_.size() : 0; }

  /// True when appending `count` bytes now would touch the storage.
  [[nodiscard]] bool would_spill(std::uint64_t count) const {
    if (count == 0) return false;
    if constexpr (requires { MemoryPolicy::max_size; }) {
      if (count > MemoryPolicy::max_size - tail_.size()) return may_spill_full_memory(count);
    }
    return count > room() && spill_policy_.decide(state_for(count)) == SpillAction::spill;
  }

  /// Reads exactly `out.size()` bytes. Requires: stored().begin() ≤ offset and offset + out.size() ≤ size().
  [[nodiscard]] Result<void> read_at(Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    if (offset < stored_.end() && !out.empty()) {
      const auto part = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), stored_.end() - offset)));
      if (auto done = stored_.read(position, offset, part); !done) return done;
      out = out.subspan(part.size());
      offset += part.size();
    }
    if (!out.empty()) tail_.copy_out(offset - stored_.end(), out);
    return {};
  }

  /// The contiguous bytes in memory from `offset` on, on their way to storage or not; none where they are in storage alone.
  /// Requires: stored().begin() ≤ offset < size().
  [[nodiscard]] std::span<const std::byte> chunk_in_memory(std::uint64_t offset) const noexcept {
    if (offset >= stored_.end()) return tail_.chunk_at(offset - stored_.end());
    if constexpr (overlaps) return stored_.chunk_in_flight(offset);
    else return {};
  }

  // Appending --------------------------------------------------------------------------------------------------------------------

  /// How many bytes add() takes.
  [[nodiscard]] std::size_t window_room() const noexcept { return tail_.window_room(); }
  /// Requires: bytes is not empty and bytes.size() ≤ window_room().
  void add(std::span<const std::byte> bytes) noexcept { tail_.add(bytes); }

  /// Appends all of `bytes`, to memory or, with what is there, to storage. Requires: bytes is not empty.
  /// Errors: `limit_exceeded`, `no_space`, those of the storage.
  [[nodiscard]] Result<void> append(std::span<const std::byte> bytes) {
    if constexpr (overlaps) {
      if (stored_.has_news()) collect();
    }
    GrantOnFailure grant{*this};
    Result<void> appended = append_within_grant(bytes);
    if (appended) grant.stays();
    return appended;
  }

  /// Asks for memory for `count` more bytes, where the spill policy would keep all of them. What cannot be had is no error.
  void reserve(std::uint64_t count) {
    if (tail_.window_room() < count) {
      GrantOnFailure grant{*this};  // nobody may be kept out by a grant for memory that is not there
      const Result<bool> kept = may_keep(count);
      if (!kept || !*kept || !tail_.open_window(static_cast<std::size_t>(count), memory_limit_)) return;
      grant.stays();
    }
    reserved_ = std::max(reserved_, tail_.size() + std::min(room(), count));
  }

  /// Moves what is in memory to storage.
  [[nodiscard]] Result<void> spill() {
    if (auto landed = land(); !landed) return landed;
    if (tail_.size() != 0) return spill_with({});
    give_back_memory();
    return {};
  }

  /// Appends what `read_some(span)` delivers, read straight into memory, until it gives 0 or `limit` bytes were taken.
  ///
  /// Returns: how many were taken. Errors: those of `read_some` and of append(); what was taken is content.
  template <class ReadSome>
  [[nodiscard]] Result<std::uint64_t> take_from(ReadSome&& read_some, std::uint64_t limit) {
    const WindowBeyondGrant end_of_window{*this};
    std::uint64_t taken = 0;
    while (taken < limit) {
      const Result<std::size_t> room = room_for_source(limit - taken);
      if (!room) return std::unexpected{room.error()};
      Result<std::size_t> count = read_some(tail_.window().first(*room));
      if (count && *count > *room) count = failure(errc::corrupted, "read_from", "the source returned more than was asked for");
      tail_.add(count.value_or(0));
      taken += count.value_or(0);
      if (tail_.size() > memory_limit_) {
        if (auto spilled = empty_memory(); !spilled) return std::unexpected{std::move(spilled).error()};
      }
      if (!count) return std::unexpected{std::move(count).error()};
      if (*count == 0) break;
    }
    return taken;
  }

  /// Takes up to `length` bytes from a descriptor into storage inside the kernel, if the spill policy would not keep them in memory.
  ///
  /// Returns: how many were taken; 0 also when the policy would keep them, or the kernel cannot.
  [[nodiscard]] Result<std::uint64_t> store_from(int descriptor, std::uint64_t length) {
    if (!would_store(length)) return std::uint64_t{0};
    if (auto spilled = spill(); !spilled) return std::unexpected{std::move(spilled).error()};
    if (!would_store(length)) return std::uint64_t{0};
    settle();  // what was granted before does not know of the bytes that go past memory
    auto taken = stored_.store_from(storage_, descriptor, length);
    if (!taken && taken.error() == errc::unsupported) return std::uint64_t{0};
    if (taken && *taken != 0) count_spill(*taken);
    return taken;
  }

  // Removing ---------------------------------------------------------------------------------------------------------------------

  /// Keeps the bytes below `size`. Requires: stored().begin() ≤ size ≤ size().
  /// Errors: `closed` in a forked child where what would be cut is its parent's, which stores it on a worker.
  [[nodiscard]] Result<void> truncate(std::uint64_t size) {
    collect();
    if (size >= stored_.end()) {
      tail_.truncate(size - stored_.end());
    } else {
      if constexpr (overlaps) {
        if (stored_.is_lost() && size <= stored_.flight_begin()) return lost("truncate");
      }
      tail_.clear();
      stored_.truncate(size);
    }
    end_reservation();
    return {};
  }

  /// Forgets the bytes below `offset` ≤ size(). Returns: true when a location was removed, so that cursors let go of it.
  /// Errors: as truncate().
  [[nodiscard]] Result<bool> discard_front(std::uint64_t offset) {
    collect();
    if constexpr (overlaps) {
      if (stored_.is_lost()) return lost("discard_read");
    }
    const std::uint64_t from_memory = offset > stored_.end() ? offset - stored_.end() : 0;
    const bool removed = stored_.discard_front(offset);
    if (from_memory == tail_.size()) {
      give_back_memory();
    } else if (from_memory != 0 || overlaps) {
      tail_.drop_front(from_memory);
      reserved_ -= std::min(reserved_, from_memory);
      if constexpr (!is_stable_memory<MemoryPolicy>) reserved_ = std::min(reserved_, tail_.capacity());  // it may have shrunk
      settle();
    }
    return removed;
  }

  /// Removes everything; offsets start at 0 again. Errors: the first that a removal answered; nothing is left in any case.
  [[nodiscard]] Result<void> remove_all() {
    collect();
    tail_.clear();
    auto removed = stored_.remove_all();
    end_reservation();
    return removed;
  }

  // Publishing -------------------------------------------------------------------------------------------------------------------

  /// Gives everything a lasting name. Returns: how many bytes had to be copied.
  [[nodiscard]] Result<std::uint64_t> publish(std::string_view destination, PublishMode mode)
    requires(may_have<Backend>(Capability::publish))
  {
    if (auto landed = land(); !landed) return std::unexpected{std::move(landed).error()};
    if (stored_.empty() || (stored_.is_one_object() && stored_.next_store_extends(tail_.size()))) {
      if (auto spilled = spill(); !spilled) return std::unexpected{std::move(spilled).error()};
    }
    if (tail_.size() != 0 || !stored_.is_one_object()) {
      if (auto done = detail::publish_copy(storage_, stored_, tail_, destination, mode); !done) {
        return std::unexpected{std::move(done).error()};
      }
      return size() - stored_.begin();
    }
    if (auto published = stored_.publish(destination, mode); !published) return std::unexpected{std::move(published).error()};
    return std::uint64_t{0};
  }

 private:
  static Result<void>::unexpected_type lost(OperationName operation) {
    return failure(errc::closed, operation, "a forked child does not use its parent's worker");
  }
  [[nodiscard]] SpillState state_for(std::uint64_t incoming, bool memory_full = false) const noexcept {
    const std::uint64_t flight = in_flight();
    return {
        .in_memory = tail_.size() + flight, .stored = committed(), .incoming = incoming, .memory_full = memory_full, .in_flight = flight};
  }
  [[nodiscard]] bool would_store(std::uint64_t incoming) const { return spill_policy_.decide(state_for(incoming)) == SpillAction::spill; }
  [[nodiscard]] bool may_spill_full_memory(std::uint64_t incoming) const {
    return spill_policy_.decide(state_for(incoming, true)) != SpillAction::reject;
  }

  // Gives back what was granted beyond `limit`, the reservation and the memory that is held. Ends the window, so that the next append
  // asks again.
  void settle(std::uint64_t limit = 0) noexcept {
    static_cast<void>(tail_.committed());
    memory_limit_ = std::min(memory_limit_, std::max(std::max(limit, reserved_), memory_beyond_content()));
    SpillState state = state_for(0);
    if (memory_limit_ > tail_.size())
      state.in_memory = memory_limit_ > unlimited - state.in_flight ? unlimited : memory_limit_ + state.in_flight;
    spill_policy_.settle(state);
  }
  void end_reservation() noexcept {
    reserved_ = 0;
    settle();
  }

  // What a policy holds that does not give memory back as content goes; chunks do, but for one.
  [[nodiscard]] std::uint64_t memory_beyond_content() const noexcept {
    constexpr bool is_fixed = requires { MemoryPolicy::max_size; };
    if constexpr (is_stable_memory<MemoryPolicy> || is_fixed) return 0;
    else return tail_.capacity();
  }

  // Unless what was granted since stays, all is granted again that was before, and no more.
  class GrantOnFailure {
   public:
    explicit GrantOnFailure(BufferContent& content) noexcept : content_{&content}, limit_{content.memory_limit_} {}
    GrantOnFailure(const GrantOnFailure&) = delete;
    GrantOnFailure& operator=(const GrantOnFailure&) = delete;
    ~GrantOnFailure() {
      if (content_ != nullptr) content_->settle(limit_);
    }
    void stays() noexcept { content_ = nullptr; }

   private:
    BufferContent* content_;
    std::uint64_t limit_;
  };

  // All of it, with what a reserve() got that nothing was appended after, and the grant.
  void give_back_memory() noexcept {
    tail_.clear();
    end_reservation();
  }

  // Asks the spill policy unless the room that it granted suffices. True: `incoming` more bytes may stay in memory.
  [[nodiscard]] Result<bool> may_keep(std::uint64_t incoming) {
    if (incoming <= room()) return true;
    const SpillState state = state_for(incoming);
    const SpillAction action = spill_policy_.decide(state);
    if (action == SpillAction::reject) return failure(errc::limit_exceeded, "append", "the spill policy rejects it");
    if (action == SpillAction::spill) return false;
    const std::uint64_t granted = spill_policy_.room(state);
    memory_limit_ = granted > unlimited - tail_.size() ? unlimited : tail_.size() + granted;
    return granted >= incoming;
  }

  [[nodiscard]] Result<void> append_within_grant(std::span<const std::byte> bytes) {
    const Result<bool> kept = may_keep(bytes.size());
    if (!kept) return std::unexpected{kept.error()};
    if (*kept) {
      if (tail_.append(bytes, memory_limit_)) return {};
      if (!may_spill_full_memory(bytes.size())) return refused_memory();
    }
    return spill_then_append(bytes);
  }

  static Result<void>::unexpected_type refused_memory() {
    return failure(errc::no_space, "append", "the memory policy gives no more memory, and the spill policy does not spill");
  }

  [[nodiscard]] Result<void> spill_then_append(std::span<const std::byte> bytes) {
    if constexpr (overlaps) {
      if (auto emptied = empty_memory(); !emptied) return emptied;
      if (const Result<bool> kept = may_keep(bytes.size()); kept && *kept && tail_.append(bytes, memory_limit_)) return {};
      if (auto landed = land(); !landed) return landed;  // too much for the half that is left
    }
    const std::uint64_t in_memory = tail_.size();
    SpillState after = state_for(bytes.size());
    after.in_memory = 0;
    after.stored += in_memory;
    const bool direct = in_memory == 0 || bytes.size() >= direct_append_bytes || spill_policy_.decide(after) != SpillAction::keep;
    if (auto spilled = spill_with(direct ? bytes : std::span<const std::byte>{}); !spilled || direct) return spilled;
    if (const Result<bool> kept = may_keep(bytes.size()); kept && *kept && tail_.append(bytes, memory_limit_)) return {};
    return spill_with(bytes);  // the memory went to somebody else meanwhile
  }

  // Makes memory ready for more: stores what is there or, where a worker does that, hands it over when the memory before was stored.
  [[nodiscard]] Result<void> empty_memory() {
    if constexpr (overlaps) {
      if (auto landed = land(); !landed || tail_.size() == 0) return landed;
      stored_.launch(storage_, tail_.committed());
      end_reservation();
      return would_store(0) ? land() : Result<void>{};  // a source's window may have gone beyond what memory may hold
    } else {
      return spill();
    }
  }

  // What a worker has in flight: gets it stored; sees whether it was. Nothing is, where there is no worker.
  [[nodiscard]] Result<void> land() {
    if constexpr (overlaps) {
      collect();
      const std::uint64_t length = stored_.in_flight();
      if (auto landed = stored_.land(storage_); !landed) return landed;
      if (length != 0) count_flight(length);
    }
    return {};
  }
  [[nodiscard]] BufferContent& without_worker() noexcept {
    collect();
    return *this;
  }
  void collect() noexcept {
    if constexpr (overlaps) {
      if (const std::uint64_t length = stored_.collect(); length != 0) count_flight(length);
    }
  }
  void count_flight(std::uint64_t length) noexcept {
    count_spill(length);
    settle();
  }

  // Commits memory and `incoming` to storage in one piece; only then is memory reused. Requires: nothing is in flight.
  [[nodiscard]] Result<void> spill_with(std::span<const std::byte> incoming) {
    const SpillContent<MemoryPolicy> content{tail_.committed(), incoming};
    const std::uint64_t length = content.size();
    auto stored = stored_.store(storage_, content);
    if (!stored) return stored;
    count_spill(length);
    give_back_memory();
    return stored;
  }
  void count_spill(std::uint64_t length) noexcept {
    ++spills_;
    spilled_ += length;
  }

  // Ends a window that goes beyond the grant, however the transfer ends, so that the next append asks; and one that nothing was read
  // into, so that a source without bytes leaves neither memory nor a grant held beyond what was reserved before.
  class WindowBeyondGrant {
   public:
    explicit WindowBeyondGrant(BufferContent& content) noexcept : content_{content} {}
    WindowBeyondGrant(const WindowBeyondGrant&) = delete;
    WindowBeyondGrant& operator=(const WindowBeyondGrant&) = delete;
    ~WindowBeyondGrant() {
      const bool gives_back = content_.tail_.size() == 0 && content_.reserved_ == 0;
      if (gives_back) content_.tail_.clear();
      if (gives_back || content_.is_window_beyond_grant()) content_.settle();
    }

   private:
    BufferContent& content_;
  };
  [[nodiscard]] bool is_window_beyond_grant() const noexcept { return tail_.size() + tail_.window_room() > memory_limit_; }

  // Opens a window to read into, for a large piece also where the policy grants less or nothing: only what the source delivers can tell
  // whether it has more, and what exceeds the grant is spilled as soon as it was read. Where that failed before, it is spilled first: a
  // storage that stays full must not let memory grow by a window in each call.
  [[nodiscard]] Result<void> open_window_for_source() {
    constexpr std::size_t wanted = std::size_t{64} << 10U;
    while (tail_.window_room() == 0) {
      const Result<bool> kept = may_keep(1);
      if (!kept) return std::unexpected{kept.error()};
      const bool exceeds_grant = !*kept && tail_.size() != 0 && would_store(0);
      if (!exceeds_grant && tail_.open_window(wanted, std::max<std::uint64_t>(memory_limit_, tail_.size() + wanted))) return {};
      if (tail_.size() == 0 && in_flight() == 0)
        return failure(errc::no_space, "read_from", "the memory policy gives no memory to read into");
      if (*kept && !may_spill_full_memory(1)) {
        settle();
        return refused_memory();
      }
      if (auto emptied = tail_.size() == 0 ? land() : empty_memory(); !emptied) return emptied;
    }
    return {};
  }

  // Opens a window, and tells how much of it a source may fill: `most` bytes at most, one at least.
  [[nodiscard]] Result<std::size_t> room_for_source(std::uint64_t most) {
    if (auto opened = open_window_for_source(); !opened) return std::unexpected{std::move(opened).error()};
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(tail_.window_room(), most));
    if (is_window_beyond_grant()) count = accepted_of(count);
    if (count == 0) return failure(errc::limit_exceeded, "append", "the spill policy rejects it");
    return count;
  }

  // How many of `count` more bytes the spill policy would not reject.
  [[nodiscard]] std::size_t accepted_of(std::size_t count) const {
    const auto rejects = [&](std::size_t incoming) { return spill_policy_.decide(state_for(incoming)) == SpillAction::reject; };
    if (!rejects(count)) return count;
    std::size_t accepted = 0;
    for (std::size_t rejected = count; rejected - accepted > 1;) {
      const std::size_t middle = accepted + (rejected - accepted) / 2;
      (rejects(middle) ? rejected : accepted) = middle;
    }
    return accepted;
  }

  // Spans of this size and more go straight to storage when they meet a spill: copying them first would cost more than a call.
  static constexpr std::uint64_t direct_append_bytes = std::uint64_t{64} << 10U;

  // What a buffer's end looks at stands together, before memory that may be large: where 100 000 end, the cache lines are what takes time.
  [[no_unique_address]] SpillPolicy spill_policy_{};
  [[no_unique_address]] Storage storage_{};
  Stored stored_;
  std::uint64_t spills_ = 0;
  std::uint64_t spilled_ = 0;
  std::uint64_t memory_limit_ = 0;  // tail_ may grow to it without asking the spill policy
  std::uint64_t reserved_ = 0;      // the part of it that a reserve() asked for, which stays granted while nothing is there
  MemoryTail<MemoryPolicy> tail_;
};

}  // namespace hybridbuffer::inline v0_1
