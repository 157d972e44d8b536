#include <boost/test/unit_test.hpp>

#include "handle_state_support.hpp"

#include <hybridbuffer/handle_state.hpp>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

// Writers, removals and ends of locations that race with each other.

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

BOOST_AUTO_TEST_CASE(writers_of_many_threads_are_open_one_at_a_time) {
  constexpr int thread_count = 4;
  constexpr int commits_each = 500;
  Location location;
  std::atomic<int> open_writers{0};
  std::atomic<int> overlaps{0};
  const auto count_up = [&] {
    for (int commits = 0; commits < commits_each;) {
      auto writer = location.start_writer("append");
      if (!writer) {
        std::this_thread::yield();
        continue;
      }
      if (open_writers.fetch_add(1) != 0) overlaps.fetch_add(1);
      open_writers.fetch_sub(1);
      if (writer->close([](int& object) { return ++object, nothing(); })) ++commits;
    }
  };

  std::vector<std::thread> threads;
  for (int i = 0; i < thread_count; ++i) threads.emplace_back(count_up);
  int last_seen = 0;
  bool goes_up = true;
  for (int i = 0; i < commits_each; ++i) {
    const int seen = committed(location).value_or(-1);
    goes_up = goes_up && seen >= last_seen;
    last_seen = seen;
  }
  for (std::thread& thread : threads) thread.join();

  BOOST_TEST(goes_up);
  BOOST_TEST(overlaps.load() == 0);
  BOOST_TEST(committed(location).value() == thread_count * commits_each);
}

BOOST_AUTO_TEST_CASE(a_commit_that_races_with_remove_happens_before_it_or_never) {
  int committed_late = 0;

  for (int round = 0; round < 500; ++round) {
    Location location;
    auto writer = location.start_writer("create").value();
    std::latch start{2};
    errc verdict{};
    std::thread closer{[&] {
      start.arrive_and_wait();
      verdict = code_of(commit(writer, 1));
    }};
    start.arrive_and_wait();
    (void)location.remove("remove", [](int& object) { return object = 0, nothing(); });
    const int right_after = committed(location).value_or(-1);
    closer.join();

    if (right_after != 0 || committed(location).value_or(-1) != 0) ++committed_late;
    BOOST_REQUIRE((verdict == errc{} || verdict == errc::not_found));
  }

  BOOST_TEST(committed_late == 0);
}

BOOST_AUTO_TEST_CASE(a_location_may_die_while_its_writer_closes_in_another_thread) {
  for (int round = 0; round < 500; ++round) {
    auto location = std::make_unique<Location>();
    auto writer = location->start_writer("create").value();
    std::latch start{2};
    errc verdict{};

    std::thread closer{[&, mine = std::move(writer)]() mutable {
      start.arrive_and_wait();
      verdict = code_of(commit(mine, 1));
    }};
    start.arrive_and_wait();
    location.reset();
    closer.join();

    BOOST_REQUIRE((verdict == errc{} || verdict == errc::not_found));
  }
}
