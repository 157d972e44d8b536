#pragma once

#include <hybridbuffer/detail/redis_object.hpp>
#include <hybridbuffer/detail/redis_pipeline.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What is done to the keys of a location beside their bytes: their expiry, and their end.

namespace hybridbuffer::inline v0_1::detail {

/// Runs many commands, some at a time. `next()` makes the next text, an empty one at the end; `take(RedisCommand&)` gets each when it is
/// done; `deadline()` is for the next that is to be done. Errors: std::bad_alloc.
template <class Deadline, class Next, class Take>
void run_all(RedisPipeline& pipeline, OperationName operation, RedisReply::Kind kind, bool may_split, Deadline&& deadline, Next&& next,
             Take&& take) {
  constexpr std::size_t at_once = 64;
  std::deque<RedisCommand> commands;
  bool more = true;
  struct Cancel {
    RedisPipeline* pipeline;
    std::deque<RedisCommand>* commands;
    ~Cancel() {
      for (RedisCommand& command : *commands) pipeline->cancel(command);
    }
  };
  const Cancel cancel{&pipeline, &commands};
  for (;;) {
    while (more && commands.size() < at_once) {
      RedisText text = next();
      if (text.size() == 0) {
        more = false;
        break;
      }
      commands.emplace_back().restart(operation, std::move(text), kind);
      commands.back().may_split = may_split;
      pipeline.submit(commands.back());
    }
    if (commands.empty()) return;
    pipeline.drive(deadline(), [&] { return commands.front().phase == RedisCommand::Phase::done; });
    take(commands.front());
    commands.pop_front();
  }
}

/// Visits the keys of runs one by one.
class RedisKeys {
 public:
  RedisKeys(const RedisLocation& location, std::vector<RedisRun> runs, std::uint64_t manifest)
      : location_{&location}, runs_{std::move(runs)}, manifest_{manifest} {}

  /// The next; empty at the end. The first chunk comes last.
  [[nodiscard]] std::string next() {
    while (run_ < runs_.size()) {
      const RedisRun& run = runs_[runs_.size() - 1 - run_];
      if (done_ < run.count) return location_->chunk_key(run.generation, run.first + (run.count - ++done_));
      done_ = 0;
      ++run_;
    }
    return {};
  }
  /// The manifest's, at first.
  [[nodiscard]] std::string next_with_manifest() {
    if (manifest_ != 0) return location_->manifest_key(std::exchange(manifest_, 0));
    return next();
  }

 private:
  const RedisLocation* location_;
  std::vector<RedisRun> runs_;
  std::uint64_t manifest_;
  std::size_t run_ = 0;
  std::uint64_t done_ = 0;
};

/// Lets all these keys live for `lifetime` from now on. Errors: `corrupted` when one is gone; the store's; std::bad_alloc.
[[nodiscard]] inline Result<void> refresh_keys(RedisPipeline& pipeline, const RedisLocation& location, std::vector<RedisRun> runs,
                                               std::uint64_t manifest, std::chrono::milliseconds lifetime) {
  RedisKeys keys{location, std::move(runs), manifest};
  const std::string milliseconds = std::to_string(lifetime.count());
  Result<void> verdict{};
  run_all(
      pipeline, "refresh keys in Redis", RedisReply::Kind::integer, false, [&] { return location.deadline(); },
      [&] {
        const std::string key = verdict ? keys.next_with_manifest() : std::string{};
        return key.empty() ? RedisText{} : RedisText{"PEXPIRE", key, milliseconds};
      },
      [&](const RedisCommand& command) {
        if (!verdict) return;
        verdict = command.result;
        if (verdict && command.reply.integer != 1) verdict = failure(errc::corrupted, "refresh keys in Redis", "one is gone");
      });
  return verdict;
}

/// Asks now and then how long the first key of a location will live, so that all of them are refreshed when a part of that is over. One
/// small command goes along with those that are under way anyway.
class RedisWatch {
 public:
  /// Unless one is under way. Errors: std::bad_alloc.
  void ask(RedisPipeline& pipeline, std::string_view key) {
    if (command_.phase == RedisCommand::Phase::waiting || command_.phase == RedisCommand::Phase::sent ||
        command_.phase == RedisCommand::Phase::answered) {
      return;
    }
    command_.restart("look at the expiry of a key in Redis", RedisText{"PTTL", key}, RedisReply::Kind::integer);
    pipeline.submit(command_);
  }
  /// Whether the answer is there, and says that it is time. Once.
  [[nodiscard]] bool is_due(std::chrono::milliseconds lifetime) noexcept {
    if (command_.phase != RedisCommand::Phase::done) return false;
    command_.phase = RedisCommand::Phase::idle;
    const std::int64_t left = command_.reply.integer;
    is_gone_ = command_.result.has_value() && left == -2;
    return command_.result && left >= 0 && left < lifetime.count() - lifetime.count() / 16;
  }
  /// Whether the last answer was that there is no such key.
  [[nodiscard]] bool is_gone() const noexcept { return is_gone_; }
  [[nodiscard]] bool is_under_way() const noexcept {
    using enum RedisCommand::Phase;
    return command_.phase == waiting || command_.phase == sent || command_.phase == answered;
  }
  void cancel(RedisPipeline& pipeline) noexcept { pipeline.cancel(command_); }

