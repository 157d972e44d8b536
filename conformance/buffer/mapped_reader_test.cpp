#include "../support/forked_child.hpp"
#include "mapped_support.hpp"
#include "model_streams.hpp"

#include <hybridbuffer/mapped_reader.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

// A cursor that shows stored bytes in place: where windows end, and that it never looks at a mapping that went stale. That it equals a
// vector whatever the buffer does is mapped_model_test.cpp's.

namespace hybridbuffer::testing {
namespace {

static_assert(!std::constructible_from<MappedReader<Files::Buffer>, Files::Buffer>, "a reader of a temporary");

/// Mappings of this process.
std::size_t mappings() {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t lines_seen = 0;
  for (std::string line; std::getline(maps, line);) ++lines_seen;
  return lines_seen;
}

// At boundaries ------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(windows_end_at_multiples_of_their_size) {
  constexpr std::array<std::size_t, 11> points{0,        1,        page - 1,     page,         page + 1, 2 * page - 1,
                                               2 * page, 3 * page, 3 * page + 1, 4 * page - 1, 5 * page};
  for (const std::size_t window : {page, 2 * page, 3 * page}) {
    for (const std::size_t size : points) {
      for (const std::size_t piece : {page - 1, page, page + 1, 2 * page}) {
        const Bytes content = pattern(size);
        const auto buffer = spilled_by<Files>(piece, content);
        MappedReader reader{buffer, window};
        BOOST_REQUIRE_EQUAL(reader.window_bytes(), window);
        for (const std::size_t offset : points) {
          BOOST_REQUIRE(reader.seek(static_cast<std::int64_t>(offset)).has_value());
          const auto shown = reader.peek();
          BOOST_REQUIRE(shown.has_value());
          const std::size_t expected = offset < size ? std::min(window - offset % window, size - offset) : 0;
          BOOST_REQUIRE_EQUAL(shown->size(), expected);
          BOOST_REQUIRE(same(*shown, View{content}.subspan(std::min(offset, size), expected)));
          for (const std::size_t count : points) {
            Bytes out(count);
            const auto read = reader.read_at(offset, out);
            const View part = View{content}.subspan(std::min(offset, size), std::min(count, size - std::min(offset, size)));
            BOOST_REQUIRE(read.has_value() && *read == part.size() && same(View{out}.first(*read), part));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sizes_of_windows_are_rounded_up) {
  const auto buffer = Files::make(0);
  constexpr std::size_t large = std::size_t{2} << 20U;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  BOOST_TEST(MappedReader(buffer).window_bytes() == 4 * large);
  BOOST_TEST(MappedReader(buffer, 0).window_bytes() == page);
  BOOST_TEST(MappedReader(buffer, page + 1).window_bytes() == 2 * page);
  BOOST_TEST(MappedReader(buffer, large - 1).window_bytes() == large);
  BOOST_TEST(MappedReader(buffer, large + 1).window_bytes() == 2 * large);
  BOOST_TEST(MappedReader(buffer, most).window_bytes() >= most / 2);
}

// Where bytes are shown ----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(one_window_at_a_time_and_none_left) {
  const Bytes content = pattern(20 * page);
  const auto buffer = spilled_by<Files>(3 * page, content);
  const std::size_t before = mappings();
  {
    MappedReader reader{buffer, page};
    BOOST_TEST(mapped_files() == 0U);
    for (std::size_t i = 0; i != 20; ++i) {
      BOOST_TEST_REQUIRE(reader.next_chunk().value().size() == page);
      BOOST_TEST_REQUIRE(mapped_files() == 1U);
    }
    MappedReader other = std::move(reader);
    BOOST_TEST(mapped_files() == 1U);
    other = MappedReader{buffer, page};
    BOOST_TEST(mapped_files() == 0U);
    BOOST_TEST(other.peek().value().size() == page);
  }
  BOOST_TEST(mapped_files() == 0U);
  BOOST_TEST(mappings() <= before);
}

BOOST_AUTO_TEST_CASE(memory_is_shown_where_it_is) {
  auto buffer = Files::make(100);
  buffer.append(pattern(90)).value();
  buffer.spill().value();
  buffer.append(pattern(40, 7)).value();
  buffer.seek(90).value();
  MappedReader reader{buffer};
  const auto shown = reader.peek();
  BOOST_TEST_REQUIRE(shown->size() == 40U);
  BOOST_TEST(static_cast<const void*>(shown->data()) == static_cast<const void*>(buffer.peek()->data()));
  BOOST_TEST(mapped_files() == 0U);
}

BOOST_AUTO_TEST_CASE(a_backend_that_lends_less_is_asked_again) {
  MapPlan::reset();
  const Bytes content = pattern(3 * page);
  const auto buffer = spilled_by<Planned>(page, content);
  MapPlan::longest = 1000;
  MappedReader reader{buffer};
  Bytes out(content.size() + 1);
  BOOST_TEST(reader.read(out).value() == content.size());
  out.pop_back();
  BOOST_TEST(same(out, content));
  BOOST_TEST(MapPlan::most_windows <= 2U);  // one, and the temporary that it comes from
  MapPlan::reset();
}

// What the buffer does meanwhile -------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(bytes_that_were_cut_off_are_not_touched) {
  const Bytes content = pattern(8 * page);
  auto buffer = spilled_by<Files>(page, content);
  MappedReader reader{buffer, 8 * page};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == content.size());
  BOOST_REQUIRE(buffer.truncate(page + 5).has_value());
  std::array<std::byte, 100> out{};
  BOOST_TEST(reader.read_at(4 * page, out).value() == 0U);  // a touch of the old mapping would be SIGBUS
  BOOST_TEST(reader.peek().value().size() == page + 5);
  const Bytes other = pattern(8 * page, 99);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());
  BOOST_TEST(reader.read_at(page + 5, out).value() == out.size());
  BOOST_TEST(same(out, View{other}.first(out.size())));
  BOOST_TEST(reader.read_at(page + 5 + other.size() - 100, out).value() == out.size());
  BOOST_TEST(same(out, View{other}.last(out.size())));
}

BOOST_AUTO_TEST_CASE(dead_bytes_of_a_backend_that_cannot_shrink_are_not_shown) {
  MapPlan::reset();
  auto buffer = spilled_by<Planned>(page, pattern(4 * page));
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == 4 * page);
  BOOST_REQUIRE(buffer.truncate(page).has_value());
  const Bytes other = pattern(page, 99);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_TEST(reader.next_chunk().value().size() == page);
  BOOST_TEST(same(reader.next_chunk().value(), other));
  BOOST_TEST(buffer.stats().locations == 1U);
  BOOST_TEST(buffer.stats().stored_held == 5 * page);
}

BOOST_AUTO_TEST_CASE(a_location_that_came_later_is_not_taken_for_the_one_before) {
  auto buffer = spilled_by<RecycledSmallFiles>(page, pattern(2 * page));
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == 2 * page);
  for (std::uint64_t round = 1; round != 5; ++round) {
    BOOST_REQUIRE(buffer.reset().has_value());
    BOOST_TEST(reader.peek().value().empty());
    const Bytes other = pattern(2 * page, 1000 * round);
    BOOST_REQUIRE(buffer.append(other).has_value());
    BOOST_REQUIRE(buffer.spill().has_value());
    BOOST_TEST(same(reader.peek().value(), other));
  }
}

