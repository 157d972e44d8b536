#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

// Storage that is claimed ahead, and files that are kept for reuse.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct Fixture {
  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);

  [[nodiscard]] std::uint64_t occupied() const { return occupied_by_only_file(directory.path()); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(claiming_ahead, Fixture)

BOOST_AUTO_TEST_CASE(as_much_is_claimed_as_is_stored_and_the_limit_at_most) {
  const FileStorage modest{{.directory = directory.path(), .reserve_ahead = 2 * mebi}};
  backend = make_backend(modest);
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(mebi)).has_value());
  BOOST_TEST(occupied() <= mebi + 64 * kibi);  // nothing for a small object
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(4 * kibi)).has_value());
  BOOST_TEST(occupied() >= 2 * mebi);
  BOOST_TEST(occupied() <= 2 * mebi + 64 * kibi);
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(8 * mebi)).has_value());
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(mebi)).has_value());
  BOOST_TEST(occupied() > 10 * mebi);
  BOOST_TEST(occupied() <= (1 + 8 + 1 + 2) * mebi + 64 * kibi);
}

BOOST_AUTO_TEST_CASE(appends_make_one_system_call_each_and_few_to_claim) {
  constexpr std::size_t rounds = 1'000;
  constexpr std::size_t step = 10'000;
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(step)).has_value());
  std::size_t claims = 0;
  for (std::size_t round = 1; round < rounds; ++round) {
    const Bytes bytes = pattern(step, 1, round * step);
    const SystemFaults watch;
    BOOST_TEST_REQUIRE(store(backend.append(), bytes).has_value());
    BOOST_TEST_REQUIRE(watch.count(SystemCall::write_at) == 1U);
    BOOST_TEST_REQUIRE(watch.count(SystemCall::allocate) + 1 == watch.calls().size());
    claims += watch.count(SystemCall::allocate);
  }
  BOOST_TEST(claims > 0U);
  BOOST_TEST(claims <= 8U);
  BOOST_TEST(shows(backend, pattern(rounds * step)));
}

