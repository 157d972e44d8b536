#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/conformance.hpp>

#include <string_view>

struct Harness {
  static constexpr std::string_view name = "memory";
  static hybridbuffer::Result<hybridbuffer::MemoryBackend> make_backend() { return hybridbuffer::MemoryStorage{}.create_backend(); }
};

HYBRIDBUFFER_CONFORMANCE(Harness)
