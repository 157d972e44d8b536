#pragma once

#include <hybridbuffer/detail/location.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// The extents of a buffer in their order, and the locations that live through them. It calls no backend: what is stored, read or given
/// back there is StoredExtents' matter.
///
///     [ extent | extent | … ]   [begin(), end()) in the buffer's absolute offsets
///
/// The extents of one location stand next to each other. Invariants: extents are non-empty and adjoin; a location is alive exactly while
/// an extent refers to it.
/// Threads: const members from any number at once; the rest one at a time.
template <storage_backend Backend>
class ExtentList {
  using Location = detail::Location<Backend>;

 public:
  /// A range of one location's committed object, and where it lies in the buffer.
  struct Extent {
    Location* location;           ///< owned by the extents that refer to it
    std::uint64_t stored_offset;  ///< in the object
    std::uint64_t begin;          ///< in the buffer
    std::uint64_t length;         ///< of both

    [[nodiscard]] std::uint64_t end() const noexcept { return begin + length; }
    /// Its end in the object.
    [[nodiscard]] std::uint64_t stored_end() const noexcept { return stored_offset + length; }
  };

  ExtentList() noexcept = default;
  ExtentList(ExtentList&& other) noexcept
      : extents_{std::move(other.extents_)}, head_{std::exchange(other.head_, 0)}, end_{std::exchange(other.end_, 0)} {
    other.extents_.clear();
  }
  ExtentList& operator=(ExtentList&& other) noexcept {
    if (this != &other) {
      drop_all();
      extents_ = std::move(other.extents_);
      other.extents_.clear();
      head_ = std::exchange(other.head_, 0);
      end_ = std::exchange(other.end_, 0);
    }
    return *this;
  }
  ~ExtentList() {
    if (!empty()) drop_all();
  }

  [[nodiscard]] bool empty() const noexcept { return head_ == extents_.size(); }
  /// How many extents there are.
  [[nodiscard]] std::size_t count() const noexcept { return extents_.size() - head_; }
  [[nodiscard]] std::uint64_t begin() const noexcept { return empty() ? end_ : extents_[head_].begin; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

  /// The first extent. Requires of this and the next: not empty.
  [[nodiscard]] const Extent& front() const noexcept { return extents_[head_]; }
  /// The last extent.
  [[nodiscard]] const Extent& back() const noexcept { return extents_.back(); }

  /// The extent that holds the byte at `offset`; those behind it follow. Requires: begin() ≤ offset < end().
  [[nodiscard]] auto extent_at(std::uint64_t offset) const noexcept {
    std::size_t first = head_;  // the first that begins behind `offset` is in [first, past)
    std::size_t past = extents_.size();
    while (first != past) {
      const std::size_t middle = first + (past - first) / 2;
      if (extents_[middle].begin <= offset) {
        first = middle + 1;
      } else {
        past = middle;
      }
    }
    return extents_.begin() + static_cast<std::ptrdiff_t>(first) - 1;
  }

  /// Calls `visit` for each location once.
  template <class Visit>
  void for_each_location(Visit&& visit) const {
    const Location* previous = nullptr;
    for (std::size_t i = head_; i < extents_.size(); ++i) {
      if (std::exchange(previous, extents_[i].location) != extents_[i].location) visit(*extents_[i].location);
    }
  }

  /// Makes the next link() allocate nothing. Errors: std::bad_alloc.
  void make_room_for_an_extent() {
    if (extents_.size() < extents_.capacity()) return;
    if (head_ > extents_.size() / 2) {
      extents_.erase(extents_.begin(), extents_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    } else {
      extents_.reserve(std::max<std::size_t>(4, 2 * extents_.size()));
    }
  }

  /// Takes `length` bytes that were committed at the object's end in behind end(). A location that had no extent is owned from now on.
  ///
  /// Requires: room for one extent; it cannot fail, because it follows a commit.
  void link(Location& location, std::uint64_t length) noexcept {
    const std::uint64_t stored_offset = location.committed;
    location.committed += length;
    location.live += length;
    location.forget_older_handles();
    if (!empty() && extents_.back().location == &location && extents_.back().stored_end() == stored_offset) {
      extents_.back().length += length;
    } else {
      extents_.push_back({&location, stored_offset, end_, length});
      ++location.extents;
    }
    end_ += length;
  }

  /// Takes the last extent away. Requires: not empty.
  void pop_back() noexcept {
    const Extent last = extents_.back();
    extents_.pop_back();
    end_ = last.begin;
    release(last);
    if (empty()) forget_popped();
  }

  /// Keeps what lies below `offset`. Requires: begin() ≤ offset ≤ end().
  void truncate(std::uint64_t offset) noexcept {
    while (!empty() && extents_.back().begin >= offset) pop_back();
    end_ = offset;
    if (empty()) return;
    Extent& last = extents_.back();
    last.location->live -= last.end() - offset;
    last.length = offset - last.begin;
  }

  /// Forgets what lies below `offset`. Returns: true when a location was removed.
  bool drop_front(std::uint64_t offset) noexcept {
    bool removed = false;
    while (!empty() && extents_[head_].end() <= offset) {
      removed = removed || extents_[head_].location->extents == 1;
      pop_front();
    }
    if (!empty() && extents_[head_].begin < offset) {
      Extent& first = extents_[head_];
      const std::uint64_t gone = offset - first.begin;
      first.begin += gone;
      first.stored_offset += gone;
      first.length -= gone;
      first.location->live -= gone;
    }
    end_ = std::max(end_, offset);
    return removed;
  }

  /// Forgets everything; offsets start at 0 again.
  void clear() noexcept {
    drop_all();
    end_ = 0;
  }

 private:
  void release(const Extent& extent) noexcept {
    extent.location->live -= extent.length;
    if (--extent.location->extents == 0) delete extent.location;
  }
  void pop_front() noexcept {
    release(extents_[head_++]);
    if (empty()) forget_popped();
  }
  void forget_popped() noexcept {
    extents_.clear();
    head_ = 0;
  }
  [[gnu::noinline]] void drop_all() noexcept {
    while (!empty()) pop_front();
  }

  std::vector<Extent> extents_;  // those before head_ are gone
  std::size_t head_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace hybridbuffer::inline v0_1
