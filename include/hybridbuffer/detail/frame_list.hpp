#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// How an object is cut into frames: pieces of its content, each encoded and stored on its own.
struct FrameShape {
  std::size_t header_bytes;    ///< what stands in the store before the first frame
  std::size_t chunk_bytes;     ///< content of a full frame; only the last one of an extension may hold less
  std::size_t overhead_bytes;  ///< what a frame takes in the store beyond its content: exactly, or at most
  bool fixed_overhead;         ///< exactly
};

/// One frame: which bytes of the object it holds, and where it stands in the store.
struct Frame {
  std::uint64_t offset;         ///< of its first byte in the object
  std::size_t size;             ///< bytes that were encoded
  std::size_t visible;          ///< of them, those that are still in the object: shrinking cuts the last frame without rewriting it
  std::uint64_t number;         ///< no other frame of the location ever has it
  std::uint64_t stored_offset;  ///< where it stands
  std::size_t stored_size;

  [[nodiscard]] std::uint64_t end() const noexcept { return offset + visible; }
  [[nodiscard]] std::uint64_t stored_end() const noexcept { return stored_offset + stored_size; }
};

/// The frames of an object in order.
///
/// Frames that follow each other, full ones but the last, take one entry together: 40 bytes for an object that was written at once or
/// extended at multiples of the chunk, 40 more for each extension at another size. Where the overhead is not fixed each frame takes 8
/// bytes more.
/// Threads: as a vector.
class FrameList {
 public:
  FrameList(const FrameShape& shape, std::uint64_t offset, std::uint64_t stored_offset) noexcept
      : shape_{shape}, begin_{offset}, size_{offset}, stored_begin_{stored_offset}, stored_end_{stored_offset} {}

  /// Where the last frame ends in the object, and in the store.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t stored_end() const noexcept { return stored_end_; }
  /// Of the last frame; 0 when there is none. Those of frames that were added later, also in place of some that were cut, are larger.
  [[nodiscard]] std::uint64_t last_number() const noexcept {
    if (runs_.empty()) return 0;
    const Run& last = runs_.back();
    return last.number + (last.size + shape_.chunk_bytes - 1) / shape_.chunk_bytes - 1;
  }
  /// Entries that it takes.
  [[nodiscard]] std::size_t runs() const noexcept { return runs_.size(); }

  /// Adds a frame behind the last one, in the object and in the store.
  /// Errors: std::bad_alloc; nothing has changed then.
  void push(std::size_t size, std::size_t stored_size, std::uint64_t number) {
    if (!shape_.fixed_overhead) make_room(ends_, 1);
    if (!extends_last_run(number)) {
      make_room(runs_, 1);
      runs_.push_back({size_, 0, stored_end_, number, ends_.size()});
    }
    runs_.back().size += size;
    size_ += size;
    stored_end_ += stored_size;
    if (!shape_.fixed_overhead) ends_.push_back(stored_end_);
  }

  /// Makes sure that absorb(added) needs no memory. Errors: std::bad_alloc.
  void reserve_for(const FrameList& added) {
    make_room(runs_, added.runs_.size());
    make_room(ends_, added.ends_.size());
  }
  /// Adds frames that stand behind the last one. `stored_offset` of the first may leave a gap.
  /// Requires: reserve_for(added).
  void absorb(const FrameList& added) noexcept {
    const std::size_t base = ends_.size();
    for (Run run : added.runs_) {
      run.first_end += base;
      if (extends_last_run(run.number) && runs_.back().stored_offset + stored_size_of(runs_.back()) == run.stored_offset) {
        runs_.back().size += run.size;
      } else {
        runs_.push_back(run);
      }
      size_ = run.offset + run.size;
    }
    ends_.insert(ends_.end(), added.ends_.begin(), added.ends_.end());
    stored_end_ = added.stored_end_;
  }

  /// Frames that are added stand from `stored_offset` on.
  void leave_gap_to(std::uint64_t stored_offset) noexcept { stored_end_ = stored_offset; }

