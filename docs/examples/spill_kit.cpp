// The conformance kit on a spill policy; with --help it tells its options.

// [spill_kit]
#include <hybridbuffer/conformance/spill_policy.hpp>

#include "minimal_policies.hpp"

struct SpillAboveThousandHarness {
  static constexpr std::string_view name = "spill-above-thousand";
  static hybridbuffer::examples::SpillAboveThousand make() { return {}; }  // a new policy each call
};
HYBRIDBUFFER_SPILL_CONFORMANCE(SpillAboveThousandHarness)
// [spill_kit]
