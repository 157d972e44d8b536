#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/tiered_object.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/tiered_handles.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// tiered(first, second): goes on in the second storage when the first one is full or away.

namespace hybridbuffer::inline v0_1 {

/// Settings of a TieredStorage.
struct TieredOptions {
  /// Bytes that a writer keeps in memory at most, to write them to the second storage: small for little memory, large for few commits.
  std::size_t replay_bytes = std::size_t{1024} * 1024;
};

namespace detail {

/// The object's table is here, so that it can be extended whatever the storages can do. Bytes of two storages are in no one file.
struct TieredCapabilities {
  [[nodiscard]] static constexpr Capabilities declared(Capabilities first, Capabilities second) noexcept {
    using enum Capability;
    return first.common_with(second)
        .common_with({reader_at, seeker, shrink, discard, gather})
        .with(append)
        .with(second.common_with(max_object_size));
  }
};

}  // namespace detail

/// A location whose object is a list of extents in locations of two storages, which is published at close().
///
/// Bytes go to the first storage until it answers `no_space`, `limit_exceeded`, `unavailable` or `timeout`: what was not committed there
/// goes to the second one, and so does all that follows in this object. A new object tries the first one again.
/// Cost:    memory of an extent for each location; two locations an object where both storages can append, else one for each commit of
///          the inner writers (TieredOptions::replay_bytes, or a larger write). What a writer that is abandoned had committed into a
///          location that it extended is cut off by shrink; without that it stays stored until that location goes.
/// Threads: as a backend.
template <storage_factory FirstStorage, storage_factory SecondStorage>
class TieredBackend
    : public detail::ForwardedCapabilities<detail::TieredCapabilities, backend_of_t<FirstStorage>, backend_of_t<SecondStorage>> {
  using First = backend_of_t<FirstStorage>;
  using Second = backend_of_t<SecondStorage>;
  using Declares = detail::ForwardedCapabilities<detail::TieredCapabilities, First, Second>;
  using Tiers = detail::Tiers<FirstStorage, SecondStorage>;
  using Assembly = detail::TieredAssembly<FirstStorage, SecondStorage>;
  using Extents = detail::TieredExtents<First, Second>;
  using Location = detail::TieredLocation<First, Second>;
  using Attic = typename Location::Attic;
  using Table = std::shared_ptr<const Extents>;

 public:
  using Writer = TieredWriter<FirstStorage, SecondStorage>;
  using Reader = TieredReader<First, Second, false>;
  using Seeker = TieredReader<First, Second, true>;
  using ReaderAt = TieredReaderAt<First, Second>;

  /// Errors: std::bad_alloc.
  TieredBackend(Declares declares, std::shared_ptr<const Tiers> tiers, std::uint64_t max_object_size)
      : Declares{declares}, tiers_{std::move(tiers)}, attic_{std::make_shared<Attic>()}, max_object_size_{max_object_size} {}

  /// Errors: `busy` while a writer is open. The storages are asked at the first write.
  [[nodiscard]] Result<Writer> create() { return start("create a tiered object", false); }
  /// Errors: as create(); after a remove() that failed, those of the storages: they are asked what it left.
  [[nodiscard]] Result<Writer> append() { return start("append to a tiered object", true); }

  /// Errors: `not_found`; those of the inner backends.
  [[nodiscard]] Result<Reader> open() const { return open_with<Reader>(started<Reader>); }
  [[nodiscard]] Result<Seeker> open_seeker() const
    requires(Declares::may(Capability::seeker))
  {
    return open_with<Seeker>(started<Seeker>);
  }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const
    requires(Declares::may(Capability::reader_at))
  {
    return open_with<ReaderAt>(ReaderAt::open);
  }

  /// Removes the object's locations, and those of earlier objects that could not be removed.
  /// Errors: the first one; the next remove() goes on. What has lost a part is gone: it is not_found from then on.
  [[nodiscard]] Result<void> remove() {
    Table removed;  // let go of outside the lock
    return state_.remove("remove a tiered object", [&](Table& object) {
      Result<void> first = attic_->remove_all();
      const Location* last = nullptr;
      for (const auto& extent : object != nullptr ? object->all() : std::span<const typename Extents::Extent>{}) {
        if (std::exchange(last, extent.location.get()) == extent.location.get()) continue;
        auto done = extent.location->remove();
        if (!done && first) first = std::move(done);
      }
      if (first) std::swap(object, removed);
      return first;
    });
  }

  /// Errors: `invalid_argument` above the object's size; `not_found`; `busy` while a writer is open. A storage that cannot cut keeps the
  ///         bytes until its location goes.
  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(Declares::may(Capability::shrink))
  {
    Table made;  // and then what was there before, let go of outside the lock
    return state_.change("shorten a tiered object", [&](Table& object) -> Result<void> {
      if (auto there = expect_there("shorten a tiered object", object); !there) return there;
      if (n > object->size()) return failure(errc::invalid_argument, "shorten a tiered object", "to more than its size");
      return without_bad_alloc([&]() -> Result<void> {
        auto shorter = std::make_shared<Extents>(*object);
        shorter->truncate(n);
        object->become(*shorter);
        if (n != 0) cut(shorter->all().back());
        made = std::move(shorter);
        std::swap(object, made);
        return {};
      });
    });
  }

  /// Errors: `not_found`; `busy` while a writer is open; the first one of the inner backends.
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(Declares::may(Capability::discard))
  {
    return state_.change("discard part of a tiered object", [&](Table& object) -> Result<void> {
      if (auto there = expect_there("discard part of a tiered object", object); !there) return there;
      if (offset >= object->size()) return {};
      const std::uint64_t end = n < object->size() - offset ? offset + n : object->size();
      Result<void> first;
      for (const auto& extent : object->all()) {
        const std::uint64_t from = std::max(offset, extent.begin);
        const std::uint64_t to = std::min(end, extent.end());
        if (from >= to) continue;
        auto done = std::visit([&](auto& inner) { return inner.discard(extent.offset + (from - extent.begin), to - from); },
                               extent.location->backend);
        if (!done && first) first = std::move(done);
      }
      return first;
    });
  }

  /// That of the second storage, which may have to take all of it.
  [[nodiscard]] std::uint64_t max_object_size() const noexcept
    requires(Declares::may(Capability::max_object_size))
  {
    return max_object_size_;
  }

 private:
  template <class Function>
  [[nodiscard]] static auto without_bad_alloc(Function&& function) -> decltype(function()) {
    try {
      return function();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "keep the table of a tiered object", "out of memory");
    }
  }

