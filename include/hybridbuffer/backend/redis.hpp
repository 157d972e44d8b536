#pragma once

#include <hybridbuffer/backend/redis_handles.hpp>
#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/redis_object.hpp>
#include <hybridbuffer/detail/redis_place.hpp>
#include <hybridbuffer/detail/redis_settings.hpp>
#include <hybridbuffer/detail/redis_tls.hpp>
#include <hybridbuffer/detail/redis_upkeep.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

namespace hybridbuffer::inline v0_1 {

class RedisStorage;

/// One object in Redis, in chunks under random names of one slot that nobody else uses.
///
///     auto backend = RedisStorage{{.servers = {{"redis", 6379}}, .prefix = "app:"}}.create_backend();
///     auto writer = backend->create();
///     writer->write(bytes);
///     writer->close();                                     // the object is there from here on
///     auto more = backend->append();                       // and grows when this one is closed
///
/// What create() replaces is removed once the new object is there, so a reader that is still open on it gets `corrupted`; one of an object
/// that is extended shows the size that it was opened at. All keys expire RedisOptions::expiration after the last operation that went to
/// the store. Destroying it removes what it stored, within RedisTimeouts::cleanup; what was not removed then expires.
/// Threads: `open*` and `touch` from any thread at any time; the rest one at a time.
class RedisBackend {
 public:
  using storage_type = RedisStorage;

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, seeker, append, append_granularity, gather};
  }

  RedisBackend(RedisBackend&& other) noexcept = default;
  RedisBackend& operator=(RedisBackend&& other) noexcept {
    if (this != &other) {
      dispose();
      location_ = std::move(other.location_);
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~RedisBackend() { dispose(); }

  /// Starts a new object, which replaces the committed one once it is closed. Nothing is sent.
  /// Errors: `busy` while a writer is open, `closed`, `no_space`.
  [[nodiscard]] Result<RedisWriter> create() { return start_writer(false); }
  /// Extends the committed object; without one it is create(). Nothing is sent.
  /// Errors: as create(). Cost: the last chunk is read and written anew when it is not full.
  [[nodiscard]] Result<RedisWriter> append() { return start_writer(true); }
  /// Objects whose size is a multiple are extended without reading anything.
  [[nodiscard]] std::uint64_t append_granularity() const noexcept { return location_ ? location_->options().chunk_bytes : 1; }

  /// Looks whether the object is there, with all the time that it has.
  /// Errors: `not_found`; `corrupted` when the store has lost it (expired, evicted, flushed); `closed`, `no_space`, those of the store.
  [[nodiscard]] Result<RedisReader> open() const { return open_seeker(); }
  [[nodiscard]] Result<RedisReader> open_seeker() const {
    try {
      auto view = look("open an object in Redis");
      if (!view) return std::unexpected{std::move(view).error()};
      return RedisReader{std::make_unique<detail::RedisReadAhead>(*std::move(view))};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "open an object in Redis", "out of memory");
    }
  }
  [[nodiscard]] Result<RedisReaderAt> open_reader_at() const {
    try {
      auto view = look("open an object in Redis");
      if (!view) return std::unexpected{std::move(view).error()};
      return RedisReaderAt{*std::move(view)};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "open an object in Redis", "out of memory");
    }
  }

  /// Removes the object and all else that this location still has in the store; an open writer can no longer commit.
  /// Errors: what is not removed then is tried again by the next remove(), replacement or the destructor, and expires; open() is
  ///         `not_found` all the same.
  [[nodiscard]] Result<void> remove() {
    if (auto taken = take_object("remove an object from Redis"); !taken) return taken;
    return detail::clear_waste(*location_, detail::RedisClearing::removal, {.end = location_->deadline()});
  }

  /// Lets the object live for RedisOptions::expiration from now on, as every operation that goes to the store does.
  /// Errors: `not_found`; `corrupted` when a key of it is gone; `closed`, `no_space`, those of the store.
  [[nodiscard]] Result<void> touch() const {
    constexpr OperationName operation{"touch an object in Redis"};
    if (auto usable = committed(operation); !usable) return std::unexpected{std::move(usable).error()};
    return detail::touch_object(*location_, [&] { return committed(operation); });
  }

 private:
  friend class RedisStorage;
  friend class RedisKeepAlive;

  /// Errors: std::bad_alloc.
  RedisBackend(detail::RedisPlaceRef place, const std::string& tag)
      : location_{std::make_shared<detail::RedisLocation>(std::move(place), tag)} {}

  [[nodiscard]] Result<detail::RedisObjectRef> committed(OperationName operation) const {
    return state_.read(operation, [&](const detail::RedisObjectRef& object) -> Result<detail::RedisObjectRef> {
      if (!object) return failure(errc::not_found, operation);
      return object;
    });
  }

  [[nodiscard]] Result<detail::RedisView> look(OperationName operation) const {
    for (;;) {
      auto object = committed(operation);
      if (!object) return std::unexpected{std::move(object).error()};
      const auto state = (*object)->state();
      auto seen = detail::look_at_manifest(*location_, **object, state);
      if (seen) return detail::RedisView{location_, *std::move(object), state.size};
      if (seen.error() != errc::corrupted) return std::unexpected{std::move(seen).error()};
      if (!detail::has_changed(*object, state, [&] { return committed(operation); })) return std::unexpected{std::move(seen).error()};
    }
  }

  [[nodiscard]] Result<RedisWriter> start_writer(bool extends) {
    constexpr OperationName operation{"create an object in Redis"};
    auto state = state_.start_writer(operation);
    if (!state) return std::unexpected{std::move(state).error()};
    detail::RedisObjectRef object;
    if (extends) object = committed(operation).value_or(detail::RedisObjectRef{});
    try {
      return RedisWriter{*std::move(state), std::make_unique<detail::RedisUpload>(location_, std::move(object))};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, operation, "out of memory");
    }
  }

  [[nodiscard]] Result<void> take_object(OperationName operation) noexcept {
    detail::RedisObjectRef removed;
    auto taken = state_.remove(operation, [&](detail::RedisObjectRef& object) -> Result<void> {
      removed = std::exchange(object, {});
      location_->set_current({});
      return {};
    });
    if (removed) location_->add_waste(detail::removal_of(std::move(removed)));
    return taken;
  }

  void dispose() noexcept {
    if (!state_.check("destroy a Redis backend")) return;
    if (!take_object("destroy a Redis backend")) return;
    const detail::RedisPlace::Cleanup cleanup = location_->place().cleanup();
    [[maybe_unused]] const auto cleared = detail::clear_waste(*location_, detail::RedisClearing::end, cleanup);  // the rest expires
  }

  detail::RedisLocationRef location_;
  LocationState<detail::RedisObjectRef> state_;
};

