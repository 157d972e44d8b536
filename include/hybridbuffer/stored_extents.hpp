#pragma once

#include <hybridbuffer/detail/location.hpp>
#include <hybridbuffer/detail/owned.hpp>
#include <hybridbuffer/detail/without_exceptions.hpp>
#include <hybridbuffer/extent_list.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// The stored part of a buffer: a list of extents, each a range of one location's committed object, and what is asked of the locations
/// to store, read, cut, give back and publish what the extents hold.
///
///     [ extent | extent | … ]   [begin(), end()) in the buffer's absolute offsets; memory goes on at end()
///
/// One location serves as long as it can. Invariant: a failed call leaves the list as it was.
/// Threads: const members from any number at once; the rest one at a time.
template <storage_backend Backend>
class StoredExtents {
  using Location = detail::Location<Backend>;
  using Extent = typename ExtentList<Backend>::Extent;

 public:
  /// A cursor's place in the store, kept between its reads; see Location::Position.
  using Position = typename Location::Position;

  /// Bytes in one piece of one stored object. An object that has the same id later holds them where they are now, unaltered.
  struct Range {
    const Backend* backend = nullptr;  ///< of the location; null: nobody may ask it
    std::uint64_t id = 0;              ///< of the object
    std::uint64_t offset = 0;          ///< in the object
    std::uint64_t length = 0;          ///< up to an extent's end
    std::uint64_t object_begin = 0;    ///< below it everything was discarded
    std::uint64_t object_end = 0;      ///< its committed size
  };

  StoredExtents() noexcept = default;
  StoredExtents(StoredExtents&&) noexcept = default;
  StoredExtents& operator=(StoredExtents&& other) noexcept {
    if (this != &other) {
      list_ = std::move(other.list_);
      next_id_ = std::max(next_id_, other.next_id_);
      last_stored_ = other.last_stored_;
    }
    return *this;
  }
  ~StoredExtents() = default;

  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
  [[nodiscard]] std::uint64_t begin() const noexcept { return list_.begin(); }
  [[nodiscard]] std::uint64_t end() const noexcept { return list_.end(); }

  /// Bytes that the locations hold, those included that no extent refers to any more.
  [[nodiscard]] std::uint64_t held_bytes() const noexcept {
    std::uint64_t sum = 0;
    list_.for_each_location([&](const Location& location) { sum += location.committed - location.discarded; });
    return sum;
  }
  /// In how many locations the bytes are.
  [[nodiscard]] std::size_t locations() const noexcept {
    std::size_t count = 0;
    list_.for_each_location([&](const Location&) { ++count; });
    return count;
  }

  /// Makes the next store() in one location allocate nothing for the list. Errors: std::bad_alloc.
  void make_room_for_an_extent() { list_.make_room_for_an_extent(); }

  /// Writes and commits `content` behind end(): in the last location where it can be extended, else in new ones.
  ///
  /// Errors: those of the storage; nothing is stored then, and what a failed commit may have left is never referred to. bad_alloc.
  /// Cost:   no allocation of its own while one location can be extended.
  template <storage_factory Storage, class Content>
  [[nodiscard]] Result<void> store(const Storage& storage, const Content& content) {
    const std::uint64_t length = content.size();
    make_room_for_an_extent();
    if constexpr (may_have<Backend>(Capability::append)) {
      if (Location* location = extendable_location(length)) {
        auto extended = extend(*location, content, length);
        const bool refused = !extended && extended.error() == errc::unsupported && location->sealed;
        if (!refused) return extended;
      }
    }
    Rollback rollback{list_};
    for (std::uint64_t done = 0; done < length;) {
      const auto stored = store_in_new_location(storage, content, done, length - done);
      if (!stored) return std::unexpected{stored.error()};
      done += *stored;
    }
    rollback.dismiss();
    last_stored_ = length;
    return {};
  }