  [[nodiscard]] Result<Writer> start(OperationName operation, bool extends) {
    auto state = state_.start_writer(operation);
    if (!state) return std::unexpected{std::move(state).error()};
    return without_bad_alloc([&]() -> Result<Writer> {
      auto object = state_.read(operation, [&](const Table& committed) -> Result<Table> { return extends ? committed : Table{}; });
      if (!object) return std::unexpected{std::move(object).error()};
      const auto there = is_there(*object);
      if (!there) return std::unexpected{there.error()};
      auto assembly = std::make_unique<Assembly>(tiers_, attic_, *there ? **object : Extents{}, this->keeps_secrets());
      const std::uint64_t size = assembly->extents().size();
      return Writer{*std::move(state), std::move(assembly), max_object_size_ - std::min(size, max_object_size_)};
    });
  }

  // Whether there is an object: none, as well, when a remove() that failed has removed a part of it, or may have and the store says so.
  // Errors: those of the inner backends.
  [[nodiscard]] static Result<bool> is_there(const Table& object) {
    if (object == nullptr) return false;
    const Location* last = nullptr;
    for (const auto& extent : object->all()) {
      const Location* location = extent.location.get();
      if (std::exchange(last, location) == location || !location->may_be_gone()) continue;
      const auto opened = std::visit(
          [](const auto& inner) -> Result<void> {
            auto reader = inner.open();
            if (!reader) return std::unexpected{std::move(reader).error()};
            return {};
          },
          location->backend);
      if (!opened && opened.error() == errc::not_found) return false;
      if (!opened) return std::unexpected{opened.error()};
    }
    return true;
  }
  [[nodiscard]] static Result<void> expect_there(OperationName operation, const Table& object) {
    const auto there = is_there(object);
    if (!there) return std::unexpected{there.error()};
    if (!*there) return failure(errc::not_found, operation);
    return {};
  }

  [[nodiscard]] Result<Table> table() const {
    return state_.read("open a tiered object", [](const Table& object) -> Result<Table> {
      if (object == nullptr) return failure(errc::not_found, "open a tiered object");
      return object;
    });
  }

  template <class Handle>
  [[nodiscard]] static Result<Handle> started(Table object) {
    Handle handle{std::move(object)};
    if (auto ready = handle.start(); !ready) return std::unexpected{std::move(ready).error()};
    return handle;
  }

  // Opens what is committed; anew when that was removed in the middle of it.
  template <class Handle, class Open>
  [[nodiscard]] Result<Handle> open_with(Open&& open_handle) const {
    for (;;) {
      auto before = table();
      if (!before) return std::unexpected{std::move(before).error()};
      if (auto there = expect_there("open a tiered object", *before); !there) return std::unexpected{std::move(there).error()};
      auto opened = without_bad_alloc([&]() -> Result<Handle> { return open_handle(*before); });
      if (opened) return opened;
      const auto after = table();
      if (!after || *after == *before) return opened;
    }
  }

