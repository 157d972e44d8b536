#pragma once

#include <hybridbuffer/detail/s3_download.hpp>
#include <hybridbuffer/detail/s3_upload.hpp>
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

/// Writes an object: a single PUT at close() when it fits into a part, else parts that leave while it is written.
///
/// Parts move only while a call of this writer is under way. Destroying it unclosed aborts its upload (S3Timeouts::cleanup).
class S3Writer {
 public:
  S3Writer(S3Writer&&) noexcept = default;
  S3Writer& operator=(S3Writer&& other) noexcept {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
      upload_ = std::move(other.upload_);
      waste_ = std::move(other.waste_);
    }
    return *this;
  }
  ~S3Writer() { abandon(); }

  /// Errors: `limit_exceeded` beyond max_object_size(); `permission`, `no_space`, `timeout`, `unavailable`, … of the store; `closed`.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&] { return upload_->write(bytes); });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces) {
    return state_.write([&]() -> Result<void> {
      for (const std::span<const std::byte> piece : pieces) {
        if (auto written = upload_->write(piece); !written) return written;
      }
      return {};
    });
  }

  /// Makes the object and what is read from now on. The one it replaces is deleted; where that fails, a later call tries again.
  /// Errors: those of write; `not_found` when the location was removed or destroyed. After `timeout` and `unavailable` nothing new is
  ///         visible, and what may be in the store is removed by the next call that can.
  [[nodiscard]] Result<void> close() {
    if (!upload_ || !is_ours()) return state_.close([](detail::S3ObjectRef&) { return Result<void>{}; });
    Result<detail::S3ObjectRef> made = detail::S3ObjectRef{};
    if (state_.is_open()) {
      // no upload for what was removed
      if (auto current = state_.while_current("close", [] { return Result<void>{}; }); !current) made = std::unexpected{current.error()};
      else made = finish();
    }
    detail::S3ObjectRef replaced;
    const auto verdict = state_.close([&](detail::S3ObjectRef& object) -> Result<void> {
      if (!made) return std::unexpected{made.error()};
      replaced = std::exchange(object, *std::move(made));
      upload_->kept();
      return {};
    });
    if (replaced) waste_->add(std::move(replaced->removal));
    abandon();
    return verdict;
  }

 private:
  friend class S3Backend;
  S3Writer(WriterState<detail::S3ObjectRef> state, std::unique_ptr<detail::S3Upload> upload, std::shared_ptr<detail::S3Waste> waste)
      : state_{std::move(state)}, upload_{std::move(upload)}, waste_{std::move(waste)} {}

  [[nodiscard]] bool is_ours() const noexcept { return process_ == detail::process_identity(); }

  [[nodiscard]] Result<detail::S3ObjectRef> finish() {
    try {
      return upload_->finish();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "close", "out of memory");
    }
  }
  void abandon() noexcept {
    if (!upload_) return;
    if (!is_ours()) {
      upload_->forget();
      upload_.reset();
      return;
    }
    upload_->abandon();
    const detail::S3PlaceRef place = upload_->place();
    upload_.reset();
    [[maybe_unused]] const auto cleared = waste_->clear(place, place->options().timeouts.cleanup);  // what fails stays listed
  }

  WriterState<detail::S3ObjectRef> state_;
  std::unique_ptr<detail::S3Upload> upload_;  // null once closed or moved from
  std::shared_ptr<detail::S3Waste> waste_;
  detail::ProcessIdentity process_ = detail::process_identity();
};

/// Delivers any window of an object: ranged requests, several side by side for a long one, each bound to the object that was opened.
class S3ReaderAt {
 public:
  /// Returns: bytes.size(), or what is left before the object's end.
  /// Errors:  `corrupted` when the object in the store was changed or deleted behind the backend's back, or removed; `timeout`,
  ///          `unavailable`, `permission`, …; `closed`. Nothing can be said of the span then.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read from S3"); !usable) return std::unexpected{std::move(usable).error()};
    return detail::read_ranges(place_, *object_, offset, bytes);
  }
  /// Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size of an S3 object"); !usable) return std::unexpected{std::move(usable).error()};
    return object_->size;
  }

 private:
  friend class S3Backend;
  S3ReaderAt(detail::S3PlaceRef place, detail::S3ObjectRef object) noexcept : place_{std::move(place)}, object_{std::move(object)} {}

  ReaderState state_;
  detail::S3PlaceRef place_;
  detail::S3ObjectRef object_;
};

/// Reads an object in order, with ranges ahead of the reader once it is seen to go on; its position can be set.
class S3Reader {
 public:
  /// Errors: as S3ReaderAt::read_at; the next read tries at the same position.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read from S3"); !usable) return std::unexpected{std::move(usable).error()};
    try {
      return ahead_->read(bytes);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read from S3", "out of memory");
    }
  }
  /// Errors: `invalid_argument`; `closed`. Cost: none; what was read ahead is kept as far as it still serves.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
    if (auto usable = state_.check("seek in an S3 object"); !usable) return std::unexpected{std::move(usable).error()};
    const auto target = detail::seek_target(offset, whence, ahead_->position(), ahead_->size());
    if (target) ahead_->move_to(*target);
    return target;
  }
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size of an S3 object"); !usable) return std::unexpected{std::move(usable).error()};
    return ahead_->size();
  }

 private:
  friend class S3Backend;
  explicit S3Reader(std::unique_ptr<detail::S3ReadAhead> ahead) noexcept : ahead_{std::move(ahead)} {}

  ReaderState state_;
  std::unique_ptr<detail::S3ReadAhead> ahead_;
};

}  // namespace hybridbuffer::inline v0_1
