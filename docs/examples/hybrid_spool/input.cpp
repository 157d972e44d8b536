#include "input.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace spool {

using hybridbuffer::Result;

/// What is there now as a reader that ends with it.
struct Input::Portion {
  Input* input;
  bool begun = false;

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (std::exchange(begun, true) && (input->ended_ || !input->has_more())) return 0;
    return input->read(bytes);
  }
};

Input::Input(int descriptor, int watched_output) noexcept
    : descriptor_{descriptor}, watched_output_{watched_output}, stop_event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

Input::~Input() {
  if (stop_event_ >= 0) ::close(stop_event_);
}

Input::Event Input::wait() noexcept {
  std::array<pollfd, 3> watched{{{descriptor_, POLLIN, 0}, {stop_event_, POLLIN, 0}, {watched_output_, 0, 0}}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR && errno != EAGAIN) return Event::ready;  // the read will say what is wrong
  }
  if ((watched[1].revents & POLLIN) != 0) return Event::stopped;
  if ((watched[2].revents & POLLERR) != 0) return Event::consumer_left;
  return Event::ready;
}

void Input::stop() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(stop_event_, &one, sizeof one));
}

Result<std::uint64_t> Input::read_into(SpoolBuffer& buffer, std::uint64_t most) {
  Portion portion{this};
  return buffer.read_from(portion, most);
}

bool Input::has_more() const noexcept {
  pollfd watched{descriptor_, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

Result<std::size_t> Input::read(std::span<std::byte> bytes) noexcept {
  for (;;) {
    const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
    if (count > 0) return static_cast<std::size_t>(count);
    ended_ = count == 0;
    if (ended_ || errno == EAGAIN) return 0;  // EAGAIN: somebody else made it non-blocking and took what was there
    if (errno == EINTR) continue;
    failed_ = true;
    return hybridbuffer::failure_from_errno("read standard input");
  }
}

}  // namespace spool