  /// Takes up to `length` bytes from `descriptor` without passing them through user memory.
  ///
  /// Returns: how many were stored; 0 at the source's end.
  /// Errors:  `unsupported` where the backend or the descriptor cannot; nothing was taken then.
  template <storage_factory Storage>
  [[nodiscard]] Result<std::uint64_t> store_from(const Storage& storage, int descriptor, std::uint64_t length) {
    if constexpr (may_have<Backend>(Capability::transfer) && may_have<Backend>(Capability::append)) {
      make_room_for_an_extent();
      if (Location* location = extendable_location(1)) {
        if (!location->has(Capability::transfer)) return failure(errc::unsupported, "transfer into storage");
        const std::uint64_t most = std::min(length, location->max_object_size() - location->committed);
        return transfer_into(*location, descriptor, most);
      }
      auto location = make_location(storage);
      if (!location) return std::unexpected{std::move(location).error()};
      if (!(*location)->has(Capability::transfer)) return failure(errc::unsupported, "transfer into storage");
      auto taken = transfer_into(**location, descriptor, std::min(length, (*location)->max_object_size()));
      if (taken && *taken != 0) location->release();  // now owned by its extent
      return taken;
    } else {
      return failure(errc::unsupported, "transfer into storage");
    }
  }

  /// Reads exactly `out.size()` bytes from the absolute offset on.
  ///
  /// Requires: begin() ≤ offset and offset + out.size() ≤ end().
  /// Errors:   `corrupted` when stored bytes are missing; those of the backend.
  [[nodiscard]] Result<void> read(Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    for (auto extent = list_.extent_at(offset); !out.empty(); ++extent) {
      const std::uint64_t inside = offset - extent->begin;
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), extent->length - inside));
      auto done = extent->location->read_at(position, extent->stored_offset + inside, out.first(count));
      if (!done) return done;
      out = out.subspan(count);
      offset += count;
    }
    return {};
  }

  /// Where the bytes from the absolute offset on are kept, up to an extent's end. Requires: begin() ≤ offset < end().
  [[nodiscard]] Range range_at(std::uint64_t offset) const noexcept {
    const auto extent = list_.extent_at(offset);
    const Location& location = *extent->location;
    const std::uint64_t inside = offset - extent->begin;
    return {.backend = &location.backend,
            .id = location.id,
            .offset = extent->stored_offset + inside,
            .length = extent->length - inside,
            .object_begin = location.discarded,
            .object_end = location.committed};
  }

  /// Moves bytes from `offset` on to `descriptor` without passing them through user memory, up to `length` and to an extent's end.
  ///
  /// Requires: begin() ≤ offset < end().
  /// Returns:  how many the descriptor accepted.
  /// Errors:   `unsupported` where the backend or the descriptor cannot; an error means that nothing was accepted.
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t length) const {
    if constexpr (may_have<Backend>(Capability::transfer)) {
      const auto extent = list_.extent_at(offset);
      if (extent->location->has(Capability::transfer)) {
        const std::uint64_t inside = offset - extent->begin;
        return extent->location->backend.transfer_to(descriptor, extent->stored_offset + inside, std::min(length, extent->length - inside));
      }
    }
    return failure(errc::unsupported, "transfer from storage");
  }

  /// Keeps the bytes below `offset`. Gives storage back where the backend can shrink.
  ///
  /// Requires: begin() ≤ offset ≤ end().
  /// Cost:     O(extents removed), one shrink; no content is read.
  void truncate(std::uint64_t offset) noexcept {
    list_.truncate(offset);
    if (!empty()) shrink_last();
  }

  /// Forgets the bytes below `offset` and gives their storage back: whole locations, and ranges of one that can discard.
  ///
  /// Returns: true when a location was removed, so that cursors let go of it.
  /// Cost:    amortised O(1) an extent; at most one discard a mebibyte.
  bool discard_front(std::uint64_t offset) noexcept {
    const bool removed = list_.drop_front(offset);
    if (!empty()) give_back_front(*list_.front().location, list_.front().stored_offset);
    return removed;
  }

  /// Removes everything; offsets start at 0 again.
  ///
  /// Errors: the first that a location's removal answered; what could be removed is removed, and the list is empty in any case.
  [[nodiscard]] Result<void> remove_all() {
    Result<void> verdict;
    list_.for_each_location([&](Location& location) {
      auto removed = detail::without_exceptions("remove a location", [&] { return location.backend.remove(); });
      if (!removed && verdict) verdict = std::move(removed);
    });
    list_.clear();
    return verdict;
  }

  /// True when all of it is one whole stored object that may still get a name.
  [[nodiscard]] bool is_one_object() const noexcept {
    if (list_.count() != 1) return false;
    const Extent& only = list_.front();
    const Location& location = *only.location;
    const bool may_get_a_name = location.publish_unclear || (!location.published && !location.sealed);
    return only.stored_offset == 0 && only.length == location.committed && may_get_a_name;
  }

  /// True when a spill now would extend the one object that publish() could name.
  [[nodiscard]] bool next_store_extends(std::uint64_t length) const noexcept {
    if constexpr (may_have<Backend>(Capability::append)) return extendable_location(length) != nullptr;
    else return false;
  }

  /// Gives the one whole object a lasting name; it takes no further change, and may be tried again while it is unclear whether it has one.
  ///
  /// Requires: is_one_object().
  /// Errors:   `unsupported` where the backend cannot; its own.
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(may_have<Backend>(Capability::publish))
  {
    Location& location = *list_.front().location;
    if (!location.has(Capability::publish)) return failure(errc::unsupported, "publish");
    const bool was_unclear = location.publish_unclear;
    // Also when an exception passes: the name may be there by then.
    location.sealed = location.published = location.publish_unclear = true;
    auto done = location.backend.publish(destination, mode);
    if (done) location.publish_unclear = false;
    else if (!done.error().is_indeterminate() && !was_unclear) location.sealed = location.published = location.publish_unclear = false;
    return done;
  }

 private:
  // Takes back the extents of a content that was stored only in part, also when an exception passes.
  class Rollback {
   public:
    explicit Rollback(ExtentList<Backend>& list) noexcept : list_{&list}, count_{list.count()} {}
    ~Rollback() {
      while (list_ != nullptr && list_->count() > count_) list_->pop_back();
    }
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    void dismiss() noexcept { list_ = nullptr; }

   private:
    ExtentList<Backend>* list_;
    std::size_t count_;
  };

  [[nodiscard]] Location* extendable_location(std::uint64_t length) const noexcept {
    if (empty()) return nullptr;
    Location* location = list_.back().location;
    if (!location->has(Capability::append) || location->sealed) return nullptr;
    const std::uint64_t most = location->max_object_size();
    if (length > most || location->committed > most - length) return nullptr;
    const std::uint64_t dead = location->committed - location->discarded - location->live;
    // A backend that can shrink has dead bytes as well: those at the front that it cannot discard, and those that it failed to give back.
    const bool wasteful = dead > location->live && dead - location->live > std::max(tolerated_dead_bytes, 4 * last_stored_);
    return wasteful ? nullptr : location;
  }

  template <class Content>
  [[nodiscard]] Result<void> extend(Location& location, const Content& content, std::uint64_t length) {
    auto sink = location.backend.append();
    if (!sink) {
      // It was published by a call that failed later on.
      if (sink.error() == errc::unsupported) location.sealed = true;
      return std::unexpected{std::move(sink).error()};
    }
    location.sealed = true;  // as long as the commit may have happened or not, which is for good when an exception passes
    auto done = commit(*sink, capabilities_of(location.backend), content, 0, length);
    location.sealed = !done && done.error().indeterminate;
    if (!done) return std::unexpected{std::move(done).error().error};
    list_.link(location, length);
    last_stored_ = length;
    return {};
  }

  template <class Storage, class Content>
  [[nodiscard]] Result<std::uint64_t> store_in_new_location(const Storage& storage, const Content& content, std::uint64_t from,
                                                            std::uint64_t length) {
    make_room_for_an_extent();
    auto location = make_location(storage);
    if (!location) return std::unexpected{std::move(location).error()};
    const std::uint64_t part = std::min(length, (*location)->max_object_size());
    if (part == 0) return failure(errc::limit_exceeded, "store in a backend whose objects hold no bytes");
    {
      auto sink = (*location)->backend.create();
      if (!sink) return std::unexpected{std::move(sink).error()};
      const Capabilities declared = capabilities_of((*location)->backend);
      if (auto done = commit(*sink, declared, content, from, part); !done) return std::unexpected{std::move(done).error().error};
    }
    list_.link(*location->release(), part);
    return part;
  }

  template <class Storage>
  [[nodiscard]] Result<detail::Owned<Location>> make_location(const Storage& storage) {
    auto backend = storage.create_backend();
    if (!backend) return std::unexpected{std::move(backend).error()};
    return detail::Owned<Location>{new Location{std::move(*backend), ++next_id_}};
  }

  struct CommitFailure {
    Error error;
    bool indeterminate;  // only a close can leave its effect unknown
  };
  template <class Writer, class Content>
  [[nodiscard]] static std::expected<void, CommitFailure> commit(Writer& sink, Capabilities declared, const Content& content,
                                                                 std::uint64_t from, std::uint64_t length) {
    if (auto written = content.write_to(sink, declared, from, length); !written) {
      return std::unexpected{CommitFailure{std::move(written).error(), false}};
    }
    if (auto closed = sink.close(); !closed) {
      const bool indeterminate = closed.error().is_indeterminate();
      return std::unexpected{CommitFailure{std::move(closed).error(), indeterminate}};
    }
    return {};
  }

  [[nodiscard]] Result<std::uint64_t> transfer_into(Location& location, int descriptor, std::uint64_t length) {
    location.sealed = true;  // as in extend()
    auto taken = location.backend.transfer_from(descriptor, length);
    location.sealed = !taken && taken.error().is_indeterminate();
    if (taken && *taken != 0) list_.link(location, *taken);
    return taken;
  }

  void shrink_last() noexcept {
    if constexpr (may_have<Backend>(Capability::shrink)) {
      const Extent& last = list_.back();
      Location& location = *last.location;
      if (location.published || !location.has(Capability::shrink) || last.stored_end() == location.committed) return;
      bool has_answered = false;
      const auto shrunk = detail::without_exceptions("shrink a location", [&] {
        auto answer = location.backend.shrink(last.stored_end());
        has_answered = true;
        return answer;
      });
      const bool may_be_shrunk = shrunk || !has_answered || shrunk.error().is_indeterminate();
      // The bytes stay as dead ones; the next append goes behind them, or elsewhere where it is unknown whether they do.
      if (!shrunk) location.sealed = location.sealed || may_be_shrunk;
      else location.committed = last.stored_end();
      if (may_be_shrunk) location.forget_handles(++next_id_);  // they show what may be cut off
    }
  }

  void give_back_front(Location& location, std::uint64_t below) noexcept {
    if constexpr (may_have<Backend>(Capability::discard)) {
      if (location.published || below - location.discarded < discard_step || !location.has(Capability::discard)) return;
      const auto discarded = detail::without_exceptions(
          "discard part of a location", [&] { return location.backend.discard(location.discarded, below - location.discarded); });
      if (discarded) location.discarded = below;
    }
  }

  static constexpr std::uint64_t tolerated_dead_bytes = std::uint64_t{64} << 20U;
  static constexpr std::uint64_t discard_step = std::uint64_t{1} << 20U;

  ExtentList<Backend> list_;
  std::uint64_t next_id_ = 0;
  std::uint64_t last_stored_ = 0;
};

}  // namespace hybridbuffer::inline v0_1
