#pragma once

#include "workspace.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace hybridbuffer::servers {

/// A program that runs for as long as this object wants it to, and at most as long as this process lives: however the process ends, the
/// program is killed and its workspace removed (keeper.cpp says how).
///
/// Threads: one object needs external locking. Any thread may start the program; it outlives that thread.
class ServerProcess {
 public:
  /// Does not start it. `command`: the program and its arguments; it must stay in the foreground. `environment`: NAME=value, on top of this
  /// process's own. `workspace` must outlive this object. `name` + ".log" in the workspace takes what it prints.
  ServerProcess(const Workspace& workspace, std::string name, std::vector<std::string> command, std::vector<std::string> environment = {});
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  /// Stops it. In a forked child it does nothing.
  ~ServerProcess();

  /// Throws: ServerFailure when the program cannot be started. That it is ready is another matter.
  void start();
  [[nodiscard]] bool is_running();
  /// Of the program that ended last: what it returned, or 128 + the signal that ended it.
  [[nodiscard]] int exit_status() const noexcept { return exit_status_; }
  /// Requires: it runs. Delivers a signal, for instance SIGSTOP and SIGCONT.
  void signal(int number);
  /// SIGKILL, and waits for the end. Nothing when it does not run.
  void kill9();
  /// SIGTERM, and SIGKILL when it has not ended within `limit`.
  void stop(milliseconds limit = milliseconds{5'000});

  /// `is_ready` as in wait_until(), but fails at once when the program ends before.
  void wait_until_ready(const std::function<bool()>& is_ready, milliseconds limit);

 private:
  void forget(int status);
  [[nodiscard]] bool ended_within(milliseconds limit);

  const Workspace* workspace_;
  std::string name_;
  std::vector<std::string> command_;
  std::vector<std::string> environment_;
  pid_t keeper_ = -1;  // −1: not started, or ended
  int control_ = -1;
  int exit_status_ = 0;
  pid_t owner_;
};

/// Runs a program to its end.
/// Returns: what it printed to standard output.
/// Throws: ServerFailure with all it printed when its exit status is not 0 or `limit` passes.
std::string run_program(const Workspace& workspace, const std::vector<std::string>& command,
                        const std::vector<std::string>& environment = {},
                        milliseconds limit = milliseconds{120'000});  // a first start out of a cold cache

}  // namespace hybridbuffer::servers
