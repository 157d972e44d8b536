#include "../support/forked_child.hpp"
#include "memory_models.hpp"
#include "process_memory.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace {

/// The bytes that munmap() was last asked to give back from watched memory, and how many of them were not zero.
struct UnmapWatch {
  const std::byte* begin = nullptr;
  std::size_t size = 0;
  std::size_t unmapped = 0;
  std::size_t not_zero = 0;
};
constinit UnmapWatch watch{};

}  // namespace

/// Stands in for libc's, to see what memory holds at the moment it goes back to the kernel.
extern "C" int munmap(void* address, std::size_t size) noexcept {
  const auto* bytes = static_cast<const std::byte*>(address);
  if (watch.begin != nullptr && bytes >= watch.begin && bytes < watch.begin + watch.size) {
    watch.unmapped += size;
    watch.not_zero += static_cast<std::size_t>(std::count_if(bytes, bytes + size, [](std::byte byte) { return byte != std::byte{0}; }));
  }
  return static_cast<int>(::syscall(SYS_munmap, address, size));
}

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::size_t chunk = 65'536;
constexpr std::byte secret{0xA5};

/// AddressSanitizer and ThreadSanitizer replace mlock() by nothing.
boost::test_tools::assertion_result mlock_works(boost::unit_test::test_unit_id /*unit*/) {
  if (under_sanitizer) std::puts("skipped a case that needs mlock(), which this sanitizer replaces by nothing");
  return !under_sanitizer;
}

std::size_t append_secret(LockedMemory& memory, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const std::span<std::byte> window = memory.prepare(count - done);
    if (window.empty()) break;
    const std::size_t part = std::min(window.size(), count - done);
    std::memset(window.data(), static_cast<int>(secret), part);
    memory.commit(part);
    done += part;
  }
  return done;
}

bool has_only(const std::byte* bytes, std::size_t size, std::byte value) {
  return std::all_of(bytes, bytes + size, [value](std::byte byte) { return byte == value; });
}

BOOST_AUTO_TEST_CASE(memory_is_locked_and_left_out_of_dumps_and_children, *boost::unit_test::precondition(mlock_works)) {
  const std::size_t before = locked_kib();
  LockedMemory memory;
  BOOST_REQUIRE(append_secret(memory, 3 * chunk + 1) == 3 * chunk + 1);

  BOOST_TEST(locked_kib() - before == 4 * chunk / 1024);
  for (std::span<const std::byte> piece : memory.chunks()) {
    const std::string flags = mapping_flags(piece.data());
    BOOST_TEST_INFO(flags);
    BOOST_TEST(flags.find(" lo ") != std::string::npos);
    BOOST_TEST(flags.find(" dd ") != std::string::npos);
    BOOST_TEST(flags.find(" wf ") != std::string::npos);
  }
  memory.drop_front(2 * chunk);
  BOOST_TEST(locked_kib() - before == 2 * chunk / 1024);
  memory.clear();
  BOOST_TEST(locked_kib() == before);
}

BOOST_AUTO_TEST_CASE(a_forked_child_sees_no_secret) {
  LockedMemory memory;
  BOOST_REQUIRE(append_secret(memory, 100) == 100U);

  const int failure = first_failure_in_forked_child([&](auto&& holds) { holds(has_only(memory.chunk_at(0).data(), 100, std::byte{0})); });

  BOOST_TEST(failure == 0);
  BOOST_TEST(has_only(memory.chunk_at(0).data(), 100, secret));
}

