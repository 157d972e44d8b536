#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <span>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/// \file
/// Every system call that the library makes on descriptors and names, one thin function each, so that what can fail stands in one
/// place. Each answers as the kernel does (−1 and errno); interrupted calls are made again where repeating is right.

namespace hybridbuffer::inline v0_1::detail::system_calls {

static_assert(sizeof(off_t) == 8, "offsets are 64-bit: compile with -D_FILE_OFFSET_BITS=64 on a 32-bit machine");

/// What one call moves at most (the kernel's MAX_RW_COUNT on 4 KiB pages); more is asked for in several calls.
inline constexpr std::size_t longest_transfer = 0x7ffff000;

/// Makes a call again as long as a signal interrupts it.
template <class Call>
auto again_when_interrupted(Call call) noexcept {
  for (;;) {
    const auto answer = call();
    if (answer != -1 || errno != EINTR) return answer;
  }
}

[[nodiscard]] constexpr std::size_t capped(std::uint64_t n) noexcept {
  return n < longest_transfer ? static_cast<std::size_t>(n) : longest_transfer;
}

/// The descriptor that a call made, under another number if it got that of a standard one: in a program that runs with those closed,
/// whatever anybody prints would go into a file of content, or to a server.
inline int beyond_standard(int made) noexcept {
  if (made < 0 || made > STDERR_FILENO) return made;
  const int moved = ::fcntl(made, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(made);
  errno = error;
  return moved;
}

// Names --------------------------------------------------------------------------------------------------------------------------

inline int open_at(int directory, const char* name, int flags, mode_t mode = 0) noexcept {
  return beyond_standard(again_when_interrupted([&] { return ::openat(directory, name, flags | O_CLOEXEC, mode); }));
}

inline int link_at(int from_directory, const char* from, int directory, const char* name, int flags) noexcept {
  return ::linkat(from_directory, from, directory, name, flags);
}

inline int unlink_at(int directory, const char* name) noexcept { return ::unlinkat(directory, name, 0); }

inline int rename_at(int directory, const char* from, const char* to) noexcept { return ::renameat(directory, from, directory, to); }

/// Fails with EEXIST where `to` exists; EINVAL or ENOSYS where the file system or kernel cannot tell.
inline int rename_to_unused_at(int directory, const char* from, const char* to) noexcept {
  return ::renameat2(directory, from, directory, to, RENAME_NOREPLACE);
}

inline int status_at(int directory, const char* name, struct stat& status) noexcept {
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW);
}

/// Whether the effective user may do `mode` (W_OK, …) to `name`.
inline int access_at(int directory, const char* name, int mode) noexcept { return ::faccessat(directory, name, mode, AT_EACCESS); }

// Descriptors --------------------------------------------------------------------------------------------------------------------

/// Never made again: Linux has freed the descriptor also when the call was interrupted.
inline int close(int descriptor) noexcept { return ::close(descriptor); }

inline int status(int descriptor, struct stat& status) noexcept { return ::fstat(descriptor, &status); }

inline int file_system_status(int descriptor, struct statfs& status) noexcept { return ::fstatfs(descriptor, &status); }

inline int set_mode(int descriptor, mode_t mode) noexcept { return ::fchmod(descriptor, mode); }

inline int sync(int descriptor) noexcept {
  return again_when_interrupted([&] { return ::fsync(descriptor); });
}

/// The descriptor's own position.
inline off_t tell(int descriptor) noexcept { return ::lseek(descriptor, 0, SEEK_CUR); }

inline int wait_for(std::span<pollfd> descriptors, int timeout_milliseconds) noexcept {
  return ::poll(descriptors.data(), descriptors.size(), timeout_milliseconds);
}

// Content at an offset -----------------------------------------------------------------------------------------------------------

inline ssize_t read_at(int descriptor, std::span<std::byte> bytes, std::uint64_t offset) noexcept {
  return again_when_interrupted([&] { return ::pread(descriptor, bytes.data(), capped(bytes.size()), static_cast<off_t>(offset)); });
}

/// What one pwritev(2) writes; no span, for the same reason as PieceList.
struct Pieces {
  const iovec* first;
  std::size_t count;
};

inline ssize_t write_at(int descriptor, Pieces pieces, std::uint64_t offset) noexcept {
  return again_when_interrupted(
      [&] { return ::pwritev(descriptor, pieces.first, static_cast<int>(pieces.count), static_cast<off_t>(offset)); });
}

inline int set_length(int descriptor, std::uint64_t length) noexcept {
  return again_when_interrupted([&] { return ::ftruncate(descriptor, static_cast<off_t>(length)); });
}

/// Claims storage for a range; the file's length stays.
inline int reserve(int descriptor, std::uint64_t offset, std::uint64_t length) noexcept {
  return again_when_interrupted(
      [&] { return ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length)); });
}

/// Gives the storage of a range back; it reads as zeros afterwards, the file's length stays.
inline int punch_hole(int descriptor, std::uint64_t offset, std::uint64_t length) noexcept {
  return again_when_interrupted([&] {
    return ::fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
  });
}

/// Returns: MAP_FAILED on failure.
inline void* map_readable(int descriptor, std::size_t length, std::uint64_t offset) noexcept {
  return ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, static_cast<off_t>(offset));
}

inline int unmap(void* address, std::size_t length) noexcept { return ::munmap(address, length); }

// Content at the descriptor's own position ---------------------------------------------------------------------------------------

/// One read(2): 0 at the end.
inline ssize_t read_some(int descriptor, std::span<std::byte> bytes) noexcept {
  return again_when_interrupted([&] { return ::read(descriptor, bytes.data(), capped(bytes.size())); });
}

/// One write(2): may accept fewer bytes.
inline ssize_t write_some(int descriptor, std::span<const std::byte> bytes) noexcept {
  return again_when_interrupted([&] { return ::write(descriptor, bytes.data(), capped(bytes.size())); });
}

/// One writev(2): may accept fewer bytes.
inline ssize_t write_some(int descriptor, std::span<const iovec> pieces) noexcept {
  return again_when_interrupted([&] { return ::writev(descriptor, pieces.data(), static_cast<int>(pieces.size())); });
}

// Content from descriptor to descriptor; a null offset means the descriptor's own position, which then moves ------------------------

inline ssize_t copy_range(int from, off_t* from_offset, int to, off_t* to_offset, std::uint64_t n) noexcept {
  return again_when_interrupted([&] { return ::copy_file_range(from, from_offset, to, to_offset, capped(n), 0); });
}

inline ssize_t send_file(int from, off_t* from_offset, int to, std::uint64_t n) noexcept {
  return again_when_interrupted([&] { return ::sendfile(to, from, from_offset, capped(n)); });
}

inline ssize_t splice_range(int from, off_t* from_offset, int to, off_t* to_offset, std::uint64_t n) noexcept {
  return again_when_interrupted([&] { return ::splice(from, from_offset, to, to_offset, capped(n), 0); });
}

// The rest -----------------------------------------------------------------------------------------------------------------------

inline ssize_t random_bytes(std::span<std::byte> bytes) noexcept {
  return again_when_interrupted([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
}

}  // namespace hybridbuffer::inline v0_1::detail::system_calls
