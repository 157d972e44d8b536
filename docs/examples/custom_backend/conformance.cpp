// [program]
#include "harness.hpp"  // includes <hybridbuffer/conformance.hpp>; the harness has a name and make_backend()

HYBRIDBUFFER_CONFORMANCE(sqlite_example::Harness)
// [program]
