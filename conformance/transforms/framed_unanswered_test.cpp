#include "framed_support.hpp"
#include "open_storage.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <semaphore>
#include <span>
#include <thread>
#include <utility>

// A commit or a removal that gives no answer: the first who looks decides what came of it, whatever the store shows from then on, and who
// looks before the answer decides nothing too early.

namespace hybridbuffer::testing {
namespace {

const Bytes older = pattern(20, 1);
const Bytes newer = pattern(30, 2);

using Stored = std::optional<Bytes>;

Result<Bytes> content_of(World& world) {
  auto reader = world.backend.open();
  if (!reader) return std::unexpected{reader.error()};
  return read_all(*reader, 7);
}
bool shows(World& world, const Bytes& content) { return content_of(world) == content; }

/// Whether both routes answer `category` at the opening.
bool opening_is(const World& world, errc category) {
  const auto reader = world.backend.open();
  const auto reader_at = world.backend.open_reader_at();
  return !reader && reader.error() == category && !reader_at && reader_at.error() == category;
}

Result<void> store(World& world, const Bytes& content) { return write_all(world.backend.create(), content, content.size()); }
Result<void> extend(World& world, const Bytes& content) { return write_all(world.backend.append(), content, content.size()); }

/// The next change answers so, and has its effect all the same when `was_done`.
void expect_failure(World& world, errc category, bool was_done) {
  world.object().commit_fails = category;
  world.object().commit_was_done = was_done;
}
/// Calls `act` once, the next time.
std::function<void()> once(std::function<void()>& moment, std::function<void()> act) {
  return [&moment, act = std::move(act)] {
    const auto now = std::exchange(moment, [] {});  // which keeps this alive
    act();
  };
}

struct Unanswered : World {
  Stored before;  ///< what stood in the store before the commit that gave no answer
  Stored after;   ///< what stands there when it was done

  Unanswered() {
    BOOST_TEST_REQUIRE(store(*this, older).has_value());
    before = object().bytes;
    expect_failure(*this, errc::timeout, true);
    BOOST_TEST_REQUIRE((store(*this, newer).error() == errc::timeout));
    after = object().bytes;
  }
};

BOOST_AUTO_TEST_SUITE(commits)

BOOST_AUTO_TEST_CASE(what_the_first_opening_showed_is_the_object_and_the_other_one_is_damage) {
  for (const bool was_done : {true, false}) {
    for (const bool through_reader_at : {true, false}) {
      Unanswered world;
      const Stored& shown = was_done ? world.after : world.before;
      const Stored& other = was_done ? world.before : world.after;
      world.object().bytes = shown;
      BOOST_TEST_REQUIRE((through_reader_at ? world.backend.open_reader_at().has_value() : world.backend.open().has_value()));

      world.object().bytes = other;
      BOOST_TEST(opening_is(world, errc::corrupted));
      world.object().bytes = shown;
      BOOST_TEST(shows(world, was_done ? newer : older));
    }
  }
}

BOOST_AUTO_TEST_CASE(of_a_first_object_too) {
  for (const bool was_done : {true, false}) {
    World world;
    expect_failure(world, errc::timeout, true);
    BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));
    const Stored stored = world.object().bytes;
    if (!was_done) world.object().bytes.reset();
    if (was_done) BOOST_TEST_REQUIRE(shows(world, newer));
    else BOOST_TEST_REQUIRE(opening_is(world, errc::not_found));

    world.object().bytes = was_done ? Stored{} : stored;
    BOOST_TEST(opening_is(world, was_done ? errc::corrupted : errc::not_found));
  }
}

BOOST_AUTO_TEST_CASE(who_saw_the_new_object_before_the_answer_has_decided_it) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  const Stored before = world.object().bytes;
  expect_failure(world, errc::timeout, true);
  bool was_seen = false;
  world.moments->before_answer = once(world.moments->before_answer, [&] { was_seen = shows(world, newer); });
  BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));
  BOOST_TEST_REQUIRE(was_seen);

  world.object().bytes = before;

  BOOST_TEST(opening_is(world, errc::corrupted));
}

BOOST_AUTO_TEST_CASE(who_saw_the_old_object_before_the_answer_has_decided_nothing) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  bool was_seen = false;
  world.moments->before_commit = once(world.moments->before_commit, [&] { was_seen = shows(world, older); });
  expect_failure(world, errc::timeout, true);
  BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));
  BOOST_TEST_REQUIRE(was_seen);

  BOOST_TEST(shows(world, newer));
}

