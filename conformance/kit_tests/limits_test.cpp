#include "run_subject.hpp"

#include <boost/test/unit_test.hpp>

#include <string_view>

// A backend is not wrong because little fits into it.

using kit_test::Finished;
using kit_test::run_subject;

BOOST_AUTO_TEST_CASE(a_sound_backend_passes_however_small_its_largest_object_is) {
  for (const std::string_view limit : {"64K/64K", "128K/64K", "200000/64K", "1M/1M", "4M/1M", "8K", "20"}) {
    const Finished run = run_subject(limit, "");

    BOOST_TEST(run.status == 0, limit << ": " << run.output << run.errors);
  }
}
