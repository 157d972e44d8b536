#include <boost/test/unit_test.hpp>

#include "../support/allocation_faults.hpp"
#include "../support/fault_count.hpp"
#include "../support/system_faults.hpp"
#include "file_scenarios.hpp"
#include "file_support.hpp"

#include <cerrno>
#include <filesystem>
#include <new>
#include <optional>
#include <utility>
#include <vector>

// Each operation with its k-th system call failing, for every k, in every way that such a call fails: the right answer or the right
// error, the object as it was, an exact retry, no descriptor and no name left.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace hybridbuffer::testing::file_scenarios;

BOOST_TEST_GLOBAL_FIXTURE(FaultCount);

std::vector<int> ways_to_fail(SystemCall call) {
  constexpr int less = SystemFault::moves_less;
  constexpr int nothing = SystemFault::moves_nothing;
  switch (call) {
    case SystemCall::open_at: return {EINTR, EMFILE, ENOSPC, EACCES, EROFS, EIO, EOPNOTSUPP};
    case SystemCall::link_at: return {EXDEV, EPERM, EEXIST, ENOSPC, EIO};
    case SystemCall::unlink_at: return {EIO};
    case SystemCall::rename_at: return {ENOSPC, EACCES, EIO};
    case SystemCall::rename_at2: return {EINVAL, EEXIST, EIO};
    case SystemCall::status_at: return {EACCES, EIO};
    case SystemCall::set_mode: return {EPERM};
    case SystemCall::sync: return {EINTR, EIO, ENOSPC};
    case SystemCall::read_at: return {EINTR, EIO, less, nothing};
    case SystemCall::write_at: return {EINTR, EIO, ENOSPC, EDQUOT, EFBIG, less, nothing};
    case SystemCall::truncate: return {EINTR, EIO};
    case SystemCall::allocate: return {EINTR, EOPNOTSUPP, ENOSPC, EIO};
    case SystemCall::map: return {ENOMEM};
    case SystemCall::copy_range: return {EINTR, EIO, ENOSPC, EXDEV, less, nothing};
    case SystemCall::send_file:
    case SystemCall::splice: return {EINTR, EIO, EAGAIN, EINVAL, less, nothing};
    default: return {EIO};
  }
}

// What an error may be, given the fault.
bool is_right_error(const Error& error, SystemCall call, int fault) {
  if (fault == SystemFault::moves_less || fault == EINTR) return false;
  if (fault == SystemFault::moves_nothing) return error == errc::corrupted || error == errc::io || error == errc::unsupported;
  if (error == category_of_errno(fault))
    return error == errc::unsupported || error.native().value() == fault || error == errc::already_exists;
  // The destination's directory: the object is published, and only whether its name lasts is not known.
  if (call == SystemCall::sync && error == errc::unavailable) return error.native().value() == fault;
  if (call == SystemCall::status) return error == errc::invalid_argument;  // of a descriptor that the caller gave
  return (call == SystemCall::send_file || call == SystemCall::splice || call == SystemCall::copy_range) && error == errc::unsupported;
}

std::vector<SystemCall> calls_of(const Scenario& scenario) {
  World world;
  scenario.prepare(world);
  const SystemFaults watch;
  const auto acted = scenario.act(world);
  std::vector<SystemCall> calls{watch.calls().begin(), watch.calls().end()};
  BOOST_TEST_REQUIRE(acted.has_value());
  BOOST_TEST_REQUIRE(scenario.done(world));
  return calls;
}

