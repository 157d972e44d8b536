#pragma once

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// The other ends of a transfer: files, pipes and sockets that belong to the kit.

namespace hybridbuffer::conformance::clauses {

class OwnedDescriptor {
 public:
  OwnedDescriptor() noexcept = default;
  explicit OwnedDescriptor(int number) noexcept : number_{number} {}
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~OwnedDescriptor() { close(); }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_ = -1;
};

/// Errors: std::runtime_error when the kit has no descriptor, which is no failure of the backend.
inline int must(int answer, const char* what) {
  if (answer < 0) throw std::runtime_error{std::string{what} + ": " + std::to_string(errno)};
  return answer;
}

/// A file without a name in the directory for temporary files.
[[nodiscard]] inline OwnedDescriptor temporary_file() {
  const char* directory = std::getenv("TMPDIR");
  std::string path = std::string{directory != nullptr && *directory == '/' ? directory : "/tmp"} + "/conformance-XXXXXX";
  OwnedDescriptor file{must(::mkostemp(path.data(), O_CLOEXEC), "a temporary file")};
  ::unlink(path.c_str());
  return file;
}

[[nodiscard]] inline std::uint64_t position_of(int descriptor) { return static_cast<std::uint64_t>(::lseek(descriptor, 0, SEEK_CUR)); }

inline void put_at(int file, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count <= 0) throw std::runtime_error{"cannot write a temporary file"};
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

[[nodiscard]] inline std::vector<std::byte> content_of(int file) {
  const off_t size = ::lseek(file, 0, SEEK_CUR) < 0 ? -1 : [&] {
    const off_t position = ::lseek(file, 0, SEEK_CUR);
    const off_t end = ::lseek(file, 0, SEEK_END);
    ::lseek(file, position, SEEK_SET);
    return end;
  }();
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::max<off_t>(size, 0)));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count <= 0) throw std::runtime_error{"cannot read a temporary file"};
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

/// Two ends: what is written to `in` comes out of `out`.
struct Channel {
  enum class Kind : std::uint8_t { pipe, socket } kind = Kind::pipe;
  OwnedDescriptor in{};
  OwnedDescriptor out{};

  /// With as small a buffer as the kernel makes.
  explicit Channel(Kind of) : kind{of} {
    int ends[2];
    if (kind == Kind::pipe) {
      must(::pipe2(ends, O_CLOEXEC), "a pipe");
      out = OwnedDescriptor{ends[0]};
      in = OwnedDescriptor{ends[1]};
      ::fcntl(in.number(), F_SETPIPE_SZ, 4096);
      return;
    }
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "sockets");
    in = OwnedDescriptor{ends[0]};
    out = OwnedDescriptor{ends[1]};
    constexpr int small = 4096;
    ::setsockopt(in.number(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  [[nodiscard]] const char* name() const noexcept { return kind == Kind::pipe ? "a pipe" : "a socket"; }
  static void make_non_blocking(const OwnedDescriptor& end) { ::fcntl(end.number(), F_SETFL, ::fcntl(end.number(), F_GETFL) | O_NONBLOCK); }
};

/// Takes what is there now, `most` bytes at most, without waiting.
[[nodiscard]] inline std::vector<std::byte> taken_from(int descriptor, std::size_t most) {
  std::vector<std::byte> bytes(most);
  std::size_t done = 0;
  while (done < most) {
    pollfd readable{descriptor, POLLIN, 0};
    if (::poll(&readable, 1, 0) <= 0) break;
    const ssize_t count = ::read(descriptor, bytes.data() + done, most - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

/// Waits for what comes out of a channel and takes it to the end, in a thread of its own.
class Drain {
 public:
  explicit Drain(Channel& channel)
      : channel_{&channel}, thread_{[this, descriptor = channel.out.number()] {
          std::byte block[1021];
          for (;;) {
            const ssize_t count = ::read(descriptor, block, sizeof block);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            bytes_.insert(bytes_.end(), block, block + count);
          }
        }} {}
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain() { channel_->in.close(); }
  /// Closes the channel. Returns: all that came out of it.
  [[nodiscard]] const std::vector<std::byte>& bytes() {
    channel_->in.close();
    if (thread_.joinable()) thread_.join();
    return bytes_;
  }

 private:
  Channel* channel_;
  std::vector<std::byte> bytes_;
  std::jthread thread_;
};

/// Puts bytes into a channel, in a thread of its own, and closes it behind them; stops when nobody reads there any more.
class Feed {
 public:
  Feed(Channel& channel, std::vector<std::byte> bytes)
      : channel_{&channel}, bytes_{std::move(bytes)}, thread_{[this, &end = channel.in] {
          // A reader that went away is no reason to end the process.
          sigset_t broken;
          ::sigemptyset(&broken);
          ::sigaddset(&broken, SIGPIPE);
          ::pthread_sigmask(SIG_BLOCK, &broken, nullptr);
          for (std::size_t done = 0; done < bytes_.size();) {
            const ssize_t count = ::write(end.number(), bytes_.data() + done, std::min<std::size_t>(bytes_.size() - done, 1531));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) break;
            done += static_cast<std::size_t>(count);
          }
          end.close();
        }} {}
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed() { channel_->out.close(); }

 private:
  Channel* channel_;
  std::vector<std::byte> bytes_;
  std::jthread thread_;
};

/// While it lives, signals interrupt the thread that made it, every millisecond.
class Interruptions {
 public:
  Interruptions() : target_{::pthread_self()} {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGUSR2, &action, &before_);
    thread_ = std::jthread{[this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ::pthread_kill(target_, SIGUSR2);
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      }
    }};
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;
  ~Interruptions() {
    thread_.request_stop();
    thread_.join();
    std::this_thread::yield();  // what is still pending arrives here, at the handler
    ::sigaction(SIGUSR2, &before_, nullptr);
  }

 private:
  pthread_t target_;
  struct sigaction before_{};
  std::jthread thread_;
};

/// While it lives, writing where nobody reads is an error and no signal.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    struct sigaction ignored{};
    ignored.sa_handler = SIG_IGN;
    ::sigemptyset(&ignored.sa_mask);
    ::sigaction(SIGPIPE, &ignored, &before_);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

}  // namespace hybridbuffer::conformance::clauses
