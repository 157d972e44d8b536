#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

// server_keeper CONTROL DIRECTORY LOG PROGRAM ARGUMENT…
//
// Runs PROGRAM in DIRECTORY with its output appended to LOG, and ends it when the process that asked for it is gone, however that went.
// The descriptor CONTROL is one end of a stream socket: each byte that arrives is the number of a signal to deliver; its end means that
// the asking process died, whereupon the program is killed and DIRECTORY removed. The first byte sent back is 0, or the errno that kept
// PROGRAM from starting. Exits when the program has ended.
//
// A process between the two, because PR_SET_PDEATHSIG speaks of the *thread* that forked: a server that a passing thread of a test
// restarts would die with that thread. This program has one thread, so here the signal means what it is for.

namespace {

[[noreturn]] void become(char** command, const char* log, int failure, pid_t keeper) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);  // so that signals reach what it starts, too
  if (::getppid() != keeper) ::_exit(1);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // NOLINT(cert-err33-c): SIGPIPE can always be set
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (nothing >= 0 && output >= 0) {
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execvp(command[0], command);
  }
  const int error = errno;
  [[maybe_unused]] const auto told = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

// Another keeper may be removing the same directory, and a server that dies last may still write into it: hence more than once.
void remove_directory(const char* directory) {
  std::error_code failed;
  for (int attempt = 0; attempt < 50; ++attempt) {
    std::filesystem::remove_all(directory, failed);
    if (!failed && !std::filesystem::exists(directory, failed)) return;
    ::poll(nullptr, 0, 20);
  }
}

// Returns: errno of what failed, 0 when the program runs.
int start(char** command, const char* log, pid_t& child) {
  std::array<int, 2> failure{};
  if (::pipe2(failure.data(), O_CLOEXEC) != 0) return errno;
  const pid_t self = ::getpid();
  child = ::fork();
  if (child == 0) become(command, log, failure[1], self);
  ::close(failure[1]);
  int error = child < 0 ? errno : 0;
  if (child > 0 && ::read(failure[0], &error, sizeof error) <= 0) error = 0;
  ::close(failure[0]);
  return error;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) return 2;
  const int control = std::atoi(arguments[1]);  // NOLINT(cert-err34-c): written by ServerProcess
  const char* directory = arguments[2];
  ::fcntl(control, F_SETFD, FD_CLOEXEC);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  sigset_t ended;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &ended, nullptr);
  const int children = ::signalfd(-1, &ended, SFD_CLOEXEC);
  if (::chdir(directory) != 0) return 2;

  pid_t child = -1;
  const auto error = static_cast<unsigned char>(start(arguments + 4, arguments[3], child));
  if (::write(control, &error, 1) != 1 || error != 0) return 1;

  std::array<pollfd, 2> watched{pollfd{control, POLLIN, 0}, pollfd{children, POLLIN, 0}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return 2;
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (watched[1].revents != 0) {
      signalfd_siginfo taken{};
      [[maybe_unused]] const auto read = ::read(children, &taken, sizeof taken);
    }
    if (watched[0].revents == 0) continue;
    unsigned char signal = 0;
    if (::read(control, &signal, 1) == 1) {
      ::kill(-child, signal);
      continue;
    }
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    [[maybe_unused]] const int left = ::chdir("/");
    if (std::getenv("HYBRIDBUFFER_KEEP_SERVERS") == nullptr) remove_directory(directory);
    return 1;
  }
}
