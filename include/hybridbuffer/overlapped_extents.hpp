#pragma once

#include <hybridbuffer/detail/without_exceptions.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/spill_content.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/stored_extents.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// The stored part of a buffer whose spills are carried out by a worker: stored extents, and the memory that is on its way to them.
///
///     [ extent | extent | … ] [ in flight ]      [begin(), end()) in the buffer's absolute offsets; memory goes on at end()
///       the worker's while it runs
///
/// launch() hands memory over, which stays readable here; collect() and land() learn what became of it. What could not be stored stays
/// in flight, on the ground, until land() succeeds. Invariants: at most one memory is in flight; while the worker runs nobody else uses
/// the extents, nor moves this object. In a forked child whose parent's worker ran at the fork the extents are lost for good; what was in
/// flight is the child's own copy.
/// Threads: const members from any number at once; the rest one at a time.
template <memory_policy MemoryPolicy, storage_backend Backend, class Worker>
class OverlappedExtents {
  using Extents = StoredExtents<Backend>;

 public:
  using Position = typename Extents::Position;  ///< As StoredExtents::Position.
  using Range = typename Extents::Range;        ///< As StoredExtents::Range.

  OverlappedExtents() noexcept = default;
  OverlappedExtents(OverlappedExtents&& other) noexcept : OverlappedExtents{} { take(other); }
  OverlappedExtents& operator=(OverlappedExtents&& other) noexcept {
    if (this == &other) return *this;
    static_cast<void>(collect());
    drop_flight();
    take(other);
    return *this;
  }
  ~OverlappedExtents() { static_cast<void>(collect()); }

  // What is in flight ------------------------------------------------------------------------------------------------------------

  /// Bytes that are being stored now.
  [[nodiscard]] std::uint64_t in_flight() const noexcept { return flight_ ? flight_->size() : 0; }
  /// Where these begin; meaningful while there are any.
  [[nodiscard]] std::uint64_t flight_begin() const noexcept { return flight_begin_; }
  /// The memory that these take.
  [[nodiscard]] std::uint64_t flight_capacity() const noexcept { return flight_ ? flight_->capacity() : 0; }
  /// True when collect() would not wait and has something to learn.
  [[nodiscard]] bool has_news() const noexcept { return is_running_ && worker_.has_ended(); }

  /// Takes all of `memory`, which is empty afterwards, and has the worker store and commit it behind end().
  ///
  /// Requires: nothing is in flight; `memory` is not empty. `storage` stays where it is until the worker is done.
  /// Errors:   std::bad_alloc; nothing was taken then.
  template <storage_factory Storage>
  void launch(const Storage& storage, MemoryPolicy& memory) {
    extents_.make_room_for_an_extent();
    begin_ = extents_.begin();
    flight_begin_ = extents_.end();
    held_before_ = extents_.held_bytes();
    locations_before_ = extents_.locations();
    flight_.emplace(std::move(memory));
    storage_ = &storage;
    is_running_ = true;
    try {
      worker_.start(&store_flight<Storage>, this);
    } catch (const std::exception&) {
      is_running_ = false;  // there is no thread to be had: land() stores
    }
  }

  /// Waits for the worker, and gives the memory in flight back when it was stored.
  /// Returns: how many bytes it stored.
  std::uint64_t collect() noexcept {
    if (!is_running_) return 0;
    worker_.wait();
    is_running_ = false;
    if (worker_.is_lost()) {
      is_lost_ = true;
      return 0;
    }
    const std::uint64_t length = in_flight();
    if (outcome_) {
      drop_flight();
      return length;
    }
    has_failed_ = true;
    return 0;
  }

  /// Gets everything stored that is in flight.
  ///
  /// Errors: what the worker met, once; then what storing it again meets. `closed` in a forked child whose parent's worker has it. It
  ///         stays in flight.
  template <storage_factory Storage>
  [[nodiscard]] Result<void> land(const Storage& storage) {
    static_cast<void>(collect());
    if (!flight_) return {};
    if (is_lost_) return failure(errc::closed, "spill", "a forked child does not use its parent's worker");
    if (std::exchange(has_failed_, false)) return std::exchange(outcome_, Result<void>{});
    auto stored = extents_.store(storage, SpillContent<MemoryPolicy>{*flight_, {}});
    if (stored) drop_flight();
    return stored;
  }

  // What is held -----------------------------------------------------------------------------------------------------------------

  [[nodiscard]] bool empty() const noexcept { return begin() == end(); }
  [[nodiscard]] std::uint64_t begin() const noexcept { return flight_ ? begin_ : extents_.begin(); }
  [[nodiscard]] std::uint64_t end() const noexcept { return flight_ ? flight_begin_ + flight_->size() : extents_.end(); }
  /// These two leave out what is in flight, stored meanwhile or not.
  [[nodiscard]] std::uint64_t held_bytes() const noexcept { return is_running_ || is_lost_ ? held_before_ : extents_.held_bytes(); }
  /// As StoredExtents::locations().
  [[nodiscard]] std::size_t locations() const noexcept { return is_running_ || is_lost_ ? locations_before_ : extents_.locations(); }