// The store may have been asked before the commit had its effect: what it showed then is no verdict.
BOOST_AUTO_TEST_CASE(an_opening_that_began_before_the_answer_and_ended_behind_it_decides_nothing) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  world.moments->readers_show_their_opening = true;
  std::binary_semaphore commits{0};
  std::binary_semaphore may_commit{0};
  world.moments->before_commit = once(world.moments->before_commit, [&] {
    commits.release();
    may_commit.acquire();
  });
  expect_failure(world, errc::timeout, true);
  std::optional<Result<void>> verdict;
  std::thread writer{[&] { verdict = store(world, newer); }};
  commits.acquire();

  world.moments->after_open = once(world.moments->after_open, [&] {
    may_commit.release();
    writer.join();
  });
  const auto seen = content_of(world);

  BOOST_TEST_REQUIRE((verdict && verdict->error() == errc::timeout));
  BOOST_TEST((seen == older || seen == newer));
  BOOST_TEST(shows(world, newer));
}

BOOST_AUTO_TEST_CASE(two_that_look_at_once_see_the_same_object) {
  Unanswered world;
  world.moments->readers_show_their_opening = true;
  world.object().bytes = world.before;
  bool was_seen = false;
  world.moments->after_open = once(world.moments->after_open, [&] {
    world.object().bytes = world.after;
    was_seen = shows(world, newer);
  });

  BOOST_TEST(shows(world, newer));

  BOOST_TEST(was_seen);
}

BOOST_AUTO_TEST_CASE(create_succeeds_over_an_undecided_object_that_is_damaged_or_gone) {
  for (const bool is_gone : {true, false}) {
    Unanswered world;
    if (is_gone) world.object().bytes.reset();
    else world.object().bytes->front() ^= std::byte{0x80};
    BOOST_TEST(opening_is(world, errc::corrupted));
    const auto extension = world.backend.append();
    BOOST_TEST((!extension && extension.error() == errc::corrupted));

    BOOST_TEST(store(world, pattern(40, 3)).has_value());
    BOOST_TEST(shows(world, pattern(40, 3)));
  }
}

BOOST_AUTO_TEST_CASE(create_succeeds_over_an_object_that_is_gone_after_an_extension_without_an_answer) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  expect_failure(world, errc::timeout, true);
  BOOST_TEST_REQUIRE((extend(world, newer).error() == errc::timeout));
  world.object().bytes.reset();

  BOOST_TEST(store(world, newer).has_value());
  BOOST_TEST(shows(world, newer));
}

BOOST_AUTO_TEST_CASE(an_extension_without_an_answer_is_found_out_behind_a_replacement_that_was_not_done) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  expect_failure(world, errc::timeout, true);
  BOOST_TEST_REQUIRE((extend(world, newer).error() == errc::timeout));
  expect_failure(world, errc::timeout, false);
  BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));

  const Bytes more = pattern(5, 3);
  BOOST_TEST_REQUIRE(extend(world, more).has_value());
  Bytes expected = older;
  expected.insert(expected.end(), more.begin(), more.end());
  BOOST_TEST(shows(world, expected));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(openings)

// The ends belong to the object that the source showed, not to what an extension made of it since.
BOOST_AUTO_TEST_CASE(an_undecided_object_that_is_extended_while_it_is_opened_is_read_whole) {
  Unanswered world;
  world.moments->readers_show_their_opening = true;
  bool was_extended = false;
  world.moments->after_open = once(world.moments->after_open, [&] { was_extended = extend(world, older).has_value(); });

  const auto seen = content_of(world);

  BOOST_TEST_REQUIRE(was_extended);
  Bytes extended = newer;
  extended.insert(extended.end(), older.begin(), older.end());
  BOOST_TEST((seen == newer || seen == extended));
}

BOOST_AUTO_TEST_CASE(an_object_that_is_committed_and_extended_while_it_is_opened_is_read_whole) {
  World world;
  world.moments->readers_show_their_opening = true;
  std::binary_semaphore stored{0};
  std::binary_semaphore opened{0};
  std::binary_semaphore extended{0};
  world.moments->before_answer = once(world.moments->before_answer, [&] {
    stored.release();
    opened.acquire();
  });
  bool was_extended = false;
  std::thread writer{[&] {
    was_extended = store(world, newer).has_value() && extend(world, older).has_value();
    extended.release();
  }};
  stored.acquire();
  world.moments->after_open = once(world.moments->after_open, [&] {
    opened.release();
    extended.acquire();
  });

  const auto seen = content_of(world);
  writer.join();

  BOOST_TEST_REQUIRE(was_extended);
  Bytes all = newer;
  all.insert(all.end(), older.begin(), older.end());
  BOOST_TEST((seen == newer || seen == all));
}

