#include "memory_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>

// The conformance clauses on MemoryBackend.

int main(int count, char** arguments) {
  return hybridbuffer::conformance::run_program<hybridbuffer::testing::MemoryHarness>(count, arguments);
}
