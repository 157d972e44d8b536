#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>

#include "memory_support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <span>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} { BOOST_TEST_REQUIRE(number >= 0); }
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  operator int() const { return number_; }  // NOLINT(google-explicit-constructor): stands for the number

 private:
  int number_;
};

struct Pipe {
  Descriptor source;
  Descriptor sink;
};
Pipe make_pipe(int flags = 0) {
  int ends[2] = {-1, -1};  // NOLINT(modernize-avoid-c-arrays): as pipe2 wants it
  BOOST_TEST_REQUIRE(::pipe2(ends, flags | O_CLOEXEC) == 0);
  return {.source = Descriptor{ends[0]}, .sink = Descriptor{ends[1]}};
}
Pipe make_socket_pair() {
  int ends[2] = {-1, -1};  // NOLINT(modernize-avoid-c-arrays): as socketpair wants it
  BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {.source = Descriptor{ends[0]}, .sink = Descriptor{ends[1]}};
}
Descriptor make_file(const Bytes& bytes = {}) {
  Descriptor file{::memfd_create("transfer", MFD_CLOEXEC)};
  BOOST_TEST_REQUIRE(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  BOOST_TEST_REQUIRE(::lseek(file, 0, SEEK_SET) == 0);
  return file;
}

// Exactly `size` bytes, or fewer at the end.
Bytes read_from(int descriptor, std::size_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(descriptor, bytes.data() + done, size - done);
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return first_of(bytes, done);
}
Bytes whole_file(int descriptor) {
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  BOOST_TEST_REQUIRE(size >= 0);
  BOOST_TEST_REQUIRE(::lseek(descriptor, 0, SEEK_SET) == 0);
  return read_from(descriptor, static_cast<std::size_t>(size) + 1);
}

template <class Backend = SmallBackend>
Backend holding(const Bytes& bytes) {
  Backend backend;
  BOOST_TEST_REQUIRE(replace(backend, bytes).has_value());
  return backend;
}

std::atomic<int> signals_seen{0};

// Interrupts the calling thread's system calls every millisecond as long as it lives.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction action{};
    action.sa_handler = [](int) { signals_seen.fetch_add(1); };
    BOOST_TEST_REQUIRE(::sigaction(SIGUSR1, &action, &before_) == 0);
    sender_ = std::thread{[this, target = ::pthread_self()] {
      while (!stop_.load()) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      }
    }};
  }
  ~Interruptions() {
    stop_.store(true);
    sender_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

 private:
  struct sigaction before_{};
  std::atomic<bool> stop_{false};
  std::thread sender_;
};

struct IgnoreSigpipe {
  IgnoreSigpipe() { (void)::signal(SIGPIPE, SIG_IGN); }
} const ignore_sigpipe;

}  // namespace

BOOST_AUTO_TEST_SUITE(to_descriptors)

BOOST_AUTO_TEST_CASE(exactly_the_window_goes_to_a_file_at_its_position) {
  constexpr std::size_t size = 2 * small_block + 3;
  const auto backend = holding(content(size));
  const Descriptor file = make_file(content(5, 2));
  for (std::size_t offset = 0; offset <= size + 1; ++offset) {
    for (std::size_t n = 0; n <= size + 2; ++n) {
      BOOST_TEST_REQUIRE(::ftruncate(file, 5) == 0);
      BOOST_TEST_REQUIRE(::lseek(file, 0, SEEK_END) == 5);
      const std::size_t expected = offset < size ? std::min(n, size - offset) : 0;

      BOOST_TEST_REQUIRE(backend.transfer_to(file, offset, n).value() == expected);

      BOOST_TEST_REQUIRE(::lseek(file, 0, SEEK_CUR) == static_cast<off_t>(5 + expected));
      BOOST_TEST_REQUIRE((whole_file(file) == joined(content(5, 2), content(expected, 1, offset))));
    }
  }
}

