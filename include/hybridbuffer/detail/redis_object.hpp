#pragma once

#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/redis_place.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <sys/random.h>
#include <utility>
#include <vector>

/// \file
/// How objects lie in Redis. A location is one random tag, so one slot. Each writer takes a generation of its own, a number, and all keys
/// that it makes hold that: no name is used twice, and nothing that arrives late can touch an object. The chunk i of the generation g is
/// `…{tag}:g:i`. The object is there once its manifest `…{tag}:g` is, which one SET makes.

namespace hybridbuffer::inline v0_1::detail {

/// 128 random bits in hexadecimal, from the kernel: there is no state that a forked child could repeat.
[[nodiscard]] inline Result<std::string> redis_random_tag() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return failure_from_errno("draw a random name");
  std::string text;
  for (const unsigned char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text.append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
  }
  return text;
}

/// Chunks of one generation.
struct RedisRun {
  std::uint64_t generation = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

class RedisObject;

/// Keys that nobody needs any more.
struct RedisWasteEntry {
  std::shared_ptr<RedisObject> object{};  ///< all of it; null: none
  std::uint64_t manifest = 0;             ///< a generation; 0: none
  RedisRun run{};
  bool may_return = false;  ///< a command that was given up may still arrive
};
using RedisWasteEntries = std::list<RedisWasteEntry>;

/// A committed object, which extensions change. Threads: any number at once.
class RedisObject {
 public:
  RedisObject() : removal{1} {}

  /// What a commit made of it.
  struct State {
    std::uint64_t size = 0;
    std::uint64_t manifest = 0;  // generation of the manifest
  };
  [[nodiscard]] State state() const noexcept {
    const LightGuard guard{lock_};
    return state_;
  }
  [[nodiscard]] std::uint64_t generation_of(std::uint64_t chunk) const noexcept {
    const LightGuard guard{lock_};
    const auto next =
        std::upper_bound(starts_.begin(), starts_.end(), chunk, [](std::uint64_t at, const Start& start) { return at < start.chunk; });
    return next == starts_.begin() ? 0 : std::prev(next)->generation;
  }
  /// Errors: std::bad_alloc.
  [[nodiscard]] std::vector<RedisRun> runs(std::uint64_t chunk_bytes) const {
    const LightGuard guard{lock_};
    const std::uint64_t chunks = (state_.size + chunk_bytes - 1) / chunk_bytes;
    std::vector<RedisRun> all;
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      const std::uint64_t end = i + 1 < starts_.size() ? starts_[i + 1].chunk : chunks;
      if (end > starts_[i].chunk) all.push_back({starts_[i].generation, starts_[i].chunk, end - starts_[i].chunk});
    }
    return all;
  }
  /// Room for one more commit(). Errors: std::bad_alloc.
  void reserve() {
    const LightGuard guard{lock_};
    if (starts_.size() == starts_.capacity()) starts_.reserve(starts_.size() * 2 + 1);
  }
  /// From `chunk` on it is of `generation`.
  void commit(std::uint64_t chunk, std::uint64_t generation, std::uint64_t size) noexcept {
    const LightGuard guard{lock_};
    while (!starts_.empty() && starts_.back().chunk >= chunk) starts_.pop_back();
    starts_.push_back({chunk, generation});
    state_ = {size, generation};
  }

  RedisWasteEntries removal;  ///< what removes it, made beforehand; of whoever takes it out of its location

 private:
  struct Start {
    std::uint64_t chunk;
    std::uint64_t generation;
  };
  mutable LightLock lock_;
  std::vector<Start> starts_;
  State state_;
};

/// As a location knows it: null when there is none.
using RedisObjectRef = std::shared_ptr<RedisObject>;

/// What removes it.
[[nodiscard]] inline RedisWasteEntries removal_of(RedisObjectRef object) noexcept {
  RedisWasteEntries entries = std::move(object->removal);
  if (!entries.empty()) entries.front().object = std::move(object);
  return entries;
}

