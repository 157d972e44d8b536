// The conformance kit on a memory policy; with --help it tells its options.

// [memory_kit]
#include <hybridbuffer/conformance/memory_policy.hpp>

#include "minimal_policies.hpp"

struct VectorMemoryHarness {
  static constexpr std::string_view name = "vector-memory";
  static hybridbuffer::examples::VectorMemory make() { return {}; }  // a new, empty policy each call
};
HYBRIDBUFFER_MEMORY_CONFORMANCE(VectorMemoryHarness)
// [memory_kit]
