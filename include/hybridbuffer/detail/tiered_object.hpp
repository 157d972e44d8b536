#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// What a tiered object consists of: a list of extents, each a range of a location in the first storage or in the second.

namespace hybridbuffer::inline v0_1::detail {

/// One of two things, of which the types may be the same.
template <class First, class Second>
using Either = std::variant<First, Second>;

/// Removed locations whose objects are still there, because the store could not be reached: kept for another try.
template <class First, class Second>
class TieredAttic {
 public:
  void keep(Either<First, Second> backend) noexcept {
    try {
      const LightGuard guard{lock_};
      kept_.push_back(std::move(backend));
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): its destructor is the last try
    }
  }
  /// Errors: the first one; what could not be removed stays.
  [[nodiscard]] Result<void> remove_all() {
    std::vector<Either<First, Second>> all;
    {
      const LightGuard guard{lock_};
      std::swap(all, kept_);
    }
    Result<void> first;
    for (auto& backend : all) {
      auto removed = std::visit([](auto& inner) { return inner.remove(); }, backend);
      if (removed) continue;
      if (first) first = std::move(removed);
      keep(std::move(backend));
    }
    return first;
  }

 private:
  LightLock lock_;
  std::vector<Either<First, Second>> kept_;
};

/// A location in one of the storages. Extents and readers keep it alive; whoever is last removes what is stored there.
template <class First, class Second>
class TieredLocation {
 public:
  using Attic = TieredAttic<First, Second>;

  TieredLocation(Either<First, Second> made, std::shared_ptr<Attic> attic) : backend{std::move(made)}, attic_{std::move(attic)} {}
  TieredLocation(const TieredLocation&) = delete;
  TieredLocation& operator=(const TieredLocation&) = delete;
  ~TieredLocation() {
    try {
      // In a forked child it answers `closed` and did nothing.
      const auto removed = remove();
      if (!removed && removed.error() != errc::closed) attic_->keep(std::move(backend));
    } catch (...) {  // NOLINT(bugprone-empty-catch): the inner destructor is the last try
    }
  }

  [[nodiscard]] bool is_first() const noexcept { return backend.index() == 0; }
  [[nodiscard]] bool has(Capability member) const {
    return std::visit([&](const auto& inner) { return capabilities_of(inner).has(member); }, backend);
  }

  /// Removes its object now, whoever still reads it. Errors: those of the inner backend; it is then there or not.
  [[nodiscard]] Result<void> remove() {
    may_be_gone_.store(true, std::memory_order_relaxed);
    return std::visit([](auto& inner) { return inner.remove(); }, backend);
  }

  /// Whether somebody tried to remove its object.
  [[nodiscard]] bool may_be_gone() const noexcept { return may_be_gone_.load(std::memory_order_relaxed); }

  /// The error of an open() of what is committed: its absence is damage, unless somebody tried to remove it.
  [[nodiscard]] Error open_error(Error error) const {
    if (error != errc::not_found || may_be_gone()) return error;
    return {errc::corrupted, "open part of a tiered object", "it is gone from the store"};
  }

  Either<First, Second> backend;
  std::uint64_t end = 0;  ///< the committed size, by every commit that succeeded. For the one writer only
  bool sealed = false;    ///< takes no extension: a change of it had an unknown effect. For the one writer only

 private:
  std::shared_ptr<Attic> attic_;
  std::atomic<bool> may_be_gone_{false};
};

/// Where an object was cut since: a reader that was opened before finds less than its extents say, and that is no damage.
/// Threads: cut() once, beside any number of end().
class TieredCuts {
 public:
  TieredCuts() = default;
  TieredCuts(const TieredCuts&) = delete;
  TieredCuts& operator=(const TieredCuts&) = delete;
  ~TieredCuts() {  // one after the other, not one inside the other
    while (after_ != nullptr && after_.use_count() == 1) after_ = std::move(after_->after_);
  }

  /// The object becomes its first `size` bytes. `after`: where that is cut.
  void cut(std::uint64_t size, std::shared_ptr<TieredCuts> after) noexcept {
    after_ = std::move(after);
    size_.store(size, std::memory_order_release);
  }
  /// Nothing was cut off before it. Cost: O(cuts).
  [[nodiscard]] std::uint64_t end() const noexcept {
    std::uint64_t least = uncut;
    for (const TieredCuts* at = this; at != nullptr;) {
      const std::uint64_t size = at->size_.load(std::memory_order_acquire);
      if (size == uncut) break;
      least = std::min(least, size);
      at = at->after_.get();
    }
    return least;
  }

 private:
  static constexpr std::uint64_t uncut = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> size_{uncut};
  std::shared_ptr<TieredCuts> after_;  // set before size_
};

/// What an object consists of. What readers hold is never changed; they are told where it was cut.
/// Errors of making one: std::bad_alloc.
template <class First, class Second>
class TieredExtents {
 public:
  using Location = TieredLocation<First, Second>;
  struct Extent {
    std::uint64_t begin;  ///< in the object
    std::uint64_t length;
    std::uint64_t offset;  ///< in the location
    std::shared_ptr<Location> location;
    [[nodiscard]] std::uint64_t end() const noexcept { return begin + length; }
  };

  [[nodiscard]] std::uint64_t size() const noexcept { return all_.empty() ? 0 : all_.back().end(); }
  [[nodiscard]] std::span<const Extent> all() const noexcept { return all_; }

  /// The index of the extent that holds the byte at `position`. Requires: position < size(). Cost: O(log extents).
  [[nodiscard]] std::size_t find(std::uint64_t position) const noexcept {
    const auto behind =
        std::upper_bound(all_.begin(), all_.end(), position, [](std::uint64_t at, const Extent& extent) { return at < extent.begin; });
    return static_cast<std::size_t>(behind - all_.begin()) - 1;
  }

  /// Errors: std::bad_alloc; nothing changed then.
  void add(const std::shared_ptr<Location>& location, std::uint64_t offset, std::uint64_t length) {
    if (length == 0) return;
    if (!all_.empty() && all_.back().location == location && all_.back().offset + all_.back().length == offset) {
      all_.back().length += length;
    } else {
      all_.push_back({size(), length, offset, location});
    }
  }
  /// Only the first `size` bytes stay. Errors: std::bad_alloc.
  void truncate(std::uint64_t size) {
    while (!all_.empty() && all_.back().begin >= size) all_.pop_back();
    if (!all_.empty()) all_.back().length = std::min(all_.back().length, size - all_.back().begin);
    cuts_ = std::make_shared<TieredCuts>();
  }
  /// Tells the readers of these that the object becomes `shorter`, before it does.
  void become(const TieredExtents& shorter) const noexcept { cuts_->cut(shorter.size(), shorter.cuts_); }
  /// What is missing from here on was cut off.
  [[nodiscard]] std::uint64_t cut_end() const noexcept { return cuts_->end(); }

 private:
  std::vector<Extent> all_;  // in order, none of them empty
  std::shared_ptr<TieredCuts> cuts_ = std::make_shared<TieredCuts>();
};

/// The two storages, and the settings, of all that one tiered storage makes.
template <class First, class Second>
struct Tiers {
  First first;
  Second second;
  std::size_t replay_bytes;
};

}  // namespace hybridbuffer::inline v0_1::detail