 private:
  RedisCommand command_;
  bool is_gone_ = false;
};

/// Refreshes an object whose first key has lived for a while. What goes wrong is tried again by the next operation.
inline void refresh_object(RedisPipeline& pipeline, const RedisLocation& location, const RedisObject& object) {
  [[maybe_unused]] const auto refreshed =
      refresh_keys(pipeline, location, object.runs(location.options().chunk_bytes), object.state().manifest, location.options().expiration);
}

/// Whether an object has another state by now, or is not what `committed()` gives any more: what it lacks it may lack by right.
template <class Committed>
[[nodiscard]] bool has_changed(const RedisObjectRef& object, RedisObject::State state, Committed&& committed) {
  const Result<RedisObjectRef> now = committed();
  return !now || *now != object || object->state().manifest != state.manifest;
}

/// Lets the object that `committed()` gives live on, or what has taken its place meanwhile.
/// Errors: those of `committed()`; `corrupted` when a key is gone; `no_space`; the store's.
template <class Committed>
[[nodiscard]] Result<void> touch_object(const RedisLocation& location, Committed&& committed) {
  for (;;) {
    const Result<RedisObjectRef> object = committed();
    if (!object) return std::unexpected{object.error()};
    if (location.options().expiration.count() == 0) return {};
    const RedisObject::State state = (*object)->state();
    Result<void> touched{};
    try {
      RedisPipeline pipeline{location.place_ref(), location.slot()};
      touched =
          refresh_keys(pipeline, location, (*object)->runs(location.options().chunk_bytes), state.manifest, location.options().expiration);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "touch an object in Redis", "out of memory");
    }
    if (touched || touched.error() != errc::corrupted || !has_changed(*object, state, committed)) return touched;
  }
}

/// Whether the manifest is what it was when the object had this state; refreshes the object when it is time.
/// Errors: `corrupted`; the store's; std::bad_alloc.
[[nodiscard]] inline Result<void> look_at_manifest(const RedisLocation& location, const RedisObject& object, RedisObject::State state) {
  RedisWatch watch;
  RedisCommand command;
  RedisPipeline pipeline{location.place_ref(), location.slot()};  // last: it lets go of the commands first
  command.restart("look for an object in Redis", RedisText{"GET", location.manifest_key(state.manifest)}, RedisReply::Kind::text);
  const bool expires = location.options().expiration.count() != 0;
  if (expires) watch.ask(pipeline, location.oldest_key(object));
  if (auto got = pipeline.run(command, location.deadline()); !got) return got;
  if (command.reply.kind != RedisReply::Kind::text || command.reply.text != location.manifest(state.manifest, state.size)) {
    return failure(errc::corrupted, "look for an object in Redis", "it is not there any more");
  }
  if (expires) {
    pipeline.drive(location.deadline(), [&] { return !watch.is_under_way(); });
    if (watch.is_due(location.options().expiration)) refresh_object(pipeline, location, object);
  }
  return {};
}

