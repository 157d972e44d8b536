#pragma once

#include <hybridbuffer/backend/file_directory.hpp>
#include <hybridbuffer/backend/file_pieces.hpp>
#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// One stored file and its content, shared by the backend, its handles and its windows.

namespace hybridbuffer::inline v0_1::detail {

/// A counted reference to a `T` that counts itself with `acquire()` and `release()`.
template <class T>
class SharedRef {
 public:
  SharedRef() noexcept = default;
  /// Takes over one reference that the caller holds.
  explicit SharedRef(T* held) noexcept : target_{held} {}
  SharedRef(const SharedRef& other) noexcept : target_{other.target_} {
    if (target_ != nullptr) target_->acquire();
  }
  SharedRef(SharedRef&& other) noexcept : target_{std::exchange(other.target_, nullptr)} {}
  SharedRef& operator=(SharedRef other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~SharedRef() {
    if (target_ != nullptr) target_->release();
  }

  [[nodiscard]] T* operator->() const noexcept { return target_; }
  [[nodiscard]] T& operator*() const noexcept { return *target_; }
  [[nodiscard]] explicit operator bool() const noexcept { return target_ != nullptr; }
  [[nodiscard]] friend bool operator==(const SharedRef&, const SharedRef&) noexcept = default;

 private:
  T* target_ = nullptr;
};

class StoredFile;

/// Where a stored file came from.
class FileOwner {
 public:
  FileOwner(const FileOwner&) = delete;
  FileOwner& operator=(const FileOwner&) = delete;

  /// Takes the file back; nobody else refers to it.
  virtual void take_back(StoredFile& file) noexcept = 0;
  /// Frees all storage in the directory that is claimed and holds no bytes.
  virtual void reclaim() noexcept = 0;
  /// How far ahead of the bytes storage may be claimed.
  [[nodiscard]] virtual std::uint64_t reserve_ahead() const noexcept = 0;

 protected:
  FileOwner() = default;
  ~FileOwner() = default;
};

/// A file without a name and how much of it is committed.
///
/// Content is reached by offset only, never by the descriptor's position, so that handles, threads and forked children cannot disturb
/// each other. One writer at a time (the backend's rule); readers at any time.
class StoredFile {
 public:
  static constexpr std::uint64_t discard_page = 4096;  ///< Storage is given back in multiples of it at least.

  /// `path` is the directory's, for messages; it and the owner outlive the file.
  StoredFile(FileOwner& owner, std::string_view path) noexcept : owner_{&owner}, path_{path} {}
  StoredFile(const StoredFile&) = delete;
  StoredFile& operator=(const StoredFile&) = delete;
  ~StoredFile() = default;

  void acquire() noexcept { references_.fetch_add(1, Order::relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, Order::acq_rel) == 1) owner_->take_back(*this);
  }

  [[nodiscard]] int descriptor() const noexcept { return file_.descriptor.number(); }
  [[nodiscard]] bool is_linkable() const noexcept { return file_.linkable; }
  [[nodiscard]] bool is_ours() const noexcept { return process_ == process_identity(); }
  [[nodiscard]] FileOwner& owner() const noexcept { return *owner_; }
  [[nodiscard]] std::string_view path() const noexcept { return path_; }

  /// The committed size: what readers may see.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(Order::acquire); }
  void commit(std::uint64_t size) noexcept { size_.store(size, Order::release); }
  /// Counts the shrinks, so that a reader notices one that ran beside it.
  [[nodiscard]] std::uint32_t shrinks() const noexcept { return shrinks_.load(Order::acquire); }

  /// True once the object was published: it takes no further change.
  [[nodiscard]] bool is_sealed() const noexcept { return sealed_.load(Order::relaxed); }
  void seal(bool linked) noexcept {
    sealed_.store(true, Order::relaxed);
    if (linked) file_.linkable = false;
  }

  /// Notes that bytes up to `end` go into a pipe or a socket, which take the pages of the file itself: until somebody reads them there,
  /// whatever alters those pages alters what is read.
  void lend(std::uint64_t end) noexcept {
    std::uint64_t before = lent_end_.load(Order::relaxed);
    while (before < end && !lent_end_.compare_exchange(before, end, Order::relaxed)) {}
  }
  [[nodiscard]] std::uint64_t lent_end() const noexcept { return lent_end_.load(Order::relaxed); }

  /// Reads committed bytes; short only at the committed end.
  /// Errors: `corrupted` when the file ends before its committed object does.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> bytes) const;

  /// Writes the pieces at `position`, at or beyond the committed end. A full disk is reported once all claims are given back.
  [[nodiscard]] Result<void> write(std::uint64_t position, PieceList pieces);

  /// Runs `move()`, which moves bytes to `position` as a system call does, with storage claimed for `n` and ahead; none if n is 0.
  /// Returns: what it returned, errno kept; −1 for a full disk only once all claims are given back.
  template <class Move>
  [[nodiscard]] ssize_t extend(std::uint64_t position, std::uint64_t n, Move move) noexcept;

  /// Makes the committed object its first `n` bytes.
  /// Requires: n ≤ size(); none of the bytes beyond was lent.
  [[nodiscard]] Result<void> shrink(std::uint64_t n);

