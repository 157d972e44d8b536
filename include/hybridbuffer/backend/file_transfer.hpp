#pragma once

#include <hybridbuffer/backend/file_object.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/stat.h>

/// \file
/// Bytes between a stored file and a descriptor, moved by the kernel.

namespace hybridbuffer::inline v0_1::detail {

/// How a failed call says that this pair of descriptors needs another way.
[[nodiscard]] constexpr bool needs_another_way(int error) noexcept {
  return error == EINVAL || error == EXDEV || error == EOPNOTSUPP || error == ENOSYS || error == EBADF || error == EPERM ||
         error == ETXTBSY || error == ESPIPE;
}

/// The kernel's ways from a file to a descriptor, best first.
enum class WayOut : std::uint8_t { copy_file_range, sendfile, splice, none };

[[nodiscard]] inline ssize_t move_out(WayOut way, int from, std::uint64_t offset, int to, std::uint64_t n) noexcept {
  auto position = static_cast<off_t>(offset);
  switch (way) {
    case WayOut::copy_file_range: return system_calls::copy_range(from, &position, to, nullptr, n);
    case WayOut::sendfile: return system_calls::send_file(from, &position, to, n);
    case WayOut::splice: return system_calls::splice_range(from, &position, to, nullptr, n);
    case WayOut::none: break;
  }
  errno = EINVAL;
  return -1;
}

/// Moves up to `n` committed bytes from `offset` to the position of `target`.
///
/// Returns: how many: fewer than n at the object's end, or when an error came after some (the next call meets it).
/// Errors:  `unsupported` where the kernel has no way between the two; `unavailable` when `target` would block; nothing moved then.
[[nodiscard]] inline Result<std::uint64_t> transfer_out(StoredFile& file, std::uint64_t offset, int target, std::uint64_t n) {
  const std::uint32_t shrinks_before = file.shrinks();
  const std::uint64_t size = file.size();
  const std::uint64_t rest = offset < size ? size - offset : 0;
  const std::uint64_t length = n < rest ? n : rest;
  struct stat status{};
  if (system_calls::status(target, status) != 0) {
    if (errno == EBADF) return failure(errc::invalid_argument, "transfer to a bad descriptor from a file in", file.path());
    return failure_from_errno("inspect the target of a transfer from a file in", file.path());
  }
  const bool is_file = S_ISREG(status.st_mode);
  if (!is_file) file.lend(offset + length);
  WayOut way = is_file ? WayOut::copy_file_range : WayOut::sendfile;
  std::uint64_t moved = 0;
  while (moved < length) {
    const ssize_t count = move_out(way, file.descriptor(), offset + moved, target, length - moved);
    if (count > 0) {
      moved += static_cast<std::uint64_t>(count);
      continue;
    }
    const bool try_next = count == 0 ? way == WayOut::copy_file_range : needs_another_way(errno);
    if (moved != 0) break;
    if (try_next && way < WayOut::splice) {
      way = static_cast<WayOut>(static_cast<int>(way) + 1);
      continue;
    }
    if (count == 0 && file.shrinks() != shrinks_before) return transfer_out(file, offset, target, n);
    if (count == 0) return failure(errc::corrupted, "transfer from a file that lost its end in", file.path());
    if (errno == EBADF) return failure(errc::invalid_argument, "transfer to a descriptor that is not writable from a file in", file.path());
    if (try_next) return failure(errc::unsupported, "transfer without a copy from a file in", file.path());
    return failure_from_errno("transfer from a file in", file.path());
  }
  return moved;
}

/// True when a regular `source` is at its end. Files of /proc say so to copy_file_range, and are not.
[[nodiscard]] inline bool is_at_end(int source) noexcept {
  const off_t position = system_calls::tell(source);
  std::byte probe{};
  return position >= 0 && system_calls::read_at(source, {&probe, 1}, static_cast<std::uint64_t>(position)) == 0;
}

/// Moves up to `n` bytes from the position of `source` to `position`, at or beyond the committed end; blocks as `source` does.
///
/// Returns: how many: fewer than n at the end of `source`, or when an error came after some.
/// Errors:  `unsupported` unless `source` is a pipe, or a file that the kernel copies from; `unavailable` when it would block.
[[nodiscard]] inline Result<std::uint64_t> transfer_into(StoredFile& file, std::uint64_t position, int source, std::uint64_t n) {
  struct stat status{};
  if (system_calls::status(source, status) != 0) {
    if (errno == EBADF) return failure(errc::invalid_argument, "transfer from a bad descriptor to a file in", file.path());
    return failure_from_errno("inspect the source of a transfer to a file in", file.path());
  }
  const bool is_file = S_ISREG(status.st_mode);
  if (!is_file && !S_ISFIFO(status.st_mode)) return failure(errc::unsupported, "transfer without a copy to a file in", file.path());
  constexpr std::uint64_t pipe_portion = std::uint64_t{1} << 20U;  // what a pipe holds at most, by default
  std::uint64_t moved = 0;
  while (moved < n) {
    auto end = static_cast<off_t>(position + moved);
    const std::uint64_t claim = is_file ? 0 : (n - moved < pipe_portion ? n - moved : pipe_portion);
    const ssize_t count = file.extend(position + moved, claim, [&] {
      return is_file ? system_calls::copy_range(source, nullptr, file.descriptor(), &end, n - moved)
                     : system_calls::splice_range(source, nullptr, file.descriptor(), &end, n - moved);
    });
    if (count > 0) {
      moved += static_cast<std::uint64_t>(count);
      continue;
    }
    if (moved != 0 || (count == 0 && (!is_file || is_at_end(source)))) break;
    if (count == 0 || needs_another_way(errno)) return failure(errc::unsupported, "transfer without a copy to a file in", file.path());
    return failure_from_errno("transfer to a file in", file.path());
  }
  return moved;
}

/// Copies the committed bytes of `source` from `done` to `n` to where they are in it: by `copy(offset, n)`, which answers as
/// copy_file_range(2) does, and what that refuses by `write(offset, bytes)`, which returns Result<void>.
template <class Copy, class Write>
[[nodiscard]] Result<void> copy_between(const StoredFile& source, std::uint64_t done, std::uint64_t n, Copy copy, Write write) {
  while (done < n) {
    const ssize_t count = copy(done, n - done);
    if (count <= 0) break;
    done += static_cast<std::uint64_t>(count);
  }
  std::array<std::byte, std::size_t{16} << 10U> block;
  while (done < n) {  // the errors of `copy` come up here again
    const std::uint64_t rest = n - done;
    auto count = source.read(done, {block.data(), rest < block.size() ? static_cast<std::size_t>(rest) : block.size()});
    if (!count) return std::unexpected{std::move(count).error()};
    if (auto written = write(done, std::span<const std::byte>{block.data(), *count}); !written) return written;
    done += *count;
  }
  return {};
}

[[nodiscard]] inline ssize_t copy_range_at(int from, int to, std::uint64_t offset, std::uint64_t n) noexcept {
  auto from_offset = static_cast<off_t>(offset);
  auto to_offset = from_offset;
  return system_calls::copy_range(from, &from_offset, to, &to_offset, n);
}

/// Copies the first `n` committed bytes to the start of `target`, a file that nobody else uses; `path` names it in messages.
[[nodiscard]] inline Result<void> copy_content(const StoredFile& file, std::uint64_t n, int target, std::string_view path) {
  return copy_between(
      file, 0, n, [&](std::uint64_t offset, std::uint64_t left) { return copy_range_at(file.descriptor(), target, offset, left); },
      [&](std::uint64_t offset, std::span<const std::byte> bytes) -> Result<void> {
        while (!bytes.empty()) {
          const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};  // NOLINT: iovec serves reads too
          const ssize_t accepted = system_calls::write_at(target, {&piece, 1}, offset);
          if (accepted < 0) return failure_from_errno("write", path);
          if (accepted == 0) return failure(errc::io, "write to a file that takes no bytes:", path);
          bytes = bytes.subspan(static_cast<std::size_t>(accepted));
          offset += static_cast<std::uint64_t>(accepted);
        }
        return {};
      });
}

/// Copies the first `n` committed bytes to the start of another stored file, but for what was discarded there from the start on, which
/// takes no storage here either. What is written there is noted as all content is: reclaim() leaves it alone, and a full disk is reported
/// once all claims are given back.
[[nodiscard]] inline Result<void> copy_into(StoredFile& target, const StoredFile& file, std::uint64_t n) {
  const std::uint64_t front = file.discarded_front();
  const std::uint64_t last = n == 0 ? 0 : n - 1;  // it makes the file as long
  const std::uint64_t discarded = front < last ? front : last;
  if (discarded != 0) {  // a file that is used again has the bytes of another object there
    if (auto emptied = target.discard(0, discarded); !emptied) return emptied;
  }
  return copy_between(
      file, discarded / StoredFile::discard_page * StoredFile::discard_page, n,
      [&](std::uint64_t offset, std::uint64_t left) {
        return target.extend(offset, 0, [&] { return copy_range_at(file.descriptor(), target.descriptor(), offset, left); });
      },
      [&](std::uint64_t offset, std::span<const std::byte> bytes) { return target.write(offset, {&bytes, 1}); });
}

}  // namespace hybridbuffer::inline v0_1::detail
