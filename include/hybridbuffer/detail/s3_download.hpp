#pragma once

#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_upload.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

[[nodiscard]] inline S3Call range_call(const S3Object& object, std::uint64_t offset, std::span<std::byte> sink) {
  S3Call call;
  call.request = {.operation{"read from S3"}, .method = S3Method::get, .key = object.key};
  call.range = S3Range{.offset = offset, .sink = sink, .object_size = object.size, .etag = object.etag};
  return call;
}

/// Fills `bytes` from `offset` on, or up to the object's end, with ranges side by side.
[[nodiscard]] inline Result<std::size_t> read_ranges(const S3PlaceRef& place, const S3Object& object, std::uint64_t offset,
                                                     std::span<std::byte> bytes) {
  if (offset >= object.size || bytes.empty()) return 0;
  bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), object.size - offset)));
  const S3Options& options = place->options();
  try {
    std::deque<S3Call> calls;  // before the lease, whose engine may still refer to them
    const S3Lease lease{place};
    std::size_t next = 0;
    Result<void> verdict{};
    while (verdict && (next < bytes.size() || !calls.empty())) {
      while (next < bytes.size() && calls.size() < options.parallel_ranges) {
        const std::size_t count = std::min(options.range_bytes, bytes.size() - next);
        calls.push_back(range_call(object, offset + next, bytes.subspan(next, count)));
        lease.engine().submit(calls.back());
        next += count;
      }
      lease.engine().drive(*place, S3Clock::now() + options.timeouts.operation, [&] { return calls.front().phase == S3Call::Phase::done; });
      verdict = calls.front().result;
      calls.pop_front();
    }
    for (S3Call& call : calls) {
      if (call.phase != S3Call::Phase::done) lease.engine().cancel(call);
    }
    if (!verdict) return std::unexpected{std::move(verdict).error()};
    return bytes.size();
  } catch (const std::bad_alloc&) {
    return failure(errc::no_space, "read from S3", "out of memory");
  }
}

/// Ranges of an object in order, fetched before they are asked for once the reader is seen to go on: each range is twice as long as the
/// one before, up to range_bytes. Until then as much is fetched ahead as twice what was read in order, from then on parallel_ranges are
/// under way.
class S3ReadAhead {
 public:
  S3ReadAhead(S3PlaceRef place, S3ObjectRef object) noexcept : place_{std::move(place)}, object_{std::move(object)} {}
  S3ReadAhead(const S3ReadAhead&) = delete;
  S3ReadAhead& operator=(const S3ReadAhead&) = delete;
  ~S3ReadAhead() {
    if (process_ == process_identity()) drop_all();
    else
      for (auto& window : windows_)
        static_cast<void>(window.release());  // NOLINT(bugprone-unused-return-value): the parent's engine's copy
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return object_->size; }

  void move_to(std::uint64_t position) noexcept { position_ = position; }

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (bytes.empty() || position_ >= object_->size) return 0;
    drop_passed();
    fetch_ahead();
    Window& window = *windows_.front();
    lease_.engine().drive(*place_, S3Clock::now() + place_->options().timeouts.operation,
                          [&] { return window.call.phase == S3Call::Phase::done; });
    if (!window.call.result) {
      auto failed = window.call.result;
      drop_all();
      begin_ = next_ = position_;
      return std::unexpected{std::move(failed).error()};
    }
    const auto skip = static_cast<std::size_t>(position_ - window.offset);
    const std::size_t count = std::min(bytes.size(), window.length - skip);
    std::memcpy(bytes.data(), window.bytes.get() + skip, count);
    position_ += count;
    return count;
  }

 private:
  struct Window {
    std::uint64_t offset = 0;
    std::size_t length = 0;
    std::size_t capacity = 0;
    std::unique_ptr<std::byte[]> bytes;  // NOLINT(modernize-avoid-c-arrays): not initialised
    S3Call call;
  };
  static constexpr std::size_t first_range = std::size_t{256} * 1024;

  /// Lets go of windows behind the position, and of all when the next read goes somewhere else.
  void drop_passed() noexcept {
    const std::uint64_t first = windows_.empty() ? next_ : windows_.front()->offset;
    if (position_ < first || position_ > next_) {
      drop_all();
      begin_ = next_ = position_;
    }
    while (!windows_.empty() && position_ >= windows_.front()->offset + windows_.front()->length) {
      cancel(*windows_.front());
      spare_ = std::move(windows_.front());
      windows_.pop_front();
    }
  }
  void drop_all() noexcept {
    for (auto& window : windows_) cancel(*window);
    windows_.clear();
    spare_.reset();
    range_ = 0;
  }
  void cancel(Window& window) noexcept {
    using enum S3Call::Phase;
    if (window.call.phase == waiting || window.call.phase == active) lease_.engine().cancel(window.call);
  }

  void fetch_ahead() {
    if (!lease_) lease_ = S3Lease{place_};
    const S3Options& options = place_->options();
    bool is_asked = false;
    while (next_ < object_->size && is_too_little_ahead()) {
      range_ = std::min(range_ == 0 ? first_range : range_ * 2, options.range_bytes);
      auto window = window_of(static_cast<std::size_t>(std::min<std::uint64_t>(range_, object_->size - next_)));
      window->offset = next_;
      window->call = range_call(*object_, next_, std::span{window->bytes.get(), window->length});
      windows_.push_back(std::move(window));
      lease_.engine().submit(windows_.back()->call);
      next_ += windows_.back()->length;
      is_asked = true;
    }
    if (next_ == object_->size) spare_.reset();
    // What is submitted is sent when somebody drives, which nobody does as long as the first range is there.
    if (is_asked) lease_.engine().poll(*place_);
  }
  [[nodiscard]] bool is_too_little_ahead() const noexcept {
    if (windows_.empty()) return true;
    if (position_ == begin_ || windows_.size() >= place_->options().parallel_ranges) return false;
    return range_ >= place_->options().range_bytes || next_ - position_ < 2 * (position_ - begin_);
  }
  /// Memory that was used before has its pages.
  [[nodiscard]] std::unique_ptr<Window> window_of(std::size_t length) {
    auto window = std::exchange(spare_, {});
    if (!window || window->capacity < length) {
      window.reset();
      window = std::make_unique<Window>();
      window->bytes = std::make_unique_for_overwrite<std::byte[]>(length);  // NOLINT(modernize-avoid-c-arrays)
      window->capacity = length;
    }
    window->length = length;
    return window;
  }

  S3PlaceRef place_;
  S3ObjectRef object_;
  std::uint64_t position_ = 0;
  std::uint64_t begin_ = 0;  // where reading in order began
  std::uint64_t next_ = 0;   // where the range behind the last window begins
  std::size_t range_ = 0;    // length of the last range; 0: nothing was read here
  std::deque<std::unique_ptr<Window>> windows_{};
  std::unique_ptr<Window> spare_{};  // was read to its end
  ProcessIdentity process_ = process_identity();
  S3Lease lease_{};  // last: its engine lets go of the calls first
};

}  // namespace hybridbuffer::inline v0_1::detail
