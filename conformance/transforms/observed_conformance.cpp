#include "bases.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>

#include <string_view>
#include <utility>

// The conformance clauses on observed(HYBRIDBUFFER_BASE).

namespace {

using namespace hybridbuffer;

struct Observed {
  static constexpr std::string_view name = "observed";
  static auto wrap(auto storage) {
    static OperationCounts counts;
    return observed(std::move(storage), counts);
  }
};

using Harness = testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Observed>;

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
