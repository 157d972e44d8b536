#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "fake_time.hpp"
#include "scripted_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/retrying.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <utility>
#include <vector>

// When it tries again, how long it waits, and that trying again never stores, or shows, anything twice.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;

template <ScriptedTraits traits = ScriptedTraits{}>
struct Place {
  explicit Place(RetryOptions options = {}) : location{retrying(store, options, time).create_backend().value()} { store.script->clear(); }
  std::shared_ptr<FakeTime> time = std::make_shared<FakeTime>();
  ScriptedStorage<traits> store;
  RetryingBackend<ScriptedBackend<traits>, FakeTime> location;
  [[nodiscard]] Script& script() { return *store.script; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(schedule)

BOOST_AUTO_TEST_CASE(pauses_double_up_to_the_cap_and_are_random_from_zero_on) {
  const RetryOptions options{.attempts = 8, .base = 100ns, .cap = 1000ns, .deadline = 1h};
  const std::array<std::int64_t, 7> most{100, 200, 400, 800, 1000, 1000, 1000};
  for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    Place<> place{options};
    place.time->set_random(random);
    place.script().fail(1, errc::unavailable, true);

    const auto removed = place.location.remove();

    BOOST_REQUIRE((!removed && removed.error() == errc::unavailable));
    BOOST_TEST(place.script().fired == 8U);
    const auto pauses = place.time->pauses();
    BOOST_REQUIRE(pauses.size() == most.size());
    for (std::size_t i = 0; i < most.size(); ++i) {
      const std::int64_t expected = random == 0 ? 0 : random == ~std::uint64_t{0} ? most[i] : (most[i] + 1) / 2;
      BOOST_TEST(pauses[i].count() == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_attempt_starts_after_the_deadline) {
  // Pauses of 100, 200, 400, …: the attempts start at 0, 100, 300, 700, 1500.
  for (const auto& [deadline, attempts] : {std::pair{99ns, 1U}, {100ns, 2U}, {299ns, 2U}, {300ns, 3U}, {1499ns, 4U}, {1500ns, 5U}}) {
    Place<> place{{.attempts = 100, .base = 100ns, .cap = 1h, .deadline = deadline}};
    place.script().fail(1, errc::timeout, true);
    BOOST_REQUIRE(!place.location.remove());
    BOOST_TEST(place.script().fired == attempts, "deadline " << deadline.count());
  }
}

BOOST_AUTO_TEST_CASE(huge_numbers_of_failures_do_not_overflow) {
  Place<> place{{.attempts = 200, .base = 1ns, .cap = 7ns, .deadline = 1h}};
  place.script().fail(1, errc::timeout, true);
  BOOST_REQUIRE(!place.location.remove());
  const auto pauses = place.time->pauses();
  BOOST_REQUIRE(pauses.size() == 199U);
  BOOST_TEST(pauses.back().count() == 7);
}

BOOST_AUTO_TEST_CASE(a_pause_and_a_deadline_without_bounds_do_not_overflow_either) {
  struct Ticking {
    std::chrono::nanoseconds time{0};
    std::vector<std::chrono::nanoseconds> pauses{};
    std::chrono::nanoseconds now() noexcept { return ++time; }
    void sleep(std::chrono::nanoseconds duration) noexcept { pauses.push_back(duration); }
    static std::uint64_t random() noexcept { return ~std::uint64_t{0}; }
  };
  constexpr auto ever = std::chrono::nanoseconds::max();
  const auto time = std::make_shared<Ticking>();
  ScriptedStorage<> store;
  auto location = retrying(store, {.attempts = 4, .base = ever, .cap = ever, .deadline = ever}, time).create_backend().value();
  store.script->fail(1, errc::timeout, true);

  BOOST_REQUIRE(!location.remove());

  BOOST_TEST(store.script->fired == 1U);  // a pause from now on would end later than time itself
  BOOST_TEST(time->pauses.empty());
}

BOOST_AUTO_TEST_CASE(only_timeout_and_unavailable_are_tried_again) {
  for (int code = static_cast<int>(errc::not_found); code <= static_cast<int>(errc::io); ++code) {
    const auto category = static_cast<errc>(code);
    const std::uint64_t expected = category == errc::timeout || category == errc::unavailable ? 6 : 1;
    const auto expect = [&](std::string_view what, auto&& call) {
      Place<> place;
      BOOST_REQUIRE(put(place.location, some_bytes(10)).has_value());
      place.script().fail(1, category, true);
      BOOST_TEST(!call(place));
      BOOST_TEST(place.script().fired == expected, what << " with " << name_of(category));
    };
    expect("create", [](auto& place) { return place.location.create().has_value(); });
    expect("append", [](auto& place) { return place.location.append().has_value(); });
    expect("open", [](auto& place) { return place.location.open().has_value(); });
    expect("open_reader_at", [](auto& place) { return place.location.open_reader_at().has_value(); });
    expect("open_seeker", [](auto& place) { return place.location.open_seeker().has_value(); });
    expect("remove", [](auto& place) { return place.location.remove().has_value(); });
    expect("shrink", [](auto& place) { return place.location.shrink(5).has_value(); });
    expect("discard", [](auto& place) { return place.location.discard(0, 5).has_value(); });
    expect("create_backend", [](auto& place) { return retrying(place.store, {}, place.time).create_backend().has_value(); });
  }
}

BOOST_AUTO_TEST_CASE(each_storage_draws_numbers_of_its_own) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 4; ++i) {
    SystemTime time;
    for (int j = 0; j < 100; ++j) seen.insert(time.random());
  }
  BOOST_TEST(seen.size() == 400U);
  const auto before = SystemTime::now();
  SystemTime::sleep(2ms);
  BOOST_TEST((SystemTime::now() - before >= 2ms));
}

BOOST_AUTO_TEST_CASE(a_forked_child_does_not_pause_as_its_parent_does) {
  SystemTime time;
  void* shared = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  BOOST_REQUIRE(shared != MAP_FAILED);
  auto* of_child = static_cast<std::uint64_t*>(shared);

  BOOST_TEST(first_failure_in_forked_child([&](auto holds) { holds((*of_child = time.random()) != 0); }) == 0);

  BOOST_TEST(time.random() != *of_child);
  ::munmap(shared, sizeof(std::uint64_t));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(each_call)

namespace {

const Bytes first = some_bytes(50, 1);
const Bytes added = some_bytes(30, 2);
const Bytes second = some_bytes(40, 3);
const Bytes both = [] {
  Bytes all = first;
  all.insert(all.end(), added.begin(), added.end());
  return all;
}();

#define OR_RETURN(...)                                               \
  if (const auto done = __VA_ARGS__; !done) return std::unexpected { \
      done.error()                                                   \
    }

// A life with every call. Returns the first failure; the checks are on what was read.
template <ScriptedTraits traits>
Result<void> live(Place<traits>& place) {
  auto& location = place.location;
  OR_RETURN(put(location, first, 7));
  auto reader = location.open();
  OR_RETURN(reader);
  Bytes part(20);
  OR_RETURN(reader->read(part));
  if constexpr (traits.append) {
    OR_RETURN(extend(location, added, 11));
  } else {
    OR_RETURN(put(location, both, 11));
  }
  auto rest = rest_of(*reader, 9);
  if constexpr (traits.append) {  // shows the first size, or what was added
    OR_RETURN(rest);
    part.insert(part.end(), rest->begin(), rest->end());
    BOOST_TEST((part == first || part == both));
  }
  const auto all = get(location, 13);
  OR_RETURN(all);
  BOOST_TEST((*all == both));
  if constexpr (traits.reader_at) {
    const auto reader_at = location.open_reader_at();
    OR_RETURN(reader_at);
    Bytes window(20);
    OR_RETURN(reader_at->read_at(45, window));
    BOOST_TEST(std::equal(window.begin(), window.end(), both.begin() + 45));
    auto seeker = location.open_seeker();
    OR_RETURN(seeker);
    OR_RETURN(seeker->seek(70, Whence::begin));
    auto tail = rest_of(*seeker, 3);
    OR_RETURN(tail);
    BOOST_TEST((*tail == Bytes(both.begin() + 70, both.end())));
  }
  if constexpr (traits.shrink) {
    OR_RETURN(location.shrink(50));
    OR_RETURN(extend(location, added));
    const auto again = get(location, 1000);
    OR_RETURN(again);
    BOOST_TEST((*again == both));
  }
  OR_RETURN(put(location, second));
  const auto replaced = get(location, 1000);
  OR_RETURN(replaced);
  BOOST_TEST((*replaced == second));
  OR_RETURN(location.remove());
  const auto gone = location.open();
  BOOST_REQUIRE(!gone);
  if (gone.error() != errc::not_found) return std::unexpected{gone.error()};
  return {};
}

template <ScriptedTraits traits>
std::uint64_t calls_of_a_life() {
  Place<traits> place;
  BOOST_REQUIRE(live(place).has_value());
  return place.script().calls;
}

template <ScriptedTraits traits>
void every_single_failure_is_helped(bool extensions_can_be_looked_at) {
  const std::uint64_t calls = calls_of_a_life<traits>();
  BOOST_REQUIRE(calls > 20U);
  for (const errc category : {errc::timeout, errc::unavailable}) {
    for (const bool after_effect : {false, true}) {
      for (std::uint64_t k = 1; k <= calls; ++k) {
        Place<traits> place;
        place.script().fail(k, category, false, after_effect);
        const auto lived = live(place);
        BOOST_REQUIRE(place.script().fired == 1U);
        const std::string_view call = place.script().log[static_cast<std::size_t>(k) - 1];
        const bool may_fail = call == "close" && !extensions_can_be_looked_at;
        BOOST_TEST((lived.has_value() || may_fail), "call " << k << " (" << call << "), " << name_of(category) << ", after its effect: "
                                                            << after_effect << ": " << (lived ? "" : lived.error().message()));
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_single_failure_is_helped_and_nothing_is_stored_twice) {
  every_single_failure_is_helped<ScriptedTraits{}>(true);
  every_single_failure_is_helped<sequential_only>(true);
  every_single_failure_is_helped<without_sizes>(false);
}

BOOST_AUTO_TEST_CASE(definite_failures_pass_at_once) {
  const std::uint64_t calls = calls_of_a_life<ScriptedTraits{}>();
  for (std::uint64_t k = 1; k <= calls; ++k) {
    Place<> place;
    place.script().fail(k, errc::no_space);
    const auto lived = live(place);
    BOOST_REQUIRE(place.script().fired == 1U);
    BOOST_TEST((!lived && lived.error() == errc::no_space), "call " << k);
    BOOST_TEST(place.time->pauses().empty());
  }
}

BOOST_AUTO_TEST_CASE(an_extension_of_unknown_effect_is_never_written_again_where_nobody_can_look) {
  for (const bool after_effect : {false, true}) {
    Place<without_sizes> place;
    BOOST_REQUIRE(put(place.location, first).has_value());
    place.script().fail(3, errc::timeout, false, after_effect);

    const auto extended = extend(place.location, added);

    BOOST_REQUIRE(place.script().fired == 1U);
    BOOST_REQUIRE(!extended);
    BOOST_TEST((extended.error() == errc::timeout));
    BOOST_TEST(holds(place.location, after_effect ? both : first));
  }
}

/// A storage whose reader_at does not tell the size, and whose seeker can.
using Scripted = ScriptedBackend<ScriptedTraits{}>;
struct Mute {
  Scripted::ReaderAt reader;
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    return reader.read_at(offset, bytes);
  }
};
struct MuteBackend : Scripted {
  explicit MuteBackend(Scripted backend) : Scripted{std::move(backend)} {}
  [[nodiscard]] Result<Mute> open_reader_at() const {
    auto reader = Scripted::open_reader_at();
    if (!reader) return std::unexpected{reader.error()};
    return Mute{*std::move(reader)};
  }
};
struct MuteStorage {
  ScriptedStorage<> store;
  [[nodiscard]] Result<MuteBackend> create_backend() const { return MuteBackend{store.create_backend().value()}; }
};

template <class Storage>
void extension_is_looked_at_with_a_seeker(const Storage& storage, Script& script) {
  for (const bool after_effect : {false, true}) {
    auto location = retrying(storage, {}, std::make_shared<FakeTime>()).create_backend().value();
    BOOST_REQUIRE(put(location, first).has_value());
    script.fail(3, errc::timeout, false, after_effect);

    const auto extended = extend(location, added);

    BOOST_REQUIRE(script.fired == 1U);
    BOOST_TEST(extended.has_value());
    BOOST_TEST(holds(location, both));
    script.clear();
  }
}

BOOST_AUTO_TEST_CASE(a_seeker_tells_the_size_that_a_reader_at_does_not_whether_their_types_are_known_or_not) {
  const MuteStorage storage;
  extension_is_looked_at_with_a_seeker(storage, *storage.store.script);
  extension_is_looked_at_with_a_seeker(AnyStorage{storage}, *storage.store.script);
}

BOOST_AUTO_TEST_CASE(after_an_attempt_that_may_have_committed_no_failure_is_definite) {
  // The close of a replacement answers late, the next attempt meets a full store.
  Place<> place;
  BOOST_REQUIRE(put(place.location, first).has_value());
  auto writer = place.location.create().value();
  BOOST_REQUIRE(writer.write(second).has_value());
  place.script().fail(1, errc::timeout, false, true);
  place.script().capacity = 0;

  const auto closed = writer.close();

  BOOST_REQUIRE(!closed);
  BOOST_TEST(closed.error().is_indeterminate());
  BOOST_TEST(holds(place.location, second));
}

BOOST_AUTO_TEST_CASE(what_a_writer_wrote_is_written_again_only_while_it_is_kept) {
  for (const std::size_t kept : {std::size_t{0}, std::size_t{29}, std::size_t{30}, std::size_t{1000}}) {
    Place<> place{{.replay_bytes = kept}};
    auto writer = place.location.create().value();
    BOOST_REQUIRE(writer.write(added).has_value());  // 30 bytes
    place.script().fail(1, errc::unavailable);
    const auto written = writer.write(second);
    BOOST_TEST(written.has_value() == (kept >= 30), "kept " << kept);
    if (!written) {
      BOOST_TEST(!writer.close());
      BOOST_TEST((place.location.open().error() == errc::not_found));
      continue;
    }
    BOOST_REQUIRE(writer.close().has_value());
    Bytes all = added;
    all.insert(all.end(), second.begin(), second.end());
    BOOST_TEST(holds(place.location, all));
  }
}

BOOST_AUTO_TEST_CASE(a_reader_does_not_go_on_in_another_object) {
  for (const std::string_view change : {"replaced", "removed", "shrunk"}) {
    Place<> place;
    BOOST_REQUIRE(put(place.location, first).has_value());
    auto reader = place.location.open().value();
    const auto reader_at = place.location.open_reader_at().value();
    Bytes part(10);
    BOOST_REQUIRE(reader.read(part).has_value());
    if (change == "replaced") BOOST_REQUIRE(put(place.location, second).has_value());
    if (change == "removed") BOOST_REQUIRE(place.location.remove().has_value());
    if (change == "shrunk") BOOST_REQUIRE(place.location.shrink(20).has_value());
    place.script().fail(1, errc::unavailable, true);
    BOOST_TEST(!reader.read(part));
    BOOST_TEST(!reader_at.read_at(0, part));
    BOOST_TEST(place.script().count("open") + place.script().count("open_reader_at") == 0U, change);
  }
}

BOOST_AUTO_TEST_CASE(a_reader_goes_on_at_its_position_in_a_new_handle) {
  Place<> place;
  BOOST_REQUIRE(put(place.location, first).has_value());
  auto reader = place.location.open().value();
  Bytes part(10);
  BOOST_REQUIRE(reader.read(part).has_value());
  place.script().fail(1, errc::timeout);
  place.script().times = 2;  // the same handle is tried once more, then a new one, which skips what was read
  const auto rest = rest_of(reader, 7);
  BOOST_REQUIRE(rest.has_value());
  BOOST_TEST((*rest == Bytes(first.begin() + 10, first.end())));
  BOOST_TEST(place.script().count("open") == 1U);
}

BOOST_AUTO_TEST_CASE(a_writer_that_is_removed_in_the_middle_brings_nothing_back) {
  Place<> place;
  auto writer = place.location.create().value();
  BOOST_REQUIRE(writer.write(first).has_value());
  BOOST_REQUIRE(place.location.remove().has_value());
  place.script().fail(1, errc::unavailable);
  BOOST_TEST(!writer.write(added));
  BOOST_TEST(!writer.close());
  BOOST_TEST((place.location.open().error() == errc::not_found));
  BOOST_TEST(put(place.location, second).has_value());
}

BOOST_AUTO_TEST_CASE(a_buffer_over_it_survives_every_single_failure) {
  const auto run = [](std::uint64_t k, bool after_effect) {
    ScriptedStorage<> store;
    store.script->fail(k, errc::unavailable, false, after_effect);
    HybridBuffer buffer{SpillAt{64}, retrying(store, {}, std::make_shared<FakeTime>())};
    Bytes all;
    for (unsigned i = 0; i < 20; ++i) {
      const Bytes piece = some_bytes(10 + i, i);
      BOOST_REQUIRE(buffer.append(piece).has_value());
      all.insert(all.end(), piece.begin(), piece.end());
    }
    Bytes out(all.size());
    BOOST_TEST(buffer.read(out).value() == all.size());
    BOOST_TEST((out == all));
    return std::pair{store.script->calls, store.script->fired};
  };
  const std::uint64_t calls = run(0, false).first;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const bool after_effect : {false, true}) BOOST_TEST(run(k, after_effect).second == 1U, k);
  }
}

BOOST_AUTO_TEST_SUITE_END()
