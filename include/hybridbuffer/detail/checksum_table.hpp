#pragma once

#include <hybridbuffer/detail/crc32c.hpp>
#include <hybridbuffer/detail/light_lock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// The checksums of bytes that come one after the other, one for each `chunk_bytes`, counted from the object's start.
class RunningChecksums {
 public:
  /// Goes on behind `size` bytes; `tail` is the checksum of those in the last, partly filled chunk.
  RunningChecksums(std::uint64_t chunk_bytes, std::uint64_t size, std::uint32_t tail) : chunk_bytes_{chunk_bytes}, size_{size} {
    if (size % chunk_bytes != 0) sums_.push_back(tail);
  }

  RunningChecksums(RunningChecksums&&) noexcept = default;
  RunningChecksums& operator=(RunningChecksums&& other) noexcept {
    if (this == &other) return *this;  // the vector would be emptied
    chunk_bytes_ = other.chunk_bytes_;
    size_ = other.size_;
    sums_ = std::move(other.sums_);
    return *this;
  }
  RunningChecksums(const RunningChecksums&) = delete;
  RunningChecksums& operator=(const RunningChecksums&) = delete;
  ~RunningChecksums() = default;

  /// Errors: std::bad_alloc; this object must then not be used.
  void add(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::uint64_t filled = size_ % chunk_bytes_;
      if (filled == 0) sums_.push_back(0);
      const auto piece = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), chunk_bytes_ - filled)));
      sums_.back() = crc32c(sums_.back(), piece);
      size_ += piece.size();
      bytes = bytes.subspan(piece.size());
    }
  }

  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Of the chunk that was partly filled at the start, and of all behind it.
  [[nodiscard]] std::span<const std::uint32_t> sums() const noexcept { return sums_; }

 private:
  std::uint64_t chunk_bytes_;
  std::uint64_t size_;
  std::vector<std::uint32_t> sums_;
};

/// A chunk of an object and what its bytes must sum up to.
struct ChecksummedChunk {
  std::uint64_t begin;
  std::size_t length;
  std::uint32_t sum;
  bool is_checked;  ///< false where its bytes may be anything

  [[nodiscard]] std::uint64_t end() const noexcept { return begin + length; }
  [[nodiscard]] bool matches(std::span<const std::byte> bytes) const noexcept { return !is_checked || crc32c(0, bytes) == sum; }
  friend bool operator==(const ChecksummedChunk&, const ChecksummedChunk&) noexcept = default;
};

/// The checksums of one object, as its backend, its writers and its readers share them: 4 bytes a chunk.
/// Threads: any number at once; changes one at a time.
class ChecksumTable {
 public:
  explicit ChecksumTable(std::uint64_t chunk_bytes) noexcept : chunk_bytes_{chunk_bytes} {}