/// A location: its names, and the keys that it has to remove.
class RedisLocation {
 public:
  RedisLocation(RedisPlaceRef place, std::string_view tag)
      : place_{std::move(place)},
        base_{place_->options().prefix + "hybridbuffer:{" + std::string{tag} + "}:"},
        slot_{redis_slot_of_tag(tag)} {}

  [[nodiscard]] RedisPlace& place() const noexcept { return *place_; }
  [[nodiscard]] const RedisPlaceRef& place_ref() const noexcept { return place_; }
  [[nodiscard]] const RedisOptions& options() const noexcept { return place_->options(); }
  [[nodiscard]] std::uint16_t slot() const noexcept { return slot_; }
  [[nodiscard]] std::uint64_t new_generation() noexcept { return 1 + generations_.fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::string manifest_key(std::uint64_t generation) const { return base_ + std::to_string(generation); }
  [[nodiscard]] std::string chunk_key(std::uint64_t generation, std::uint64_t chunk) const {
    return base_ + std::to_string(generation) + ":" + std::to_string(chunk);
  }
  /// The key that expires first of an object: later ones were made, and all are refreshed together, after it.
  [[nodiscard]] std::string oldest_key(const RedisObject& object) const {
    const RedisObject::State state = object.state();
    return state.size == 0 ? manifest_key(state.manifest) : chunk_key(object.generation_of(0), 0);
  }
  /// What stands in a manifest.
  [[nodiscard]] std::string manifest(std::uint64_t generation, std::uint64_t size) const {
    return "hybridbuffer 1 " + std::to_string(generation) + " " + std::to_string(size) + " " + std::to_string(options().chunk_bytes);
  }
  [[nodiscard]] std::uint64_t chunk_of(std::uint64_t offset) const noexcept { return offset / options().chunk_bytes; }
  /// How many commands of a chunk each may be under way at once.
  [[nodiscard]] std::size_t window() const noexcept {
    constexpr std::size_t most = 256;
    return std::clamp<std::size_t>(options().window_bytes / options().chunk_bytes, 1, most);
  }
  [[nodiscard]] RedisClock::time_point deadline() const noexcept { return RedisClock::now() + options().timeouts.operation; }

  /// The committed object, for whoever looks after the location from outside its backend.
  [[nodiscard]] RedisObjectRef current() noexcept {
    const LightGuard guard{lock_};
    return current_;
  }
  void set_current(RedisObjectRef object) noexcept {  // by value: the old one ends outside the lock
    const LightGuard guard{lock_};
    std::swap(current_, object);
  }
  /// Keeps something for as long as this location lives.
  void keep(std::shared_ptr<const void> companion) noexcept { companion_ = std::move(companion); }

  void add_waste(RedisWasteEntries&& entries) noexcept {
    const LightGuard guard{lock_};
    waste_.splice(waste_.end(), entries);
  }
  /// Takes what is to be removed; with `again` also what was removed and may have returned.
  [[nodiscard]] RedisWasteEntries take_waste(bool again) noexcept {
    RedisWasteEntries taken;
    const LightGuard guard{lock_};
    taken.splice(taken.end(), waste_);
    if (again) taken.splice(taken.end(), returning_);
    return taken;
  }
  void add_returning(RedisWasteEntries&& entries) noexcept {
    const LightGuard guard{lock_};
    returning_.splice(returning_.end(), entries);
  }

 private:
  RedisPlaceRef place_;
  std::string base_;
  std::uint16_t slot_;
  std::atomic<std::uint64_t> generations_{0};
  LightLock lock_;
  RedisWasteEntries waste_;
  RedisWasteEntries returning_;  // removed once
  RedisObjectRef current_;
  std::shared_ptr<const void> companion_;
};

using RedisLocationRef = std::shared_ptr<RedisLocation>;

}  // namespace hybridbuffer::inline v0_1::detail
