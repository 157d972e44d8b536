#define BOOST_TEST_MODULE kit_boost_test
#include "../../docs/examples/minimal_backend.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/conformance/boost_test.hpp>

#include <cstddef>
#include <cstdlib>
#include <string_view>

using namespace hybridbuffer;

namespace {

struct MemoryHarness {
  static constexpr std::string_view name = "memory";
  static Result<MemoryBackend> make_backend() { return MemoryStorage{}.create_backend(); }
};

struct LyingHarness {
  static constexpr std::string_view name = "lying";
  static Result<examples::VectorBackend> make_backend() { return examples::VectorBackend{}; }
  static std::size_t stored_objects() { return 0; }
};

const conformance::BoostTestSuite<MemoryHarness> memory_clauses;

// Only for those who look at how a failure is shown.
struct WithLies {
  WithLies() {
    if (std::getenv("KIT_BEHAVIOUR") == nullptr || std::string_view{std::getenv("KIT_BEHAVIOUR")} != "lies") return;
    static const conformance::BoostTestSuite<LyingHarness> lying_clauses;
  }
} const with_lies;

}  // namespace