  /// What an object looked like at a moment. Bytes that follow later change the checksum of its last chunk.
  struct View {
    std::uint64_t size;
    std::uint32_t tail;  ///< checksum of the last chunk when it is partly filled
    std::uint64_t cuts;  ///< how often the object had been shortened
  };

  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] View view() const noexcept {
    const LightGuard guard{lock_};
    return {size_, size_ % chunk_bytes_ == 0 ? 0 : sums_.back(), cuts_};
  }

  /// How many bytes of `view` are still there.
  [[nodiscard]] std::uint64_t size_in(const View& view) const noexcept {
    const LightGuard guard{lock_};
    return std::min(view.size, size_);
  }

  /// The chunk that holds the byte at `offset`.
  /// Requires: offset < size_in(view).
  [[nodiscard]] ChecksummedChunk chunk_at(std::uint64_t offset, const View& view) const noexcept {
    const LightGuard guard{lock_};
    const std::uint64_t index = offset / chunk_bytes_;
    const std::uint64_t begin = index * chunk_bytes_;
    const bool is_checked = std::none_of(unchecked_.begin(), unchecked_.end(),
                                         [&](const Chunks& range) { return range.first <= index && index < range.second; });
    if (view.cuts == cuts_ && view.size - begin < chunk_bytes_) {
      return {begin, static_cast<std::size_t>(view.size - begin), view.tail, is_checked};
    }
    const std::uint64_t length = begin < size_ ? std::min(chunk_bytes_, size_ - begin) : 0;  // shortened meanwhile
    return {begin, static_cast<std::size_t>(length), length != 0 ? sums_[static_cast<std::size_t>(index)] : 0, is_checked};
  }

  /// Makes sure that extend() by `added` cannot fail. Errors: std::bad_alloc.
  void reserve(const RunningChecksums& added) {
    const LightGuard guard{lock_};
    const std::size_t wanted = sums_.size() + added.sums().size();
    if (wanted > sums_.capacity()) sums_.reserve(std::max(wanted, 2 * sums_.capacity()));
  }
  /// The bytes behind the end that `added` began at.
  /// Requires: reserve().
  void extend(const RunningChecksums& added) noexcept {
    const LightGuard guard{lock_};
    sums_.resize(static_cast<std::size_t>(size_ / chunk_bytes_));
    sums_.insert(sums_.end(), added.sums().begin(), added.sums().end());
    size_ = added.size();
  }
  /// Only the first `size` bytes stay; `tail` is the checksum of those in the last chunk when it is partly filled.
  void shrink(std::uint64_t size, std::uint32_t tail) noexcept {
    const LightGuard guard{lock_};
    const std::uint64_t whole = size / chunk_bytes_;
    const bool has_tail = size % chunk_bytes_ != 0;
    sums_.resize(static_cast<std::size_t>(whole) + (has_tail ? 1 : 0));
    if (has_tail) sums_.back() = tail;
    size_ = size;
    ++cuts_;
    // A chunk that is only partly there stays unchecked: what is left of it may still be anything.
    for (Chunks& range : unchecked_) range.second = std::min(range.second, whole + (has_tail ? 1 : 0));
    std::erase_if(unchecked_, [](const Chunks& range) { return range.first >= range.second; });
    if (asked_.second > size) asked_ = {};
  }

  /// Whole chunks that a discard of [offset, end) gives back, the end of the last discard included where this one goes on there; from
  /// then on their bytes may be anything.
  /// Returns:  their bytes, [first, second); empty when there is no whole chunk yet.
  /// Requires: offset ≤ end ≤ size. Errors: std::bad_alloc.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> discard(std::uint64_t offset, std::uint64_t end) {
    const LightGuard guard{lock_};
    if (offset <= asked_.second && asked_.first <= end) offset = std::min(offset, asked_.first), end = std::max(end, asked_.second);
    const std::uint64_t first = offset / chunk_bytes_ + (offset % chunk_bytes_ != 0 ? 1 : 0);
    const std::uint64_t last = end / chunk_bytes_;
    if (first >= last) return asked_ = {offset, end}, std::pair<std::uint64_t, std::uint64_t>{};
    mark_unchecked({first, last});
    asked_ = {last * chunk_bytes_, end};
    return {first * chunk_bytes_, last * chunk_bytes_};
  }

  /// What discards have marked, to be put back when the store refused one.
  struct Discards {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> unchecked;
    std::pair<std::uint64_t, std::uint64_t> asked;
  };
  /// Errors: std::bad_alloc.
  [[nodiscard]] Discards discards() const {
    const LightGuard guard{lock_};
    return {unchecked_, asked_};
  }
  /// Requires: the object has not changed since discards().
  void put_back(Discards before) noexcept {
    const LightGuard guard{lock_};
    unchecked_.swap(before.unchecked);
    asked_ = before.asked;
  }

  /// Another table of the same contents. Errors: std::bad_alloc.
  [[nodiscard]] std::shared_ptr<ChecksumTable> copy() const {
    auto made = std::make_shared<ChecksumTable>(chunk_bytes_);
    const LightGuard guard{lock_};
    made->sums_ = sums_;
    made->size_ = size_;
    made->unchecked_ = unchecked_;
    return made;
  }

 private:
  using Chunks = std::pair<std::uint64_t, std::uint64_t>;  // [first, last)

  void mark_unchecked(Chunks added) {
    unchecked_.reserve(unchecked_.size() + 1);
    std::erase_if(unchecked_, [&](const Chunks& range) {
      if (range.second < added.first || added.second < range.first) return false;
      added = {std::min(added.first, range.first), std::max(added.second, range.second)};
      return true;
    });
    unchecked_.push_back(added);
  }

  mutable LightLock lock_;
  std::uint64_t chunk_bytes_;
  std::vector<std::uint32_t> sums_;  // of each chunk, the last one up to size_
  std::uint64_t size_ = 0;
  std::uint64_t cuts_ = 0;
  std::vector<Chunks> unchecked_;                        // apart from each other; a queue has one
  std::pair<std::uint64_t, std::uint64_t> asked_{0, 0};  // bytes that were to be discarded and did not fill a chunk
};

/// What a handle shows of an object: it as it was at the handle's opening, less what was cut off since.
class ChecksumView {
 public:
  explicit ChecksumView(std::shared_ptr<const ChecksumTable> table) noexcept : table_{std::move(table)}, view_{table_->view()} {}

  [[nodiscard]] std::uint64_t size() const noexcept { return table_->size_in(view_); }
  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return table_->chunk_bytes(); }
  [[nodiscard]] ChecksummedChunk chunk_at(std::uint64_t offset) const noexcept { return table_->chunk_at(offset, view_); }

 private:
  std::shared_ptr<const ChecksumTable> table_;
  ChecksumTable::View view_;
};

}  // namespace hybridbuffer::inline v0_1::detail