// One writer after another commits, and whatever the store shows is none of their objects.
BOOST_AUTO_TEST_CASE(an_opening_beside_commits_ends_also_when_the_writer_changes_during_its_last_try) {
  constexpr int most_tries = 8;
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  world.object().bytes->front() ^= std::byte{0x80};
  std::counting_semaphore<> commits{0};
  std::counting_semaphore<> may_answer{0};
  world.moments->before_answer = [&] {
    commits.release();
    may_answer.acquire();
  };
  int failures = 0;
  std::thread writer{[&] {
    for (int i = 0; i < 2; ++i) {
      expect_failure(world, errc::no_space, false);
      if (!store(world, newer)) ++failures;
    }
  }};
  commits.acquire();
  int openings = 0;
  world.moments->after_open = [&] {
    ++openings;
    if (openings == most_tries) {
      may_answer.release();
      commits.acquire();
    }
    if (openings == 10 * most_tries) may_answer.release();  // it would go on for ever
  };

  const auto reader = world.backend.open();
  if (openings < 10 * most_tries) may_answer.release();
  writer.join();

  BOOST_TEST((!reader && reader.error() == errc::corrupted));
  BOOST_TEST(failures == 2);
  BOOST_TEST(openings == most_tries + 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(removals)

BOOST_AUTO_TEST_CASE(an_object_that_was_found_to_be_removed_does_not_come_back) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  const Stored before = world.object().bytes;
  expect_failure(world, errc::timeout, true);
  BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::timeout));
  BOOST_TEST_REQUIRE(opening_is(world, errc::not_found));

  world.object().bytes = before;

  BOOST_TEST(opening_is(world, errc::not_found));
}

BOOST_AUTO_TEST_CASE(an_object_that_was_found_to_be_there_may_not_be_gone) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  expect_failure(world, errc::timeout, false);
  BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::timeout));
  BOOST_TEST_REQUIRE(shows(world, older));

  world.object().bytes.reset();

  BOOST_TEST(opening_is(world, errc::corrupted));
}

BOOST_AUTO_TEST_CASE(who_saw_that_it_is_gone_before_the_answer_has_decided_it) {
  World world;
  BOOST_TEST_REQUIRE(store(world, older).has_value());
  const Stored before = world.object().bytes;
  expect_failure(world, errc::timeout, true);
  bool was_gone = false;
  world.moments->before_answer = once(world.moments->before_answer, [&] { was_gone = opening_is(world, errc::not_found); });
  BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::timeout));
  BOOST_TEST_REQUIRE(was_gone);

  world.object().bytes = before;

  BOOST_TEST(opening_is(world, errc::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(writers_that_were_cut_off)

BOOST_AUTO_TEST_CASE(their_close_leaves_a_newer_commit_without_an_answer_as_it_is) {
  World world;
  auto cut_off = world.backend.create();
  BOOST_TEST_REQUIRE((cut_off && cut_off->write(older).has_value()));
  BOOST_TEST_REQUIRE(world.backend.remove().has_value());
  expect_failure(world, errc::timeout, true);
  BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));

  BOOST_TEST((cut_off->close().error() == errc::not_found));

  BOOST_TEST(shows(world, newer));
}

BOOST_AUTO_TEST_CASE(so_does_the_failure_of_a_commit_that_was_cut_off_on_its_way) {
  for (const errc category : {errc::no_space, errc::timeout}) {
    World world;
    expect_failure(world, category, false);
    world.moments->before_answer = once(world.moments->before_answer, [&] {
      BOOST_TEST_REQUIRE(world.backend.remove().has_value());
      expect_failure(world, errc::timeout, true);
      BOOST_TEST_REQUIRE((store(world, newer).error() == errc::timeout));
    });

    BOOST_TEST((store(world, older).error() == category));

    BOOST_TEST(shows(world, newer));
  }
}

// A removal that failed cuts writers off, too, and leaves the object for the next extension.
BOOST_AUTO_TEST_CASE(they_leave_a_newer_extension_without_an_answer_as_it_is) {
  for (const bool on_its_way : {false, true}) {
    World world;
    BOOST_TEST_REQUIRE(store(world, older).has_value());
    const auto cut_off_and_extend = [&] {
      expect_failure(world, errc::timeout, false);
      BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::timeout));
      expect_failure(world, errc::timeout, true);
      BOOST_TEST_REQUIRE((extend(world, newer).error() == errc::timeout));
    };
    auto cut_off = world.backend.append();
    BOOST_TEST_REQUIRE((cut_off && cut_off->write(older).has_value()));
    if (on_its_way) {
      expect_failure(world, errc::no_space, false);
      world.moments->before_answer = once(world.moments->before_answer, cut_off_and_extend);
    } else {
      cut_off_and_extend();
    }

    BOOST_TEST(!cut_off->close().has_value());

    BOOST_TEST(shows(world, older));  // what it may have added is none of it, and no damage
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hybridbuffer::testing
