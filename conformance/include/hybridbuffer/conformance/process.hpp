#pragma once

#include <cstddef>
#include <cstdint>
#include <dirent.h>
#include <string>
#include <string_view>

/// \file
/// What the process holds, read from /proc: for the clauses that look for leaks.

namespace hybridbuffer::conformance {

namespace detail {

/// How many entries a directory has; `.` and `..` and the descriptor that reads it do not count.
[[nodiscard]] inline std::size_t entries_of(const char* directory, std::size_t own) {
  DIR* stream = ::opendir(directory);
  if (stream == nullptr) return 0;
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name{entry->d_name};
    if (name != "." && name != "..") ++count;
  }
  ::closedir(stream);
  return count > own ? count - own : 0;
}

}  // namespace detail

/// How many descriptors the process has open.
[[nodiscard]] inline std::size_t open_descriptors() { return detail::entries_of("/proc/self/fd", 1); }
/// How many threads it has.
[[nodiscard]] inline std::size_t running_threads() { return detail::entries_of("/proc/self/task", 0); }

}  // namespace hybridbuffer::conformance