BOOST_AUTO_TEST_CASE(large_objects_pass_through_pipes_and_sockets_whole) {
  const Bytes bytes = content(5 * MemoryBackend::block_bytes + 77);
  const auto backend = holding<MemoryBackend>(bytes);
  for (const bool socket : {false, true}) {
    Pipe pipe = socket ? make_socket_pair() : make_pipe();
    Bytes received;
    std::thread consumer{[&] { received = read_from(pipe.source, bytes.size() + 1); }};

    const auto moved = backend.transfer_to(pipe.sink, 0, largest);
    pipe.sink.close();
    consumer.join();

    BOOST_TEST(moved.value() == bytes.size());
    BOOST_TEST((received == bytes));
  }
}

BOOST_AUTO_TEST_CASE(holes_go_out_as_zeros) {
  auto backend = holding<MemoryBackend>(content(3 * MemoryBackend::block_bytes));
  BOOST_TEST(backend.discard(MemoryBackend::block_bytes, MemoryBackend::block_bytes).has_value());
  const Descriptor file = make_file();

  BOOST_TEST(backend.transfer_to(file, MemoryBackend::block_bytes - 1, MemoryBackend::block_bytes + 2).value() ==
             MemoryBackend::block_bytes + 2);

  Bytes expected = content(MemoryBackend::block_bytes + 2, 1, MemoryBackend::block_bytes - 1);
  std::fill_n(expected.begin() + 1, MemoryBackend::block_bytes, std::byte{0});
  BOOST_TEST((whole_file(file) == expected));
}

BOOST_AUTO_TEST_CASE(a_full_pipe_takes_what_fits_and_the_next_call_is_unavailable) {
  const Bytes bytes = content(4 * MemoryBackend::block_bytes);
  const auto backend = holding<MemoryBackend>(bytes);
  const Pipe pipe = make_pipe(O_NONBLOCK);

  Bytes received;
  while (received.size() < bytes.size()) {
    const auto moved = backend.transfer_to(pipe.sink, received.size(), largest);
    BOOST_TEST_REQUIRE(moved.has_value());
    BOOST_TEST_REQUIRE(*moved > 0U);
    if (received.size() + *moved < bytes.size()) {
      BOOST_TEST((code_of(backend.transfer_to(pipe.sink, received.size() + *moved, largest)) == errc::unavailable));
    }
    received = joined(std::move(received), read_from(pipe.source, *moved));
  }

  BOOST_TEST((received == bytes));
}

BOOST_AUTO_TEST_CASE(interrupted_writes_go_on_where_they_were) {
  const Bytes bytes = content(40 * MemoryBackend::block_bytes);
  const auto backend = holding<MemoryBackend>(bytes);
  Pipe pipe = make_pipe();
  Bytes received;
  std::thread slow_consumer{[&] {
    for (Bytes piece = read_from(pipe.source, 100'000); !piece.empty(); piece = read_from(pipe.source, 100'000)) {
      received = joined(std::move(received), piece);
      std::this_thread::sleep_for(std::chrono::milliseconds{3});
    }
  }};
  const int signals_before = signals_seen.load();

  std::uint64_t moved = 0;
  {
    const Interruptions interruptions;
    moved = backend.transfer_to(pipe.sink, 0, largest).value_or(0);
  }
  pipe.sink.close();
  slow_consumer.join();

  BOOST_TEST(signals_seen.load() - signals_before > 5);
  BOOST_TEST(moved == bytes.size());
  BOOST_TEST((received == bytes));
}