/// UNLINKs all keys of an entry, `batch` in a command. Errors: the store's; std::bad_alloc.
/// Returns: false when only some keys of a command were on their node, because their slot is moving: one at a time will do.
[[nodiscard]] inline Result<bool> unlink_entry(RedisPipeline& pipeline, const RedisLocation& location, const RedisWasteEntry& entry,
                                               RedisClock::time_point end, std::size_t batch) {
  std::vector<RedisRun> runs = entry.object ? entry.object->runs(location.options().chunk_bytes) : std::vector<RedisRun>{entry.run};
  RedisKeys keys{location, std::move(runs), entry.object ? entry.object->state().manifest : entry.manifest};
  Result<bool> verdict = true;
  const auto next = [&] {
    std::vector<std::string> names;
    while (verdict && names.size() < batch) {
      std::string key = keys.next_with_manifest();
      if (key.empty()) break;
      names.push_back(std::move(key));
    }
    if (names.empty()) return RedisText{};
    std::vector<std::string_view> words{"UNLINK"};
    words.insert(words.end(), names.begin(), names.end());
    return RedisText{words};
  };
  const auto take = [&](const RedisCommand& command) {
    if (!verdict) return;
    if (command.is_split) verdict = false;
    else if (!command.result) verdict = std::unexpected{command.result.error()};
  };
  const auto deadline = [&] { return end; };
  run_all(pipeline, "remove from Redis", RedisReply::Kind::integer, batch > 1, deadline, next, take);
  return verdict;
}
[[nodiscard]] inline Result<void> remove_entry(RedisPipeline& pipeline, const RedisLocation& location, const RedisWasteEntry& entry,
                                               RedisClock::time_point end) {
  constexpr std::size_t batch = 128;
  auto removed = unlink_entry(pipeline, location, entry, end, batch);
  if (removed && !*removed) removed = unlink_entry(pipeline, location, entry, end, 1);
  if (!removed) return std::unexpected{std::move(removed).error()};
  return {};
}

/// When a location's waste is removed.
enum class RedisClearing : unsigned char {
  removal,  // remove(): all, in the time of an operation
  closing,  // beside another call
  end,      // the location's: all, once more too what may have returned
};

/// Removes what a location has to remove, within `cleanup`. Errors: the first; what could not be removed is tried again the next time.
[[nodiscard]] inline Result<void> clear_waste(RedisLocation& location, RedisClearing when, const RedisPlace::Cleanup& cleanup) noexcept {
  const bool again = when != RedisClearing::closing;
  RedisWasteEntries entries = location.take_waste(again);
  if (entries.empty()) return {};
  RedisWasteEntries gone;
  Result<void> verdict{};
  try {
    RedisPipeline pipeline{location.place_ref(), location.slot()};
    if (cleanup.once) pipeline.try_once();
    while (!entries.empty()) {
      verdict = remove_entry(pipeline, location, entries.front(), cleanup.end);
      if (!verdict) break;
      gone.splice(gone.end(), entries, entries.begin());
    }
  } catch (const std::bad_alloc&) {
    verdict = failure(errc::no_space, "remove from Redis", "out of memory");
  }
  location.place().note_cleanup(verdict || !verdict.error().is_indeterminate());
  std::erase_if(gone, [&](const RedisWasteEntry& entry) { return !entry.may_return || again; });
  location.add_returning(std::move(gone));
  location.add_waste(std::move(entries));
  return verdict;
}

}  // namespace hybridbuffer::inline v0_1::detail
