#include "framed_support.hpp"
#include "open_storage.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <span>

// Handles of an object in frames, over a store that is slow to answer and fails in the middle.

namespace hybridbuffer::testing {
namespace {

BOOST_AUTO_TEST_CASE(a_reader_at_the_end_takes_an_extension_that_is_not_yet_known_for_no_damage) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  auto reader = world.backend.open();
  auto reader_at = world.backend.open_reader_at();
  BOOST_TEST_REQUIRE((read_all(*reader, 7) == pattern(20)));
  bool was_tried = false;

  world.moments->before_answer = [&] {
    Bytes beyond(8);
    BOOST_TEST((reader->read(beyond) == 0U));
    BOOST_TEST((reader_at->read_at(20, beyond) == 0U));
    was_tried = true;
  };
  BOOST_TEST(write_all(world.backend.append(), pattern(12), 12).has_value());

  BOOST_TEST(was_tried);
}

// Its source may show the bytes that were there before: that is no damage of those that are there now.
BOOST_AUTO_TEST_CASE(a_handle_from_before_a_cut_calls_nothing_damaged_that_was_added_behind_it) {
  World world;
  world.moments->readers_show_their_opening = true;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(40), 40).has_value());
  auto reader = world.backend.open();
  const auto reader_at = world.backend.open_reader_at();
  BOOST_TEST_REQUIRE(world.backend.shrink(8).has_value());
  BOOST_TEST_REQUIRE(write_all(world.backend.append(), pattern(40, 2), 40).has_value());
  Bytes block(16);
  BOOST_TEST((reader_at->read_at(8, block).error() == errc::corrupted));
  BOOST_TEST((read_all(*reader, 7).error() == errc::corrupted));

  auto now = world.backend.open();

  const auto all = read_all(*now, 7);
  BOOST_TEST((all && Bytes{all->begin() + 8, all->end()} == pattern(40, 2)));
}

BOOST_AUTO_TEST_CASE(an_extension_that_failed_leaves_bytes_behind_the_end_what_they_are) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  world.storage.made->front()->commit_fails = errc::no_space;
  BOOST_TEST_REQUIRE(!write_all(world.backend.append(), pattern(12), 12).has_value());
  world.storage.made->front()->bytes->push_back(std::byte{1});

  auto reader = world.backend.open();

  BOOST_TEST((read_all(*reader, 7).error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_read_that_failed_anywhere_goes_on_at_its_position) {
  for (std::size_t k = 1; k < 30; ++k) {
    World world;
    BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(40), 40).has_value());
    auto reader = world.backend.open();
    world.moments->reads_until_failure = k;
    Bytes found;

    for (std::size_t failures = 0;;) {
      Bytes block(5);
      const auto count = reader->read(block);
      if (!count) {
        BOOST_TEST_REQUIRE((count.error() == errc::unavailable));
        BOOST_TEST_REQUIRE(++failures == 1U);
        continue;
      }
      if (*count == 0) break;
      found.insert(found.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
    }

    BOOST_TEST_CONTEXT("read " << k) { BOOST_TEST((found == pattern(40))); }
  }
}

BOOST_AUTO_TEST_CASE(a_frame_for_which_there_was_no_memory_is_decoded_later) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(40), 40).has_value());
  auto reader = world.backend.open();
  world.moments->decodes_until_failure = 2;
  Bytes block(8);
  BOOST_TEST_REQUIRE((reader->read(block) == 8U));

  BOOST_TEST((reader->read(block).error() == errc::no_space));

  const auto rest = read_all(*reader, 40);
  const Bytes all = pattern(40);
  BOOST_TEST_REQUIRE(rest.has_value());
  BOOST_TEST((*rest == Bytes{all.begin() + 8, all.end()}));
}

}  // namespace
}  // namespace hybridbuffer::testing
