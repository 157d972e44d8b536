#include "shortcut.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/types.h>

namespace spool {

std::size_t Shortcut::move() noexcept {
  constexpr std::size_t most = std::size_t{1} << 20U;  // what a pipe holds at most, by default
  if (!exists_) return 0;
  const ssize_t moved = ::splice(from_, nullptr, to_, nullptr, most, SPLICE_F_NONBLOCK);
  if (moved >= 0) return static_cast<std::size_t>(moved);
  exists_ = errno == EAGAIN || errno == EINTR;  // whatever else is wrong, reading and writing will tell
  return 0;
}

}  // namespace spool
