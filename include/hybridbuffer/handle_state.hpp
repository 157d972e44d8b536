#pragma once

#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/error.hpp>

#include <cstdint>
#include <new>
#include <utility>

/// \file
/// The rules of handles that every backend owes its callers, kept in one place so that a backend is twenty lines: a moved-from, closed
/// or foreign (forked) handle answers `closed`; a second close repeats the first verdict; after a failed write nothing is published;
/// an abandoned writer frees its place; a writer that outlives its backend or the object's removal can never commit.

namespace hybridbuffer::inline v0_1 {

template <class Object>
class WriterState;

namespace detail {
/// The `Object` of who needs the rules and keeps the object elsewhere.
struct NoObject {};
}  // namespace detail

/// What a backend shares with its writers: the committed `Object`, under a lock, and who may change it.
///
/// `Object` is whatever stands for the committed object (a shared pointer, a descriptor and a size); a value-initialised one means
/// that there is none. Its destructor must release local resources only, because it also runs in a forked child.
/// Threads: every member from any thread; the functions passed in run under the lock and must not call back.
template <class Object>
class LocationState {
 public:
  /// Errors: std::bad_alloc.
  explicit LocationState(Object object = {}) : shared_{new Shared{std::move(object)}} {}
  LocationState(LocationState&& other) noexcept : shared_{std::exchange(other.shared_, nullptr)} {}
  LocationState& operator=(LocationState&& other) noexcept {
    if (this != &other) {
      retire();
      shared_ = std::exchange(other.shared_, nullptr);
    }
    return *this;
  }
  /// Cuts off every open writer and lets go of the object.
  ~LocationState() { retire(); }

  /// `closed` for a moved-from backend and in a forked child.
  [[nodiscard]] Result<void> check(OperationName operation) const noexcept {
    if (shared_ == nullptr || !shared_->is_ours()) return failure(errc::closed, operation);
    return {};
  }

  /// Runs `function(const Object&)`, which returns a Result.
  /// Errors: `closed` as check(); those of `function`.
  template <class Function>
  [[nodiscard]] auto read(OperationName operation, Function&& function) const -> decltype(function(std::declval<const Object&>())) {
    if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
    const detail::LightGuard guard{shared_->lock};
    return function(std::as_const(shared_->object));
  }

  /// Runs `function(Object&)`, which returns a Result, while no writer is open.
  /// Errors: `closed` as check(); `busy` while a writer is open; those of `function`.
  template <class Function>
  [[nodiscard]] auto change(OperationName operation, Function&& function) -> decltype(function(std::declval<Object&>())) {
    if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
    const detail::LightGuard guard{shared_->lock};
    if (shared_->writer_open) return failure(errc::busy, operation);
    return function(shared_->object);
  }

  /// The state of a new writer; the only one until it is closed, destroyed, or cut off by remove().
  /// Errors: `closed` as check(); `busy` while a writer is open.
  [[nodiscard]] Result<WriterState<Object>> start_writer(OperationName operation) {
    if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
    const detail::LightGuard guard{shared_->lock};
    if (shared_->writer_open) return failure(errc::busy, operation);
    shared_->writer_open = true;
    shared_->references.fetch_add(1, detail::Order::relaxed);
    return WriterState<Object>{shared_, shared_->generation};
  }

  /// Cuts off an open writer, then runs `function(Object&)`, which returns a Result and removes the object.
  /// Errors: `closed` as check(); those of `function`.
  template <class Function>
  [[nodiscard]] Result<void> remove(OperationName operation, Function&& function) {
    if (auto usable = check(operation); !usable) return usable;
    const detail::LightGuard guard{shared_->lock};
    shared_->cut_off_writer();
    return function(shared_->object);
  }

 private:
  friend class WriterState<Object>;

  struct Shared {
    explicit Shared(Object initial) : object{std::move(initial)} {}

    [[nodiscard]] bool is_ours() const noexcept { return process == detail::process_identity(); }
    void cut_off_writer() noexcept {
      ++generation;
      writer_open = false;
    }
    static void release(Shared* shared) noexcept {
      if (shared->references.fetch_sub(1, detail::Order::acq_rel) == 1) delete shared;
    }

    detail::LightLock lock;
    Object object;
    std::uint64_t generation = 0;  // a writer of an earlier one may not commit
    bool writer_open = false;
    detail::ProcessIdentity process = detail::process_identity();
    detail::Atomic<std::uint32_t> references{1};
  };

  void retire() noexcept {
    Shared* shared = std::exchange(shared_, nullptr);
    if (shared == nullptr) return;
    if (shared->is_ours()) {  // another thread of the parent may have held the lock when a child was forked: never wait there
      Object object{};
      const detail::LightGuard guard{shared->lock};
      shared->cut_off_writer();
      std::swap(object, shared->object);
    }
    Shared::release(shared);
  }

