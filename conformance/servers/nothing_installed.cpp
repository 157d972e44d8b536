#include <cerrno>
#include <unistd.h>

// Loaded before a program (LD_PRELOAD), it makes it look as if no program were installed: what require_programs() asks the system.
extern "C" int access(const char* /*name*/, int /*type*/) noexcept {
  errno = ENOENT;
  return -1;
}
