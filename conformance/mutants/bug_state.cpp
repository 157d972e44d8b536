#include "bug_state.hpp"

#include <cstddef>
#include <fcntl.h>
#include <span>
#include <unistd.h>

namespace hybridbuffer::conformance::mutants {

void leak_memory() {
  // Through a volatile pointer: an allocation that nobody sees may be left out.
  [[maybe_unused]] static std::byte* volatile lost = nullptr;
  lost = new std::byte[4096];
}

void write_stray_file(std::span<const std::byte> bytes) {
  const int file = ::open(BugState::stray_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  static_cast<void>(::write(file, bytes.data(), bytes.size()));
  ::close(file);
}

void leak_descriptor() { static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace hybridbuffer::conformance::mutants
