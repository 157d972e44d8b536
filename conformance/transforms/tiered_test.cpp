#include <boost/test/unit_test.hpp>

#include "scripted_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

// The first storage runs full, or away, at every possible point; what is read is what was written.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

template <ScriptedTraits one = ScriptedTraits{}, ScriptedTraits two = ScriptedTraits{}>
struct Place {
  explicit Place(std::size_t replay_bytes) : location{tiered(first, second, {.replay_bytes = replay_bytes}).create_backend().value()} {}
  ScriptedStorage<one> first;
  ScriptedStorage<two> second;
  TieredBackend<ScriptedStorage<one>, ScriptedStorage<two>> location;

  [[nodiscard]] std::uint64_t stored() const { return first.script->stored + second.script->stored; }
};

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// By every route that the location has.
template <class Location>
void expect_exact(const Location& location, const Bytes& bytes) {
  BOOST_REQUIRE(holds(location, bytes, 7));
  if constexpr (may_have<Location>(Capability::reader_at)) {
    const auto reader = location.open_reader_at().value();
    BOOST_REQUIRE(reader.size().value() == bytes.size());
    for (std::size_t at = 0; at <= bytes.size(); at += 3) {
      Bytes window(11);
      const std::size_t count = reader.read_at(at, window).value();
      BOOST_REQUIRE(count == std::min<std::size_t>(11, bytes.size() - at));
      BOOST_REQUIRE(
          std::equal(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(count), bytes.begin() + static_cast<std::ptrdiff_t>(at)));
    }
  }
  if constexpr (may_have<Location>(Capability::seeker)) {
    auto seeker = location.open_seeker().value();
    for (std::size_t at = bytes.size(); at > 0; at -= std::min<std::size_t>(at, 5)) {
      BOOST_REQUIRE(seeker.seek(static_cast<std::int64_t>(at - 1), Whence::begin).value() == at - 1);
      std::byte one{};
      BOOST_REQUIRE(seeker.read(std::span{&one, 1}).value() == 1);
      BOOST_REQUIRE((one == bytes[at - 1]));
    }
  }
}

// Writes and extensions of 24 bytes in all, in pieces, with room for `room` of them in the first storage.
template <ScriptedTraits one, ScriptedTraits two>
void every_room() {
  for (std::uint64_t room = 0; room <= 26; ++room) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{5}, std::size_t{24}}) {
      for (const std::size_t replay : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{100}}) {
        for (const std::size_t before : {std::size_t{0}, std::size_t{10}, std::size_t{24}}) {
          Place<one, two> place{replay};
          place.first.script->capacity = room;
          const Bytes all = some_bytes(24);
          const std::span<const std::byte> bytes{all};
          BOOST_REQUIRE(put(place.location, bytes.first(before), piece).has_value());
          BOOST_REQUIRE(extend(place.location, bytes.subspan(before), piece).has_value());
          expect_exact(place.location, all);
          BOOST_REQUIRE(place.first.script->stored <= room);
          BOOST_REQUIRE(place.stored() >= all.size());
          BOOST_REQUIRE(place.location.remove().has_value());
          BOOST_REQUIRE(place.stored() == 0);
          BOOST_REQUIRE((place.location.open().error() == errc::not_found));
        }
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tiered_storage)

BOOST_AUTO_TEST_CASE(a_first_storage_that_is_full_at_any_point_is_made_good_by_the_second) {
  every_room<ScriptedTraits{}, ScriptedTraits{}>();
  every_room<sequential_only, ScriptedTraits{}>();
  every_room<ScriptedTraits{}, sequential_only>();
  every_room<sequential_only, sequential_only>();
}

