#include <boost/test/unit_test.hpp>

#include <hybridbuffer/handle_state.hpp>

#include "../support/forked_child.hpp"

#include <atomic>
#include <latch>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using hybridbuffer::testing::first_failure_in_forked_child;

// The "object" is a number: 0 means that there is none.
using Location = LocationState<int>;
using Writing = WriterState<int>;

Result<void> nothing() { return {}; }

Result<int> committed(const Location& location) {
  return location.read("read", [](const int& object) -> Result<int> { return object; });
}
Result<void> commit(Writing& writer, int value) {
  return writer.close([value](int& object) {
    object = value;
    return nothing();
  });
}
template <class T>
errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

// What a call was answered, and whether the function that it was given ran.
struct Answer {
  errc code;
  bool ran;
  friend bool operator==(const Answer&, const Answer&) = default;
};
constexpr Answer done{errc{}, true};

template <class Call>
Answer answer_of(Call&& call) {
  bool ran = false;
  const auto result = call([&ran](auto&&...) {
    ran = true;
    return nothing();
  });
  return {code_of(result), ran};
}
Answer read_answer(const Location& location) {
  return answer_of([&](auto function) { return location.read("read", function); });
}
Answer change_answer(Location& location) {
  return answer_of([&](auto function) { return location.change("change", function); });
}
Answer remove_answer(Location& location) {
  return answer_of([&](auto function) { return location.remove("remove", function); });
}
Answer write_answer(Writing& writer) {
  return answer_of([&](auto function) { return writer.write(function); });
}
Answer close_answer(Writing& writer) {
  return answer_of([&](auto function) { return writer.close(function); });
}
constexpr Answer refused(errc code) { return {code, false}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(one_writer)

BOOST_AUTO_TEST_CASE(a_commit_is_visible_once_close_succeeded_and_not_before) {
  Location location{7};
  auto writer = location.start_writer("create").value();

  BOOST_TEST((write_answer(writer) == done));
  BOOST_TEST(committed(location).value() == 7);
  BOOST_TEST(commit(writer, 8).has_value());

  BOOST_TEST(committed(location).value() == 8);
}

BOOST_AUTO_TEST_CASE(a_second_writer_and_a_change_are_busy_until_the_first_is_closed) {
  Location location;
  auto writer = location.start_writer("create").value();

  BOOST_TEST((code_of(location.start_writer("create")) == errc::busy));
  BOOST_TEST((change_answer(location) == refused(errc::busy)));
  BOOST_TEST((read_answer(location) == done));
  BOOST_TEST(commit(writer, 1).has_value());

  BOOST_TEST((change_answer(location) == done));
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(an_abandoned_writer_commits_nothing_and_frees_its_place) {
  Location location{7};

  {
    auto writer = location.start_writer("create").value();
    BOOST_TEST((write_answer(writer) == done));
  }

  BOOST_TEST(committed(location).value() == 7);
  BOOST_TEST((change_answer(location) == done));
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(a_second_close_repeats_the_first_verdict_and_runs_nothing) {
  Location location;
  auto good = location.start_writer("create").value();
  BOOST_TEST(commit(good, 1).has_value());
  BOOST_TEST((close_answer(good) == refused(errc{})));

  auto bad = location.start_writer("create").value();
  BOOST_TEST((code_of(bad.close([](int&) -> Result<void> { return failure(errc::timeout, "commit"); })) == errc::timeout));

  BOOST_TEST((close_answer(bad) == refused(errc::timeout)));
  BOOST_TEST((close_answer(bad) == refused(errc::timeout)));
  BOOST_TEST(committed(location).value() == 1);
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(a_write_after_close_is_closed_and_runs_nothing) {
  Location location;
  auto writer = location.start_writer("create").value();
  BOOST_TEST(writer.is_open());
  BOOST_TEST(commit(writer, 1).has_value());

  BOOST_TEST(!writer.is_open());
  BOOST_TEST((write_answer(writer) == refused(errc::closed)));
  BOOST_TEST((close_answer(writer) == refused(errc{})));
}

BOOST_AUTO_TEST_CASE(the_first_failed_write_is_final_and_nothing_is_published) {
  Location location{7};
  auto writer = location.start_writer("create").value();
  BOOST_TEST((write_answer(writer) == done));

  BOOST_TEST((code_of(writer.write([]() -> Result<void> { return failure(errc::permission, "store"); })) == errc::permission));

  BOOST_TEST(!writer.is_open());
  BOOST_TEST((write_answer(writer) == refused(errc::permission)));
  BOOST_TEST((code_of(location.start_writer("create")) == errc::busy));
  BOOST_TEST((close_answer(writer) == refused(errc::permission)));
  BOOST_TEST((write_answer(writer) == refused(errc::closed)));
  BOOST_TEST((close_answer(writer) == refused(errc::permission)));
  BOOST_TEST(committed(location).value() == 7);
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(running_out_of_memory_in_write_and_in_commit_is_no_space) {
  Location location{7};
  const auto out_of_memory = [](auto&&...) -> Result<void> { throw std::bad_alloc{}; };

  auto in_write = location.start_writer("create").value();
  BOOST_TEST((code_of(in_write.write(out_of_memory)) == errc::no_space));
  BOOST_TEST((close_answer(in_write) == refused(errc::no_space)));
  auto in_commit = location.start_writer("create").value();
  BOOST_TEST((code_of(in_commit.close(out_of_memory)) == errc::no_space));
  BOOST_TEST((close_answer(in_commit) == refused(errc::no_space)));

  BOOST_TEST(committed(location).value() == 7);
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(an_exception_in_write_or_commit_passes_and_nothing_is_committed_later) {
  Location location{7};
  const auto broken = [](auto&&...) -> Result<void> { throw std::runtime_error{"broken"}; };

  auto in_write = location.start_writer("create").value();
  BOOST_CHECK_THROW(static_cast<void>(in_write.write(broken)), std::runtime_error);
  BOOST_TEST((close_answer(in_write) == refused(errc::io)));
  auto in_commit = location.start_writer("create").value();
  BOOST_CHECK_THROW(static_cast<void>(in_commit.close(broken)), std::runtime_error);
  BOOST_TEST((close_answer(in_commit) == refused(errc::io)));

  BOOST_TEST(committed(location).value() == 7);
  BOOST_TEST(location.start_writer("create").has_value());
}

BOOST_AUTO_TEST_CASE(the_functions_see_the_object_and_their_errors_come_through) {
  Location location{5};

  BOOST_TEST(location.change("grow", [](int& object) -> Result<int> { return object += 1; }).value() == 6);
  BOOST_TEST((code_of(location.change("grow", [](int&) -> Result<int> { return failure(errc::io, "grow"); })) == errc::io));
  BOOST_TEST((code_of(location.read("look", [](const int&) -> Result<int> { return failure(errc::io, "look"); })) == errc::io));
  BOOST_TEST((code_of(location.remove("remove", [](int&) -> Result<void> { return failure(errc::io, "remove"); })) == errc::io));
  BOOST_TEST(committed(location).value() == 6);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(removal)

BOOST_AUTO_TEST_CASE(a_writer_cut_off_by_remove_can_never_commit) {
  Location location{7};
  auto writer = location.start_writer("create").value();

  BOOST_TEST((remove_answer(location) == done));

  BOOST_TEST((write_answer(writer) == done));
  BOOST_TEST((close_answer(writer) == refused(errc::not_found)));
  BOOST_TEST((close_answer(writer) == refused(errc::not_found)));
  BOOST_TEST((write_answer(writer) == refused(errc::closed)));
  BOOST_TEST(committed(location).value() == 7);
}

BOOST_AUTO_TEST_CASE(a_writer_that_was_cut_off_does_not_free_the_place_of_its_successor) {
  Location location;
  auto closed = location.start_writer("create").value();
  BOOST_TEST((remove_answer(location) == done));
  auto destroyed = std::make_unique<Writing>(location.start_writer("create").value());
  BOOST_TEST((remove_answer(location) == done));
  auto current = location.start_writer("create").value();

  BOOST_TEST((close_answer(closed) == refused(errc::not_found)));
  destroyed.reset();

  BOOST_TEST((code_of(location.start_writer("create")) == errc::busy));
  BOOST_TEST(commit(current, 3).has_value());
  BOOST_TEST(committed(location).value() == 3);
}

BOOST_AUTO_TEST_CASE(a_writer_that_failed_before_it_was_cut_off_keeps_its_verdict) {
  Location location;
  auto writer = location.start_writer("create").value();
  BOOST_TEST(!writer.write([]() -> Result<void> { return failure(errc::permission, "store"); }));

  BOOST_TEST((remove_answer(location) == done));

  BOOST_TEST((close_answer(writer) == refused(errc::permission)));
}

BOOST_AUTO_TEST_CASE(a_writer_that_outlives_its_location_cannot_commit) {
  auto location = std::make_unique<Location>(7);
  auto writer = location->start_writer("create").value();

  location.reset();

  BOOST_TEST((write_answer(writer) == done));
  BOOST_TEST((close_answer(writer) == refused(errc::not_found)));
}

BOOST_AUTO_TEST_CASE(the_object_dies_with_its_location_not_with_the_last_writer) {
  const auto object = std::make_shared<int>(7);
  auto location = std::make_unique<LocationState<std::shared_ptr<int>>>(object);
  const auto writer = location->start_writer("create").value();
  BOOST_TEST(object.use_count() == 2);

  location.reset();

  BOOST_TEST(object.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(moves)

BOOST_AUTO_TEST_CASE(moves_throw_nothing) {
  static_assert(std::is_nothrow_move_constructible_v<Location> && std::is_nothrow_move_assignable_v<Location>);
  static_assert(std::is_nothrow_move_constructible_v<Writing> && std::is_nothrow_move_assignable_v<Writing>);
  static_assert(std::is_nothrow_move_constructible_v<ReaderState> && std::is_nothrow_move_assignable_v<ReaderState>);
  static_assert(!std::is_copy_constructible_v<Location> && !std::is_copy_constructible_v<Writing>);
  BOOST_TEST(std::is_nothrow_destructible_v<Writing>);
}

BOOST_AUTO_TEST_CASE(every_call_on_a_moved_from_location_is_closed) {
  Location source{7};

  const Location target{std::move(source)};

  BOOST_TEST((code_of(source.check("check")) == errc::closed));  // NOLINT(bugprone-use-after-move): the promise under test
  BOOST_TEST((read_answer(source) == refused(errc::closed)));
  BOOST_TEST((change_answer(source) == refused(errc::closed)));
  BOOST_TEST((remove_answer(source) == refused(errc::closed)));
  BOOST_TEST((code_of(source.start_writer("create")) == errc::closed));
  BOOST_TEST(committed(target).value() == 7);
}

BOOST_AUTO_TEST_CASE(a_writer_follows_its_location_when_that_moves) {
  Location source{7};
  auto writer = source.start_writer("create").value();

  Location target{std::move(source)};

  BOOST_TEST((code_of(target.start_writer("create")) == errc::busy));
  BOOST_TEST(commit(writer, 8).has_value());
  BOOST_TEST(committed(target).value() == 8);
}

BOOST_AUTO_TEST_CASE(assigning_onto_a_location_cuts_off_its_writers_only) {
  Location target{1};
  auto writer_of_target = target.start_writer("create").value();
  Location source{2};
  auto writer_of_source = source.start_writer("create").value();

  target = std::move(source);

  BOOST_TEST((close_answer(writer_of_target) == refused(errc::not_found)));
  BOOST_TEST(committed(target).value() == 2);
  BOOST_TEST(commit(writer_of_source, 3).has_value());
  BOOST_TEST(committed(target).value() == 3);
}

BOOST_AUTO_TEST_CASE(a_moved_from_writer_is_closed_and_its_destruction_has_no_effect) {
  Location location;
  auto source = std::make_unique<Writing>(location.start_writer("create").value());

  Writing target{std::move(*source)};

  BOOST_TEST((write_answer(*source) == refused(errc::closed)));
  BOOST_TEST((close_answer(*source) == refused(errc::closed)));
  BOOST_TEST((close_answer(*source) == refused(errc::closed)));
  BOOST_TEST(!source->is_open());
  source.reset();
  BOOST_TEST((code_of(location.start_writer("create")) == errc::busy));
  BOOST_TEST((write_answer(target) == done));
  BOOST_TEST(commit(target, 4).has_value());
  BOOST_TEST(committed(location).value() == 4);
}

BOOST_AUTO_TEST_CASE(a_moved_writer_takes_its_failure_along) {
  Location location;
  auto source = location.start_writer("create").value();
  BOOST_TEST(!source.write([]() -> Result<void> { return failure(errc::permission, "store"); }));

  Writing target{std::move(source)};

  BOOST_TEST((write_answer(target) == refused(errc::permission)));
  BOOST_TEST((close_answer(target) == refused(errc::permission)));
  BOOST_TEST((close_answer(source) == refused(errc::closed)));  // NOLINT(bugprone-use-after-move): the promise under test
}

BOOST_AUTO_TEST_CASE(assigning_onto_an_open_writer_abandons_it) {
  Location first{1};
  Location second{2};
  auto writer = first.start_writer("create").value();

  writer = second.start_writer("create").value();

  BOOST_TEST(first.start_writer("create").has_value());
  BOOST_TEST(commit(writer, 5).has_value());
  BOOST_TEST(committed(first).value() == 1);
  BOOST_TEST(committed(second).value() == 5);
}

BOOST_AUTO_TEST_CASE(self_moves_are_harmless) {
  Location location{7};
  Location& same_location = location;
  auto writer = location.start_writer("create").value();
  Writing& same_writer = writer;
  ReaderState reader;
  ReaderState& same_reader = reader;

  location = std::move(same_location);
  writer = std::move(same_writer);
  reader = std::move(same_reader);

  BOOST_TEST(reader.check("read").has_value());
  BOOST_TEST(commit(writer, 8).has_value());
  BOOST_TEST(committed(location).value() == 8);
}

BOOST_AUTO_TEST_CASE(a_reader_is_closed_once_moved_from_until_it_is_assigned) {
  ReaderState source;
  ReaderState target{std::move(source)};

  BOOST_TEST(target.check("read").has_value());
  BOOST_TEST((code_of(source.check("read")) == errc::closed));  // NOLINT(bugprone-use-after-move): the promise under test

  const ReaderState copy{target};
  source = std::move(target);
  BOOST_TEST(source.check("read").has_value());
  BOOST_TEST((code_of(target.check("read")) == errc::closed));  // NOLINT(bugprone-use-after-move): the promise under test
  BOOST_TEST(copy.check("read").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(processes)

BOOST_AUTO_TEST_CASE(in_a_forked_child_every_call_is_closed_and_changes_nothing) {
  Location location{7};
  auto writer = location.start_writer("create").value();
  auto failed = Location{}.start_writer("create").value();
  BOOST_TEST(!failed.write([]() -> Result<void> { return failure(errc::permission, "store"); }));
  const ReaderState reader;

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    holds(code_of(location.check("check")) == errc::closed);
    holds(read_answer(location) == refused(errc::closed));
    holds(change_answer(location) == refused(errc::closed));
    holds(remove_answer(location) == refused(errc::closed));
    holds(code_of(location.start_writer("create")) == errc::closed);
    holds(write_answer(writer) == refused(errc::closed));
    holds(close_answer(writer) == refused(errc::closed));
    holds(close_answer(writer) == refused(errc::closed));
    holds(write_answer(failed) == refused(errc::closed));
    holds(close_answer(failed) == refused(errc::closed));
    holds(code_of(reader.check("read")) == errc::closed);
    holds(code_of(ReaderState{reader}.check("read")) == errc::closed);
    Location of_the_child{1};
    holds(committed(of_the_child).value_or(0) == 1);
    location = std::move(of_the_child);
    holds(committed(location).value_or(0) == 1);
  });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(reader.check("read").has_value());
  BOOST_TEST(commit(writer, 8).has_value());
  BOOST_TEST(committed(location).value() == 8);
}

BOOST_AUTO_TEST_CASE(a_child_forked_while_the_lock_was_held_does_not_wait_for_it) {
  auto location = std::make_unique<Location>(7);
  auto writer = std::make_unique<Writing>(location->start_writer("create").value());
  std::latch inside{1};
  std::latch forked{1};
  std::thread holder{[&] {
    (void)location->read("hold the lock", [&](const int&) {
      inside.count_down();
      forked.wait();
      return nothing();
    });
  }};
  inside.wait();

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    holds(read_answer(*location) == refused(errc::closed));
    holds(close_answer(*writer) == refused(errc::closed));
    writer.reset();
    location.reset();
    holds(true);
  });
  forked.count_down();
  holder.join();

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(commit(*writer, 8).has_value());
}

BOOST_AUTO_TEST_CASE(a_process_knows_its_own_number_and_so_does_its_child) {
  const pid_t own = detail::process_id();

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    holds(detail::process_id() == ::getpid());
    holds(detail::process_id() != own);
    holds(first_failure_in_forked_child([](auto again) { again(detail::process_id() == ::getpid()); }) == 0);
  });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(own == ::getpid());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(threads)

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

BOOST_AUTO_TEST_SUITE_END()
