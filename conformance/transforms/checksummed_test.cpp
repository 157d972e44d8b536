#include <boost/test/unit_test.hpp>

#include "scripted_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/checksummed.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// What the store alters is found, whatever it alters and by whichever route it is read; and nothing else is.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::size_t chunk = 16;
constexpr ChecksumOptions small_chunks{.chunk_bytes = chunk};

template <ScriptedTraits traits = ScriptedTraits{}>
struct Place {
  ScriptedStorage<traits> store;
  ChecksummedBackend<ScriptedBackend<traits>> location = checksummed(store, small_chunks).create_backend().value();
  Bytes& stored() { return *store.script->objects.back(); }
};

// By every route that there is: how many bytes come out right before an error, and that no wrong one ever does.
struct Seen {
  bool corrupted = false;
  bool wrong_bytes = false;
};

void see(Seen& seen, const Bytes& right, std::uint64_t offset, std::span<const std::byte> got) {
  if (offset + got.size() > right.size() || !std::equal(got.begin(), got.end(), right.begin() + static_cast<std::ptrdiff_t>(offset))) {
    seen.wrong_bytes = true;
  }
}

template <class Reader>
void read_through(Seen& seen, Result<Reader> reader, const Bytes& right, std::size_t block) {
  if (!reader) {
    seen.corrupted = seen.corrupted || reader.error() == errc::corrupted;
    return;
  }
  std::uint64_t at = 0;
  for (;;) {
    Bytes part(block, std::byte{0x77});
    const auto count = reader->read(part);
    if (!count) {
      seen.corrupted = seen.corrupted || count.error() == errc::corrupted;
      const bool untouched = std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0} || b == std::byte{0x77}; });
      if (!untouched) seen.wrong_bytes = true;
      return;
    }
    if (*count == 0) break;
    see(seen, right, at, std::span{part}.first(*count));
    at += *count;
  }
  if (at != right.size()) seen.wrong_bytes = true;  // a clean end before the end
}

template <class Location>
Seen by_open(const Location& location, const Bytes& right, std::size_t block) {
  Seen seen;
  read_through(seen, location.open(), right, block);
  return seen;
}

template <class Location>
Seen by_windows(const Location& location, const Bytes& right, std::size_t window) {
  Seen seen;
  const auto reader = location.open_reader_at();
  if (!reader) return seen.corrupted = reader.error() == errc::corrupted, seen;
  for (std::uint64_t at = 0; at < right.size(); at += window) {
    Bytes part(window, std::byte{0x77});
    const auto count = reader->read_at(at, part);
    if (!count) {
      seen.corrupted = true;
      if (!std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0} || b == std::byte{0x77}; })) {
        seen.wrong_bytes = true;
      }
      continue;
    }
    see(seen, right, at, std::span{part}.first(*count));
    if (*count != std::min<std::uint64_t>(window, right.size() - at)) seen.wrong_bytes = true;
  }
  return seen;
}

constexpr std::array<std::size_t, 6> blocks{1, 5, chunk, chunk + 1, 3 * chunk, 1000};

// The damage must be found by each route, and must be undone by `repair`, after which all is right again.
template <ScriptedTraits traits, class Damage>
void expect_found(std::string_view what, Damage&& damage) {
  for (const std::size_t block : blocks) {
    Place<traits> place;
    const Bytes right = some_bytes(5 * chunk + 3);
    BOOST_REQUIRE(put(place.location, right, 7).has_value());
    const Bytes before = place.stored();
    damage(place.stored());
    BOOST_REQUIRE_MESSAGE(place.stored() != before, what << ": nothing was damaged");

    const Seen sequential = by_open(place.location, right, block);
    BOOST_TEST(sequential.corrupted, what << ", read in blocks of " << block);
    BOOST_TEST(!sequential.wrong_bytes, what << ", read in blocks of " << block);
    if constexpr (traits.reader_at) {
      const Seen windows = by_windows(place.location, right, block);
      BOOST_TEST(windows.corrupted, what << ", by windows of " << block);
      BOOST_TEST(!windows.wrong_bytes, what << ", by windows of " << block);
    }
    place.stored() = before;
    BOOST_TEST(holds(place.location, right, block), what << ", repaired");
  }
}