  /// What the store holds once the object is its first `size` bytes. Requires: size ≤ size().
  [[nodiscard]] std::uint64_t stored_end_of(std::uint64_t size) const noexcept {
    return size == begin_ ? stored_begin_ : frame_at(size - 1).stored_end();
  }
  /// Leaves the frames that hold the first `size` bytes. Requires: size ≤ size().
  void cut(std::uint64_t size) noexcept {
    stored_end_ = stored_end_of(size);
    while (!runs_.empty() && runs_.back().offset >= size) runs_.pop_back();
    std::size_t ends = 0;
    if (!runs_.empty()) {
      Run& last = runs_.back();
      const std::uint64_t frames = (size - last.offset + shape_.chunk_bytes - 1) / shape_.chunk_bytes;
      last.size = std::min<std::uint64_t>(last.size, frames * shape_.chunk_bytes);
      ends = last.first_end + static_cast<std::size_t>(frames);
    }
    if (!shape_.fixed_overhead) ends_.resize(ends);
    size_ = size;
  }

  /// The frame that holds the byte at `offset`. Requires: offset < size().
  [[nodiscard]] Frame frame_at(std::uint64_t offset) const noexcept {
    const auto after =
        std::upper_bound(runs_.begin(), runs_.end(), offset, [](std::uint64_t value, const Run& run) { return value < run.offset; });
    const Run& run = *(after - 1);
    const std::uint64_t content_end = after == runs_.end() ? size_ : after->offset;
    const std::uint64_t index = (offset - run.offset) / shape_.chunk_bytes;
    const std::uint64_t first = run.offset + index * shape_.chunk_bytes;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(shape_.chunk_bytes, run.offset + run.size - first));
    Frame frame{.offset = first,
                .size = size,
                .visible = static_cast<std::size_t>(std::min<std::uint64_t>(size, content_end - first)),
                .number = run.number + index,
                .stored_offset = 0,
                .stored_size = size + shape_.overhead_bytes};
    if (shape_.fixed_overhead) {
      frame.stored_offset = run.stored_offset + index * (shape_.chunk_bytes + shape_.overhead_bytes);
    } else {
      const std::size_t at = run.first_end + static_cast<std::size_t>(index);
      frame.stored_offset = index == 0 ? run.stored_offset : ends_[at - 1];
      frame.stored_size = static_cast<std::size_t>(ends_[at] - frame.stored_offset);
    }
    return frame;
  }

 private:
  struct Run {
    std::uint64_t offset;  // in the object
    std::uint64_t size;    // that was encoded: the object may go on, or end, before offset + size
    std::uint64_t stored_offset;
    std::uint64_t number;   // of the first frame; the others follow
    std::size_t first_end;  // the index of its first frame in `ends_`
  };

  template <class T>
  static void make_room(std::vector<T>& items, std::size_t more) {
    const std::size_t wanted = items.size() + more;
    if (wanted > items.capacity()) items.reserve(std::max(wanted, 2 * items.capacity()));
  }

  [[nodiscard]] std::uint64_t stored_size_of(const Run& run) const noexcept {
    const std::uint64_t frames = (run.size + shape_.chunk_bytes - 1) / shape_.chunk_bytes;
    if (shape_.fixed_overhead) return run.size + frames * shape_.overhead_bytes;
    return ends_[run.first_end + static_cast<std::size_t>(frames) - 1] - run.stored_offset;
  }

  // A frame behind the last one belongs to its run when all before it are full and whole, and its number is the next.
  [[nodiscard]] bool extends_last_run(std::uint64_t number) const noexcept {
    if (runs_.empty()) return false;
    const Run& last = runs_.back();
    return last.offset + last.size == size_ && last.size % shape_.chunk_bytes == 0 &&
           last.number + last.size / shape_.chunk_bytes == number;
  }

  FrameShape shape_;
  std::uint64_t begin_;
  std::uint64_t size_;
  std::uint64_t stored_begin_;
  std::uint64_t stored_end_;
  std::vector<Run> runs_;
  std::vector<std::uint64_t> ends_;  // where each frame ends in the store, unless the overhead is fixed
};

}  // namespace hybridbuffer::inline v0_1::detail
