#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/types.h>

/// \file
/// What every server of a test stands on: a directory and ports of its own.

namespace hybridbuffer::servers {

using std::chrono::milliseconds;

/// What a fixture throws when it cannot do its work: a program that is missing, a server that does not start. The text is for a person: it
/// holds the end of the server's log.
class ServerFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Ends this process as a visible skip, status 77, when HYBRIDBUFFER_SKIP_SERVERS is set to anything but 0 or nothing. Every fixture calls
/// it first; a test program that has also other cases calls it before any of them (see boost_test.hpp).
void skip_when_asked();

/// Throws: ServerFailure that names what is missing of `programs`, and the line that installs it: `packages`, the names of Debian packages.
void require_programs(std::initializer_list<std::string_view> programs, std::string_view packages);

/// A directory beneath the temporary one (TMPDIR) and sixteen ports of 127.0.0.1 in a row, of this object alone.
///
/// Ports are below those that the kernel gives to clients, and claimed in the whole network namespace by the name of an abstract Unix
/// socket, which vanishes with its process; so fixtures in many processes at once do not meet, and a server finds its port again after a
/// restart.
///
/// The destructor removes the directory. HYBRIDBUFFER_KEEP_SERVERS=1 in the environment keeps it, as does a failed test under
/// boost_test.hpp or an exception in flight: then its path and the ends of the logs in it are printed to standard error. In a forked child
/// it does nothing.
class Workspace {
 public:
  static constexpr std::uint16_t port_count = 16;

  /// `name`: a short word for the directory's name.
  explicit Workspace(std::string_view name);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();

  /// At most 60 characters, so that Unix sockets fit beneath it.
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] std::string path(std::string_view name) const { return directory_ + "/" + std::string{name}; }
  /// Requires: index < port_count.
  [[nodiscard]] std::uint16_t port(std::uint16_t index = 0) const noexcept { return static_cast<std::uint16_t>(first_port_ + index); }

  /// The last lines of each log, a file named *.log, in the directory.
  [[nodiscard]] std::string logs() const;

  /// Asked by each destructor from now on: whether to keep the directory and print the logs.
  static void keep_when(std::function<bool()> failed);

 private:
  std::string directory_;
  int claim_ = -1;
  std::uint16_t first_port_ = 0;
  int exceptions_;
  pid_t owner_;
};

/// Whether somebody accepts connections on a port of 127.0.0.1.
[[nodiscard]] bool is_listening(std::uint16_t port);

/// The whole of a file; nothing when it cannot be read.
[[nodiscard]] std::string content_of(const std::string& path);
/// Throws: ServerFailure.
void write_file(const std::string& path, std::string_view content);

/// Calls `is_ready()` every few milliseconds until it holds.
/// Throws: ServerFailure with `what` and the logs of `workspace` when `limit` has passed.
void wait_until(const std::function<bool()>& is_ready, milliseconds limit, std::string_view what, const Workspace& workspace);

}  // namespace hybridbuffer::servers
