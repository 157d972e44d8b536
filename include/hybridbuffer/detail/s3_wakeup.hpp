#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// An unnamed pair of non-blocking Unix sockets that a started program would inherit: what libcurl 7.88 makes in curl_multi_init to be
/// woken.
[[nodiscard]] inline bool is_inherited_socket_pair(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFD);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0 || (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0) return false;
  sockaddr_un name{};
  socklen_t length = sizeof(name);
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &length) != 0) return false;
  if (name.sun_family != AF_UNIX || length != sizeof(sa_family_t)) return false;
  length = sizeof(name);
  return ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&name), &length) == 0 && length == sizeof(sa_family_t);
}

[[nodiscard]] inline std::vector<int> inherited_socket_pairs() {
  std::vector<int> found;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return found;
  while (const dirent* const entry = ::readdir(directory)) {  // NOLINT(concurrency-mt-unsafe): the stream is this function's own
    const int descriptor = std::atoi(entry->d_name);          // NOLINT(cert-err34-c): "." and ".." become 0, which is looked at, too
    if (is_inherited_socket_pair(descriptor)) found.push_back(descriptor);
  }
  ::closedir(directory);
  return found;
}

/// How many of the standard descriptors are open.
[[nodiscard]] inline unsigned open_standard_descriptors() noexcept {
  unsigned count = 0;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) count += ::fcntl(standard, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

/// curl_multi_init() whose descriptors are closed on exec and are no standard ones, which a program that runs with those closed may give
/// to a file of its own later: libcurl would wait for that file, and close it in the end.
///
/// libcurl 7.88 neither sets that nor names its descriptors, so they are what is new: a pair that another thread makes at the very same
/// moment, non-blocking and to be inherited, would be taken for them.
/// Returns: null for want of memory or of descriptors. Errors: std::bad_alloc.
[[nodiscard]] inline CURLM* make_multi() {
  struct Free {
    void operator()(CURLM* multi) const noexcept { ::curl_multi_cleanup(multi); }
  };
  std::array<std::unique_ptr<CURLM, Free>, 3> all;  // those that took standard ones hold them until one has none
  for (auto& made : all) {
    const std::vector<int> before = inherited_socket_pairs();
    const unsigned standard_before = open_standard_descriptors();
    made.reset(::curl_multi_init());
    if (made == nullptr) return nullptr;
    const bool took_none = open_standard_descriptors() == standard_before;
    for (const int descriptor : inherited_socket_pairs()) {
      if (std::find(before.begin(), before.end(), descriptor) == before.end()) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
    if (took_none) return made.release();
  }
  return all.back().release();  // another thread opens and closes them all the time
}

}  // namespace hybridbuffer::inline v0_1::detail
