#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "handle_state_support.hpp"

#include <hybridbuffer/handle_state.hpp>

#include <latch>
#include <memory>
#include <thread>
#include <utility>

// In a forked child every call is closed, and changes nothing of what is its parent's.

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

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
    holds(while_current_answer(writer) == refused(errc::closed));
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
