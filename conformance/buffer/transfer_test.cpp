#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "descriptors.hpp"
#include "fault_support.hpp"
#include "model_streams.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <pthread.h>
#include <string>
#include <thread>
#include <tuple>

// Bytes between a buffer and descriptors: files, pipes, sockets, blocking or not, interrupted, short, refusing.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Buffers = std::tuple<HybridBuffer<>, HybridBuffer<SegmentedMemory<16>, SpillAt, MemoryBackend>,
                           HybridBuffer<SegmentedMemory<4096>, SpillAt, examples::VectorBackend>,
                           HybridBuffer<InlineMemory<100>, SpillAt, FileBackend>>;

const std::string& directory() {
  static const TemporaryDirectory made;
  return made.path();
}

/// What is written to one end comes out of the other, which a thread empties.
class Drain {
 public:
  explicit Drain(OwnedDescriptor out) : out_{std::move(out)}, thread_{[this] { taken_ = read_whole(out_.number()); }} {}
  /// Requires: the other end is closed.
  [[nodiscard]] const Bytes& taken() {
    if (thread_.joinable()) thread_.join();
    return taken_;
  }
  ~Drain() { static_cast<void>(taken()); }
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

 private:
  OwnedDescriptor out_;
  Bytes taken_;
  std::thread thread_;
};

