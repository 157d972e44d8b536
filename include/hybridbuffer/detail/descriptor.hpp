#pragma once

#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// The failure of a call on a descriptor of the caller's. One that is not open for it is a wrong argument; `closed` is the buffer's word.
[[nodiscard]] inline std::unexpected<Error> descriptor_failure(OperationName operation) noexcept {
  const std::error_code native{errno, std::system_category()};
  const errc code = native.value() == EBADF ? errc::invalid_argument : category_of_errno(native.value());
  return std::unexpected<Error>{std::in_place, code, operation, native};
}

/// One read at the descriptor's position; 0 at the end.
[[nodiscard]] inline Result<std::size_t> read_some(int descriptor, std::span<std::byte> out) noexcept {
  const ssize_t count = system_calls::read_some(descriptor, out);
  if (count < 0) return descriptor_failure("read from a descriptor");
  return static_cast<std::size_t>(count);
}

/// One write at the descriptor's position. Returns: how many bytes were accepted, at least 1.
[[nodiscard]] inline Result<std::size_t> write_some(int descriptor, std::span<const std::byte> bytes) noexcept {
  const ssize_t count = system_calls::write_some(descriptor, bytes);
  if (count < 0) return descriptor_failure("write to a descriptor");
  if (count == 0) return failure(errc::io, "write to a descriptor", "nothing was accepted");
  return static_cast<std::size_t>(count);
}

/// How many bytes a regular file has behind its position; 0 for everything else.
[[nodiscard]] inline std::uint64_t known_bytes_ahead(int descriptor) noexcept {
  struct stat status{};
  if (system_calls::status(descriptor, status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const off_t position = ::lseek(descriptor, 0, SEEK_CUR);
  return position >= 0 && status.st_size > position ? static_cast<std::uint64_t>(status.st_size - position) : 0;
}

}  // namespace hybridbuffer::inline v0_1::detail
