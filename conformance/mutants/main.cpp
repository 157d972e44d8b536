#include "harness.hpp"

#include <hybridbuffer/conformance.hpp>

HYBRIDBUFFER_CONFORMANCE(hybridbuffer::conformance::mutants::ReferenceHarness)