  Shared* shared_;
};

/// A writer's part of the rules.
///
///     Result<void> write(std::span<const std::byte> bytes) { return state_.write([&] { return store(bytes); }); }
///     Result<void> close() { return state_.close([&](Object& object) { return publish_to(object); }); }
template <class Object>
class WriterState {
 public:
  WriterState(WriterState&& other) noexcept
      : shared_{std::exchange(other.shared_, nullptr)},
        generation_{other.generation_},
        phase_{std::exchange(other.phase_, Phase::closed)},
        verdict_{std::exchange(other.verdict_, moved_from())} {}
  WriterState& operator=(WriterState&& other) noexcept {
    if (this != &other) {
      release();
      shared_ = std::exchange(other.shared_, nullptr);
      generation_ = other.generation_;
      phase_ = std::exchange(other.phase_, Phase::closed);
      verdict_ = std::exchange(other.verdict_, moved_from());
    }
    return *this;
  }
  ~WriterState() { release(); }

  /// Runs `store()`, which returns Result<void>, unless the writer cannot write any more. Its first failure is final.
  /// Errors: `closed` after close, after a move and in a forked child; the first failure of `store`; `no_space` when it threw bad_alloc.
  ///         Another exception passes, and is a failure (`io`) as well.
  template <class Store>
  [[nodiscard]] Result<void> write(Store&& store) {
    if (phase_ == Phase::closed || !shared_->is_ours()) return failure(errc::closed, "write");
    if (phase_ == Phase::failed) return verdict_;
    phase_ = Phase::failed;  // also when an exception passes
    auto stored = without_bad_alloc("write", store);
    if (stored) phase_ = Phase::open;
    else verdict_ = stored;
    return stored;
  }

  /// Runs `commit(Object&)`, which returns Result<void>, under the location's lock, unless nothing may be committed any more.
  /// Returns: the first verdict, every time.
  /// Errors:  that of an earlier failed write; `not_found` when the object was removed or the backend destroyed meanwhile; `closed`
  ///          after a move and in a forked child; those of `commit`.
  template <class Commit>
  [[nodiscard]] Result<void> close(Commit&& commit) {
    if (phase_ == Phase::closed) return verdict_;
    if (!shared_->is_ours()) return failure(errc::closed, "close");
    const bool may_commit = std::exchange(phase_, Phase::closed) == Phase::open;
    {
      const detail::LightGuard guard{shared_->lock};
      const bool current = shared_->generation == generation_;
      if (current) shared_->writer_open = false;
      if (may_commit && current) verdict_ = without_bad_alloc("close", [&] { return commit(shared_->object); });
      if (may_commit && !current) verdict_ = failure(errc::not_found, "close a writer whose location was removed");
    }
    drop();
    return verdict_;
  }

  /// Runs `function()`, which returns Result<void>, under the location's lock: neither a removal nor another writer comes in between.
  /// Errors: `closed` as write(); `not_found` when the object was removed or the backend destroyed meanwhile; those of `function`.
  template <class Function>
  [[nodiscard]] Result<void> while_current(OperationName operation, Function&& function) {
    if (phase_ == Phase::closed || !shared_->is_ours()) return failure(errc::closed, operation);
    const detail::LightGuard guard{shared_->lock};
    if (shared_->generation != generation_) return failure(errc::not_found, operation, "its location was removed");
    return function();
  }

  /// True while a write or a commit could still succeed.
  [[nodiscard]] bool is_open() const noexcept { return phase_ == Phase::open; }

 private:
  friend class LocationState<Object>;
  using Shared = typename LocationState<Object>::Shared;
  enum class Phase : std::uint8_t { open, failed, closed };

  WriterState(Shared* shared, std::uint64_t generation) noexcept : shared_{shared}, generation_{generation} {}

  static Result<void> moved_from() noexcept { return failure(errc::closed, "use a writer that was moved from"); }

  template <class Function>
  Result<void> without_bad_alloc(OperationName operation, Function&& function) {
    try {
      return function();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, operation, "out of memory");
    } catch (...) {
      verdict_ = failure(errc::io, operation, "an exception left it");
      throw;
    }
  }

  void release() noexcept {
    if (phase_ != Phase::closed && shared_->is_ours()) {
      const detail::LightGuard guard{shared_->lock};
      if (shared_->generation == generation_) shared_->writer_open = false;
    }
    phase_ = Phase::closed;
    drop();
  }
  void drop() noexcept {
    if (shared_ != nullptr) Shared::release(std::exchange(shared_, nullptr));
  }

  Shared* shared_;  // null exactly when closed
  std::uint64_t generation_;
  Phase phase_ = Phase::open;
  Result<void> verdict_{};
};

/// A reader's part of the rules: belongs to the process that made it, and to nobody once it was moved from.
class ReaderState {
 public:
  ReaderState() noexcept : process_{detail::process_identity()} {}
  ReaderState(const ReaderState&) noexcept = default;
  ReaderState& operator=(const ReaderState&) noexcept = default;
  ReaderState(ReaderState&& other) noexcept : process_{std::exchange(other.process_, 0)} {}
  ReaderState& operator=(ReaderState&& other) noexcept {
    if (this != &other) process_ = std::exchange(other.process_, 0);
    return *this;
  }
  ~ReaderState() = default;

  /// Errors: `closed` after a move and in a forked child.
  [[nodiscard]] Result<void> check(OperationName operation) const noexcept {
    if (process_ != detail::process_identity()) return failure(errc::closed, operation);
    return {};
  }

 private:
  detail::ProcessIdentity process_;
};

}  // namespace hybridbuffer::inline v0_1