template <class Damage>
void expect_found_everywhere(std::string_view what, Damage&& damage) {
  expect_found<ScriptedTraits{}>(what, damage);
  expect_found<sequential_only>(what, damage);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checksummed_storage)

BOOST_AUTO_TEST_CASE(the_checksum_is_crc_32c) {
  // RFC 3720, B.4.
  const Bytes zeros(32, std::byte{0});
  const Bytes ones(32, std::byte{0xFF});
  BOOST_TEST(detail::crc32c(0, zeros) == 0x8a9136aaU);
  BOOST_TEST(detail::crc32c(0, ones) == 0x62a8ab43U);
  BOOST_TEST(detail::crc32c(0, std::as_bytes(std::span{"123456789", 9})) == 0xe3069283U);
  BOOST_TEST(detail::crc32c(0, {}) == 0U);
  const Bytes bytes = some_bytes(1000);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto all = std::span{bytes};
    BOOST_REQUIRE(detail::crc32c(detail::crc32c(0, all.first(cut)), all.subspan(cut)) == detail::crc32c(0, all));
  }
}

BOOST_AUTO_TEST_CASE(every_byte_that_is_altered_is_found) {
  for (std::size_t at = 0; at < 5 * chunk + 3; ++at) {
    expect_found_everywhere("a bit at " + std::to_string(at), [&](Bytes& stored) { stored[at] ^= std::byte{0x10}; });
  }
}

BOOST_AUTO_TEST_CASE(an_object_cut_at_any_length_is_found) {
  for (std::size_t size = 0; size < 5 * chunk + 3; ++size) {
    expect_found_everywhere("cut to " + std::to_string(size), [&](Bytes& stored) { stored.resize(size); });
  }
}