BOOST_AUTO_TEST_CASE(discarded_bytes_are_refused_and_the_rest_goes_on) {
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  const Bytes content = pattern(5 * mebibyte);
  auto buffer = spilled_by<Files>(mebibyte, content);
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == content.size());
  buffer.seek(3 * mebibyte + 11).value();
  BOOST_REQUIRE(buffer.discard_read().has_value());
  BOOST_TEST(buffer.stats().stored_held == 2 * mebibyte - 11);
  BOOST_TEST((reader.peek().error() == errc::invalid_argument));
  BOOST_TEST((reader.seek(0).error() == errc::invalid_argument));
  BOOST_REQUIRE(reader.seek(3 * mebibyte + 11).has_value());
  BOOST_TEST(same(reader.peek().value(), View{content}.subspan(3 * mebibyte + 11)));
  MappedReader fresh{buffer};
  BOOST_TEST(same(fresh.peek().value(), View{content}.subspan(3 * mebibyte + 11)));
}

BOOST_AUTO_TEST_CASE(sees_what_is_appended_and_spilled_later) {
  auto buffer = Files::make(1 << 20);
  MappedReader reader{buffer};
  BOOST_TEST(reader.peek().value().empty());
  Bytes all;
  for (std::uint64_t round = 0; round != 40; ++round) {
    const Bytes more = pattern(700 + round, round);
    BOOST_REQUIRE(buffer.append(more).has_value());
    if (round % 3 == 0) buffer.spill().value();
    Bytes out(more.size() + 1);
    BOOST_TEST_REQUIRE(reader.read(out).value() == more.size());
    out.pop_back();
    BOOST_TEST_REQUIRE(same(out, more));
  }
}

