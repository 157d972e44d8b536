#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/// \file
/// Replaces getpid() in the program one source of which includes it: a child then has its parent's number, as one that is the first in a
/// PID namespace of its own has.

namespace hybridbuffer::testing {

/// What getpid() answers, in whichever process; 0: the truth.
inline constinit pid_t told_number = 1;

/// While it lives every process is told the truth.
struct TrueNumbers {
  TrueNumbers() : told{told_number} { told_number = 0; }
  TrueNumbers(const TrueNumbers&) = delete;
  TrueNumbers& operator=(const TrueNumbers&) = delete;
  ~TrueNumbers() { told_number = told; }
  pid_t told;
};

}  // namespace hybridbuffer::testing

extern "C" pid_t getpid() noexcept {
  const pid_t told = hybridbuffer::testing::told_number;
  return told != 0 ? told : static_cast<pid_t>(::syscall(SYS_getpid));
}