BOOST_AUTO_TEST_CASE(chunks_that_change_places_or_are_zeroed_are_found) {
  for (std::size_t i = 0; i < 5; ++i) {
    expect_found_everywhere(
        "zeroed", [&](Bytes& stored) { std::fill_n(stored.begin() + static_cast<std::ptrdiff_t>(i * chunk), chunk, std::byte{0}); });
    for (std::size_t j = 0; j < i; ++j) {
      expect_found_everywhere("swapped", [&](Bytes& stored) {
        const auto first = stored.begin() + static_cast<std::ptrdiff_t>(j * chunk);
        std::swap_ranges(first, first + chunk, stored.begin() + static_cast<std::ptrdiff_t>(i * chunk));
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(an_earlier_object_in_its_place_is_found) {
  const Bytes earlier = some_bytes(5 * chunk + 3, 9);
  expect_found_everywhere("an earlier object", [&](Bytes& stored) { stored = earlier; });
}

BOOST_AUTO_TEST_CASE(an_object_that_was_made_longer_is_found_or_shows_what_was_stored) {
  Place<> place;
  const Bytes right = some_bytes(3 * chunk);
  BOOST_REQUIRE(put(place.location, right).has_value());
  place.stored().resize(4 * chunk);

  const auto opened = place.location.open_reader_at();
  BOOST_REQUIRE(!opened);
  BOOST_TEST((opened.error() == errc::corrupted));
  BOOST_TEST(holds(place.location, right), "a reader that tells no size gives what was stored");
}

BOOST_AUTO_TEST_CASE(an_object_that_is_gone_is_corrupted_and_not_absent) {
  Place<> place;
  BOOST_TEST((place.location.open().error() == errc::not_found));
  BOOST_REQUIRE(put(place.location, some_bytes(20)).has_value());
  place.store.script->fail(1, errc::not_found);

  const auto opened = place.location.open();

  BOOST_REQUIRE(!opened);
  BOOST_TEST((opened.error() == errc::corrupted));
  BOOST_TEST(place.store.script->fired == 1U);
}

BOOST_AUTO_TEST_CASE(a_chunk_is_read_again_after_it_was_corrupted_where_the_store_seeks) {
  Place<> place;
  const Bytes right = some_bytes(4 * chunk);
  BOOST_REQUIRE(put(place.location, right).has_value());
  auto seeker = place.location.open_seeker().value();
  const auto reader_at = place.location.open_reader_at().value();
  Bytes block(chunk);
  place.stored()[chunk] ^= std::byte{1};
  BOOST_REQUIRE(seeker.read(block).has_value());
  BOOST_REQUIRE(!seeker.read(block));
  BOOST_REQUIRE(!reader_at.read_at(chunk + 3, std::span{block}.first(2)));

  place.stored()[chunk] ^= std::byte{1};

  BOOST_REQUIRE(seeker.read(block).has_value());
  BOOST_TEST(std::equal(block.begin(), block.end(), right.begin() + chunk));
  BOOST_TEST(reader_at.read_at(chunk + 3, std::span{block}.first(2)).has_value());
}

BOOST_AUTO_TEST_CASE(extensions_of_every_size_are_exact_at_every_size) {
  for (std::size_t before = 0; before <= 2 * chunk + 1; ++before) {
    for (std::size_t added = 0; added <= 2 * chunk + 1; ++added) {
      Place<> place;
      const Bytes all = some_bytes(before + added + 5);
      const std::span<const std::byte> bytes{all};
      BOOST_REQUIRE(put(place.location, bytes.first(before)).has_value());
      const auto old_reader = place.location.open_reader_at().value();
      BOOST_REQUIRE(extend(place.location, bytes.subspan(before, added), 3).has_value());
      BOOST_REQUIRE(extend(place.location, bytes.last(5)).has_value());
      BOOST_REQUIRE(holds(place.location, all, 11));
      Bytes shown(all.size());
      BOOST_REQUIRE(old_reader.read_at(0, shown).value() == before);  // as at its opening, and still verified
      BOOST_REQUIRE(std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before), shown.begin()));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_shrink_verifies_the_chunk_that_it_cuts) {
  for (std::size_t to = 0; to <= 3 * chunk; ++to) {
    Place<> place;
    Bytes all = some_bytes(3 * chunk);
    BOOST_REQUIRE(put(place.location, all).has_value());
    place.stored()[to < all.size() ? to / chunk * chunk : 0] ^= std::byte{1};
    const auto refused = place.location.shrink(to);
    const bool reads_a_chunk = to % chunk != 0;
    BOOST_REQUIRE(refused.has_value() != reads_a_chunk);
    if (!refused) BOOST_TEST((refused.error() == errc::corrupted));
    if (reads_a_chunk) {
      place.stored()[to / chunk * chunk] ^= std::byte{1};
      BOOST_REQUIRE(place.location.shrink(to).has_value());
      all.resize(to);
      BOOST_REQUIRE(holds(place.location, all));
      BOOST_REQUIRE(extend(place.location, some_bytes(chunk, 4)).has_value());
      const Bytes more = some_bytes(chunk, 4);
      all.insert(all.end(), more.begin(), more.end());
      BOOST_REQUIRE(holds(place.location, all));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_discarded_may_be_anything_and_nothing_else) {
  for (std::size_t offset = 0; offset < 4 * chunk; offset += 3) {
    for (std::size_t n = 0; n <= 3 * chunk; n += 5) {
      Place<> place;
      const Bytes all = some_bytes(4 * chunk + 2);
      BOOST_REQUIRE(put(place.location, all).has_value());
      BOOST_REQUIRE(place.location.discard(offset, n).has_value());
      const Bytes shown = get(place.location).value();
      BOOST_REQUIRE(shown.size() == all.size());
      for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE((shown[i] == all[i] || (i >= offset && i < offset + n)));
      const std::size_t edge = offset != 0 ? offset - 1 : std::min(offset + n, all.size() - 1);
      if (edge >= offset && edge < offset + n) continue;
      place.stored()[edge] ^= std::byte{1};
      BOOST_REQUIRE(!get(place.location));
    }
  }
}

BOOST_AUTO_TEST_CASE(removals_that_fail_again_and_again_take_no_memory) {
  detail::ChecksummedObject object{.table = std::make_shared<detail::ChecksumTable>(chunk)};

  for (int again = 0; again < 100; ++again) object.may_be([] { return detail::ChecksummedObject::TableRef{}; });

  BOOST_TEST(object.or_else.size() == 1U);
}

// What a store refused to give back is as it was: there, and verified.
BOOST_AUTO_TEST_CASE(after_a_discard_that_was_refused_every_byte_is_verified_still) {
  for (const auto& [category, is_verified] : {std::pair{errc::unsupported, true}, {errc::io, true}, {errc::timeout, false}}) {
    for (std::size_t at = 0; at < 4 * chunk; ++at) {
      Place<> place;
      const Bytes all = some_bytes(4 * chunk);
      BOOST_REQUIRE(put(place.location, all).has_value());
      BOOST_REQUIRE(place.location.discard(0, 3).has_value());  // the store is not asked yet
      place.store.script->fail(1, category);
      const auto discarded = place.location.discard(3, 2 * chunk);
      BOOST_REQUIRE((!discarded && discarded.error() == category));
      place.store.script->clear();
      BOOST_REQUIRE(holds(place.location, all));

      place.stored()[at] ^= std::byte{1};
      const bool may_be_anything = !is_verified && at < 2 * chunk;
      BOOST_REQUIRE(get(place.location).has_value() == may_be_anything);
      place.stored()[at] ^= std::byte{1};
      if (!is_verified) continue;
      // The next one that goes on there gives back what this one did not.
      BOOST_REQUIRE(place.location.discard(3, chunk).has_value());
      BOOST_REQUIRE(std::count(place.stored().begin(), place.stored().end(), std::byte{0xDD}) >= static_cast<std::ptrdiff_t>(chunk));
    }
  }
}

BOOST_AUTO_TEST_CASE(discards_that_go_on_give_back_what_lies_between) {
  Place<> place;
  BOOST_REQUIRE(put(place.location, some_bytes(4 * chunk)).has_value());
  for (std::size_t at = 0; at < 4 * chunk; at += 5) BOOST_REQUIRE(place.location.discard(at, 5).has_value());
  const auto given = std::count(place.stored().begin(), place.stored().end(), std::byte{0xDD});
  BOOST_TEST(given >= static_cast<std::ptrdiff_t>(4 * chunk));
}

// A close, a shrink or a remove whose answer is lost: the next call finds out what became of it.
BOOST_AUTO_TEST_CASE(a_change_of_unknown_effect_is_found_out) {
  for (const bool had_effect : {false, true}) {
    for (const std::string_view change : {"replace", "extend", "shrink", "remove", "first"}) {
      Place<> place;
      const Bytes before = some_bytes(2 * chunk + 3);
      const Bytes other = some_bytes(2 * chunk + 3, 2);
      Script& script = *place.store.script;
      if (change != "first") BOOST_REQUIRE(put(place.location, before).has_value());
      Bytes after = before;
      Result<void> done;
      if (change == "replace" || change == "first") {
        script.fail(3, errc::timeout, false, had_effect);
        done = put(place.location, other);
        after = other;
      } else if (change == "extend") {
        script.fail(3, errc::timeout, false, had_effect);
        done = extend(place.location, other);
        after.insert(after.end(), other.begin(), other.end());
      } else if (change == "shrink") {
        script.fail(3, errc::timeout, false, had_effect);  // behind the opening and the read of the chunk
        done = place.location.shrink(5);
        after.resize(5);
      } else {
        script.fail(1, errc::timeout, false, had_effect);
        done = place.location.remove();
      }
      BOOST_REQUIRE(script.fired == 1U);
      BOOST_REQUIRE((!done && done.error() == errc::timeout));
      script.clear();
      const bool absent = (change == "remove" && had_effect) || (change == "first" && !had_effect);
      if (absent) BOOST_TEST((place.location.open().error() == errc::not_found), change);
      else BOOST_TEST(holds(place.location, had_effect ? after : before), change);
      // And it can be gone on with.
      Bytes expected = absent ? Bytes{} : had_effect ? after : before;
      expected.insert(expected.end(), other.begin(), other.end());
      BOOST_TEST(extend(place.location, other).has_value(), change);
      BOOST_TEST(holds(place.location, expected), change);
    }
  }
}

BOOST_AUTO_TEST_CASE(small_windows_that_follow_each_other_read_each_chunk_once) {
  Place<> place;
  BOOST_REQUIRE(put(place.location, some_bytes(4 * chunk)).has_value());
  const auto reader = place.location.open_reader_at().value();
  place.store.script->clear();
  for (std::size_t at = 0; at < 4 * chunk; ++at) {
    std::byte one{};
    BOOST_REQUIRE(reader.read_at(at, std::span{&one, 1}).has_value());
  }
  BOOST_TEST(place.store.script->count("read") == 4U);
}

BOOST_AUTO_TEST_CASE(many_threads_read_small_windows_of_one_handle) {
  auto location = checksummed(MemoryStorage{}, small_chunks).create_backend().value();
  const Bytes all = some_bytes(200 * chunk + 5);
  BOOST_REQUIRE(put(location, all).has_value());
  const auto reader = location.open_reader_at().value();
  std::vector<std::thread> threads;
  std::array<bool, 4> right{};
  for (std::size_t i = 0; i < right.size(); ++i) {
    threads.emplace_back([&, i] {
      bool exact = true;
      for (std::size_t at = i; at + 30 < all.size(); at += 7) {
        std::array<std::byte, 30> window{};
        const auto count = reader.read_at(at, window);
        exact = exact && count && *count == 30 && std::equal(window.begin(), window.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
      }
      right[i] = exact;
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(std::all_of(right.begin(), right.end(), [](bool exact) { return exact; }));
}

BOOST_AUTO_TEST_CASE(a_buffer_over_it_meets_damage_as_corrupted) {
  ScriptedStorage<> store;
  HybridBuffer buffer{SpillAt{0}, checksummed(store, small_chunks)};
  BOOST_REQUIRE(buffer.append(some_bytes(100)).has_value());
  store.script->objects.back()->at(50) ^= std::byte{4};
  Bytes out(100);
  const auto count = buffer.read(out);
  BOOST_REQUIRE(!count);
  BOOST_TEST((count.error() == errc::corrupted));
}

// The handle that the buffer reads with verifies the last chunk as it was before the cut.
BOOST_AUTO_TEST_CASE(a_buffer_reads_on_after_a_cut_whose_answer_was_lost) {
  for (const bool had_effect : {false, true}) {
    const ScriptedStorage<> store;
    const auto storage = checksummed(store, small_chunks);
    HybridBuffer buffer{SpillAt{0}, storage};
    const Bytes content = some_bytes(4 * chunk);
    BOOST_REQUIRE(buffer.append(content).has_value());
    Bytes seen(content.size());
    BOOST_REQUIRE(buffer.read_at(0, seen).has_value());

    store.script->fail(3, errc::timeout, false, had_effect);  // behind the opening and the read of the chunk
    BOOST_TEST(buffer.truncate(2 * chunk + 5).has_value());
    BOOST_REQUIRE(store.script->fired == 1U);
    store.script->clear();

    BOOST_TEST(buffer.read_at(0, seen).value_or(0) == 2 * chunk + 5);
    BOOST_TEST(std::equal(content.begin(), content.begin() + 2 * chunk + 5, seen.begin()));
  }
}

BOOST_AUTO_TEST_CASE(a_store_whose_erased_handles_tell_no_size_is_read) {
  auto location = checksummed(AnyStorage{ScriptedStorage<ScriptedTraits{.reader_at = false}>{}}, small_chunks).create_backend().value();
  const Bytes content = some_bytes(3 * chunk + 1);
  BOOST_REQUIRE(put(location, content).has_value());

  BOOST_TEST(holds(location, content));
}

BOOST_AUTO_TEST_CASE(chunks_of_no_bytes_and_of_more_than_any_reader_should_take_are_refused) {
  for (const std::uint32_t bytes : {std::uint32_t{0}, ChecksumOptions::most_chunk + 1, ~std::uint32_t{0}}) {
    const auto made = checksummed(MemoryStorage{}, {.chunk_bytes = bytes}).create_backend();
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error() == errc::invalid_argument));
    BOOST_TEST(made.error().message().find("chunk_bytes") != std::string::npos);
  }
  for (const std::uint32_t bytes : {std::uint32_t{1}, ChecksumOptions::most_chunk}) {
    BOOST_TEST(checksummed(MemoryStorage{}, {.chunk_bytes = bytes}).create_backend().has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
