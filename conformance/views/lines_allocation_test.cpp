#include <boost/test/unit_test.hpp>

#include <hybridbuffer/view/lines.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include "../support/allocation_faults.hpp"
#include "view_support.hpp"

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

BOOST_AUTO_TEST_SUITE(line_views)

BOOST_AUTO_TEST_CASE(for_every_failing_allocation_the_iteration_goes_on_exactly_where_it_was) {
  const std::array<std::string, 4> expected{"short", std::string(500, 'x'), std::string(5'000, 'y'), "end"};
  const auto buffer = filled<FileBuffer>(Place::memory, expected[0] + '\n' + expected[1] + '\n' + expected[2] + '\n' + expected[3]);
  std::size_t runs_with_fault = 0;
  for (std::uint64_t k = 1;; ++k) {
    auto view = lines(buffer, 64);
    std::size_t count = 0;
    bool right = true;
    std::uint64_t fired = 0;
    for (const std::uint64_t failing : {k, std::uint64_t{0}}) {
      const FailingAllocation faults{failing};
      try {
        for (auto at = view.begin(); at != view.end(); ++at, ++count) right = right && count < expected.size() && *at == expected[count];
      } catch (const std::bad_alloc&) {
        right = right && faults.fired() == 1;
      }
      fired += faults.fired();
    }

    BOOST_TEST(right);
    BOOST_TEST(count == expected.size());
    BOOST_TEST(view.status().has_value());
    if (fired == 0) break;
    ++runs_with_fault;
  }
  BOOST_TEST(runs_with_fault >= 3U);
}

BOOST_AUTO_TEST_CASE(a_view_that_cannot_be_made_throws_and_leaves_the_buffer) {
  const auto buffer = filled<FileBuffer>(Place::memory, "abc");
  std::size_t runs_with_fault = 0;
  for (std::uint64_t k = 1;; ++k) {
    const FailingAllocation faults{k};
    bool thrown = false;
    try {
      static_cast<void>(lines(buffer).status().has_value());
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    const bool fired = faults.fired() == 1;

    BOOST_TEST(thrown == fired);
    if (!fired) break;
    ++runs_with_fault;
  }
  BOOST_TEST(runs_with_fault == 2U);
  BOOST_TEST((buffer.to_string().value() == "abc"));
}

BOOST_AUTO_TEST_SUITE_END()