BOOST_AUTO_TEST_CASE(descriptors_that_cannot_be_written_report_their_errno) {
  const auto backend = holding(content(20));
  Pipe broken = make_pipe();
  broken.source.close();

  const auto to_broken = backend.transfer_to(broken.sink, 0, 20);
  BOOST_TEST((code_of(to_broken) == errc::unavailable));
  BOOST_TEST(to_broken.error().native().value() == EPIPE);
  BOOST_TEST((code_of(backend.transfer_to(-1, 0, 20)) == errc::invalid_argument));
  BOOST_TEST(backend.transfer_to(-1, 0, 0).value() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(from_descriptors)

BOOST_AUTO_TEST_CASE(exactly_what_was_asked_for_extends_the_object_and_leaves_the_position_behind_it) {
  constexpr std::size_t source_size = 2 * small_block + 3;
  for (std::size_t before = 0; before <= small_block + 1; ++before) {
    for (std::size_t n = 0; n <= source_size + 2; ++n) {
      auto backend = holding(content(before));
      const Descriptor file = make_file(content(source_size, 1, before));
      const std::size_t expected = std::min(n, source_size);

      BOOST_TEST_REQUIRE(backend.transfer_from(file, n).value() == expected);

      BOOST_TEST_REQUIRE(::lseek(file, 0, SEEK_CUR) == static_cast<off_t>(expected));
      BOOST_TEST_REQUIRE(shows(backend, content(before + expected)));
      BOOST_TEST_REQUIRE(extend(backend, content(5, 1, before + expected)).has_value());
      BOOST_TEST_REQUIRE(shows(backend, content(before + expected + 5)));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_end_of_the_source_is_0_and_commits_nothing) {
  const Descriptor file = make_file();
  SmallBackend empty;
  auto backend = holding(content(20));

  BOOST_TEST(empty.transfer_from(file, 10).value() == 0U);
  BOOST_TEST(backend.transfer_from(file, 10).value() == 0U);

  BOOST_TEST((code_of(empty.open()) == errc::not_found));
  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(without_an_object_one_is_made) {
  const Descriptor file = make_file(content(20));
  SmallBackend backend;

  BOOST_TEST(backend.transfer_from(file, largest).value() == 20U);

  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(a_slow_pipe_is_read_to_its_end_over_interruptions) {
  const Bytes bytes = content(300'000);
  Pipe pipe = make_pipe();
  MemoryBackend backend;
  std::thread producer{[&] {
    for (std::size_t offset = 0; offset < bytes.size(); offset += 10'000) {
      if (::write(pipe.sink, bytes.data() + offset, 10'000) != 10'000) break;  // the comparison below will tell
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    pipe.sink.close();
  }};
  const int signals_before = signals_seen.load();

  std::uint64_t moved = 0;
  {
    const Interruptions interruptions;
    moved = backend.transfer_from(pipe.source, largest).value_or(0);
  }
  producer.join();

  BOOST_TEST(signals_seen.load() - signals_before > 5);
  BOOST_TEST(moved == bytes.size());
  BOOST_TEST(shows(backend, bytes));
}

BOOST_AUTO_TEST_CASE(an_error_after_some_bytes_commits_these_and_the_next_call_meets_it) {
  const Pipe pipe = make_pipe(O_NONBLOCK);
  const Bytes bytes = content(50);
  BOOST_TEST(::write(pipe.sink, bytes.data(), bytes.size()) == 50);
  SmallBackend backend;

  BOOST_TEST(backend.transfer_from(pipe.source, largest).value() == 50U);
  BOOST_TEST(shows(backend, bytes));

  BOOST_TEST((code_of(backend.transfer_from(pipe.source, largest)) == errc::unavailable));
  BOOST_TEST(shows(backend, bytes));
}

BOOST_AUTO_TEST_CASE(sources_that_cannot_be_read_report_their_errno_and_change_nothing) {
  auto backend = holding(content(20));
  const Pipe pipe = make_pipe();

  BOOST_TEST((code_of(backend.transfer_from(-1, 10)) == errc::invalid_argument));
  BOOST_TEST((code_of(backend.transfer_from(pipe.sink, 10)) == errc::invalid_argument));
  BOOST_TEST(backend.transfer_from(-1, 0).value() == 0U);

  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(a_full_location_takes_what_fits_and_the_next_call_is_limit_exceeded) {
  for (std::size_t limit = 10; limit <= 10 + 2 * small_block; ++limit) {
    auto backend = BasicMemoryStorage<small_block>{{.max_bytes = limit}}.create_backend().value();
    BOOST_TEST_REQUIRE(replace(backend, content(10)).has_value());
    const Descriptor file = make_file(content(100, 1, 10));

    if (limit > 10) BOOST_TEST_REQUIRE(backend.transfer_from(file, largest).value() == limit - 10);
    BOOST_TEST_REQUIRE((code_of(backend.transfer_from(file, largest)) == errc::limit_exceeded));

    BOOST_TEST_REQUIRE(::lseek(file, 0, SEEK_CUR) == static_cast<off_t>(limit - 10));
    BOOST_TEST_REQUIRE(shows(backend, content(limit)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
