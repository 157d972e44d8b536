#pragma once

#include <hybridbuffer/detail/redis_object.hpp>
#include <hybridbuffer/detail/redis_pipeline.hpp>
#include <hybridbuffer/detail/redis_upkeep.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// An object as a handle shows it: the size that it had when the handle was opened.
struct RedisView {
  RedisLocationRef location{};
  RedisObjectRef object{};
  std::uint64_t size = 0;
};

/// A part of one chunk on its way here.
struct RedisFetch {
  std::uint64_t chunk = 0;
  std::size_t begin = 0;  // in the chunk
  std::uint64_t generation = 0;
  std::span<std::byte> bytes{};
  RedisCommand command{};

  /// Errors: std::bad_alloc.
  void start(RedisPipeline& pipeline, const RedisView& view, std::uint64_t offset, std::span<std::byte> target) {
    const std::size_t chunk_bytes = view.location->options().chunk_bytes;
    chunk = view.location->chunk_of(offset);
    begin = static_cast<std::size_t>(offset % chunk_bytes);
    bytes = target;
    submit(pipeline, view);
  }
  /// Requires: it is done. Returns: whether the bytes are there; false: it was sent again, because an extension has renamed the chunk.
  [[nodiscard]] Result<bool> finish(RedisPipeline& pipeline, const RedisView& view) {
    if (!command.result) return std::unexpected{command.result.error()};
    const bool is_there = command.reply.kind == RedisReply::Kind::text && command.reply.length >= bytes.size();
    if (is_there) return true;
    if (view.object->generation_of(chunk) == generation) return failure(errc::corrupted, "read from Redis", "a chunk is missing or short");
    submit(pipeline, view);
    return false;
  }

 private:
  void submit(RedisPipeline& pipeline, const RedisView& view) {
    generation = view.object->generation_of(chunk);
    const std::string key = view.location->chunk_key(generation, chunk);
    const bool is_whole = begin == 0 && bytes.size() == view.location->options().chunk_bytes;
    command.restart(
        "read from Redis",
        is_whole ? RedisText{"GET", key} : RedisText{"GETRANGE", key, std::to_string(begin), std::to_string(begin + bytes.size() - 1)},
        RedisReply::Kind::text);
    command.sink = bytes;
    pipeline.submit(command);
  }
};

/// How many bytes from `offset` on are in one chunk and in the view.
[[nodiscard]] inline std::size_t rest_of_chunk(const RedisView& view, std::uint64_t offset, std::uint64_t most) noexcept {
  const std::size_t chunk_bytes = view.location->options().chunk_bytes;
  const std::uint64_t rest = chunk_bytes - offset % chunk_bytes;
  return static_cast<std::size_t>(std::min({rest, view.size - offset, most}));
}

/// Fills `bytes` from `offset` on, or up to the end, with several chunks under way at once.
[[nodiscard]] inline Result<std::size_t> read_chunks(const RedisView& view, std::uint64_t offset, std::span<std::byte> bytes) {
  if (offset >= view.size || bytes.empty()) return 0;
  bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), view.size - offset)));
  try {
    std::deque<RedisFetch> fetches;
    RedisWatch watch;
    RedisPipeline pipeline{view.location->place_ref(), view.location->slot()};  // last: it lets go of the commands first
    const bool expires = view.location->options().expiration.count() != 0;
    if (expires) watch.ask(pipeline, view.location->oldest_key(*view.object));
    for (std::size_t next = 0; next < bytes.size() || !fetches.empty();) {
      while (next < bytes.size() && fetches.size() < view.location->window()) {
        const std::size_t count = rest_of_chunk(view, offset + next, bytes.size() - next);
        fetches.emplace_back().start(pipeline, view, offset + next, bytes.subspan(next, count));
        next += count;
      }
      RedisFetch& first = fetches.front();
      pipeline.drive(view.location->deadline(), [&] { return first.command.phase == RedisCommand::Phase::done; });
      auto finished = first.finish(pipeline, view);
      if (!finished) return std::unexpected{std::move(finished).error()};
      if (*finished) fetches.pop_front();
    }
    if (expires) {
      pipeline.drive(view.location->deadline(), [&] { return !watch.is_under_way(); });
      if (watch.is_due(view.location->options().expiration)) refresh_object(pipeline, *view.location, *view.object);
    }
    return bytes.size();
  } catch (const std::bad_alloc&) {
    return failure(errc::no_space, "read from Redis", "out of memory");
  }
}