/// Interrupts the thread that made it every 200 µs, with a handler that lets calls fail with EINTR.
class Interruptions {
 public:
  Interruptions() : target_{::pthread_self()} {
    struct sigaction action{};
    action.sa_handler = [](int) { count.fetch_add(1, std::memory_order_relaxed); };
    ::sigaction(SIGUSR1, &action, &before_);
    thread_ = std::thread{[this] {
      while (!done_) {
        ::pthread_kill(target_, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::microseconds{200});
      }
    }};
  }
  ~Interruptions() {
    done_ = true;
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

  static inline std::atomic<int> count{0};

 private:
  pthread_t target_;
  struct sigaction before_{};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// Stored in two extents and a tail.
template <class Buffer>
Buffer buffer_of(View bytes) {
  Buffer buffer{SpillAt{100}};
  const std::size_t third = bytes.size() / 3;
  for (const View part : {bytes.first(third), bytes.subspan(third, third)}) {
    BOOST_REQUIRE(buffer.append(part).has_value());
    BOOST_REQUIRE(buffer.spill().has_value());
  }
  const View rest = bytes.subspan(2 * third);
  const std::size_t tail = std::min<std::size_t>(rest.size(), 50);
  BOOST_REQUIRE(buffer.append(rest.first(rest.size() - tail)).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());
  BOOST_REQUIRE(buffer.append(rest.last(tail)).has_value());
  return buffer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(from_descriptors)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_file_is_taken_whole_from_its_position_at_every_size_round_the_threshold, Buffer, Buffers) {
  for (const std::size_t size : {0U, 1U, 99U, 100U, 101U, 4096U, 65535U, 65536U, 65537U, 300'000U}) {
    const Bytes bytes = pattern(size);
    const OwnedDescriptor file = make_file(bytes, directory());
    const std::size_t start = std::min<std::size_t>(size, 7);
    seek_to(file.number(), start);
    Buffer buffer{SpillAt{100}};

    BOOST_REQUIRE(*buffer.read_from(file.number()) == size - start);

    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.subspan(start)));
    BOOST_TEST(position_of(file.number()) == size);
    BOOST_TEST(buffer.stats().in_memory <= 100U);
    BOOST_TEST(*buffer.read_from(file.number()) == 0U);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_more_than_the_limit_is_taken_and_the_position_is_behind_it, Buffer, Buffers) {
  const Bytes bytes = pattern(200'000);
  const OwnedDescriptor file = make_file(bytes, directory());
  Buffer buffer{SpillAt{100}};
  std::size_t taken = 0;
  for (const std::size_t limit : {0U, 1U, 99U, 100U, 70'000U, 65'536U, 3U}) {
    BOOST_REQUIRE(*buffer.read_from(file.number(), limit) == limit);
    taken += limit;
    BOOST_TEST(position_of(file.number()) == taken);
  }
  BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(taken)));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_file_that_grows_is_taken_up_to_where_it_ends_each_time, Buffer, Buffers) {
  const Bytes bytes = pattern(300'000);
  const OwnedDescriptor file = make_file(View{bytes}.first(100'000), directory());
  Buffer buffer{SpillAt{100}};
  BOOST_REQUIRE(*buffer.read_from(file.number()) == 100'000U);

  write_whole(file.number(), View{bytes}.subspan(100'000));
  seek_to(file.number(), 100'000);

  BOOST_REQUIRE(*buffer.read_from(file.number()) == 200'000U);
  BOOST_TEST(same(*buffer.to_bytes(), bytes));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_file_that_says_it_is_empty_and_is_not_is_taken_whole, Buffer, Buffers) {
  const OwnedDescriptor file{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
  Buffer buffer{SpillAt{100}};

  BOOST_REQUIRE(buffer.read_from(file.number()).has_value());

  BOOST_TEST(buffer.to_string()->starts_with("Name:"));
  BOOST_TEST(buffer.size() > 500U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(pipes_and_sockets_are_taken_up_to_their_end, Buffer, Buffers) {
  const Bytes bytes = pattern(500'000);
  for (auto* make : {make_pipe, make_socket_pair}) {
    Channel channel = make();
    std::thread producer{[&] {
      for (std::size_t done = 0; done < bytes.size(); done += 1000) write_whole(channel.in.number(), View{bytes}.subspan(done, 1000));
      channel.in.close();
    }};
    Buffer buffer{SpillAt{100}};

    const auto taken = buffer.read_from(channel.out.number());

    producer.join();
    BOOST_REQUIRE((taken && *taken == bytes.size()));
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_source_that_would_block_is_unavailable_and_nothing_is_lost, Buffer, Buffers) {
  const Bytes bytes = pattern(1000);
  for (auto* make : {make_pipe, make_socket_pair}) {
    Channel channel = make();
    channel.out.set_non_blocking();
    Buffer buffer{SpillAt{100}};
    BOOST_TEST((buffer.read_from(channel.out.number()).error() == errc::unavailable));
    for (std::size_t done = 0; done < bytes.size(); done += 250) {
      write_whole(channel.in.number(), View{bytes}.subspan(done, 250));

      const auto taken = buffer.read_from(channel.out.number());

      BOOST_TEST((!taken && taken.error() == errc::unavailable));
      BOOST_TEST(buffer.size() == done + 250);
    }
    channel.in.close();
    BOOST_TEST(*buffer.read_from(channel.out.number()) == 0U);
    BOOST_TEST(same(*buffer.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_source_is_an_error_and_adds_nothing) {
  HybridBuffer buffer{SpillAt{0}};
  const OwnedDescriptor folder{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const OwnedDescriptor write_only{::open("/dev/null", O_WRONLY | O_CLOEXEC)};

  BOOST_TEST((buffer.read_from(folder.number()).error() == errc::invalid_argument));
  BOOST_TEST((buffer.read_from(write_only.number()).error() == errc::invalid_argument));
  BOOST_TEST((buffer.read_from(-1).error() == errc::invalid_argument));

  BOOST_TEST(buffer.empty());
  BOOST_TEST(buffer.stats().locations == 0U);
}

BOOST_AUTO_TEST_CASE(a_limit_of_the_spill_policy_holds_also_for_what_the_kernel_moves) {
  const Bytes bytes = pattern(100'000);
  for (const std::size_t limit : {90'000U, 100'000U, 110'000U}) {
    const OwnedDescriptor file = make_file(bytes, directory());
    HybridBuffer buffer{SegmentedMemory<>{}, Capped{SpillAt{60'000}, limit}, FileStorage{{.directory = directory()}}};
    BOOST_REQUIRE(buffer.reserve(10).has_value());

    const auto taken = buffer.read_from(file.number(), 100'000);

    const std::size_t expected = std::min<std::size_t>(limit, 100'000);
    BOOST_TEST(taken.has_value() == (limit >= 100'000));
    BOOST_TEST(buffer.size() == expected);
    BOOST_TEST(position_of(file.number()) == expected);
    BOOST_TEST(same(*buffer.to_bytes(), View{bytes}.first(expected)));
    BOOST_TEST(buffer.append(Bytes(limit - expected)).has_value());
    BOOST_TEST((buffer.append('x').error() == errc::limit_exceeded));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(to_descriptors)

BOOST_AUTO_TEST_CASE_TEMPLATE(stored_bytes_and_the_tail_go_to_a_file_at_its_position, Buffer, Buffers) {
  for (const std::size_t size : {0U, 1U, 2U, 3U, 30U, 100U, 200U, 10'000U, 65'537U, 300'000U}) {
    const Bytes bytes = pattern(size);
    for (const OwnedDescriptor& file : {make_file(view("before"), directory()), make_memory_file(view("before"))}) {
      seek_to(file.number(), 6);
      Buffer buffer = buffer_of<Buffer>(bytes);
      const std::size_t skipped = std::min<std::size_t>(size, 2);
      BOOST_REQUIRE(buffer.seek(static_cast<std::int64_t>(skipped)).has_value());

      BOOST_REQUIRE(*buffer.write_to(file.number()) == size - skipped);

      BOOST_TEST(buffer.unread() == 0U);
      BOOST_TEST(position_of(file.number()) == 6 + size - skipped);
      seek_to(file.number(), 6);
      BOOST_TEST(same(read_whole(file.number()), View{bytes}.subspan(skipped)));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_peeked_is_written_once, Buffer, Buffers) {
  const Bytes bytes = pattern(1000);
  Buffer buffer = buffer_of<Buffer>(bytes);
  BOOST_REQUIRE(buffer.peek().has_value());
  buffer.consume(3);
  const OwnedDescriptor file = make_memory_file({});

  BOOST_REQUIRE(*buffer.write_to(file.number(), 500) == 500U);
  BOOST_TEST(text(*buffer.next(7)) == text(View{bytes}.subspan(503, 7)));
  BOOST_REQUIRE(*buffer.write_to(file.number()) == 490U);

  seek_to(file.number(), 0);
  const Bytes written = read_whole(file.number());
  BOOST_TEST(same(View{written}.first(500), View{bytes}.subspan(3, 500)));
  BOOST_TEST(same(View{written}.subspan(500), View{bytes}.subspan(510)));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_file_opened_to_append_gets_the_bytes_at_its_end, Buffer, Buffers) {
  const TemporaryDirectory place;
  const OwnedDescriptor file{::open(place.file("log").c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
  write_whole(file.number(), view("before"));
  seek_to(file.number(), 0);
  const Bytes bytes = pattern(100'000);
  Buffer buffer = buffer_of<Buffer>(bytes);

  BOOST_REQUIRE(*buffer.write_to(file.number()) == bytes.size());

  const Bytes content = content_of(place.file("log"));
  BOOST_TEST(text(View{content}.first(6)) == "before");
  BOOST_TEST(same(View{content}.subspan(6), bytes));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(pipes_and_sockets_get_all_bytes, Buffer, Buffers) {
  const Bytes bytes = pattern(700'000);
  for (auto* make : {make_pipe, make_socket_pair}) {
    Channel channel = make();
    Buffer buffer = buffer_of<Buffer>(bytes);
    Drain drain{std::move(channel.out)};

    const auto written = buffer.write_to(channel.in.number());

    channel.in.close();
    BOOST_REQUIRE((written && *written == bytes.size()));
    BOOST_TEST(same(drain.taken(), bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sink_that_would_block_is_unavailable_and_the_rest_stays, Buffer, Buffers) {
  const Bytes bytes = pattern(700'000);
  for (auto* make : {make_pipe, make_socket_pair}) {
    Channel channel = make();
    channel.in.set_non_blocking();
    Buffer buffer = buffer_of<Buffer>(bytes);
    Bytes taken;
    std::size_t refusals = 0;
    for (bool done = false; !done;) {
      const auto written = buffer.write_to(channel.in.number());
      done = written.has_value();
      if (!done) {
        ++refusals;
        BOOST_REQUIRE((written.error() == errc::unavailable));
        BOOST_REQUIRE(buffer.tell() > taken.size());  // nothing else would free the sink
      }
      const Bytes more = read_whole(channel.out.number(), static_cast<std::size_t>(buffer.tell()) - taken.size());
      taken.insert(taken.end(), more.begin(), more.end());
    }
    BOOST_TEST(refusals >= 2U);
    BOOST_TEST(same(taken, bytes));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sink_that_refuses_gets_nothing_and_the_position_stays, Buffer, Buffers) {
  Buffer buffer = buffer_of<Buffer>(pattern(1000));
  BOOST_REQUIRE(buffer.seek(5).has_value());
  const OwnedDescriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  const OwnedDescriptor read_only{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  Channel pipe = make_pipe();
  pipe.out.close();
  const auto handler = std::signal(SIGPIPE, SIG_IGN);

  BOOST_TEST((buffer.write_to(full.number()).error() == errc::no_space));
  BOOST_TEST((buffer.write_to(read_only.number()).error() == errc::invalid_argument));
  BOOST_TEST((buffer.write_to(-1).error() == errc::invalid_argument));
  BOOST_TEST((buffer.write_to(pipe.in.number()).error() == errc::unavailable));

  static_cast<void>(std::signal(SIGPIPE, handler));
  BOOST_TEST(buffer.tell() == 5U);
  BOOST_TEST(same(*buffer.to_bytes(), View{pattern(1000)}.subspan(5)));
}

// The kernel may put the pages of the buffer's own file into a pipe.
BOOST_AUTO_TEST_CASE_TEMPLATE(bytes_in_a_pipe_stay_as_they_were_written_whatever_the_buffer_does, Buffer, Buffers) {
  const Bytes bytes = pattern(60'000);
  for (int change = 0; change < 4; ++change) {
    Channel pipe = make_pipe();
    Buffer buffer = buffer_of<Buffer>(bytes);
    BOOST_REQUIRE(*buffer.write_to(pipe.in.number()) == bytes.size());

    if (change == 0) BOOST_REQUIRE((buffer.truncate(10'001) && buffer.append(Bytes(70'000)) && buffer.spill()));
    if (change == 1)
      BOOST_REQUIRE((buffer.discard_read() && buffer.append(Bytes(2'000'000)) && buffer.next(2'000'000) && buffer.discard_read()));
    if (change == 2) BOOST_REQUIRE((buffer.reset() && buffer.append(Bytes(70'000)) && buffer.spill()));
    if (change == 3) BOOST_REQUIRE(buffer.close().has_value());

    pipe.in.close();
    BOOST_TEST(same(read_whole(pipe.out.number()), bytes));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(inside_the_kernel)

BOOST_AUTO_TEST_CASE(a_large_file_goes_to_storage_and_from_there_to_a_file_without_passing_through_memory) {
  const Bytes bytes = pattern(20'000'000);
  const OwnedDescriptor source = make_file(bytes, directory());
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{1'000'000}, FileStorage{{.directory = directory()}}};
  BOOST_REQUIRE(buffer.append("head").has_value());

  BOOST_REQUIRE(*buffer.read_from(source.number()) == bytes.size());
  const BufferStats filled = buffer.stats();
  const OwnedDescriptor sink = make_file({}, directory());
  BOOST_REQUIRE(*buffer.write_to(sink.number()) == bytes.size() + 4);

  BOOST_TEST(filled.locations == 1U);
  BOOST_TEST(filled.spills <= 4U);  // through memory it would be one a chunk
  BOOST_TEST(filled.in_memory <= 1'000'000U);
  BOOST_TEST(buffer.stats().read_ahead_capacity == 0U);
  seek_to(sink.number(), 4);
  BOOST_TEST(same(read_whole(sink.number()), bytes));
}

BOOST_AUTO_TEST_CASE(a_file_that_memory_may_keep_stays_in_memory) {
  const OwnedDescriptor source = make_file(pattern(100'000), directory());
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{100'000}, FileStorage{}};

  BOOST_REQUIRE(buffer.read_from(source.number()).has_value());

  BOOST_TEST(!buffer.is_spilled());
  BOOST_TEST(buffer.stats().in_memory == 100'000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(interrupted)

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_neither_end_nor_damage_a_transfer, Buffer, Buffers) {
  const Bytes bytes = pattern(400'000);
  Channel source = make_pipe();
  Channel sink = make_pipe();
  std::thread producer{[&] {
    for (std::size_t done = 0; done < bytes.size(); done += 4000) {
      write_whole(source.in.number(), View{bytes}.subspan(done, 4000));
      std::this_thread::sleep_for(std::chrono::microseconds{300});
    }
    source.in.close();
  }};
  Bytes taken;
  std::thread consumer{[&] {
    while (true) {
      const Bytes more = read_whole(sink.out.number(), 4000);
      if (more.empty()) break;
      taken.insert(taken.end(), more.begin(), more.end());
      std::this_thread::sleep_for(std::chrono::microseconds{300});
    }
  }};
  Interruptions::count = 0;
  Buffer buffer{SpillAt{100}};
  {
    const Interruptions interruptions;

    const auto filled = buffer.read_from(source.out.number());
    const auto drained = buffer.write_to(sink.in.number());

    BOOST_TEST((filled && *filled == bytes.size()));
    BOOST_TEST((drained && *drained == bytes.size()));
  }
  sink.in.close();
  producer.join();
  consumer.join();
  BOOST_TEST(same(taken, bytes));
  BOOST_TEST(Interruptions::count.load() > 10);
}

BOOST_AUTO_TEST_SUITE_END()
