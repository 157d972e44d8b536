#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/conformance/program.hpp>

#include <string_view>
#include <utility>

#ifdef HYBRIDBUFFER_ANY_OVER_FILE
#include "../backends/file_harness.hpp"
#elif defined(HYBRIDBUFFER_ANY_OVER_MEMORY)
#include "../backends/memory_harness.hpp"
#else
#include "../../docs/examples/minimal_backend.hpp"
#endif

// The conformance clauses on AnyBackend: over files, over memory with large and small blocks, over a backend that can do no more than it
// must. The hooks are those of what it holds.

namespace hybridbuffer::testing {

#ifdef HYBRIDBUFFER_ANY_OVER_FILE
struct OnDisk {
  static constexpr std::string_view name = "AnyBackend over FileBackend";
  static constexpr const char* parent = "/var/tmp";
  static FileOptions options() { return {}; }
  static off_t cut(off_t size) { return size / 2; }
};
using HeldHarness = FileHarness<OnDisk>;
#elif defined(HYBRIDBUFFER_ANY_OVER_MEMORY)
struct HeldHarness : MemoryHarness {
  static constexpr std::string_view name = "AnyBackend over MemoryBackend";
};
#else
struct HeldHarness {
  static constexpr std::string_view name = "AnyBackend over a minimal backend";
  Result<examples::VectorBackend> make_backend() { return examples::VectorBackend{}; }
  Result<InPlaceStorage<examples::VectorBackend>> make_storage() { return InPlaceStorage<examples::VectorBackend>{}; }
};
#endif

struct AnyHarness : HeldHarness {
  Result<AnyBackend> make_backend() {
    auto made = HeldHarness::make_backend();
    if (!made) return std::unexpected{std::move(made).error()};
    return AnyBackend{*std::move(made)};
  }
  Result<AnyStorage> make_storage() {
    auto made = HeldHarness::make_storage();
    if (!made) return std::unexpected{std::move(made).error()};
    return AnyStorage{*std::move(made)};
  }
};

}  // namespace hybridbuffer::testing

int main(int count, char** arguments) {
  return hybridbuffer::conformance::run_program<hybridbuffer::testing::AnyHarness>(count, arguments);
}