/// The chunks of an object in order, fetched before they are asked for once the reader is seen to go on: twice as many each time, up to the
/// window.
class RedisReadAhead {
 public:
  explicit RedisReadAhead(RedisView view) : view_{std::move(view)}, pipeline_{view_.location->place_ref(), view_.location->slot()} {}
  RedisReadAhead(const RedisReadAhead&) = delete;
  RedisReadAhead& operator=(const RedisReadAhead&) = delete;
  ~RedisReadAhead() { drop_all(); }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return view_.size; }
  void move_to(std::uint64_t position) noexcept { position_ = position; }

  /// Errors: the next read tries at the same position; std::bad_alloc.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (bytes.empty() || position_ >= view_.size) return 0;
    drop_passed();
    try {
      fetch_ahead();
    } catch (...) {
      drop_all();
      throw;
    }
    Window& window = *windows_.front();
    for (bool is_there = window.is_there; !is_there;) {
      pipeline_.drive(view_.location->deadline(), [&] { return window.fetch.command.phase == RedisCommand::Phase::done; });
      auto finished = window.fetch.finish(pipeline_, view_);
      if (!finished) {
        drop_all();
        return std::unexpected{std::move(finished).error()};
      }
      is_there = window.is_there = *finished;
    }
    if (watch_.is_due(view_.location->options().expiration)) refresh_object(pipeline_, *view_.location, *view_.object);
    const auto skip = static_cast<std::size_t>(position_ - window.offset);
    const std::size_t count = std::min(bytes.size(), window.fetch.bytes.size() - skip);
    std::memcpy(bytes.data(), window.fetch.bytes.data() + skip, count);
    position_ += count;
    pipeline_.rest();
    return count;
  }

 private:
  struct Window {
    std::uint64_t offset = 0;
    bool is_there = false;
    std::vector<std::byte> memory{};
    RedisFetch fetch{};
  };

  /// Lets go of windows behind the position, and of all when the next read goes somewhere else.
  void drop_passed() noexcept {
    const std::uint64_t first = windows_.empty() ? next_ : windows_.front()->offset;
    if (position_ < first || position_ > next_) drop_all();
    while (!windows_.empty() && position_ >= windows_.front()->offset + windows_.front()->fetch.bytes.size()) {
      pipeline_.cancel(windows_.front()->fetch.command);
      free_ = std::move(windows_.front());
      windows_.pop_front();
    }
  }
  void drop_all() noexcept {
    watch_.cancel(pipeline_);
    for (const auto& window : windows_) pipeline_.cancel(window->fetch.command);
    windows_.clear();
    ahead_ = 0;
    next_ = position_;
  }

  void fetch_ahead() {
    if (next_ >= view_.size || windows_.size() > ahead_ / 2) return;
    ahead_ = std::min(ahead_ == 0 ? 1 : ahead_ * 2, view_.location->window());
    if (view_.location->options().expiration.count() != 0) watch_.ask(pipeline_, view_.location->oldest_key(*view_.object));
    while (next_ < view_.size && windows_.size() < ahead_) {
      auto window = free_ ? std::move(free_) : std::make_unique<Window>();
      const std::size_t count = rest_of_chunk(view_, next_, view_.size);
      window->offset = next_;
      window->is_there = false;
      window->memory.resize(count);
      windows_.push_back(std::move(window));
      windows_.back()->fetch.start(pipeline_, view_, next_, windows_.back()->memory);
      next_ += count;
    }
    pipeline_.poll(view_.location->deadline());
  }

  RedisView view_;
  std::uint64_t position_ = 0;
  std::uint64_t next_ = 0;  // behind the last window
  std::size_t ahead_ = 0;   // windows under way at most; 0: nothing was read here
  std::deque<std::unique_ptr<Window>> windows_{};
  std::unique_ptr<Window> free_{};
  RedisWatch watch_{};
  RedisPipeline pipeline_;  // last: it lets go of the commands first
};

}  // namespace hybridbuffer::inline v0_1::detail