  // Gives back what lies behind the object's end in its last location; a location that refuses keeps it.
  void cut(const typename Extents::Extent& last) {
    Location& location = *last.location;
    const std::uint64_t end = last.offset + last.length;
    if (location.end == end || location.sealed) return;
    const auto shrunk = std::visit([&](auto& inner) { return inner.shrink(end); }, location.backend);
    if (shrunk) location.end = end;
    else location.sealed = shrunk.error().is_indeterminate();
  }

  std::shared_ptr<const Tiers> tiers_;
  std::shared_ptr<Attic> attic_;
  LocationState<Table> state_;
  std::uint64_t max_object_size_;
};

/// Makes locations that begin in one storage and go on in another. Threads: create_backend and warnings from any number at once, as in
/// those.
template <storage_factory FirstStorage, storage_factory SecondStorage>
class TieredStorage {
  using First = backend_of_t<FirstStorage>;
  using Second = backend_of_t<SecondStorage>;
  using Declares = detail::ForwardedCapabilities<detail::TieredCapabilities, First, Second>;

 public:
  using Backend = TieredBackend<FirstStorage, SecondStorage>;

  /// Errors: std::bad_alloc.
  TieredStorage(FirstStorage first, SecondStorage second, TieredOptions options)
      : tiers_{std::make_shared<const Tiers>(Tiers{std::move(first), std::move(second), options.replay_bytes})} {}

  /// Where the storages tell at run time what they can do they are asked here, each by a location that is let go of. A first one that is
  /// full or away leaves what the second one can do without it: the location then declares no more than append and max_object_size.
  /// Errors: `no_space`; those of a storage that has to be asked, as a write's of the first.
  [[nodiscard]] Result<Backend> create_backend() const {
    if (tiers_ == nullptr) return failure(errc::closed, "use a tiered storage that was moved from");
    try {
      if constexpr (Declared::asks) {
        const auto first = tiers_->first.create_backend();
        if (!first && !detail::moves_over(first.error().code())) return std::unexpected{first.error()};
        const auto second = tiers_->second.create_backend();
        if (!second) return std::unexpected{second.error()};
        return Backend{Declared{first ? &*first : nullptr, &*second}, tiers_, max_object_size(*second)};
      } else if constexpr (may_have<Second>(Capability::max_object_size)) {
        const auto second = tiers_->second.create_backend();
        if (!second) return std::unexpected{second.error()};
        return Backend{Declared{}, tiers_, max_object_size(*second)};
      } else {
        return Backend{Declared{}, tiers_, unlimited};
      }
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a tiered location", "out of memory");
    }
  }

  /// What the two storages warn of, the first one's sentences first; nothing after a move. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const {
    if (tiers_ == nullptr) return {};
    auto sentences = warnings_of(tiers_->first);
    for (std::string& sentence : warnings_of(tiers_->second)) sentences.push_back(std::move(sentence));
    return sentences;
  }

  /// The storage that is asked first.
  [[nodiscard]] const FirstStorage& first() const noexcept { return tiers_->first; }
  /// The storage that takes what the first cannot.
  [[nodiscard]] const SecondStorage& second() const noexcept { return tiers_->second; }

 private:
  using Tiers = detail::Tiers<FirstStorage, SecondStorage>;
  struct Declared : Declares {
    static constexpr bool asks = Declares::asks_inner;
    Declared() = default;
    Declared(const First* first, const Second* second)
      requires(asks)
        : Declares{first, second} {}
  };
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] static std::uint64_t max_object_size([[maybe_unused]] const Second& second) {
    if constexpr (may_have<Second>(Capability::max_object_size)) {
      if (capabilities_of(second).has(Capability::max_object_size)) return second.max_object_size();
    }
    return unlimited;
  }

  std::shared_ptr<const Tiers> tiers_;
};

/// A storage that puts bytes into `first` while it takes them, and then into `second`.
///
///     auto storage = tiered(FileStorage{{.directory = "/dev/shm", .max_bytes = 1_GiB}}, FileStorage{{.directory = "/var/tmp"}});
///
/// Errors: std::bad_alloc.
template <storage_factory First, storage_factory Second>
[[nodiscard]] TieredStorage<First, Second> tiered(First first, Second second, TieredOptions options = {}) {
  return {std::move(first), std::move(second), options};
}

}  // namespace hybridbuffer::inline v0_1
