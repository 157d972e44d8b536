#include "bases.hpp"
#include "fake_time.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <memory>
#include <string_view>
#include <utility>

// The conformance clauses on transforms of transforms, HYBRIDBUFFER_STACK over HYBRIDBUFFER_BASE.

namespace {

using namespace hybridbuffer;

auto counted(auto storage) {
  static OperationCounts counts;
  return observed(std::move(storage), counts);
}
auto patient(auto storage) { return retrying(std::move(storage), {.attempts = 3}, std::make_shared<testing::FakeTime>()); }
auto verified(auto storage) { return checksummed(std::move(storage), {.chunk_bytes = 4096}); }
auto in_two(auto storage) {
  auto first = storage;
  return tiered(patient(std::move(first)), counted(std::move(storage)), {.replay_bytes = 20'000});
}

[[maybe_unused]] constexpr auto observed_retrying_checksummed = [](auto storage) { return counted(patient(verified(std::move(storage)))); };
[[maybe_unused]] constexpr auto checksummed_retrying_observed = [](auto storage) { return verified(patient(counted(std::move(storage)))); };
[[maybe_unused]] constexpr auto checksummed_tiered = [](auto storage) { return verified(in_two(std::move(storage))); };
[[maybe_unused]] constexpr auto retrying_tiered = [](auto storage) { return patient(counted(in_two(std::move(storage)))); };

struct Stack {
  static constexpr std::string_view name = "stack";
  static auto wrap(auto storage) { return HYBRIDBUFFER_STACK(std::move(storage)); }
};

using Harness = testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Stack>;

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
