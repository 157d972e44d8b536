#pragma once

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/detail/per_process.hpp>
#include <hybridbuffer/detail/quiet_thread.hpp>
#include <hybridbuffer/detail/redis_upkeep.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

namespace detail {

/// A thread that touches locations for as long as somebody wants it to.
class RedisKeeper {
 public:
  /// Errors: std::system_error when there can be no thread; std::bad_alloc.
  explicit RedisKeeper(std::chrono::milliseconds interval)
      : shared_{std::make_shared<Shared>()},
        thread_{std::make_unique<std::thread>(detail::quiet_thread([shared = shared_, interval] { run(*shared, interval); }))} {}
  RedisKeeper(const RedisKeeper&) = delete;
  RedisKeeper& operator=(const RedisKeeper&) = delete;
  ~RedisKeeper() {
    if (process_ != process_identity()) {
      static_cast<void>(thread_.release());  // NOLINT(bugprone-unused-return-value): of the parent's; here is none to join or detach
      return;
    }
    {
      const std::lock_guard guard{shared_->lock};
      shared_->ends = true;
    }
    shared_->changed.notify_all();
    if (thread_->get_id() == std::this_thread::get_id()) thread_->detach();  // it was the last that had a location
    else thread_->join();
  }

  /// Errors: std::bad_alloc.
  void add(const RedisLocationRef& location) {
    const std::lock_guard guard{shared_->lock};
    shared_->locations.push_back(location);
  }
  [[nodiscard]] Result<void> status() const {
    const std::lock_guard guard{shared_->lock};
    return shared_->status;
  }

 private:
  struct Shared {
    std::mutex lock;
    std::condition_variable changed;
    std::vector<std::weak_ptr<RedisLocation>> locations;
    Result<void> status{};
    bool ends = false;
  };

  static void run(Shared& shared, std::chrono::milliseconds interval) noexcept {
    std::unique_lock lock{shared.lock};
    while (!shared.changed.wait_for(lock, interval, [&] { return shared.ends; })) {
      Result<void> status{};
      try {
        std::erase_if(shared.locations, [](const auto& one) { return one.expired(); });
        const std::vector<std::weak_ptr<RedisLocation>> locations = shared.locations;
        for (const auto& one : locations) {
          if (shared.ends) return;
          lock.unlock();
          auto touched = touch(one);
          lock.lock();
          if (status && !touched) status = std::move(touched);
        }
      } catch (const std::bad_alloc&) {
        if (!lock.owns_lock()) lock.lock();
        status = failure(errc::no_space, "keep locations in Redis alive", "out of memory");
      }
      shared.status = std::move(status);
    }
  }
  [[nodiscard]] static Result<void> touch(const std::weak_ptr<RedisLocation>& one) {
    const RedisLocationRef location = one.lock();
    if (!location) return {};
    auto touched = touch_object(*location, [&]() -> Result<RedisObjectRef> {
      RedisObjectRef object = location->current();
      if (!object) return failure(errc::not_found, "keep an object in Redis alive");
      return object;
    });
    if (!touched && !location->current()) return {};  // there is none, or it was removed meanwhile
    return touched;
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<std::thread> thread_;
  ProcessIdentity process_ = process_identity();
};

}  // namespace detail

/// A RedisStorage whose locations do not expire while this process lives, however long nobody uses them: a thread of its own touches them,
/// one after the other, every `interval`. Killed with the process, it leaves what the expiration then takes away.
///
///     RedisKeepAlive storage{RedisStorage{{.expiration = std::chrono::minutes{10}}}};        // every 200 s
///     HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{16_MiB}, storage};
///
/// It touches committed objects; what an open writer has stored lives for 15/16 of the expiration after its last write. The thread starts
/// with the first location and ends with the storage and the last location. A value; copies share it.
/// Threads: as RedisStorage.
class RedisKeepAlive {
 public:
  /// `interval` 0: a third of the expiration. Errors: std::bad_alloc.
  explicit RedisKeepAlive(RedisStorage storage, std::chrono::milliseconds interval = {})
      : storage_{std::move(storage)}, shared_{std::make_shared<detail::PerProcess<Running>>()} {
    const auto third = storage_.options().expiration / 3;
    interval_ = std::max(interval.count() > 0 ? interval : third, std::chrono::milliseconds{1});
  }

  /// Errors: as RedisStorage::create_backend(); `unavailable` when there can be no thread.
  [[nodiscard]] Result<RedisBackend> create_backend() const {
    if (!shared_) return failure(errc::closed, "use a Redis storage that was moved from");
    auto backend = storage_.create_backend();
    if (!backend || storage_.options().expiration.count() == 0) return backend;
    try {
      auto keeper = running_keeper();
      keeper->add(backend->location_);
      backend->location_->keep(std::move(keeper));
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a location in Redis", "out of memory");
    } catch (const std::system_error&) {
      return failure(errc::unavailable, "start a thread that keeps locations in Redis alive");
    }
    return backend;
  }

  /// The first error of the last round; `corrupted` when an object had lost keys.
  [[nodiscard]] Result<void> status() const {
    if (!shared_) return {};
    Running* const mine = shared_->find();
    if (mine == nullptr) return {};
    const std::lock_guard guard{mine->lock};
    return mine->keeper ? mine->keeper->status() : Result<void>{};
  }
  /// The storage whose locations it keeps alive.
  [[nodiscard]] const RedisStorage& storage() const noexcept { return storage_; }

 private:
  // A forked child has none of its parent's threads, one of which may hold the lock: it has a keeper of its own.
  struct Running {
    std::mutex lock;
    std::shared_ptr<detail::RedisKeeper> keeper;
  };

  [[nodiscard]] std::shared_ptr<detail::RedisKeeper> running_keeper() const {
    Running& mine = shared_->get();
    const std::lock_guard guard{mine.lock};
    if (!mine.keeper) mine.keeper = std::make_shared<detail::RedisKeeper>(interval_);
    return mine.keeper;
  }

  RedisStorage storage_;
  std::chrono::milliseconds interval_{};
  std::shared_ptr<detail::PerProcess<Running>> shared_;
};

}  // namespace hybridbuffer::inline v0_1
