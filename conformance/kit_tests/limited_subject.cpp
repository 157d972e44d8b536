// A conformance program over the library's own MemoryBackend with a small limit: KIT_BEHAVIOUR is the limit and, behind a '/', the chunk
// size that the harness declares, if it does.

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/conformance.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace hybridbuffer;

namespace {

template <std::uint64_t chunk>
struct Chunks {
  static constexpr std::uint64_t chunk_size = chunk;
};
template <>
struct Chunks<0> {};

template <std::uint64_t limit, std::uint64_t chunk = 0>
struct Harness : Chunks<chunk> {
  static constexpr std::string_view name = "limited";
  static constexpr std::uint64_t max_object_size = limit;
  static MemoryStorage storage() { return MemoryStorage{{.max_bytes = limit}}; }
  static Result<MemoryBackend> make_backend() { return storage().create_backend(); }
  static Result<MemoryStorage> make_storage() { return storage(); }
};

}  // namespace

int main(int count, char** arguments) {
  using conformance::run_program;
  constexpr std::uint64_t kibibyte = 1024;
  const char* limit = std::getenv("KIT_BEHAVIOUR");
  const std::string_view behaviour = limit == nullptr ? "" : limit;
  if (behaviour == "64K/64K") return run_program<Harness<64 * kibibyte, 64 * kibibyte>>(count, arguments);
  if (behaviour == "128K/64K") return run_program<Harness<128 * kibibyte, 64 * kibibyte>>(count, arguments);
  if (behaviour == "200000/64K") return run_program<Harness<200'000, 64 * kibibyte>>(count, arguments);
  if (behaviour == "1M/1M") return run_program<Harness<1024 * kibibyte, 1024 * kibibyte>>(count, arguments);
  if (behaviour == "4M/1M") return run_program<Harness<4096 * kibibyte, 1024 * kibibyte>>(count, arguments);
  if (behaviour == "8K") return run_program<Harness<8 * kibibyte>>(count, arguments);
  if (behaviour == "20") return run_program<Harness<20>>(count, arguments);
  std::fputs("KIT_BEHAVIOUR is none of the limits\n", stderr);
  return 2;
}