  /// Gives the storage of `[offset, offset + n)` back, as far as whole pages fill it together with the discard just before.
  /// Requires: offset + n ≤ size().
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n);

  /// The offset below which everything was discarded.
  [[nodiscard]] std::uint64_t discarded_front() const noexcept { return front_end_; }

  /// Makes the file exactly as long as its committed object.
  /// Errors: `corrupted` when it is shorter.
  [[nodiscard]] Result<void> cut_to_size();

  /// Cuts off bytes beyond the committed end. Best effort: it is invisible, and overwritten by the next writer.
  void abandon_tail() noexcept;

 private:
  friend class FilePlace;
  static constexpr std::uint64_t small_object = std::uint64_t{1} << 20U;

  [[nodiscard]] std::uint64_t claim(std::uint64_t claimed_end, std::uint64_t position, std::uint64_t n) noexcept;
  [[nodiscard]] std::uint64_t take_claim() noexcept;
  void put_claim(std::uint64_t claimed_end, std::uint64_t written_end) noexcept;
  void lose_claim(std::uint64_t end) noexcept;
  [[nodiscard]] bool measure() noexcept;
  [[nodiscard]] std::uint64_t discard_alignment() const noexcept;

  Atomic<std::uint32_t> references_{1};
  Atomic<std::uint32_t> shrinks_{0};
  Atomic<std::uint64_t> size_{0};
  Atomic<std::uint64_t> lent_end_{0};
  Atomic<bool> sealed_{false};
  bool may_claim_ = true;                       // false once the file system refused
  std::uint64_t unclaimed_end_ = small_object;  // nothing is claimed for bytes below it
  FileOwner* owner_;
  std::string_view path_;
  AnonymousFile file_;
  ProcessIdentity process_ = process_identity();

  LightLock tail_lock_;             // between a writer and the owner's reclaim(); guards the next two
  std::uint64_t written_end_ = 0;   // where the bytes end, committed or not
  std::uint64_t claimed_end_ = 0;   // where the claimed storage ends
  std::uint64_t discard_from_ = 0;  // the last discard ended at …
  std::uint64_t discard_end_ = 0;   // … _end_ and gave nothing back from _from_ on, which did not fill a page
  std::uint64_t front_end_ = 0;     // all below was discarded

  StoredFile* next_ = nullptr;  // on the owner's lists, under its lock
  StoredFile* previous_ = nullptr;
  std::uint64_t held_bytes_ = 0;    // storage that the file held when it was measured
  std::uint64_t measured_end_ = 0;  // its length then; 0: measure again
};

using FileRef = SharedRef<StoredFile>;

