#pragma once

#include <algorithm>
#include <cstdlib>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/// curl_multi_init() whose descriptors are closed on exec. libcurl 7.88 neither sets that nor names them, so they are what is new: a pair
/// that another thread makes at the very same moment, non-blocking and to be inherited, would be taken for them.
[[nodiscard]] inline CURLM* make_multi() {
  const std::vector<int> before = inherited_socket_pairs();
  CURLM* const multi = ::curl_multi_init();
  if (multi == nullptr) return nullptr;
  for (const int descriptor : inherited_socket_pairs()) {
    if (std::find(before.begin(), before.end(), descriptor) == before.end()) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  return multi;
}

}  // namespace hybridbuffer::inline v0_1::detail
