#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/retry_policy.hpp>
#include <hybridbuffer/transform/retrying_handles.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// retrying(storage, options): tries again what fails with `timeout` or `unavailable`, where that cannot do harm.

namespace hybridbuffer::inline v0_1 {

/// A location whose calls are tried again after `timeout` and `unavailable`, with pauses between.
///
/// | Call | Tried again |
/// |---|---|
/// | create, append, open*, read, read_at, seek, size, map, remove, shrink, discard | yes: doing them twice is doing them once |
/// | a writer's write and close | yes, while all that it wrote is kept (RetryOptions::replay_bytes): by a new inner writer |
/// | close of an extension, after an answer that leaves its effect open | only when the object's size tells that nothing was stored |
/// | publish that replaces | yes |
/// | publish that keeps | no: `already_exists` could be its own work |
/// | transfer_to, transfer_from | no: a descriptor that would block is `unavailable` too |
///
/// Errors of a change are those of its first attempt, which may have had its effect.
/// Threads: as `Inner`; pauses are spent on the calling thread. Calls that change the object wait for each other meanwhile.
template <storage_backend Inner, retry_time Time>
class RetryingBackend : public detail::ForwardedCapabilities<detail::SameCapabilities, Inner> {
  using Declares = detail::ForwardedCapabilities<detail::SameCapabilities, Inner>;
  using Location = detail::RetriedLocation<Inner, Time>;
  using Presence = detail::Presence;

 public:
  using Writer = RetryingWriter<detail::writer_of<Inner>, Inner, Time>;
  using Appender = RetryingWriter<detail::appender_of<Inner>, Inner, Time>;  ///< What append() returns.
  using Reader = RetryingReader<detail::reader_of<Inner>, Inner, Time, false>;
  using Seeker = RetryingReader<detail::seeker_of<Inner>, Inner, Time, true>;
  using ReaderAt = RetryingReaderAt<detail::reader_at_of<Inner>, Inner, Time>;

  /// Requires: nothing is stored in `inner`. Errors: std::bad_alloc.
  RetryingBackend(Inner inner, std::shared_ptr<const detail::Retrier<Time>> retrier)
      : Declares{inner}, shared_{std::make_shared<Location>(std::move(inner), std::move(retrier))} {}

  [[nodiscard]] Result<Writer> create() {
    return start<Writer>("create an object", false, [](Inner& inner) { return inner.create(); });
  }
  [[nodiscard]] Result<Appender> append()
    requires(Declares::may(Capability::append))
  {
    return start<Appender>("append to an object", true, [](Inner& inner) { return inner.append(); });
  }

  [[nodiscard]] Result<Reader> open() const {
    return open_with<Reader>([](const Inner& inner) { return inner.open(); });
  }
  [[nodiscard]] Result<Seeker> open_seeker() const
    requires(Declares::may(Capability::seeker))
  {
    return open_with<Seeker>([](const Inner& inner) { return inner.open_seeker(); });
  }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const
    requires(Declares::may(Capability::reader_at))
  {
    return open_with<ReaderAt>([](const Inner& inner) { return inner.open_reader_at(); });
  }

  [[nodiscard]] Result<void> remove() {
    return state_.remove("remove an object", [&](detail::NoObject&) {
      shared_->begin_change();
      auto removed = shared_->retrier().run_change([&] { return shared_->inner.remove(); });
      shared_->end_change();
      note(removed, detail::KnownSize{});
      return removed;
    });
  }

  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(Declares::may(Capability::shrink))
  {
    return state_.change("shorten an object", [&](detail::NoObject&) {
      shared_->begin_change();
      auto shrunk = shared_->retrier().run_change([&] { return shared_->inner.shrink(n); });
      shared_->end_change();
      note(shrunk, detail::KnownSize{Presence::present, n});
      return shrunk;
    });
  }
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(Declares::may(Capability::discard))
  {
    return state_.change("discard part of an object", [&](detail::NoObject&) {
      return shared_->retrier().run_change([&] { return shared_->inner.discard(offset, n); });
    });
  }

  [[nodiscard]] Result<detail::window_of<Inner>> map(std::uint64_t offset, std::size_t n) const
    requires(Declares::may(Capability::map))
  {
    if (auto usable = state_.check("map an object"); !usable) return std::unexpected{std::move(usable).error()};
    return shared_->retrier().run([&] { return shared_->inner.map(offset, n); });
  }
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const
    requires(Declares::may(Capability::transfer))
  {
    if (auto usable = state_.check("transfer an object"); !usable) return std::unexpected{std::move(usable).error()};
    return shared_->inner.transfer_to(descriptor, offset, n);
  }
  [[nodiscard]] Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n)
    requires(Declares::may(Capability::transfer))
  {
    return state_.change("transfer to an object", [&](detail::NoObject&) {
      const detail::KnownSize before = shared_->size();
      auto taken = shared_->inner.transfer_from(descriptor, n);
      const std::uint64_t size = before.size + taken.value_or(0);
      if (!taken || *taken != 0) note(taken, {before.presence == Presence::unknown ? before.presence : Presence::present, size});
      return taken;
    });
  }
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(Declares::may(Capability::publish))
  {
    return state_.change("publish an object", [&](detail::NoObject&) -> Result<void> {
      if (mode != PublishMode::replace) return shared_->inner.publish(destination, mode);
      return shared_->retrier().run_change([&] { return shared_->inner.publish(destination, mode); });
    });
  }

