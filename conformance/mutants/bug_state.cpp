#include "bug_state.hpp"

#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <span>
#include <unistd.h>

namespace hybridbuffer::conformance::mutants {

void leak_memory() {
  auto block = std::make_unique<Bytes>(std::size_t{4096}, std::byte{1});
  static_cast<void>(block.release());  // NOLINT(bugprone-unused-return-value): the leak that a mutant has
}

void write_stray_file(std::span<const std::byte> bytes) {
  const int file = ::open(BugState::stray_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  static_cast<void>(::write(file, bytes.data(), bytes.size()));
  ::close(file);
}

void leak_descriptor() { static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace hybridbuffer::conformance::mutants
