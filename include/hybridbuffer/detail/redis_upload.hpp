#pragma once

#include <hybridbuffer/detail/redis_object.hpp>
#include <hybridbuffer/detail/redis_pipeline.hpp>
#include <hybridbuffer/detail/redis_upkeep.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// The bytes of one writer on their way into Redis, a chunk a key, several under way at once. The keys are of this writer only.
///
/// An extension begins with the last chunk of the object, if that is not full: it is read, and written anew under another name.
class RedisUpload {
 public:
  /// `extended`: null for a new object. Errors: std::bad_alloc.
  RedisUpload(RedisLocationRef location, RedisObjectRef extended)
      : location_{std::move(location)},
        object_{extended ? std::move(extended) : std::make_shared<RedisObject>()},
        generation_{location_->new_generation()},
        begin_{object_->state().size},
        old_manifest_{object_->state().manifest},
        size_{begin_},
        first_{location_->chunk_of(begin_)},
        next_{first_},
        mine_{1},
        replaced_{1},
        pipeline_{location_->place_ref(), location_->slot()} {
    object_->reserve();
  }
  RedisUpload(const RedisUpload&) = delete;
  RedisUpload& operator=(const RedisUpload&) = delete;
  ~RedisUpload() {
    watch_.cancel(pipeline_);
    last_watch_.cancel(pipeline_);
    for (const auto& command : under_way_) pipeline_.cancel(*command);
  }

