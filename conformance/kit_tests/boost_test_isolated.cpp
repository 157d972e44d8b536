#define BOOST_TEST_MODULE kit_boost_test_isolated
#define BOOST_TEST_NO_MAIN
#include "../../docs/examples/minimal_backend.hpp"

#include <hybridbuffer/conformance/boost_test.hpp>

#include <string_view>

namespace {

struct Harness {
  static constexpr std::string_view name = "vector";
  static hybridbuffer::Result<hybridbuffer::examples::VectorBackend> make_backend() { return hybridbuffer::examples::VectorBackend{}; }
};

const hybridbuffer::conformance::BoostTestSuite<Harness> clauses{{}, hybridbuffer::conformance::Isolation::children};

}  // namespace

int main(int count, char** arguments) {
  if (const auto status = hybridbuffer::conformance::run_if_child<Harness>(count, arguments)) return *status;
  return boost::unit_test::unit_test_main([] { return true; }, count, arguments);
}
