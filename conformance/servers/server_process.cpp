#include "server_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace hybridbuffer::servers {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> with_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;  // the first of two with one name counts
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view own{*variable};
    const std::string_view name = own.substr(0, own.find('=') + 1);
    bool is_replaced = false;
    for (const std::string& one : added) is_replaced = is_replaced || one.starts_with(name);
    if (!is_replaced) all.emplace_back(own);
  }
  return all;
}

// `kept` descriptors stay open in the program under their own numbers.
pid_t spawn(std::vector<std::string> command, const std::vector<std::string>& environment, int kept) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, kept, kept);  // clears close-on-exec
  std::vector<std::string> variables = with_environment(environment);
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, command[0].c_str(), &actions, nullptr, pointers_to(command).data(), pointers_to(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw ServerFailure{"cannot run " + command[0] + ": " + std::strerror(error)};
  return child;
}

}  // namespace

ServerProcess::ServerProcess(const Workspace& workspace, std::string name, std::vector<std::string> command,
                             std::vector<std::string> environment)
    : workspace_{&workspace},
      name_{std::move(name)},
      command_{std::move(command)},
      environment_{std::move(environment)},
      owner_{::getpid()} {}

ServerProcess::~ServerProcess() {
  if (owner_ == ::getpid()) {
    try {
      stop();
    } catch (const ServerFailure&) {  // SIGKILL did not end it: nothing would
      std::cerr << name_ << " does not die\n";
    }
  } else if (control_ >= 0) {
    ::close(control_);
  }
}

void ServerProcess::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw ServerFailure{"no socket pair"};
  std::vector<std::string> command{HYBRIDBUFFER_SERVER_KEEPER, std::to_string(ends[1]), workspace_->directory(),
                                   workspace_->path(name_ + ".log")};
  command.insert(command.end(), command_.begin(), command_.end());
  try {
    keeper_ = spawn(std::move(command), environment_, ends[1]);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
  control_ = ends[0];
  unsigned char error = 0;
  if (::read(control_, &error, 1) == 1 && error == 0) return;
  kill9();
  throw ServerFailure{"cannot run " + command_[0] + ": " + std::strerror(error)};
}

void ServerProcess::forget(int status) {
  exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  keeper_ = -1;
  ::close(std::exchange(control_, -1));
}

bool ServerProcess::is_running() {
  if (keeper_ < 0) return false;
  int status = 0;
  if (::waitpid(keeper_, &status, WNOHANG) == 0) return true;
  forget(status);
  return false;
}

void ServerProcess::signal(int number) {
  const auto byte = static_cast<unsigned char>(number);
  if (keeper_ >= 0) ::send(control_, &byte, 1, MSG_NOSIGNAL);
}

// The keeper holds the other end and nothing else does, so the end of the stream is the end of the keeper.
bool ServerProcess::ended_within(milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ended{control_, POLLIN, 0};
    const int ready = ::poll(&ended, 1, static_cast<int>(std::max(left, milliseconds{0}).count()));
    if (ready > 0) break;
    if (ready == 0) return false;
  }
  int status = 0;
  while (::waitpid(keeper_, &status, 0) < 0 && errno == EINTR) {}
  forget(status);
  return true;
}

void ServerProcess::kill9() {
  if (keeper_ < 0) return;
  signal(SIGKILL);
  constexpr milliseconds limit{10'000};
  if (!ended_within(limit)) throw ServerFailure{name_ + " does not die"};
}

void ServerProcess::stop(milliseconds limit) {
  if (keeper_ < 0) return;
  signal(SIGTERM);
  if (!ended_within(limit)) kill9();
}

void ServerProcess::wait_until_ready(const std::function<bool()>& is_ready, milliseconds limit) {
  wait_until(
      [&] {
        if (is_ready()) return true;
        if (!is_running()) throw ServerFailure{name_ + " ended before it was ready\n" + workspace_->logs()};
        return false;
      },
      limit, name_ + " is not ready", *workspace_);
}

std::string run_program(const Workspace& workspace, const std::vector<std::string>& command, const std::vector<std::string>& environment,
                        milliseconds limit) {
  // Its output goes through a file: no pipe that could fill up.
  std::string output = workspace.path("output-XXXXXX");
  const int file = ::mkostemp(output.data(), O_CLOEXEC);
  if (file < 0) throw ServerFailure{"cannot write in " + workspace.directory()};
  ::close(file);
  std::vector<std::string> shell{"/bin/sh", "-c", R"(exec "$@" >"$0" 2>"$0.err")", output};
  shell.insert(shell.end(), command.begin(), command.end());
  int status = 0;
  {
    ServerProcess process{workspace, "run", std::move(shell), environment};
    process.start();
    wait_until([&] { return !process.is_running(); }, limit, command[0] + " does not end", workspace);
    status = process.exit_status();
  }
  std::string text = content_of(output);
  const std::string errors = content_of(output + ".err");
  if (status != 0) {
    std::string words;
    for (const std::string& word : command) words += word + " ";
    throw ServerFailure{words + "failed: " + std::to_string(status) + "\n" + text + errors};
  }
  ::unlink(output.c_str());
  ::unlink((output + ".err").c_str());
  return text;
}

}  // namespace hybridbuffer::servers