  [[nodiscard]] RedisLocation& location() const noexcept { return *location_; }
  [[nodiscard]] bool extends() const noexcept { return old_manifest_ != 0; }

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    if (bytes.size() > std::numeric_limits<std::uint64_t>::max() - size_) {
      return failure(errc::limit_exceeded, "write to Redis", "more than 2^64 bytes");
    }
    if (bytes.empty()) return {};
    if (auto begun = begin_with_tail(); !begun) return begun;
    if (auto kept = keep_stored(); !kept) return kept;
    size_ += bytes.size();
    const std::size_t chunk_bytes = location_->options().chunk_bytes;
    while (!bytes.empty()) {
      if (filling_.empty() && bytes.size() >= chunk_bytes) {
        if (auto sent = send(bytes.first(chunk_bytes)); !sent) return sent;
        bytes = bytes.subspan(chunk_bytes);
        continue;
      }
      const std::size_t count = std::min(bytes.size(), chunk_bytes - filling_.size());
      fill(bytes.first(count));
      bytes = bytes.subspan(count);
      if (filling_.size() < chunk_bytes) break;
      if (auto sent = send(filling_); !sent) return sent;
      filling_.clear();
    }
    return {};
  }

  /// Stores what is left, and then the manifest. Errors: after an indeterminate one the manifest may be there; nobody looks for it.
  [[nodiscard]] Result<void> finish() {
    if (!filling_.empty()) {
      if (auto sent = send(filling_); !sent) return sent;
    }
    if (next_ != first_) ask_for_first();
    if (auto waited = wait_until(0); !waited) return waited;
    bool is_due = is_first_due();
    if (last_watch_.is_gone()) {  // or it was looked for before it was there: the server refused the chunk at first
      ask_for_first();
      is_due = is_first_due();
    }
    if (is_due) {
      if (auto refreshed = refresh_mine(); !refreshed) return refreshed;
    }
    if (last_watch_.is_gone()) return failure(errc::corrupted, "close a writer to Redis", "its chunks have expired or were evicted");
    if (auto committed = store_manifest(); !committed) return committed;
    pipeline_.rest();
    return {};
  }

  /// Nothing was written to an extension: there is nothing to commit.
  [[nodiscard]] bool changes_nothing() const noexcept { return extends() && size_ == begin_; }

  /// The object is what this writer made of it. Returns: what holds it.
  [[nodiscard]] RedisObjectRef commit() noexcept {
    const std::uint64_t chunk_bytes = location_->options().chunk_bytes;
    if (extends()) {
      RedisWasteEntry& old = replaced_.front();
      old.manifest = old_manifest_;
      if (begin_ % chunk_bytes != 0) old.run = {object_->generation_of(first_), first_, 1};
    }
    object_->commit(first_, generation_, size_);
    is_committed_ = true;
    return object_;
  }
  /// Hands what is not needed any more to the location: after commit() what it replaced, else all that was written. It may wait up to half
  /// of the time until `end` for what is under way.
  void give_up(RedisClock::time_point end) noexcept {
    if (std::exchange(is_given_up_, true)) return;
    if (is_committed_) {
      if (extends()) location_->add_waste(std::move(replaced_));
      return;
    }
    bool may_return = has_failed_;
    try {
      pipeline_.settle(end - (end - RedisClock::now()) / 2);
    } catch (const std::bad_alloc&) {
      may_return = true;
    }
    watch_.cancel(pipeline_);
    last_watch_.cancel(pipeline_);
    for (const auto& command : under_way_) {
      has_sent_ = has_sent_ || command->was_sent;
      may_return = may_return || command->phase != RedisCommand::Phase::done || !command->result;
      pipeline_.cancel(*command);
    }
    under_way_.clear();
    if (!has_sent_ && !has_manifest_) return;
    mine_.front() = {.manifest = has_manifest_ ? generation_ : 0, .run = {generation_, first_, next_ - first_}, .may_return = may_return};
    location_->add_waste(std::move(mine_));
  }
  /// Connections back into the pool.
  void rest() noexcept { pipeline_.rest(); }

 private:
  /// Reads the last chunk of what is extended.
  [[nodiscard]] Result<void> begin_with_tail() {
    if (std::exchange(has_begun_, true)) return {};
    const auto tail = static_cast<std::size_t>(begin_ % location_->options().chunk_bytes);
    if (tail == 0) return {};
    reserve(tail);
    filling_.resize(tail);
    RedisCommand command;
    command.restart("read the last chunk of an object in Redis",
                    RedisText{"GET", location_->chunk_key(object_->generation_of(first_), first_)}, RedisReply::Kind::text);
    command.sink = filling_;
    const CancelAtTheEnd cancel{pipeline_, command};
    auto got = pipeline_.run(command, location_->deadline());
    if (got && (command.reply.kind != RedisReply::Kind::text || command.reply.length != tail)) {
      got = failure(errc::corrupted, "append to an object in Redis", "its last chunk is missing or short");
    }
    return got;
  }

  /// Refreshes what is stored once that has not been for a while: bytes that only fill the next chunk send nothing else.
  [[nodiscard]] Result<void> keep_stored() {
    if (next_ == first_ || RedisClock::now() - fresh_since_ <= location_->place().lease() / 16) return {};
    return refresh_mine();
  }

  void reserve(std::size_t size) {
    if (size <= filling_.capacity()) return;
    constexpr std::size_t least = 4096;
    filling_.reserve(std::min(std::max({least, size, filling_.capacity() * 4}), std::max(size, location_->options().chunk_bytes)));
  }
  void fill(std::span<const std::byte> bytes) {
    reserve(filling_.size() + bytes.size());
    filling_.insert(filling_.end(), bytes.begin(), bytes.end());
  }

  /// Starts a chunk, once fewer than the window are under way. They leave a few at a time, which takes fewer system calls.
  [[nodiscard]] Result<void> send(std::span<const std::byte> bytes) {
    const std::size_t window = location_->window();
    const std::size_t at_once = std::clamp<std::size_t>(window / 4, 1, 16);
    if (under_way_.size() >= window) {
      if (auto waited = wait_until(window - at_once); !waited) return waited;
    }
    auto command = free_.empty() ? std::make_unique<RedisCommand>() : std::move(free_.back());
    if (!free_.empty()) free_.pop_back();
    const std::string lease = std::to_string(location_->place().lease().count());
    const std::string_view content{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    command->restart("store a chunk in Redis", RedisText{"SET", location_->chunk_key(generation_, next_), content, "PX", lease},
                     RedisReply::Kind::status);
    under_way_.push_back(std::move(command));
    pipeline_.submit(*under_way_.back());
    if (next_ == first_) fresh_since_ = RedisClock::now();
    ++next_;
    if (++unsent_ < at_once) return {};
    unsent_ = 0;
    if (next_ - first_ > at_once) watch_.ask(pipeline_, location_->chunk_key(generation_, first_));
    pipeline_.poll(location_->deadline());
    if (auto taken = take_finished(); !taken) return taken;
    if (watch_.is_due(location_->place().lease())) return refresh_mine();
    return {};
  }

  void ask_for_first() { last_watch_.ask(pipeline_, location_->chunk_key(generation_, first_)); }
  [[nodiscard]] bool is_first_due() {
    pipeline_.drive(location_->deadline(), [&] { return !last_watch_.is_under_way(); });
    return last_watch_.is_due(location_->place().lease());
  }
  [[nodiscard]] Result<void> refresh_mine() {
    if (auto waited = wait_until(0); !waited) return waited;
    fresh_since_ = RedisClock::now();
    return refresh_keys(pipeline_, *location_, {{generation_, first_, next_ - first_}}, 0, location_->place().lease());
  }

  [[nodiscard]] Result<void> wait_until(std::size_t most) {
    while (under_way_.size() > most) {
      pipeline_.drive(location_->deadline(), [&] { return under_way_.front()->phase == RedisCommand::Phase::done; });
      if (auto taken = take_finished(); !taken) return taken;
    }
    return {};
  }
  [[nodiscard]] Result<void> take_finished() {
    while (!under_way_.empty() && under_way_.front()->phase == RedisCommand::Phase::done) {
      if (!under_way_.front()->result) {
        has_failed_ = true;
        return under_way_.front()->result;
      }
      has_sent_ = true;
      under_way_.front()->text = {};  // of the size of a chunk
      free_.push_back(std::move(under_way_.front()));
      under_way_.pop_front();
    }
    return {};
  }

  /// The one step that makes the object. Where keys live for ever, its chunks do so from then on.
  [[nodiscard]] Result<void> store_manifest() {
    const std::string key = location_->manifest_key(generation_);
    const std::string content = location_->manifest(generation_, size_);
    RedisCommand command;
    const std::chrono::milliseconds expiration = location_->options().expiration;
    if (expiration.count() != 0) {
      command.restart("commit an object in Redis", RedisText{"SET", key, content, "PX", std::to_string(expiration.count())},
                      RedisReply::Kind::status);
    } else {
      command.restart("commit an object in Redis", script(key, content), RedisReply::Kind::status);
    }
    has_manifest_ = true;
    const CancelAtTheEnd cancel{pipeline_, command};
    auto stored = pipeline_.run(command, location_->deadline());
    if (!stored) has_failed_ = true;
    return stored;
  }
  [[nodiscard]] RedisText script(const std::string& key, const std::string& content) const {
    static constexpr std::string_view text =
        "for i=2,#KEYS do if redis.call('EXISTS',KEYS[i])==0 then return redis.error_reply('WRONGTYPE') end end "
        "for i=2,#KEYS do redis.call('PERSIST',KEYS[i]) end return redis.call('SET',KEYS[1],ARGV[1])";
    RedisKeys keys{*location_, {{generation_, first_, next_ - first_}}, 0};
    std::vector<std::string> names{key};
    for (std::string name = keys.next(); !name.empty(); name = keys.next()) names.push_back(std::move(name));
    const std::string count = std::to_string(names.size());
    std::vector<std::string_view> words{"EVAL", text, count};
    words.insert(words.end(), names.begin(), names.end());
    words.push_back(content);
    return RedisText{words};
  }

  struct CancelAtTheEnd {
    RedisPipeline& pipeline;
    RedisCommand& command;
    CancelAtTheEnd(RedisPipeline& p, RedisCommand& c) noexcept : pipeline{p}, command{c} {}
    CancelAtTheEnd(const CancelAtTheEnd&) = delete;
    CancelAtTheEnd& operator=(const CancelAtTheEnd&) = delete;
    ~CancelAtTheEnd() { pipeline.cancel(command); }
  };

  RedisLocationRef location_;
  RedisObjectRef object_;
  std::uint64_t generation_;
  std::uint64_t begin_;         // the size before
  std::uint64_t old_manifest_;  // 0: a new object
  std::uint64_t size_;
  std::uint64_t first_;  // chunk of this writer
  std::uint64_t next_;
  std::size_t unsent_ = 0;
  RedisClock::time_point fresh_since_{};  // since when what is stored has had all its time
  bool has_begun_ = false;
  bool has_sent_ = false;      // a chunk
  bool has_manifest_ = false;  // it may be there
  bool has_failed_ = false;
  bool is_committed_ = false;
  bool is_given_up_ = false;
  RedisWasteEntries mine_;
  RedisWasteEntries replaced_;
  std::vector<std::byte> filling_;
  std::deque<std::unique_ptr<RedisCommand>> under_way_;
  std::vector<std::unique_ptr<RedisCommand>> free_;
  RedisWatch watch_;
  RedisWatch last_watch_;
  RedisPipeline pipeline_;  // last: it lets go of the commands first
};

}  // namespace hybridbuffer::inline v0_1::detail