BOOST_AUTO_TEST_CASE(bytes_on_their_way_are_shown_in_memory) {
  auto buffer = Overlapping::make(4 * page);
  Bytes content;
  MappedReader reader{buffer, page};
  for (std::uint64_t round = 0; round != 50; ++round) {
    const Bytes more = pattern(page + round, round);
    content.insert(content.end(), more.begin(), more.end());
    BOOST_REQUIRE(buffer.append(more).has_value());
    BOOST_REQUIRE(reader.seek(0).has_value());
    Bytes out(content.size());
    BOOST_TEST_REQUIRE(reader.read(out).value() == content.size());
    BOOST_TEST_REQUIRE(same(out, content));
  }
}

BOOST_AUTO_TEST_CASE(a_closed_buffer_and_a_forked_child_say_so) {
  auto buffer = spilled_by<Files>(page, pattern(2 * page));
  MappedReader reader{buffer};
  BOOST_TEST(reader.peek().value().size() == 2 * page);
  const int failed = first_failure_in_forked_child([&](auto&& holds) {
    std::array<std::byte, 10> out{};
    holds(has_failed(reader.read_at(5, out), errc::closed));
    holds(has_failed(reader.peek(), errc::closed));
    holds(reader.tell() == 0);
    holds(mapped_files() == 0);
  });
  BOOST_TEST(failed == 0);
  BOOST_TEST(mapped_files() == 1U);
  BOOST_TEST(reader.peek().value().size() == 2 * page);
  BOOST_REQUIRE(buffer.close().has_value());
  std::array<std::byte, 10> out{};
  BOOST_TEST((reader.peek().error() == errc::closed));
  BOOST_TEST((reader.read(out).error() == errc::closed));
  BOOST_TEST((reader.read(std::span<std::byte>{}).error() == errc::closed));
  BOOST_TEST((reader.seek(0).error() == errc::closed));
}

// Faults -------------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_map_that_fails_changes_nothing_and_can_be_repeated) {
  const Bytes content = pattern(6 * page);
  const auto buffer = spilled_by<Planned>(2 * page, content);
  for (const std::size_t position : {std::size_t{0}, page, 3 * page + 1}) {
    for (const MapEffect effect : {MapEffect::error, MapEffect::bad_alloc, MapEffect::not_found, MapEffect::empty}) {
      MapPlan::reset();
      MappedReader reader{buffer, page};
      BOOST_REQUIRE(reader.peek().has_value());  // so that a read from 0 fails in its middle
      BOOST_REQUIRE(reader.seek(static_cast<std::int64_t>(position)).has_value());
      MapPlan::effect = effect;
      Bytes out(content.size() - position);
      const std::uint64_t before = MapPlan::calls;
      if (effect == MapEffect::bad_alloc) {
        BOOST_CHECK_THROW(static_cast<void>(reader.read(out)), std::bad_alloc);
      } else {
        const auto read = reader.read(out);
        BOOST_TEST_REQUIRE(!read.has_value());
        BOOST_TEST((read.error() == (effect == MapEffect::error ? errc::io : errc::corrupted)));
      }
      BOOST_TEST(MapPlan::calls > before);
      BOOST_TEST(reader.tell() == position);
      MapPlan::effect = MapEffect::none;
      BOOST_TEST(reader.read(out).value() == out.size());
      BOOST_TEST(same(out, View{content}.subspan(position)));
    }
  }
  MapPlan::reset();
  BOOST_TEST(MapPlan::windows == 0U);
}

BOOST_AUTO_TEST_CASE(a_map_that_is_unsupported_makes_it_copy) {
  MapPlan::reset();
  const Bytes content = pattern(200'000);
  auto buffer = spilled_by<Planned>(50'000, content);
  MapPlan::effect = MapEffect::unsupported;
  MappedReader reader{buffer};
  Bytes shown;
  for (auto chunk = reader.next_chunk(); chunk.value().size() != 0; chunk = reader.next_chunk()) {
    BOOST_TEST(chunk->size() <= std::size_t{64} << 10U);
    shown.insert(shown.end(), chunk->begin(), chunk->end());
  }
  BOOST_TEST(same(shown, content));
  BOOST_TEST(MapPlan::calls != 0U);
  BOOST_TEST(mapped_files() == 0U);

  // What was copied is looked at again as a window is.
  BOOST_REQUIRE(reader.seek(0).has_value());
  BOOST_TEST(reader.peek().value().size() == std::size_t{64} << 10U);
  BOOST_REQUIRE(buffer.truncate(10).has_value());
  const Bytes other = pattern(1000, 5);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_TEST(reader.next_chunk().value().size() == 10U);
  BOOST_TEST(same(reader.next_chunk().value(), other));
  MapPlan::reset();
}

}  // namespace
}  // namespace hybridbuffer::testing
