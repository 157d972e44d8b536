#include "../../support/forked_child.hpp"
#include "../../support/spread.hpp"

#include <hybridbuffer/detail/redis_retries.hpp>
#include <hybridbuffer/error.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <sys/mman.h>
#include <vector>

// The pauses of a Redis storage between attempts are those of RedisRetryOptions, and nobody waits for as long as another one.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using detail::RedisClock;
using std::chrono::milliseconds;

const RedisRetryOptions options{.attempts = 8, .base = 2s, .cap = 40s};
constexpr unsigned failures = 7;  // the last two pauses are of the cap

std::int64_t most_after(unsigned failure) { return std::min<std::int64_t>(40'000, std::int64_t{2'000} << failure); }
std::int64_t in_milliseconds(RedisClock::duration time) { return std::chrono::duration_cast<milliseconds>(time).count(); }

}  // namespace

BOOST_AUTO_TEST_CASE(every_pause_is_spread_over_all_of_its_range) {
  const detail::RedisRetries retries{options};
  for (unsigned failure = 0; failure < failures; ++failure) {
    BOOST_TEST_CONTEXT("after failure " << failure) {
      std::vector<std::int64_t> drawn(enough_draws);
      std::generate(drawn.begin(), drawn.end(), [&] { return in_milliseconds(retries.pause(failure)); });
      check_spread(drawn, most_after(failure));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_first_pauses_of_many_callers_are_spread_as_well) {
  std::vector<std::int64_t> drawn(enough_draws);
  std::generate(drawn.begin(), drawn.end(), [] { return in_milliseconds(detail::RedisRetries{options}.pause(0)); });
  check_spread(drawn, most_after(0));
}

BOOST_AUTO_TEST_CASE(failures_in_a_row_double_the_range_up_to_the_cap_and_end_after_all_attempts) {
  const Error gone{errc::unavailable, "try"};
  std::vector<std::int64_t> longest(failures);
  detail::RedisRetries retries{options};
  for (int row = 0; row < 200; ++row) {
    for (unsigned failure = 0; failure < failures; ++failure) {
      const auto before = RedisClock::now();
      BOOST_TEST_REQUIRE(retries.note(gone));
      const auto after = RedisClock::now();
      BOOST_TEST((retries.resume_at() >= before));
      BOOST_TEST((retries.resume_at() <= after + milliseconds{most_after(failure)}));
      longest[failure] = std::max(longest[failure], in_milliseconds(retries.resume_at() - before));
    }
    BOOST_TEST(!retries.note(gone));
    retries.reset();
  }
  // All but once in 10^24 one of 200 draws is in the upper quarter.
  for (unsigned failure = 0; failure < failures; ++failure) {
    BOOST_TEST_CONTEXT("after failure " << failure) { BOOST_TEST(longest[failure] >= most_after(failure) / 4 * 3); }
  }
}

BOOST_AUTO_TEST_CASE(two_callers_and_a_forked_child_do_not_pause_alike) {
  constexpr std::size_t count = 64;
  // Of so many milliseconds no two are the same by coincidence.
  const RedisRetryOptions wide{.attempts = 8, .base = 876'000h, .cap = 876'000h};
  const detail::RedisRetries one{wide};
  const detail::RedisRetries other{wide};
  void* shared = ::mmap(nullptr, count * sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  BOOST_REQUIRE(shared != MAP_FAILED);
  auto* of_child = static_cast<std::int64_t*>(shared);

  const auto draw = [&](auto holds) {
    for (std::size_t i = 0; i < count; ++i) holds((of_child[i] = in_milliseconds(one.pause(0))) >= 0);
  };
  BOOST_TEST(first_failure_in_forked_child(draw) == 0);

  std::size_t common = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t own = in_milliseconds(one.pause(0));
    common += own == of_child[i] ? 1U : 0U;
    common += own == in_milliseconds(other.pause(0)) ? 1U : 0U;
  }
  BOOST_TEST(common == 0U);
  ::munmap(shared, count * sizeof(std::int64_t));
}
