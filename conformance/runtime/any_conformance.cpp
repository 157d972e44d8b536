#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/conformance/program.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#ifdef HYBRIDBUFFER_ANY_OVER_FILE
#include "../backends/file_harness.hpp"

#include <hybridbuffer/storage_url.hpp>
#elif defined(HYBRIDBUFFER_ANY_OVER_MEMORY)
#include "../backends/memory_harness.hpp"
#else
#include "../../docs/examples/minimal_backend.hpp"
#endif

// The conformance clauses on AnyBackend: over files, over memory, over a backend that can do no more than it must, and over
// one that fits in no slot, nor do its handles. The hooks are those of what it holds; the storage of the files is named by a URL.

namespace hybridbuffer::testing {

#ifdef HYBRIDBUFFER_ANY_OVER_FILE
struct OnDisk {
  static constexpr std::string_view name = "AnyBackend over FileBackend";
  static constexpr const char* parent = "/var/tmp";
  static FileOptions options() { return {}; }
  static off_t cut(off_t size) { return size / 2; }
};
struct HeldHarness : FileHarness<OnDisk> {
  Result<AnyStorage> make_storage() { return storage_from_url("file://" + roots().front()); }  // the store is the first of them
};
#elif defined(HYBRIDBUFFER_ANY_OVER_MEMORY)
struct HeldHarness : MemoryHarness {
  static constexpr std::string_view name = "AnyBackend over MemoryBackend";
  Result<AnyStorage> make_storage() { return BasicMemoryStorage<block_bytes>{}; }
};
#elif defined(HYBRIDBUFFER_ANY_OVER_HEAVY)
template <class T>
struct Heavy : T {
  std::array<std::byte, 1000> weight{};
};
template <class T>
Result<Heavy<T>> heavy(Result<T> made) {
  if (!made) return std::unexpected{std::move(made).error()};
  return Heavy<T>{*std::move(made), {}};
}
class HeavyBackend {
 public:
  Result<Heavy<examples::VectorBackend::Writer>> create() { return heavy(held_.create()); }
  [[nodiscard]] Result<Heavy<examples::VectorBackend::Reader>> open() const { return heavy(held_.open()); }
  Result<void> remove() { return held_.remove(); }

 private:
  Heavy<examples::VectorBackend> held_;
};
static_assert(!AnyBackend::holds_inline<HeavyBackend> && !AnyWriter::holds_inline<Heavy<examples::VectorBackend::Writer>>);
struct HeldHarness {
  static constexpr std::string_view name = "AnyBackend over a heavy backend";
  Result<HeavyBackend> make_backend() { return HeavyBackend{}; }
  Result<AnyStorage> make_storage() { return InPlaceStorage<HeavyBackend>{}; }
};
#else
struct HeldHarness {
  static constexpr std::string_view name = "AnyBackend over a minimal backend";
  Result<examples::VectorBackend> make_backend() { return examples::VectorBackend{}; }
  Result<AnyStorage> make_storage() { return InPlaceStorage<examples::VectorBackend>{}; }
};
#endif

struct AnyHarness : HeldHarness {
  Result<AnyBackend> make_backend() {
    auto made = HeldHarness::make_backend();
    if (!made) return std::unexpected{std::move(made).error()};
    return AnyBackend{*std::move(made)};
  }
};

}  // namespace hybridbuffer::testing

int main(int count, char** arguments) {
  return hybridbuffer::conformance::run_program<hybridbuffer::testing::AnyHarness>(count, arguments);
}