  [[nodiscard]] std::uint64_t append_granularity() const
    requires(Declares::may(Capability::append_granularity))
  {
    return shared_ != nullptr ? shared_->inner.append_granularity() : 0;
  }
  [[nodiscard]] std::uint64_t max_object_size() const
    requires(Declares::may(Capability::max_object_size))
  {
    return shared_ != nullptr ? shared_->inner.max_object_size() : 0;
  }

 private:
  template <class Handle, class Open>
  [[nodiscard]] Result<Handle> start(OperationName operation, bool extends, Open&& open_inner) {
    auto state = state_.start_writer(operation);
    if (!state) return std::unexpected{std::move(state).error()};
    auto inner = shared_->retrier().run([&] { return open_inner(shared_->inner); });
    if (!inner) return std::unexpected{std::move(inner).error()};
    detail::KnownSize before = shared_->size();
    if (extends && before.presence == Presence::unknown) before = shared_->measure().value_or(before);
    return Handle{*std::move(state), shared_, *std::move(inner), extends, before};
  }

  template <class Handle, class Open>
  [[nodiscard]] Result<Handle> open_with(Open&& open_inner) const {
    if (auto usable = state_.check("open an object"); !usable) return std::unexpected{std::move(usable).error()};
    const std::shared_ptr<const Location> location = shared_;
    const std::uint64_t version = location->version();
    auto inner = location->retrier().run([&] { return open_inner(location->inner); });
    if (!inner) return std::unexpected{std::move(inner).error()};
    // An odd one: a change is under way, and whether this handle shows what was there before nobody can say.
    const bool is_sure = version % 2 == 0 && location->version() == version;
    return Handle{location, *std::move(inner), is_sure ? version : ~std::uint64_t{0}};
  }

  template <class T>
  void note(const Result<T>& changed, detail::KnownSize size) noexcept {
    if (changed) shared_->set_size(size);
    else if (changed.error().is_indeterminate()) shared_->set_size({.presence = Presence::unknown});
  }

  LocationState<detail::NoObject> state_;
  std::shared_ptr<Location> shared_;
};

/// Makes retrying locations in another storage. Threads: create_backend and warnings from any number at once, as in that one.
template <storage_factory Storage, retry_time Time = SystemTime>
class RetryingStorage {
 public:
  using Backend = RetryingBackend<backend_of_t<Storage>, Time>;

  /// Errors: std::bad_alloc.
  RetryingStorage(Storage storage, RetryOptions options, std::shared_ptr<Time> time)
      : storage_{std::move(storage)}, retrier_{std::make_shared<const detail::Retrier<Time>>(options, std::move(time))} {}

  [[nodiscard]] Result<Backend> create_backend() const {
    if (retrier_ == nullptr) return failure(errc::closed, "use a retrying storage that was moved from");
    auto inner = retrier_->run([&] { return storage_.create_backend(); });
    if (!inner) return std::unexpected{std::move(inner).error()};
    try {
      return Backend{*std::move(inner), retrier_};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a retrying location", "out of memory");
    }
  }

  /// What the other storage warns of. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const { return warnings_of(storage_); }

  [[nodiscard]] const Storage& inner() const noexcept { return storage_; }

 private:
  Storage storage_;
  std::shared_ptr<const detail::Retrier<Time>> retrier_;
};

/// A storage like `storage` that waits and tries again.
///
///     HybridBuffer buffer{SpillAt{64_MiB}, retrying(MyRemoteStorage{}, {.attempts = 8, .deadline = std::chrono::minutes{2}})};
///
/// Errors: std::bad_alloc.
template <storage_factory Storage>
[[nodiscard]] RetryingStorage<Storage> retrying(Storage storage, RetryOptions options = {}) {
  return {std::move(storage), options, std::make_shared<SystemTime>()};
}
/// The same with a clock, pauses and random numbers of your own.
template <storage_factory Storage, retry_time Time>
[[nodiscard]] RetryingStorage<Storage, Time> retrying(Storage storage, RetryOptions options, std::shared_ptr<Time> time) {
  return {std::move(storage), options, std::move(time)};
}

}  // namespace hybridbuffer::inline v0_1
