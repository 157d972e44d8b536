#include "harness.hpp"

HYBRIDBUFFER_CONFORMANCE(sqlite_example::Harness)
