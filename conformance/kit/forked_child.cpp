#include "forked_child.hpp"

#include <hybridbuffer/conformance/handles.hpp>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::conformance {
namespace {

constexpr char marked = '.';
constexpr char failed = 'F';
constexpr char done = 'E';
constexpr char told = 'T';  // then two bytes of length, and the text
constexpr char silent = 'S';
constexpr int patience_ms = 15'000;

void send_text(int line, std::string_view text) noexcept {
  while (!text.empty()) {
    const ::ssize_t count = ::send(line, text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

[[noreturn]] void live(int line, const std::function<void(ParentLine&)>& work) noexcept {
  std::string end{done};
  try {
    ParentLine parent{line};
    work(parent);
  } catch (const Failure& failure) {
    end = failed + failure.seen;
  } catch (const std::exception& error) {
    end = failed + std::string{error.what()};
  } catch (...) {
    end = failed + std::string{"an exception that is no std::exception"};
  }
  send_text(line, end);
  ::_exit(0);
}

}  // namespace

void ParentLine::mark() const { send_text(line_, {&marked, 1}); }
void ParentLine::tell(std::string_view text) const {
  std::string message{told, static_cast<char>(text.size() & 0xffU), static_cast<char>(text.size() >> 8U)};
  send_text(line_, message.append(text));
}
void ParentLine::wait() const {
  char go = 0;
  while (::read(line_, &go, 1) == -1 && errno == EINTR) {}
}

ForkedChild::ForkedChild(const std::function<void(ParentLine&)>& work) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::system_error{errno, std::system_category(), "socketpair"};
  child_ = ::fork();
  if (child_ == 0) {
    ::close(ends[0]);
    live(ends[1], work);
  }
  ::close(ends[1]);
  line_ = ends[0];
  if (child_ < 0) {
    const int problem = errno;
    ::close(line_);
    throw std::system_error{problem, std::system_category(), "fork"};
  }
}
ForkedChild::~ForkedChild() {
  kill();
  ::close(line_);
}

char ForkedChild::next() {
  pollfd readable{line_, POLLIN, 0};
  int ready = 0;
  do ready = ::poll(&readable, 1, patience_ms);
  while (ready == -1 && errno == EINTR);
  if (ready == 0) return silent;
  char got = 0;
  while (::read(line_, &got, 1) == -1 && errno == EINTR) {}
  return got;
}

void ForkedChild::expect_mark(std::string_view what) {
  if (const char got = next(); got != marked) fail(what, got);
}
std::string ForkedChild::expect_text(std::string_view what) {
  if (const char got = next(); got != told) fail(what, got);
  const auto low = static_cast<unsigned char>(next());
  const auto high = static_cast<unsigned char>(next());
  std::string text(low + 256U * high, '\0');
  for (char& one : text) one = next();
  return text;
}
bool ForkedChild::next_mark() {
  const char got = next();
  if (got == failed || got == silent) fail("its work", got);
  return got == marked;
}
void ForkedChild::expect_end(std::string_view what) {
  char got = next();
  while (got == marked) got = next();
  if (got != done) fail(what, got);
  while (::waitpid(child_, &status_, 0) == -1 && errno == EINTR) {}
  child_ = -1;
}

void ForkedChild::go() const noexcept { send_text(line_, "g"); }

void ForkedChild::kill() noexcept {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, &status_, 0) == -1 && errno == EINTR) {}
  child_ = -1;
}

void ForkedChild::fail(std::string_view what, char got) {
  std::string seen = "in a forked child, " + std::string{what} + ": ";
  if (got == silent) throw Failure{seen + "it hangs"};
  if (got == failed) {
    for (char next_one = next(); next_one != 0 && next_one != silent; next_one = next()) seen += next_one;
    throw Failure{std::move(seen)};
  }
  while (::waitpid(child_, &status_, 0) == -1 && errno == EINTR) {}
  child_ = -1;
  if (!WIFSIGNALED(status_)) throw Failure{seen + "it ended with status " + std::to_string(WEXITSTATUS(status_))};
  const char* name = ::strsignal(WTERMSIG(status_));
  throw Failure{seen + "it crashed: " + (name != nullptr ? name : "a signal")};
}

}  // namespace hybridbuffer::conformance