BOOST_AUTO_TEST_CASE(dropped_and_truncated_bytes_are_overwritten_and_no_others) {
  for (std::size_t dropped : {std::size_t{0}, std::size_t{1}, std::size_t{100}, chunk - 1, chunk, chunk + 1}) {
    for (std::size_t kept : {std::size_t{1}, std::size_t{99}, chunk - 1}) {
      LockedMemory memory;
      BOOST_REQUIRE(append_secret(memory, 3 * chunk) == 3 * chunk);

      memory.drop_front(1);
      memory.drop_front(dropped);
      memory.truncate(kept);

      const std::size_t begin = (dropped + 1) % chunk;
      const std::byte* first = memory.chunk_at(0).data();
      BOOST_TEST(has_only(first - begin, begin, std::byte{0}));
      for (std::span<const std::byte> piece : memory.chunks()) BOOST_TEST(has_only(piece.data(), piece.size(), secret));
      const std::span<const std::byte> last = memory.chunk_at(kept - 1);
      const std::size_t rest = (chunk - (begin + kept) % chunk) % chunk;
      BOOST_TEST(has_only(last.data() + 1, rest, std::byte{0}));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_secret_in_an_abandoned_window_is_overwritten_by_truncate) {
  LockedMemory memory;
  BOOST_REQUIRE(append_secret(memory, 10) == 10U);
  const std::span<std::byte> window = memory.prepare(50);
  std::memset(window.data(), static_cast<int>(secret), 50);

  memory.truncate(10);

  BOOST_TEST(has_only(memory.chunk_at(0).data(), 10, secret));
  BOOST_TEST(has_only(memory.chunk_at(0).data() + 10, 50, std::byte{0}));
}

BOOST_AUTO_TEST_CASE(memory_holds_only_zeros_when_it_goes_back_to_the_kernel) {
  for (int how = 0; how < 5; ++how) {
    std::size_t unmapped = 0;
    std::size_t not_zero = 0;
    {
      LockedMemory memory;
      BOOST_REQUIRE(append_secret(memory, chunk - 1) == chunk - 1);
      memory.prepare(1)[0] = secret;
      watch = {.begin = memory.chunk_at(0).data(), .size = chunk};
      if (how == 0) memory.clear();
      if (how == 1) memory.drop_front(chunk - 1);
      if (how == 2) memory.truncate(0);
      if (how == 3) memory = LockedMemory{};
    }
    unmapped = std::exchange(watch.unmapped, 0);
    not_zero = watch.not_zero;
    watch = {};

    BOOST_TEST(unmapped == chunk);
    BOOST_TEST(not_zero == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_move_leaves_no_copy_of_the_secret) {
  LockedMemory memory;
  BOOST_REQUIRE(append_secret(memory, 100) == 100U);
  const std::byte* at = memory.chunk_at(0).data();

  LockedMemory moved{std::move(memory)};

  BOOST_TEST((moved.chunk_at(0).data() == at));
  BOOST_TEST(memory.capacity() == 0U);  // NOLINT(bugprone-use-after-move): the promise
}

BOOST_AUTO_TEST_CASE(past_the_limit_of_the_system_memory_is_refused_and_the_content_stays, *boost::unit_test::precondition(mlock_works)) {
  constexpr std::size_t limit = 4 * chunk + 8192;

  const int failure = first_failure_in_forked_child([](auto&& holds) {
    const rlimit most{.rlim_cur = limit, .rlim_max = limit};
    holds(::setrlimit(RLIMIT_MEMLOCK, &most) == 0);
    holds(::geteuid() != 0 || ::setuid(65'534) == 0);  // root's CAP_IPC_LOCK knows no limit
    LockedMemory memory;

    const std::size_t taken = append_secret(memory, 100 * chunk);

    holds(taken >= chunk);
    holds(taken <= limit);
    holds(memory.size() == taken);
    holds(memory.prepare(1).empty());
    holds(std::ranges::all_of(gathered(memory), [](std::byte byte) { return byte == secret; }));
    memory.drop_front(chunk);
    holds(!memory.prepare(1).empty());
    LockedMemory second;
    holds(second.prepare(1).empty());
    memory.clear();
    holds(!second.prepare(1).empty());
  });

  BOOST_TEST(failure == 0);
}

}  // namespace