void check_with_fault(const Scenario& scenario, SystemCall call, SystemFault fault) {
  World world;
  scenario.prepare(world);
  const std::size_t descriptors = open_descriptors();
  std::optional<Result<void>> acted;
  {
    const SystemFaults failing{fault};
    acted = scenario.act(world);
    BOOST_TEST(failing.fired() > 0U);
    FaultCount::total += failing.fired();
  }
  const bool name_may_stay = call == SystemCall::unlink_at && fault.for_ever;
  BOOST_TEST((name_may_stay || world.names().empty()));
  if (!*acted) {
    BOOST_TEST(is_right_error(acted->error(), call, fault.error), acted->error().message());
    BOOST_TEST(!acted->error().message().empty());
    BOOST_TEST(open_descriptors() == descriptors);
    if (call == SystemCall::sync && acted->error() == errc::unavailable) {
      BOOST_TEST_REQUIRE(scenario.done(world));
      return;
    }
    BOOST_TEST_REQUIRE(scenario.unchanged(world));
    const auto again = scenario.act(world);
    BOOST_TEST_REQUIRE(again.has_value());
  }
  BOOST_TEST(scenario.done(world));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(faults)

BOOST_AUTO_TEST_CASE(every_system_call_of_every_operation_may_fail_in_every_way) {
  const std::size_t descriptors = open_descriptors();
  std::size_t runs = 0;
  for (const Scenario& scenario : scenarios()) {
    const auto calls = calls_of(scenario);
    for (std::size_t k = 1; k <= calls.size(); ++k) {
      for (const int error : ways_to_fail(calls[k - 1])) {
        for (const bool for_ever : {false, true}) {
          if (for_ever && error == EINTR) continue;  // which is waited out
          BOOST_TEST_CONTEXT(scenario.name << ": call " << k << ", " << name_of(calls[k - 1]) << ", error " << error
                                           << (for_ever ? " for ever" : " once")) {
            check_with_fault(scenario, calls[k - 1], {.k = k, .error = error, .for_ever = for_ever});
          }
          ++runs;
        }
      }
    }
  }
  BOOST_TEST(open_descriptors() == descriptors);
  BOOST_TEST(runs > 500U);
}

BOOST_AUTO_TEST_CASE(every_allocation_of_every_operation_may_fail) {
  const std::size_t descriptors = open_descriptors();
  std::size_t fired = 0;
  for (const Scenario& scenario : scenarios()) {
    for (std::uint64_t k = 1;; ++k) {
      BOOST_TEST_CONTEXT(scenario.name << ": allocation " << k) {
        World world;
        scenario.prepare(world);
        bool has_failed = false;
        bool has_fired = false;
        {
          const FailingAllocation failing{k};
          try {
            has_failed = !scenario.act(world);
          } catch (const std::bad_alloc&) {
            has_failed = true;
          }
          has_fired = failing.fired() != 0;
        }
        BOOST_TEST(world.names().empty());
        if (has_failed) {
          BOOST_TEST_REQUIRE(scenario.unchanged(world));
          BOOST_TEST_REQUIRE(scenario.act(world).has_value());
        }
        BOOST_TEST(scenario.done(world));
        if (!has_fired) break;
        ++fired;
        ++FaultCount::total;
      }
    }
  }
  BOOST_TEST(open_descriptors() == descriptors);
  BOOST_TEST(fired > 20U);
}

BOOST_AUTO_TEST_CASE(after_a_failed_write_nothing_more_is_taken_and_nothing_is_published) {
  World world;
  world.fill();
  for (const bool extend : {false, true}) {
    auto writer = extend ? world.backend.append() : world.backend.create();
    BOOST_TEST_REQUIRE(writer->write(pattern(10)).has_value());
    {
      const SystemFaults once{SystemCall::write_at, EIO};
      BOOST_TEST((code_of(writer->write(pattern(10))) == errc::io));
      BOOST_TEST(once.fired() == 1U);
    }
    BOOST_TEST((code_of(writer->write(pattern(10))) == errc::io));
    BOOST_TEST((code_of(writer->close()) == errc::io));
    BOOST_TEST((code_of(writer->close()) == errc::io));
    BOOST_TEST(is_filled(world));
  }
  BOOST_TEST(store(world.backend.append(), pattern(more, 1, size)).has_value());
  BOOST_TEST(is_extended(world));
}

BOOST_AUTO_TEST_CASE(after_a_failed_read_the_next_one_goes_on_at_the_exact_position) {
  World world;
  world.fill();
  auto reader = world.backend.open();
  Bytes all;
  Bytes block(10'000);
  for (std::size_t i = 0; all.size() < size; ++i) {
    const SystemFaults fault{SystemCall::read_at, i % 3 == 1 ? EIO : SystemFault::moves_less};
    const auto count = reader->read(block);
    BOOST_TEST_REQUIRE(fault.fired() == 1U);
    BOOST_TEST_REQUIRE((count.has_value() == (i % 3 != 1)));
    if (count) all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
  }
  BOOST_TEST((all == pattern(size)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(costs)

BOOST_AUTO_TEST_CASE(making_moving_and_dropping_a_default_storage_costs_no_allocation_and_no_system_call) {
  const SystemFaults watch;
  const auto allocations = AllocationCounters::calls.load();
  for (int round = 0; round < 3; ++round) {
    FileStorage storage;
    const FileStorage moved{std::move(storage)};
  }
  BOOST_TEST(AllocationCounters::calls.load() == allocations);
  BOOST_TEST(watch.calls().size() == 0U);
}

BOOST_AUTO_TEST_CASE(extending_reading_and_discarding_an_object_allocates_nothing) {
  World world;
  world.fill();
  const Bytes bytes = pattern(more);
  auto at = world.backend.open_reader_at();
  Bytes block(more);
  std::uint64_t end = size;

  const auto allocations = AllocationCounters::calls.load();
  bool right = true;
  for (int round = 0; round < 100; ++round) {
    right = right && store(world.backend.append(), bytes) && at->read_at(end, block) == more && block == bytes &&
            world.backend.discard(end, more) && world.backend.shrink(end + more - 1);
    end += more - 1;
  }
  const auto made = AllocationCounters::calls.load() - allocations;

  BOOST_TEST(right);
  BOOST_TEST(made == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
