#pragma once

#include <hybridbuffer/detail/damaged_frames.hpp>
#include <hybridbuffer/detail/frame_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// What a codec notes of an object from chunk to chunk, all of its extensions included. Of a new object: zeros.
struct EncodingHistory {
  std::uint32_t in_vain = 0;  ///< chunks, one behind the other, that encoding made no smaller, those not counted that were not tried
  std::uint32_t untried = 0;  ///< chunks left as they are, one behind the other, for what was judged by a part of them
};

/// What a location knows of its committed object: its frames, which of them are given back or were found damaged. Shared with the readers.
///
/// Threads: any number at once.
class FrameTable {
 public:
  /// `identity` stands in the object's header, so that a reader knows which object it opened.
  FrameTable(const FrameShape& shape, std::uint64_t identity) : identity_{identity}, frames_{shape, 0, shape.header_bytes} {}

  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  [[nodiscard]] std::uint64_t size() const {
    return locked([&] { return frames_.size(); });
  }

  struct Ends {
    std::uint64_t size;
    std::uint64_t stored;
    // What a change that gave no answer yet, or never, would have made of it:
    std::optional<std::uint64_t> stored_perhaps{};  ///< where the store ends, with an extension of which readers know nothing
    std::optional<std::uint64_t> size_perhaps{};    ///< how long the object is, after a cut
    std::uint64_t last_number = 0;                  ///< of the frames
  };
  [[nodiscard]] Ends ends() const {
    return locked([&] { return Ends{frames_.size(), frames_.stored_end(), stored_perhaps_, size_perhaps_, frames_.last_number()}; });
  }

  struct Found {
    Frame frame;
    bool discarded;
    bool damaged;
  };
  /// The frame that holds the byte at `offset`; none behind the end.
  [[nodiscard]] std::optional<Found> find(std::uint64_t offset) const {
    return locked([&]() -> std::optional<Found> {
      if (offset >= frames_.size()) return {};
      const Frame frame = frames_.frame_at(offset);
      return Found{frame, is_discarded(frame), damaged_.contains(frame.number)};
    });
  }
  /// It stays so: what was read wrong once is never delivered. Errors: std::bad_alloc.
  void mark_damaged(std::uint64_t number) {
    locked([&] { damaged_.add(number); });
  }

  // Changes, by one thread at a time --------------------------------------------------------------------------------------------

  [[nodiscard]] EncodingHistory history() const {
    return locked([&] { return history_; });
  }
  void set_history(const EncodingHistory& history) {
    locked([&] { history_ = history; });
  }

  /// Errors: std::bad_alloc.
  void reserve_for(const FrameList& added) {
    locked([&] { frames_.reserve_for(added); });
  }
  /// Requires: reserve_for(added).
  void absorb(const FrameList& added) {
    locked([&] {
      frames_.absorb(added);
      stored_perhaps_.reset();
    });
  }
  void note_stored_perhaps(std::optional<std::uint64_t> end) {
    locked([&] { stored_perhaps_ = end; });
  }
  void note_size_perhaps(std::uint64_t size) {
    locked([&] { size_perhaps_ = size; });
  }
  /// The answer: `ends` says what was asked. Once for several that ask at a time.
  void settle(const Ends& asked, bool was_done) {
    locked([&] {
      if (asked.stored_perhaps && stored_perhaps_ == asked.stored_perhaps) {
        if (was_done) frames_.leave_gap_to(*stored_perhaps_);
        stored_perhaps_.reset();
      } else if (asked.size_perhaps && size_perhaps_ == asked.size_perhaps) {
        if (was_done) cut_to(*size_perhaps_);
        else size_perhaps_.reset();
      }
    });
  }

  [[nodiscard]] std::uint64_t stored_end_of(std::uint64_t size) const {
    return locked([&] { return frames_.stored_end_of(size); });
  }
  void cut(std::uint64_t size) {
    locked([&] { cut_to(size); });
  }

  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };
  /// The ranges of the store that hold nothing but what was discarded, once `wanted` is; those around `wanted` only.
  /// Errors: std::bad_alloc.
  [[nodiscard]] std::vector<Range> stored_ranges_of(Range wanted) {
    return locked([&] {
      std::vector<Range> ranges;
      const Range merged = merged_with(wanted);
      for (std::uint64_t at = wanted.begin; at < wanted.end && at < frames_.size();) {
        const Frame frame = frames_.frame_at(at);
        at = frame.end();
        if (frame.offset < merged.begin || frame.end() > merged.end) continue;
        if (!ranges.empty() && ranges.back().end == frame.stored_offset) ranges.back().end = frame.stored_end();
        else ranges.push_back({frame.stored_offset, frame.stored_end()});
      }
      discarded_.reserve(discarded_.size() + 1);
      return ranges;
    });
  }
  /// Requires: stored_ranges_of(wanted).
  void note_discarded(Range wanted) {
    locked([&] {
      wanted.end = std::min(wanted.end, frames_.size());
      if (wanted.begin >= wanted.end) return;
      const Range merged = merged_with(wanted);
      const auto [first, last] = touching(wanted);
      discarded_.insert(discarded_.erase(first, last), merged);
    });
  }

 private:
  template <class Function>
  std::invoke_result_t<Function&> locked(Function&& function) const {
    const std::scoped_lock lock{mutex_};
    return function();
  }
  template <class Function>
  std::invoke_result_t<Function&> locked(Function&& function) {
    const std::scoped_lock lock{mutex_};
    return function();
  }

  void cut_to(std::uint64_t size) {
    frames_.cut(size);
    stored_perhaps_.reset();
    size_perhaps_.reset();
    while (!discarded_.empty() && discarded_.back().begin >= size) discarded_.pop_back();
    if (!discarded_.empty()) discarded_.back().end = std::min(discarded_.back().end, size);
  }

  // Those that overlap `range` or stand next to it.
  [[nodiscard]] std::pair<std::vector<Range>::iterator, std::vector<Range>::iterator> touching(Range range) {
    const auto first =
        std::lower_bound(discarded_.begin(), discarded_.end(), range.begin, [](const Range& r, std::uint64_t at) { return r.end < at; });
    const auto last = std::upper_bound(first, discarded_.end(), range.end, [](std::uint64_t at, const Range& r) { return at < r.begin; });
    return {first, last};
  }
  [[nodiscard]] Range merged_with(Range range) {
    const auto [first, last] = touching(range);
    if (first == last) return range;
    return {std::min(range.begin, first->begin), std::max(range.end, std::prev(last)->end)};
  }
  [[nodiscard]] bool is_discarded(const Frame& frame) const {
    const auto after =
        std::upper_bound(discarded_.begin(), discarded_.end(), frame.offset, [](std::uint64_t at, const Range& r) { return at < r.begin; });
    return after != discarded_.begin() && frame.end() <= std::prev(after)->end;
  }

  std::uint64_t identity_;
  mutable std::mutex mutex_;
  FrameList frames_;
  std::vector<Range> discarded_;  // of the object, in order; no two touch
  DamagedFrames damaged_;
  std::optional<std::uint64_t> stored_perhaps_;
  std::optional<std::uint64_t> size_perhaps_;
  EncodingHistory history_;
};

}  // namespace hybridbuffer::inline v0_1::detail