BOOST_AUTO_TEST_CASE(a_loop_of_extensions_and_cuts_does_not_claim_in_every_round) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(3 * mebi)).has_value());
  const SystemFaults watch;
  for (int round = 0; round < 100; ++round) {
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(20'000)).has_value());
    if (auto abandoned = backend.append(); round % 2 == 0) BOOST_TEST_REQUIRE(abandoned->write(pattern(20'000)).has_value());
    BOOST_TEST_REQUIRE(backend.shrink(3 * mebi).has_value());
  }
  BOOST_TEST(watch.count(SystemCall::write_at) >= 100U);
  BOOST_TEST(watch.count(SystemCall::allocate) <= 2U);
}

BOOST_AUTO_TEST_CASE(a_writer_that_wrote_nothing_leaves_the_claim_and_costs_no_system_call) {
  std::array<int, 2> pipe{};
  BOOST_TEST_REQUIRE(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(2 * mebi)).has_value());
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(1'000)).has_value());
  BOOST_TEST_REQUIRE(occupied() >= 4 * mebi);
  const SystemFaults watch;

  { const auto unused = backend.append(); }
  BOOST_TEST(watch.calls().size() == 0U);
  BOOST_TEST((code_of(backend.transfer_from(pipe[0], 1'000)) == errc::unavailable));

  BOOST_TEST(watch.count(SystemCall::truncate) == 0U);
  BOOST_TEST(occupied() >= 4 * mebi);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_claimed_it_is_not_tried_again) {
  const Bytes bytes = pattern(3 * mebi);
  for (const int refusal : {EOPNOTSUPP, ENOSPC, EIO, EFBIG}) {
    BOOST_TEST_REQUIRE(backend.remove().has_value());
    const SystemFaults refusing{SystemCall::allocate, refusal, true};
    BOOST_TEST(store(backend.create(), std::span{bytes}.first(2 * mebi)).has_value());
    BOOST_TEST(store(backend.append(), std::span{bytes}.subspan(2 * mebi)).has_value());
    BOOST_TEST(refusing.fired() == 1U);
    BOOST_TEST(shows(backend, bytes));
  }
  const TemporaryDirectory memory{"/dev/shm"};
  for (const FileStorage& never :
       {FileStorage{{.directory = directory.path(), .reserve_ahead = 0}}, FileStorage{{.directory = memory.path()}}}) {
    auto plain = make_backend(never);
    const SystemFaults watch;
    BOOST_TEST(store(plain.create(), bytes).has_value());
    BOOST_TEST(watch.count(SystemCall::allocate) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(before_a_full_disk_is_reported_all_claims_and_kept_files_of_the_place_are_given_back) {
  const FileStorage place{{.directory = directory.path(), .recycled_files = 2}};
  auto other = make_backend(place);
  BOOST_TEST_REQUIRE(store(other.append(), pattern(2 * mebi)).has_value());
  BOOST_TEST_REQUIRE(store(other.append(), pattern(1'000, 1, 2 * mebi)).has_value());
  BOOST_TEST_REQUIRE(occupied() >= 4 * mebi);
  auto object = make_backend(place);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(mebi)).has_value());
  BOOST_TEST_REQUIRE(store(object.create(), pattern(10)).has_value());  // leaves a file to keep
  BOOST_TEST_REQUIRE(place.recycled().files == 1U);
  {
    const SystemFaults full{SystemCall::write_at, ENOSPC};
    BOOST_TEST(store(object.append(), pattern(5'000, 1, 10)).has_value());
    BOOST_TEST(full.fired() == 1U);
  }
  BOOST_TEST(place.recycled().files == 0U);
  BOOST_TEST(shows(object, pattern(5'010)));
  {
    const SystemFaults full{SystemCall::write_at, EDQUOT, true};
    BOOST_TEST((code_of(store(object.append(), pattern(5'000))) == errc::no_space));
    BOOST_TEST(full.fired() == 2U);
  }
  BOOST_TEST(shows(object, pattern(5'010)));
  { const FileBackend dropped = std::move(object); }
  place.trim();
  BOOST_TEST(occupied() <= 2 * mebi + 64 * kibi);
  BOOST_TEST(shows(other, pattern(2 * mebi + 1'000)));
}

BOOST_AUTO_TEST_CASE(an_abandoned_extension_gives_its_storage_back_at_once) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  {
    auto writer = backend.append();
    BOOST_TEST_REQUIRE(writer->write(pattern(8 * mebi)).has_value());
    BOOST_TEST_REQUIRE(occupied() >= 8 * mebi);
  }
  BOOST_TEST(occupied() <= 64 * kibi);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recycling, Fixture)

BOOST_AUTO_TEST_CASE(by_default_no_file_is_kept) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(mebi)).has_value());
  BOOST_TEST_REQUIRE(backend.remove().has_value());
  BOOST_TEST((storage.recycled().files == 0U));
  BOOST_CHECK_THROW((void)only_unnamed_file(directory.path()), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(kept_files_are_bounded_counted_reused_shared_by_copies_and_released) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 2, .recycled_bytes = 3 * mebi}};
  const FileStorage copy{keeping};  // NOLINT(performance-unnecessary-copy-initialization): what is tested
  {
    std::vector<FileBackend> locations;
    for (const std::size_t size : {4 * mebi, mebi, mebi, mebi}) {
      locations.push_back(make_backend(keeping));
      BOOST_TEST_REQUIRE(store(locations.back().create(), pattern(size)).has_value());
    }
    BOOST_TEST(keeping.recycled().files == 0U);
  }
  BOOST_TEST(copy.recycled().files == 2U);
  BOOST_TEST(copy.recycled().bytes >= 2 * mebi);
  BOOST_TEST(copy.recycled().bytes <= 3 * mebi);

  auto location = make_backend(copy);
  const SystemFaults watch;
  BOOST_TEST_REQUIRE(store(location.create(), pattern(mebi / 2, 2)).has_value());
  BOOST_TEST(watch.count(SystemCall::open_at) == 0U);
  BOOST_TEST(watch.count(SystemCall::allocate) == 0U);  // its storage is there
  BOOST_TEST(keeping.recycled().files == 1U);
  BOOST_TEST(keeping.recycled().reused == 1U);

  copy.trim();
  BOOST_TEST(keeping.recycled().files == 0U);
  BOOST_TEST(keeping.recycled().bytes == 0U);
  BOOST_TEST(only_unnamed_file(directory.path()).size() != 0U);
  BOOST_TEST(shows(location, pattern(mebi / 2, 2)));
}

BOOST_AUTO_TEST_CASE(what_a_kept_file_holds_is_counted_anew_when_it_may_have_changed) {
  const FileStorage keeping{{.directory = directory.path(), .reserve_ahead = 0, .recycled_files = 1, .recycled_bytes = 3 * mebi}};
  auto location = make_backend(keeping);
  const auto kept_after = [&](std::size_t size, auto&& change) {
    BOOST_TEST_REQUIRE(store(location.create(), pattern(size)).has_value());
    BOOST_TEST_REQUIRE(change().has_value());
    BOOST_TEST_REQUIRE(location.remove().has_value());
    BOOST_TEST_REQUIRE(keeping.recycled().files == 1U);
    return keeping.recycled().bytes;
  };
  const auto nothing = [] { return Result<void>{}; };
  const std::uint64_t first = kept_after(100'000, nothing);
  BOOST_TEST(first >= 100'000U);
  BOOST_TEST(first <= 100'000 + 64 * kibi);
  {
    const SystemFaults watch;
    BOOST_TEST(kept_after(10, nothing) == first);
    BOOST_TEST(watch.count(SystemCall::status) == 0U);  // the same storage
  }
  BOOST_TEST(kept_after(2 * mebi, nothing) >= 2 * mebi);
  BOOST_TEST(kept_after(2 * mebi, [&] { return location.discard(0, mebi); }) <= mebi + 64 * kibi);
  BOOST_TEST(kept_after(2 * mebi, nothing) >= 2 * mebi);
  BOOST_TEST(kept_after(2 * mebi, [&] { return location.shrink(4 * kibi); }) <= 64 * kibi);
  BOOST_TEST_REQUIRE(store(location.create(), pattern(4 * mebi)).has_value());
  BOOST_TEST_REQUIRE(location.remove().has_value());
  BOOST_TEST(keeping.recycled().files == 0U);  // more than the bound
}

BOOST_AUTO_TEST_CASE(files_are_kept_by_the_process_that_uses_the_storage_first) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 1}};
  const auto keeps = [&] {
    auto location = make_backend(keeping);
    return store(location.create(), pattern(10'000)).has_value() && location.remove().has_value() && keeping.recycled().files == 1;
  };
  BOOST_TEST(first_failure_in_forked_child([&](auto&& holds) { holds(keeps()); }) == 0);
  BOOST_TEST(keeps());
  BOOST_TEST(first_failure_in_forked_child([&](auto&& holds) { holds(!keeps()); }) == 0);  // its parent's lists are not its own
}

BOOST_AUTO_TEST_CASE(what_was_claimed_for_the_past_of_a_reused_file_is_given_back_before_a_full_disk_is_reported) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 1}};
  auto location = make_backend(keeping);
  const auto fill = [&] {
    BOOST_TEST_REQUIRE(store(location.append(), pattern(2 * mebi)).has_value());
    BOOST_TEST_REQUIRE(store(location.append(), pattern(1'000, 1, 2 * mebi)).has_value());
  };
  fill();
  BOOST_TEST_REQUIRE(location.remove().has_value());
  fill();
  BOOST_TEST_REQUIRE(keeping.recycled().reused == 1U);
  BOOST_TEST_REQUIRE(occupied() >= 4 * mebi);

  {
    auto other = make_backend(keeping);
    const SystemFaults full{SystemCall::write_at, ENOSPC};
    BOOST_TEST_REQUIRE(store(other.create(), pattern(10)).has_value());
  }
  keeping.trim();

  BOOST_TEST(occupied() <= 2 * mebi + 64 * kibi);
  BOOST_TEST(shows(location, pattern(2 * mebi + 1'000)));
}

BOOST_AUTO_TEST_CASE(old_bytes_of_a_kept_file_are_never_shown) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 1}};
  auto location = make_backend(keeping);
  for (const std::size_t size : {0U, 1U, 4'096U, 5'000U}) {
    BOOST_TEST_REQUIRE(store(location.create(), pattern(100'000, 2)).has_value());
    BOOST_TEST_REQUIRE(location.remove().has_value());
    const auto reused = keeping.recycled().reused;

    BOOST_TEST_REQUIRE(store(location.append(), pattern(size)).has_value());

    BOOST_TEST(keeping.recycled().reused == reused + 1);
    BOOST_TEST(shows(location, pattern(size)));
    BOOST_TEST_REQUIRE(store(location.append(), pattern(70'000, 3)).has_value());
    BOOST_TEST(shows(location, joined(pattern(size), pattern(70'000, 3))));
    BOOST_TEST_REQUIRE(location.shrink(size).has_value());
    BOOST_TEST(shows(location, pattern(size)));
    BOOST_TEST_REQUIRE(location.remove().has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_published_kept_file_shows_nothing_of_its_past) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 1}};
  auto location = make_backend(keeping);
  BOOST_TEST_REQUIRE(store(location.create(), pattern(100'000, 2)).has_value());
  BOOST_TEST_REQUIRE(location.remove().has_value());
  BOOST_TEST_REQUIRE(store(location.create(), pattern(10)).has_value());
  BOOST_TEST_REQUIRE(keeping.recycled().reused == 1U);

  BOOST_TEST_REQUIRE(location.publish(directory / "name", PublishMode::keep).has_value());
  BOOST_TEST_REQUIRE(location.remove().has_value());

  BOOST_TEST(keeping.recycled().files == 0U);
  BOOST_TEST((file_content(directory / "name") == pattern(10)));
}

BOOST_AUTO_TEST_CASE(a_file_that_a_reader_holds_is_kept_only_once_the_reader_is_gone) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 4}};
  auto location = make_backend(keeping);
  BOOST_TEST_REQUIRE(store(location.create(), pattern(10'000)).has_value());
  {
    auto reader = location.open();
    BOOST_TEST_REQUIRE(store(location.create(), pattern(20'000, 2)).has_value());
    BOOST_TEST(keeping.recycled().files == 0U);
    BOOST_TEST_REQUIRE(store(location.create(), pattern(20'000, 3)).has_value());
    BOOST_TEST((drain(*reader) == pattern(10'000)));
  }
  BOOST_TEST(keeping.recycled().files == 2U);
  BOOST_TEST(shows(location, pattern(20'000, 3)));
}

BOOST_AUTO_TEST_SUITE_END()