/// A Redis: one server, a cluster, or a master that sentinels know. A value; copies share connections; what it made outlives it.
///
///     RedisStorage storage{{.servers = {{"redis.example", 6379}}, .prefix = "app:", .expiration = std::chrono::hours{1}}};
///     RedisStorage cluster{{.servers = {{"node-1", 7000}, {"node-2", 7000}}}};           // they name the others
///     RedisStorage watched{{.servers = {{"sentinel-1", 26379}, {"sentinel-2", 26379}}, .sentinel_master = "mymaster"}};
///
/// Keys are named prefix + "hybridbuffer:{" + random + "}:" + a number.
/// Cost:    making one sends nothing; neither does create_backend().
/// Threads: create_backend, check and trim from any number at once. No thread is started.
class RedisStorage {
 public:
  /// A server on this machine. Errors: std::bad_alloc.
  RedisStorage() : RedisStorage{RedisOptions{}} {}
  /// Errors: std::bad_alloc; a setting that is wrong is create_backend()'s error.
  explicit RedisStorage(RedisOptions options) : options_{std::move(options)} {
    if (usable_ = detail::check_redis_options(options_); !usable_) return;
    detail::RedisTlsContextRef tls;
    if (options_.tls.enabled) {
      auto made = detail::RedisTlsContext::make(options_.tls);
      if (!made) {
        usable_ = std::unexpected{std::move(made).error()};
        return;
      }
      tls = *std::move(made);
    }
    place_ = std::make_shared<detail::RedisPlace>(options_, std::move(tls));
  }

  /// A new, empty location.
  /// Errors: `invalid_argument` that names a setting, `closed` after a move, `no_space`.
  [[nodiscard]] Result<RedisBackend> create_backend() const {
    if (!place_) return unusable();
    try {
      auto tag = detail::redis_random_tag();
      if (!tag) return std::unexpected{std::move(tag).error()};
      return RedisBackend{place_, *tag};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a location in Redis", "out of memory");
    }
  }

  /// Stores, reads and removes a byte: whether server, credentials and rights are what the storage needs.
  [[nodiscard]] Result<void> check() const {
    auto backend = create_backend();
    if (!backend) return std::unexpected{std::move(backend).error()};
    auto writer = backend->create();
    if (!writer) return std::unexpected{std::move(writer).error()};
    std::byte probe{1};
    if (auto written = writer->write(std::span<const std::byte>{&probe, 1}); !written) return written;
    if (auto closed = writer->close(); !closed) return closed;
    auto reader = backend->open_reader_at();
    if (!reader) return std::unexpected{std::move(reader).error()};
    if (auto read = reader->read_at(0, std::span{&probe, 1}); !read) return std::unexpected{std::move(read).error()};
    return backend->remove();
  }

  /// Closes idle connections.
  void trim() const noexcept {
    if (place_) place_->trim();
  }
  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }

 private:
  [[nodiscard]] std::unexpected<Error> unusable() const noexcept {
    if (!usable_) return std::unexpected{usable_.error()};
    return failure(errc::closed, "use a Redis storage that was moved from");
  }

  RedisOptions options_;
  Result<void> usable_{};
  detail::RedisPlaceRef place_{};
};

}  // namespace hybridbuffer::inline v0_1