inline Result<std::size_t> StoredFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  for (;;) {
    const std::uint32_t shrinks_before = shrinks();
    const std::uint64_t end = size();
    if (offset >= end) return 0;
    const std::uint64_t rest = end - offset;
    const std::size_t n = bytes.size() < rest ? bytes.size() : static_cast<std::size_t>(rest);
    std::size_t done = 0;
    while (done < n) {
      const ssize_t count = system_calls::read_at(descriptor(), bytes.first(n).subspan(done), offset + done);
      if (count < 0) return failure_from_errno("read file in", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    if (shrinks() != shrinks_before) continue;
    if (done < n) return failure(errc::corrupted, "read a file that lost its end in", path_);
    return done;
  }
}

/// As much as is stored already, so that claims never more than double the storage, in whole blocks. Claimed storage makes writing
/// faster and, being real, removing slower: a small object would lose by it, and one that is cut over and over.
inline std::uint64_t StoredFile::claim(std::uint64_t claimed_end, std::uint64_t position, std::uint64_t n) noexcept {
  constexpr std::uint64_t block = 4096;
  constexpr std::uint64_t largest_end = std::uint64_t{1} << 62U;
  const std::uint64_t most = owner_->reserve_ahead();
  const std::uint64_t end = position + n;
  if (!may_claim_ || most == 0 || n == 0 || end <= claimed_end || end <= unclaimed_end_ || end > largest_end) return claimed_end;
  const std::uint64_t ahead = position < most ? position : most;
  const std::uint64_t wanted_end = (end + ahead + block - 1) / block * block;
  if (system_calls::reserve(descriptor(), position, wanted_end - position) == 0) return wanted_end;
  may_claim_ = false;  // whether anything is wrong, the write itself will tell
  return claimed_end;
}

template <class Move>
ssize_t StoredFile::extend(std::uint64_t position, std::uint64_t n, Move move) noexcept {
  for (bool reclaimed = false;; reclaimed = true) {
    const std::uint64_t claimed_end = claim(take_claim(), position, n);
    const ssize_t count = move();
    const int error = errno;
    put_claim(claimed_end, count > 0 ? position + static_cast<std::uint64_t>(count) : 0);
    errno = error;
    if (count >= 0 || reclaimed || (error != ENOSPC && error != EDQUOT)) return count;
    may_claim_ = false;
    owner_->reclaim();
  }
}

/// While a writer has the claim in its hands, reclaim() passes the file by: it must not cut off bytes that are just being written, nor
/// wait for them.
inline std::uint64_t StoredFile::take_claim() noexcept {
  const LightGuard guard{tail_lock_};
  return std::exchange(claimed_end_, 0);
}

inline void StoredFile::put_claim(std::uint64_t claimed_end, std::uint64_t written_end) noexcept {
  const LightGuard guard{tail_lock_};
  claimed_end_ = claimed_end;
  if (written_end > written_end_) written_end_ = written_end;
}

inline Result<void> StoredFile::write(std::uint64_t position, PieceList pieces) {
  std::uint64_t left = 0;
  for (const auto piece : pieces) left += piece.size();
  PieceCursor cursor{pieces};
  while (left != 0) {
    const auto portion = cursor.next();
    const ssize_t count = extend(position, left, [&] { return system_calls::write_at(descriptor(), portion, position); });
    if (count < 0) return failure_from_errno("write file in", path_);
    if (count == 0) return failure(errc::io, "write file, which takes no bytes, in", path_);
    cursor.advance(static_cast<std::size_t>(count));
    position += static_cast<std::uint64_t>(count);
    left -= static_cast<std::uint64_t>(count);
  }
  return {};
}

/// The size goes first: a reader that meets the new end of the file must find the new size, or it would call it damage.
inline Result<void> StoredFile::shrink(std::uint64_t n) {
  const std::uint64_t before = size();
  commit(n);
  shrinks_.fetch_add(1, Order::acq_rel);
  const LightGuard guard{tail_lock_};
  if (system_calls::set_length(descriptor(), n) != 0) {
    auto error = failure_from_errno("shorten file in", path_);
    commit(before);
    return error;
  }
  lose_claim(n);
  if (discard_end_ > n) discard_from_ = discard_end_ = 0;
  if (front_end_ > n) front_end_ = n;
  return {};
}

/// A hole zeroes what it covers of a page, or of a group of pages that the kernel holds as one, in place: lent pages must be covered
/// wholly, for then they are taken out of the file and stay as they are for who borrowed them. The kernel's groups are aligned to
/// their size, 512 pages at most where pages are of 4 KiB, 2048 on any machine.
inline std::uint64_t StoredFile::discard_alignment() const noexcept {
  if (lent_end() == 0) return discard_page;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return page == discard_page ? page * 512 : page * 2048;
}

inline Result<void> StoredFile::discard(std::uint64_t offset, std::uint64_t n) {
  const std::uint64_t alignment = discard_alignment();
  const std::uint64_t from = offset == discard_end_ ? discard_from_ : offset;
  const std::uint64_t end = offset + n;
  const std::uint64_t hole = (from + alignment - 1) / alignment * alignment;
  const std::uint64_t hole_end = end / alignment * alignment;
  if (hole < hole_end && system_calls::punch_hole(descriptor(), hole, hole_end - hole) != 0) {
    return failure_from_errno("give back part of a file in", path_);
  }
  measured_end_ = 0;
  discard_from_ = hole < hole_end ? hole_end : from;
  discard_end_ = end;
  if (offset <= front_end_ && end > front_end_) front_end_ = end;
  return {};
}

inline Result<void> StoredFile::cut_to_size() {
  const std::uint64_t end = size();
  struct stat status{};
  if (system_calls::status(descriptor(), status) != 0) return failure_from_errno("inspect file in", path_);
  if (static_cast<std::uint64_t>(status.st_size) < end) return failure(errc::corrupted, "keep a file that lost its end in", path_);
  const LightGuard guard{tail_lock_};
  if (system_calls::set_length(descriptor(), end) != 0) return failure_from_errno("shorten file in", path_);
  lose_claim(end);
  return {};
}

/// Under the tail lock: the file ends at `end` now. What was claimed is not claimed again before the object has grown past it: a loop
/// of appends and shrinks would do so in every round.
inline void StoredFile::lose_claim(std::uint64_t end) noexcept {
  if (claimed_end_ > end && claimed_end_ > unclaimed_end_) unclaimed_end_ = claimed_end_;
  written_end_ = end;
  claimed_end_ = end;
  measured_end_ = 0;
}

/// Finds out what storage the file holds. No system call while it has no holes and was only written where it was measured before.
/// Requires: nobody else refers to the file.
inline bool StoredFile::measure() noexcept {
  if (measured_end_ != 0 && held_bytes_ >= measured_end_ && written_end_ <= measured_end_ && claimed_end_ <= measured_end_) return true;
  struct stat status{};
  if (system_calls::status(descriptor(), status) != 0) return false;
  constexpr std::uint64_t block = 512;
  held_bytes_ = static_cast<std::uint64_t>(status.st_blocks) * block;
  measured_end_ = static_cast<std::uint64_t>(status.st_size);
  return true;
}

inline void StoredFile::abandon_tail() noexcept {
  const LightGuard guard{tail_lock_};
  const std::uint64_t end = size();
  if (written_end_ <= end) return;  // nothing was written, and the next writer finds what is claimed
  if (system_calls::set_length(descriptor(), end) == 0) lose_claim(end);
}

}  // namespace hybridbuffer::inline v0_1::detail
