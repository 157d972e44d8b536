#include "bases.hpp"
#include "fake_time.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/retrying.hpp>

#include <memory>
#include <string_view>
#include <utility>

// The conformance clauses on retrying(HYBRIDBUFFER_BASE), with pauses that take no time. A fault that is injected once and is helped by
// trying again is a success: the clauses allow that, as long as what is read is right.

namespace {

using namespace hybridbuffer;

struct Retrying {
  static constexpr std::string_view name = "retrying";
  static auto wrap(auto storage) {
    return retrying(std::move(storage), {.attempts = 3, .replay_bytes = HYBRIDBUFFER_REPLAY_BYTES}, std::make_shared<testing::FakeTime>());
  }
};

using Harness = testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Retrying>;

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
