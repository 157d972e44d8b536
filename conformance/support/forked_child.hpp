#pragma once

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hybridbuffer::testing {

/// Runs `checks(holds)` in a forked child, where each call `holds(condition)` is one check.
///
/// Returns: 0 when all of them held; the number, from 1, of the first one that did not; −1 when the child crashed, hung for 20 seconds or
///          checked nothing.
template <class Checks>
[[nodiscard]] int first_failure_in_forked_child(Checks&& checks) {
  constexpr int checked_nothing = 255;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    int number = 0;
    int first_failure = 0;
    checks([&](bool condition) {
      ++number;
      if (!condition && first_failure == 0) first_failure = number;
    });
    ::_exit(number == 0 ? checked_nothing : first_failure);
  }
  int status = 0;
  const bool exited = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != checked_nothing;
  return exited ? WEXITSTATUS(status) : -1;
}

}  // namespace hybridbuffer::testing
