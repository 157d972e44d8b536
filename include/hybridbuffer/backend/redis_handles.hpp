#pragma once

#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/redis_download.hpp>
#include <hybridbuffer/detail/redis_upkeep.hpp>
#include <hybridbuffer/detail/redis_upload.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Writes an object, or extends one: chunks leave while it is written, and count once the manifest is there, which close() stores.
///
/// Chunks move only while a call of this writer is under way. Destroying it unclosed removes what it wrote (RedisTimeouts::cleanup).
class RedisWriter {
 public:
  RedisWriter(RedisWriter&&) noexcept = default;
  RedisWriter& operator=(RedisWriter&& other) noexcept {
    if (this != &other) {
      end();
      state_ = std::move(other.state_);
      upload_ = std::move(other.upload_);
    }
    return *this;
  }
  ~RedisWriter() { end(); }

  /// Errors: `no_space` (-OOM), `permission`, `timeout`, `unavailable`, … of the store; `corrupted` when what is extended is not there any
  ///         more; `closed`.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&] { return store(bytes); });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces) {
    return state_.write([&]() -> Result<void> {
      for (const std::span<const std::byte> piece : pieces) {
        if (auto written = store(piece); !written) return written;
      }
      return {};
    });
  }

  /// Makes the object and what is read from now on. What it replaces is removed; where that fails, a later call tries again.
  /// Errors: those of write; `not_found` when the location was removed or destroyed. Nothing new is visible then.
  [[nodiscard]] Result<void> close() {
    if (!upload_ || !is_ours()) return state_.close([](detail::RedisObjectRef&) { return Result<void>{}; });
    Result<void> made{};
    if (state_.is_open()) {
      made = state_.while_current("close", [] { return Result<void>{}; });  // no commit for what was removed
      if (made && !upload_->changes_nothing()) made = finish();
    }
    detail::RedisObjectRef replaced;
    const auto verdict = state_.close([&](detail::RedisObjectRef& object) -> Result<void> {
      if (!made) return made;
      if (upload_->changes_nothing()) return {};
      replaced = std::exchange(object, upload_->commit());
      if (replaced == object) replaced = {};
      upload_->location().set_current(object);
      return {};
    });
    if (replaced) upload_->location().add_waste(detail::removal_of(std::move(replaced)));
    end();
    return verdict;
  }

 private:
  friend class RedisBackend;
  RedisWriter(WriterState<detail::RedisObjectRef> state, std::unique_ptr<detail::RedisUpload> upload)
      : state_{std::move(state)}, upload_{std::move(upload)} {}

  [[nodiscard]] bool is_ours() const noexcept { return process_ == detail::process_identity(); }

  [[nodiscard]] Result<void> store(std::span<const std::byte> bytes) {
    auto written = upload_->write(bytes);
    if (written || written.error() != errc::corrupted) return written;
    // What an extension begins with may be missing because it was removed, and this is not current any more.
    auto current = state_.while_current("write to Redis", [] { return Result<void>{}; });
    return current ? written : current;
  }

  [[nodiscard]] Result<void> finish() {
    try {
      return upload_->finish();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "close", "out of memory");
    }
  }
  void end() noexcept {
    if (!upload_) return;
    if (is_ours()) {
      detail::RedisLocation& location = upload_->location();
      const detail::RedisPlace::Cleanup cleanup = location.place().cleanup();
      upload_->give_up(cleanup.end);
      upload_->rest();
      [[maybe_unused]] const auto cleared = detail::clear_waste(location, detail::RedisClearing::closing, cleanup);  // what fails stays
    }
    upload_.reset();
  }

  WriterState<detail::RedisObjectRef> state_;
  std::unique_ptr<detail::RedisUpload> upload_;  // null once closed or moved from
  detail::ProcessIdentity process_ = detail::process_identity();
};

/// Delivers any window of an object: parts of its chunks, several under way at once.
class RedisReaderAt {
 public:
  /// Returns: bytes.size(), or what is left before the object's end.
  /// Errors:  `corrupted` when a chunk is missing or short: evicted, expired, removed or replaced; `timeout`, `unavailable`, `permission`,
  /// …;
  ///          `closed`. Nothing can be said of the span then.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read from Redis"); !usable) return std::unexpected{std::move(usable).error()};
    return detail::read_chunks(view_, offset, bytes);
  }
  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size of an object in Redis"); !usable) return std::unexpected{std::move(usable).error()};
    return view_.size;
  }

 private:
  friend class RedisBackend;
  explicit RedisReaderAt(detail::RedisView view) noexcept : view_{std::move(view)} {}

  ReaderState state_;
  detail::RedisView view_;
};

/// Reads an object in order, with chunks ahead of the reader once it is seen to go on; its position can be set.
class RedisReader {
 public:
  /// Errors: as RedisReaderAt::read_at; the next read tries at the same position.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read from Redis"); !usable) return std::unexpected{std::move(usable).error()};
    try {
      return ahead_->read(bytes);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read from Redis", "out of memory");
    }
  }
  /// Errors: `invalid_argument`; `closed`. Cost: none; what was read ahead is kept as far as it still serves.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
    if (auto usable = state_.check("seek in an object in Redis"); !usable) return std::unexpected{std::move(usable).error()};
    const auto target = detail::seek_target(offset, whence, ahead_->position(), ahead_->size());
    if (target) ahead_->move_to(*target);
    return target;
  }
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size of an object in Redis"); !usable) return std::unexpected{std::move(usable).error()};
    return ahead_->size();
  }

 private:
  friend class RedisBackend;
  explicit RedisReader(std::unique_ptr<detail::RedisReadAhead> ahead) noexcept : ahead_{std::move(ahead)} {}

  ReaderState state_;
  std::unique_ptr<detail::RedisReadAhead> ahead_;
};

}  // namespace hybridbuffer::inline v0_1
