#include <boost/test/unit_test.hpp>

#include "handle_state_support.hpp"

#include <hybridbuffer/handle_state.hpp>

#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

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

BOOST_AUTO_TEST_CASE(what_a_writer_does_under_the_lock_is_refused_once_it_is_closed_or_its_object_removed) {
  Location location;
  auto removed = location.start_writer("create").value();
  BOOST_TEST((while_current_answer(removed) == done));
  BOOST_TEST((remove_answer(location) == done));
  BOOST_TEST((while_current_answer(removed) == refused(errc::not_found)));

  auto closed = location.start_writer("create").value();
  BOOST_TEST(commit(closed, 1).has_value());
  BOOST_TEST((while_current_answer(closed) == refused(errc::closed)));
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
