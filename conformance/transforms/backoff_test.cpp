#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "../support/spread.hpp"

#include <hybridbuffer/detail/backoff.hpp>
#include <hybridbuffer/transform/retry_policy.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <sys/mman.h>
#include <vector>

// How long all that retry wait: any time from 0 to min(cap, base · 2^n), each as likely as another, and nobody as long as somebody else.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds base = 1s;
constexpr nanoseconds cap = 50s;
constexpr unsigned failures = 9;  // the last three pauses are of the cap

nanoseconds most_after(unsigned failure) { return std::min(cap, base * (std::int64_t{1} << failure)); }

/// The clock and the numbers of SystemTime, without the waiting.
struct Unhurried {
  SystemTime system{};
  nanoseconds slept{0};

  static nanoseconds now() noexcept { return SystemTime::now(); }
  void sleep(nanoseconds duration) noexcept { slept = duration; }
  std::uint64_t random() noexcept { return system.random(); }
};
static_assert(retry_time<Unhurried>);

/// What one storage that retries shares.
struct Storage {
  std::shared_ptr<Unhurried> time = std::make_shared<Unhurried>();
  detail::Retrier<Unhurried> retrier{{.attempts = failures + 1, .base = base, .cap = cap, .deadline = 24h}, time};

  /// The pauses of one operation, whose every attempt fails.
  [[nodiscard]] std::array<std::int64_t, failures> pauses() const {
    std::array<std::int64_t, failures> all{};
    detail::Retrier<Unhurried>::Attempts attempts{retrier};
    for (std::int64_t& one : all) {
      time->slept = nanoseconds{-1};
      if (!attempts.again({errc::unavailable, "try"})) return {};
      one = time->slept.count();
    }
    return all;
  }
};

template <class Draw>
std::vector<std::int64_t> drawn_by(Draw&& draw) {
  std::vector<std::int64_t> all(enough_draws);
  std::generate(all.begin(), all.end(), draw);
  return all;
}

/// Where a child puts what it drew.
class SharedPauses {
 public:
  SharedPauses() {
    void* found = ::mmap(nullptr, sizeof(Pauses), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BOOST_REQUIRE(found != MAP_FAILED);
    pauses_ = static_cast<Pauses*>(found);
  }
  SharedPauses(const SharedPauses&) = delete;
  SharedPauses& operator=(const SharedPauses&) = delete;
  ~SharedPauses() { ::munmap(pauses_, sizeof(Pauses)); }

  using Pauses = std::array<std::int64_t, failures>;
  [[nodiscard]] Pauses& get() const noexcept { return *pauses_; }

 private:
  Pauses* pauses_ = nullptr;
};

/// How many are the same: of nanoseconds none is by coincidence.
std::size_t common(const std::array<std::int64_t, failures>& one, const std::array<std::int64_t, failures>& other) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < failures; ++i) count += one[i] == other[i] ? 1U : 0U;
  return count;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_pause_of_a_storage_is_spread_over_all_of_its_range) {
  const Storage storage;
  std::array<std::vector<std::int64_t>, failures> drawn;
  for (std::size_t i = 0; i < enough_draws; ++i) {
    const auto pauses = storage.pauses();
    for (std::size_t failure = 0; failure < failures; ++failure) drawn[failure].push_back(pauses[failure]);
  }

  for (unsigned failure = 0; failure < failures; ++failure) {
    BOOST_TEST_CONTEXT("after failure " << failure) { check_spread(drawn[failure], most_after(failure).count()); }
  }
}

BOOST_AUTO_TEST_CASE(what_draws_for_itself_is_spread_over_all_of_its_range_too) {
  for (unsigned failure = 0; failure < failures; ++failure) {
    BOOST_TEST_CONTEXT("after failure " << failure) {
      const auto draw = [&] { return detail::random_pause(milliseconds{1s}, milliseconds{50s}, failure).count(); };
      check_spread(drawn_by(draw), std::chrono::duration_cast<milliseconds>(most_after(failure)).count());
    }
  }
}

BOOST_AUTO_TEST_CASE(two_storages_do_not_pause_alike) {
  const Storage one;
  const Storage other;
  for (int operation = 0; operation < 100; ++operation) BOOST_TEST(common(one.pauses(), other.pauses()) == 0U);
}

BOOST_AUTO_TEST_CASE(a_forked_child_pauses_neither_as_its_parent_nor_as_another_child_does) {
  const Storage storage;
  const SharedPauses first;
  const SharedPauses second;
  for (const SharedPauses* child : {&first, &second}) {
    BOOST_TEST(first_failure_in_forked_child([&](auto holds) { holds((child->get() = storage.pauses())[0] >= 0); }) == 0);
  }
  const auto own = storage.pauses();

  BOOST_TEST(common(own, first.get()) == 0U);
  BOOST_TEST(common(own, second.get()) == 0U);
  BOOST_TEST(common(first.get(), second.get()) == 0U);
}

BOOST_AUTO_TEST_CASE(the_ends_of_the_range_are_those_that_are_documented_however_large_the_numbers) {
  constexpr std::uint64_t largest = ~std::uint64_t{0};
  constexpr auto ever = milliseconds::max();
  const auto most = [](milliseconds first, milliseconds longest, unsigned failure) {
    BOOST_TEST(detail::full_jitter(first, longest, failure, 0).count() == 0);
    return detail::full_jitter(first, longest, failure, largest);
  };
  BOOST_TEST((most(3ms, ever, 0) == 3ms));
  BOOST_TEST((most(3ms, 100ms, 5) == 96ms));
  BOOST_TEST((most(3ms, 100ms, 6) == 100ms));
  BOOST_TEST((most(1ms, ever, 21) == milliseconds{1 << 21}));
  BOOST_TEST((most(1ms, ever, 62) == milliseconds{std::int64_t{1} << 62U}));
  BOOST_TEST((most(1ms, ever, 63) == ever));
  BOOST_TEST((most(3ms, ever, 62) == ever));
  BOOST_TEST((most(ever, ever, 0) == ever));
  BOOST_TEST((most(ever, 7ms, 20) == 7ms));
  for (const unsigned failure : {0U, 20U, 63U, 64U, 1'000U, std::numeric_limits<unsigned>::max()}) {
    BOOST_TEST((most(50ms, 7ms, failure) == 7ms));
    BOOST_TEST((most(0ms, 7ms, failure) == 0ms));
    BOOST_TEST((most(7ms, 0ms, failure) == 0ms));
    BOOST_TEST((most(-1ms, 7ms, failure) == 0ms));
    BOOST_TEST((most(7ms, milliseconds::min(), failure) == 0ms));
  }
}
