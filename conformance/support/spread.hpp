#pragma once

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hybridbuffer::testing {

inline constexpr std::size_t enough_draws = 4'096;

/// Checks that `drawn`, enough_draws numbers, lie in 0 to `most` and all over it. Of numbers that are as likely as each other a quarter has
/// 1024 ± 28: one that is off by 200 is no coincidence (once in 10^11), nor are numbers that keep away from an end.
/// Requires: `most` is above 1000.
inline void check_spread(const std::vector<std::int64_t>& drawn, std::int64_t most) {
  BOOST_TEST_REQUIRE(drawn.size() == enough_draws);
  const auto [least, largest] = std::minmax_element(drawn.begin(), drawn.end());
  BOOST_TEST(*least >= 0);
  BOOST_TEST(*least <= most / 100);
  BOOST_TEST(*largest >= most - most / 100);
  BOOST_TEST_REQUIRE(*largest <= most);

  std::array<std::size_t, 4> quarters{};
  for (const std::int64_t one : drawn) {
    ++quarters[std::min<std::size_t>(3, static_cast<std::size_t>(std::max<std::int64_t>(one, 0) / (most / 4 + 1)))];
  }
  constexpr std::size_t fair = enough_draws / 4;
  constexpr std::size_t off = 200;
  for (std::size_t i = 0; i < quarters.size(); ++i) {
    BOOST_TEST_CONTEXT("quarter " << i) {
      BOOST_TEST(quarters[i] >= fair - off);
      BOOST_TEST(quarters[i] <= fair + off);
    }
  }
}

}  // namespace hybridbuffer::testing
