#include "bug_state.hpp"

#include <cstddef>
#include <fcntl.h>
#include <memory>

namespace hybridbuffer::conformance::mutants {

void leak_memory() {
  auto block = std::make_unique<Bytes>(std::size_t{4096}, std::byte{1});
  static_cast<void>(block.release());  // NOLINT(bugprone-unused-return-value): the leak that a mutant has
}

void leak_descriptor() { static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace hybridbuffer::conformance::mutants