BOOST_AUTO_TEST_CASE(a_first_storage_that_fails_at_any_call_is_made_good_by_the_second) {
  for (const errc category : {errc::no_space, errc::unavailable, errc::timeout, errc::limit_exceeded}) {
    for (const bool after_effect : {false, true}) {
      for (const bool for_ever : {false, true}) {
        std::uint64_t k = 1;
        for (bool fired = true; fired && k < 100; ++k) {
          Place<> place{6};
          place.first.script->fail(k, category, for_ever, after_effect);
          const Bytes all = some_bytes(40);
          const std::span<const std::byte> bytes{all};
          BOOST_REQUIRE(put(place.location, bytes.first(20), 4).has_value());
          BOOST_REQUIRE(extend(place.location, bytes.subspan(20), 9).has_value());
          fired = place.first.script->fired != 0;
          place.first.script->clear();
          expect_exact(place.location, all);
          BOOST_REQUIRE(place.location.remove().has_value());
          BOOST_REQUIRE(place.stored() == 0);
        }
        BOOST_TEST(k > 5U);
        BOOST_TEST(k < 100U);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(other_failures_of_the_first_storage_pass) {
  for (const errc category : {errc::io, errc::permission, errc::corrupted}) {
    Place<> place{100};
    place.first.script->fail(3, category);  // the first write
    const auto written = put(place.location, some_bytes(10));
    BOOST_REQUIRE(place.first.script->fired == 1U);
    BOOST_REQUIRE(!written);
    BOOST_TEST((written.error() == category));
    BOOST_TEST((place.location.open().error() == errc::not_found));
    BOOST_TEST(place.stored() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(when_both_are_full_nothing_changes) {
  for (std::uint64_t room = 0; room <= 40; ++room) {
    for (const std::size_t piece : {std::size_t{3}, std::size_t{40}}) {
      Place<> place{8};
      const Bytes before = some_bytes(10, 2);
      BOOST_REQUIRE(put(place.location, before).has_value());
      place.first.script->capacity = 10 + room / 2;
      place.second.script->capacity = room - room / 2;
      for (const bool extends : {true, false}) {
        const auto written = extends ? extend(place.location, some_bytes(41), piece) : put(place.location, some_bytes(41), piece);
        BOOST_REQUIRE(!written);
        BOOST_TEST((written.error() == errc::no_space));
        expect_exact(place.location, before);
        BOOST_TEST(place.stored() == before.size(), "what was written before the failure is given back");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_location_whose_end_is_unknown_takes_no_extension) {
  for (const bool after_effect : {false, true}) {
    Place<> place{4};
    const Bytes before = some_bytes(10);
    BOOST_REQUIRE(put(place.location, before).has_value());
    {
      auto writer = place.location.append().value();
      place.first.script->fail(3, errc::timeout, false, after_effect);  // the close of the extension, behind append and write
      BOOST_REQUIRE(writer.write(some_bytes(20, 2)).has_value());
      BOOST_REQUIRE(place.first.script->fired == 1U);
    }
    place.first.script->clear();
    const Bytes added = some_bytes(9, 3);
    BOOST_REQUIRE(extend(place.location, added).has_value());
    expect_exact(place.location, joined(before, added));
  }
}

BOOST_AUTO_TEST_CASE(a_new_object_tries_the_first_storage_again) {
  Place<> place{8};
  place.first.script->capacity = 5;
  BOOST_REQUIRE(put(place.location, some_bytes(20), 3).has_value());
  BOOST_TEST(place.second.script->stored > 0U);
  place.first.script->capacity = 1000;

  BOOST_REQUIRE(put(place.location, some_bytes(30, 2)).has_value());

  BOOST_TEST(place.first.script->stored == 30U);
  BOOST_TEST(place.second.script->stored == 0U);
}

BOOST_AUTO_TEST_CASE(an_object_takes_one_location_in_each_storage_that_can_append) {
  Place<> place{4};
  place.first.script->capacity = 50;
  Bytes all;
  for (unsigned i = 0; i < 50; ++i) {
    const Bytes piece = some_bytes(1 + i % 7, i);
    BOOST_REQUIRE(extend(place.location, piece, 2).has_value());
    all = joined(all, piece);
  }
  expect_exact(place.location, all);
  BOOST_TEST(place.first.script->objects.size() == 1U);
  BOOST_TEST(place.second.script->objects.size() == 1U);
}

BOOST_AUTO_TEST_CASE(readers_keep_what_they_were_opened_on) {
  Place<sequential_only> place{4};
  place.first.script->capacity = 10;
  const Bytes old = some_bytes(30);
  BOOST_REQUIRE(put(place.location, old, 3).has_value());
  auto reader = place.location.open().value();
  Bytes part(5);
  BOOST_REQUIRE(reader.read(part).has_value());

  BOOST_REQUIRE(put(place.location, some_bytes(12, 2), 3).has_value());

  const auto rest = rest_of(reader, 4);
  BOOST_REQUIRE(rest.has_value());
  BOOST_TEST((joined(part, *rest) == old));
}

BOOST_AUTO_TEST_CASE(readers_of_what_was_cut_end_where_it_was_cut) {
  for (const std::uint64_t capacity : {std::uint64_t{14}, std::uint64_t{1000}}) {
    for (std::size_t to = 1; to <= 30; ++to) {
      Place<> place{4};
      place.first.script->capacity = capacity;
      const Bytes old = some_bytes(30);
      BOOST_REQUIRE(put(place.location, old, 3).has_value());
      auto reader = place.location.open().value();
      const auto reader_at = place.location.open_reader_at().value();
      BOOST_REQUIRE(place.location.shrink(30 - (30 - to) / 2).has_value());
      BOOST_REQUIRE(place.location.shrink(to).has_value());

      // What is in a location of the second storage that the object no longer needs may be seen until the reader goes.
      const auto rest = rest_of(reader, 4);
      BOOST_REQUIRE_MESSAGE(rest.has_value(), "capacity " << capacity << ", to " << to);
      BOOST_TEST(rest->size() >= to);
      BOOST_TEST(std::equal(rest->begin(), rest->end(), old.begin()));
      Bytes window(30);
      const auto count = reader_at.read_at(0, window);
      BOOST_REQUIRE(count.has_value());
      BOOST_TEST(*count >= to);
      BOOST_TEST(std::equal(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(*count), old.begin()));
      if (capacity == 1000) BOOST_TEST((rest->size() == to && *count == to));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reader_that_skips_ends_where_the_object_was_cut) {
  Place<without_sizes> place{100};
  const Bytes old = some_bytes(30);
  BOOST_REQUIRE(put(place.location, old).has_value());
  auto reader = place.location.open().value();
  Bytes part(20);
  BOOST_REQUIRE(reader.read(part).value() == 20U);
  BOOST_REQUIRE(place.location.shrink(10).has_value());
  place.first.script->fail(1, errc::unavailable);  // the inner reader goes, and a new one has to skip what was read
  BOOST_REQUIRE(!reader.read(part));
  BOOST_REQUIRE(place.first.script->fired == 1U);

  const auto count = reader.read(part);

  BOOST_REQUIRE(count.has_value());
  BOOST_TEST(*count == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_missing_before_a_cut_or_after_one_is_corrupted_all_the_same) {
  Place<> place{100};
  const Bytes old = some_bytes(30);
  BOOST_REQUIRE(put(place.location, old).has_value());
  const auto before = place.location.open_reader_at().value();
  BOOST_REQUIRE(place.location.shrink(20).has_value());
  BOOST_REQUIRE(extend(place.location, some_bytes(10, 2)).has_value());
  const auto after = place.location.open_reader_at().value();
  Bytes window(30);
  place.first.script->objects.back()->resize(25);  // damage in what was added
  BOOST_TEST((after.read_at(0, window).error() == errc::corrupted));
  BOOST_TEST(before.read_at(0, window).value() == 25U);
  place.first.script->objects.back()->resize(15);  // and in what was there before
  BOOST_TEST((before.read_at(0, window).error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_first_storage_that_is_away_at_the_start_is_made_good_although_it_cannot_say_what_it_can_do) {
  for (const errc category : {errc::no_space, errc::unavailable, errc::timeout, errc::limit_exceeded}) {
    const ScriptedStorage<> first;
    const ScriptedStorage<> second;
    const auto storage = tiered(AnyStorage{first}, AnyStorage{second}, {.replay_bytes = 4});
    first.script->fail(1, category, true);
    auto location = storage.create_backend();
    BOOST_REQUIRE_MESSAGE(location.has_value(), name_of(category));
    BOOST_TEST((location->capabilities() == Capabilities{Capability::append}));

    const Bytes before = some_bytes(30);
    BOOST_REQUIRE(put(*location, before, 3).has_value());
    BOOST_REQUIRE(extend(*location, before, 7).has_value());
    BOOST_TEST(holds(*location, joined(before, before), 7));
    BOOST_TEST(second.script->stored == 60U);
    first.script->clear();
    BOOST_REQUIRE(put(*location, before, 3).has_value());  // a new object tries the first one again
    BOOST_TEST(holds(*location, before, 7));
    BOOST_TEST(first.script->stored == 30U);
    BOOST_TEST(second.script->stored == 0U);
    BOOST_TEST((storage.create_backend()->capabilities() == tiered(first, second).create_backend()->capabilities()));
  }
}

BOOST_AUTO_TEST_CASE(when_both_are_away_at_the_start_or_the_first_fails_otherwise_that_is_said) {
  const ScriptedStorage<> first;
  const ScriptedStorage<> second;
  const auto storage = tiered(AnyStorage{first}, AnyStorage{second});
  first.script->fail(1, errc::unavailable, true);
  second.script->fail(1, errc::timeout, true);
  BOOST_TEST((storage.create_backend().error() == errc::timeout));
  first.script->fail(1, errc::permission, true);
  second.script->clear();
  BOOST_TEST((storage.create_backend().error() == errc::permission));
}

BOOST_AUTO_TEST_CASE(a_part_that_is_gone_is_corrupted) {
  Place<> place{4};
  place.first.script->capacity = 10;
  BOOST_REQUIRE(put(place.location, some_bytes(30), 3).has_value());
  place.second.script->objects.back()->resize(5);
  const auto all = get(place.location);
  BOOST_REQUIRE(!all);
  BOOST_TEST((all.error() == errc::corrupted));
  Bytes window(30);
  const auto count = place.location.open_reader_at().value().read_at(0, window);
  BOOST_REQUIRE(!count);
  BOOST_TEST((count.error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_remove_that_fails_is_reported_and_the_next_one_removes_everything) {
  for (const bool in_first : {true, false}) {
    Place<> place{4};
    place.first.script->capacity = 10;
    BOOST_REQUIRE(put(place.location, some_bytes(30), 3).has_value());
    (in_first ? place.first : place.second).script->fail(1, errc::unavailable);
    const auto removed = place.location.remove();
    BOOST_REQUIRE((!removed && removed.error() == errc::unavailable));
    BOOST_REQUIRE(place.location.remove().has_value());
    BOOST_TEST(place.stored() == 0U);
  }
}

// Whether the object is still there decides what an extension begins with.
BOOST_AUTO_TEST_CASE(after_a_remove_that_failed_the_storages_tell_what_there_is_to_extend) {
  for (const std::uint64_t capacity : {std::uint64_t{10}, std::uint64_t{1000}}) {
    for (const errc category : {errc::timeout, errc::permission}) {
      for (const bool had_effect : {false, true}) {
        for (const bool in_first : {true, false}) {
          Place<> place{4};
          place.first.script->capacity = capacity;
          const Bytes old = some_bytes(30);
          BOOST_REQUIRE(put(place.location, old, 3).has_value());
          const bool is_in_both = !place.second.script->objects.empty();
          Script& script = in_first ? *place.first.script : *place.second.script;
          script.fail(1, category, false, had_effect);
          const auto removed = place.location.remove();
          const bool is_gone = is_in_both || had_effect || !in_first;
          BOOST_TEST(removed.has_value() == (!is_in_both && !in_first));
          script.clear();

          if (is_gone) {
            BOOST_TEST((place.location.open().error() == errc::not_found));
            BOOST_TEST((place.location.open_reader_at().error() == errc::not_found));
            BOOST_TEST((place.location.shrink(5).error() == errc::not_found));
            BOOST_TEST((place.location.discard(0, 5).error() == errc::not_found));
          }
          const Bytes more = some_bytes(25, 2);
          BOOST_REQUIRE(extend(place.location, more).has_value());
          expect_exact(place.location, is_gone ? more : joined(old, more));
          BOOST_REQUIRE(place.location.remove().has_value());
          BOOST_TEST(place.stored() == 0U);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_replacement_could_not_remove_goes_with_a_later_remove) {
  Place<sequential_only> place{100};
  BOOST_REQUIRE(put(place.location, some_bytes(30)).has_value());
  place.first.script->fail(5, errc::unavailable);  // create_backend, create, write, close, and then the remove of what was replaced
  BOOST_REQUIRE(put(place.location, some_bytes(20, 2)).has_value());
  BOOST_REQUIRE(place.first.script->fired == 1U);
  BOOST_TEST(place.first.script->stored == 50U);
  BOOST_REQUIRE(place.location.remove().has_value());
  BOOST_TEST(place.stored() == 0U);
}

BOOST_AUTO_TEST_CASE(cut_and_discarded_at_every_place_it_stays_exact) {
  for (std::size_t to = 0; to <= 30; ++to) {
    Place<> place{4};
    place.first.script->capacity = 14;
    const Bytes all = some_bytes(30);
    BOOST_REQUIRE(put(place.location, all, 3).has_value());
    BOOST_REQUIRE(place.location.shrink(to).has_value());
    Bytes expected{all.begin(), all.begin() + static_cast<std::ptrdiff_t>(to)};
    expect_exact(place.location, expected);
    BOOST_TEST(place.stored() == to);
    const Bytes more = some_bytes(9, 3);
    BOOST_REQUIRE(extend(place.location, more, 2).has_value());
    expected = joined(expected, more);
    expect_exact(place.location, expected);

    BOOST_REQUIRE(place.location.discard(to / 2, 6).has_value());
    const Bytes shown = get(place.location).value();
    for (std::size_t i = 0; i < shown.size(); ++i) BOOST_REQUIRE((shown[i] == expected[i] || (i >= to / 2 && i < to / 2 + 6)));
  }
}

BOOST_AUTO_TEST_CASE(random_lives_equal_a_model) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random{seed};
    Place<> place{random() % 20};
    place.first.script->capacity = random() % 100;
    Bytes model;
    bool exists = false;
    for (unsigned step = 0; step < 30; ++step) {
      const Bytes bytes = some_bytes(random() % 40, seed * 100 + step);
      const std::size_t piece = 1 + random() % 20;
      switch (random() % 6) {
        case 0:
          BOOST_REQUIRE(put(place.location, bytes, piece).has_value());
          model = bytes;
          exists = true;
          break;
        case 1:
          BOOST_REQUIRE(place.location.remove().has_value());
          model.clear();
          exists = false;
          break;
        case 2: {
          const std::size_t to = model.empty() ? 0 : random() % (model.size() + 1);
          BOOST_REQUIRE(place.location.shrink(to).has_value() == exists);
          model.resize(to);
          break;
        }
        case 3: {  // abandoned
          auto writer = place.location.append().value();
          BOOST_REQUIRE(writer.write(bytes).has_value());
          break;
        }
        default:
          BOOST_REQUIRE(extend(place.location, bytes, piece).has_value());
          model = joined(model, bytes);
          exists = true;
      }
      BOOST_REQUIRE_MESSAGE(exists ? holds(place.location, model, 13) : !place.location.open(), "seed " << seed << ", step " << step);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_buffer_goes_on_in_files_of_the_second_storage) {
  ScriptedStorage<> second;
  HybridBuffer buffer{SpillAt{100}, tiered(MemoryStorage{{.max_bytes = 500}}, second)};
  Bytes all;
  for (unsigned i = 0; i < 40; ++i) {
    const Bytes piece = some_bytes(60, i);
    BOOST_REQUIRE(buffer.append(piece).has_value());
    all = joined(all, piece);
  }
  Bytes out(all.size());
  BOOST_TEST(buffer.read(out).value() == all.size());
  BOOST_TEST((out == all));
  BOOST_TEST(second.script->stored >= all.size() - 700);
  BOOST_REQUIRE(buffer.close().has_value());
  BOOST_TEST(second.script->stored == 0U);
}

BOOST_AUTO_TEST_CASE(the_largest_object_is_that_of_the_second_storage) {
  auto location = tiered(MemoryStorage{{.max_bytes = 10}}, MemoryStorage{{.max_bytes = 25}}, {.replay_bytes = 4}).create_backend().value();
  BOOST_TEST(location.max_object_size() == 25U);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{25}}) {
    const Bytes most = some_bytes(25);
    BOOST_REQUIRE(put(location, most, piece).has_value());
    expect_exact(location, most);
    const auto more = extend(location, some_bytes(1));
    BOOST_REQUIRE((!more && more.error() == errc::limit_exceeded));
    expect_exact(location, most);
  }
}

BOOST_AUTO_TEST_SUITE_END()