  /// As StoredExtents::read(). Waits for the worker unless all that is asked for is in flight.
  [[nodiscard]] Result<void> read(Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    if (!flight_) return extents_.read(position, offset, out);
    if (offset < flight_begin_) {
      if (!wait()) return failure(errc::closed, "read", "a forked child does not use its parent's worker");
      const auto part = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), flight_begin_ - offset)));
      if (auto done = extents_.read(position, offset, part); !done) return done;
      out = out.subspan(part.size());
      offset += part.size();
    }
    if (!out.empty()) flight_->copy_out(static_cast<std::size_t>(offset - flight_begin_), out);
    return {};
  }

  /// The contiguous bytes in flight from `offset` on; none where they are stored. Requires: begin() ≤ offset < end().
  [[nodiscard]] std::span<const std::byte> chunk_in_flight(std::uint64_t offset) const noexcept {
    if (!flight_ || offset < flight_begin_) return {};
    return chunk_at(*flight_, static_cast<std::size_t>(offset - flight_begin_));
  }

  /// As StoredExtents::range_at(), for bytes that are not in flight. Waits for the worker; no backend in a forked child whose parent's
  /// worker has it.
  [[nodiscard]] Range range_at(std::uint64_t offset) const noexcept {
    if (flight_ && !wait()) return {};
    return extents_.range_at(offset);
  }

  /// As StoredExtents::transfer_to(). `unsupported` for bytes in flight.
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t length) const {
    if (flight_) {
      if (offset >= flight_begin_) return failure(errc::unsupported, "transfer from memory in flight");
      if (!wait()) return failure(errc::closed, "write_to", "a forked child does not use its parent's worker");
      length = std::min(length, flight_begin_ - offset);
    }
    return extents_.transfer_to(descriptor, offset, length);
  }

  // Changes: each requires that collect() was called, and behaves as that of StoredExtents ------------------------------------------

  /// True in a forked child whose parent's worker had the extents: until remove_all() it cuts nothing from them, and discards nothing.
  [[nodiscard]] bool is_lost() const noexcept { return is_lost_; }

  /// Requires: nothing is in flight.
  template <storage_factory Storage, class Content>
  [[nodiscard]] Result<void> store(const Storage& storage, const Content& content) {
    return extents_.store(storage, content);
  }
  /// Requires: nothing is in flight.
  template <storage_factory Storage>
  [[nodiscard]] Result<std::uint64_t> store_from(const Storage& storage, int descriptor, std::uint64_t length) {
    return extents_.store_from(storage, descriptor, length);
  }

  /// Requires: not is_lost(), or flight_begin() < offset.
  void truncate(std::uint64_t offset) noexcept {
    if (flight_ && offset > flight_begin_) {
      flight_->truncate(static_cast<std::size_t>(offset - flight_begin_));
    } else {
      drop_flight();
      extents_.truncate(offset);
    }
  }

  /// As StoredExtents::discard_front(). Requires: not is_lost().
  bool discard_front(std::uint64_t offset) noexcept {
    const std::uint64_t from_flight = flight_ && offset > flight_begin_ ? std::min(offset, end()) - flight_begin_ : 0;
    const bool removed = extents_.discard_front(offset);
    if (flight_) {
      flight_->drop_front(static_cast<std::size_t>(from_flight));
      begin_ = extents_.begin();
      flight_begin_ = extents_.end();
      if (flight_->size() == 0) drop_flight();
    }
    return removed;
  }

  /// As StoredExtents::remove_all(). Errors: also `closed` where it is_lost(), as what is stored is the parent's; nothing is held then,
  /// either.
  [[nodiscard]] Result<void> remove_all() {
    drop_flight();
    if (std::exchange(is_lost_, false)) {
      extents_ = {};
      return failure(errc::closed, "remove", "a forked child does not use its parent's worker");
    }
    return extents_.remove_all();
  }

  /// Requires of this and the next two: nothing is in flight.
  [[nodiscard]] bool is_one_object() const noexcept { return extents_.is_one_object(); }
  /// As StoredExtents::next_store_extends().
  [[nodiscard]] bool next_store_extends(std::uint64_t length) const noexcept { return extents_.next_store_extends(length); }
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(may_have<Backend>(Capability::publish))
  {
    return extents_.publish(destination, mode);
  }

 private:
  // Runs on the worker.
  template <storage_factory Storage>
  static void store_flight(void* context) noexcept {
    auto& self = *static_cast<OverlappedExtents*>(context);
    self.outcome_ = detail::without_exceptions("spill", [&] {
      return self.extents_.store(*static_cast<const Storage*>(self.storage_), SpillContent<MemoryPolicy>{*self.flight_, {}});
    });
  }

  // Until the worker is done. False: it never will be.
  [[nodiscard]] bool wait() const noexcept {
    worker_.wait();
    return !is_lost_ && !worker_.is_lost();
  }

  void drop_flight() noexcept {
    flight_.reset();
    has_failed_ = false;
    outcome_ = {};
  }

  void take(OverlappedExtents& other) noexcept {
    static_cast<void>(other.collect());
    extents_ = std::move(other.extents_);
    flight_ = std::move(other.flight_);
    begin_ = other.begin_;
    flight_begin_ = other.flight_begin_;
    has_failed_ = other.has_failed_;
    outcome_ = std::move(other.outcome_);
    is_lost_ = std::exchange(other.is_lost_, false);
    held_before_ = other.held_before_;
    locations_before_ = other.locations_before_;
    other.drop_flight();
  }

  Extents extents_{};
  std::optional<MemoryPolicy> flight_{};
  std::uint64_t begin_ = 0;         // begin() while something is in flight
  std::uint64_t flight_begin_ = 0;  // where it begins, whether it was stored meanwhile or not
  std::uint64_t held_before_ = 0;   // what stats() tells while the worker runs
  std::size_t locations_before_ = 0;
  const void* storage_ = nullptr;
  Result<void> outcome_{};   // what the worker met; its own while it runs
  bool is_running_ = false;  // a job was given to the worker and its outcome not looked at
  bool is_lost_ = false;     // so it was at a fork, and this is the child: extents_ may be half changed
  bool has_failed_ = false;  // a job ended, and the outcome is an error that nobody was told
  Worker worker_{};
};

}  // namespace hybridbuffer::inline v0_1
