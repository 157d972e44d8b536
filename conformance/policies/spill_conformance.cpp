#include "../support/named_kits.hpp"

#include <hybridbuffer/conformance/spill_policy.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/spill/spill_at.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The conformance kit on every spill policy.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

template <std::uint64_t Threshold, std::uint64_t WhileStored = most>
struct SpillAtHarness {
  static constexpr std::string_view name = "SpillAt";
  static SpillAt make() { return SpillAt{.threshold = Threshold, .while_stored = WhileStored}; }
};
struct NeverSpillHarness {
  static constexpr std::string_view name = "NeverSpill";
  static NeverSpill make() { return {}; }
};
struct AlwaysSpillHarness {
  static constexpr std::string_view name = "AlwaysSpill";
  static AlwaysSpill make() { return {}; }
};

template <std::uint64_t Total, std::uint64_t MostPerBuffer = most>
struct SharedBudgetHarness {
  static constexpr std::string_view name = "SharedBudget";
  [[nodiscard]] SharedBudget make() const { return SharedBudget{budget, MostPerBuffer}; }
  [[nodiscard]] std::uint64_t used() const { return budget.used(); }
  [[nodiscard]] std::uint64_t total() const { return budget.total(); }

  MemoryBudget budget{Total};
};

/// A policy under a limit.
template <class Inner, std::uint64_t Limit>
struct CappedHarness : Inner {
  static constexpr std::string_view name = "Capped";
  auto make() { return Capped{Inner::make(), Limit}; }
};

/// A policy whose spills a worker carries out.
template <class Inner>
struct OverlappedHarness : Inner {
  static constexpr std::string_view name = "Overlapped";
  auto make() { return Overlapped{Inner::make()}; }
};

template <class Harness>
void add(std::vector<NamedKit>& kits, std::string name) {
  add_kit(kits, std::move(name), conformance::spill_kit<Harness>());
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<NamedKit> kits;
  add<SpillAtHarness<0>>(kits, "spill-at-0");
  add<SpillAtHarness<1>>(kits, "spill-at-1");
  add<SpillAtHarness<2_MiB>>(kits, "spill-at-2MiB");
  add<SpillAtHarness<most>>(kits, "spill-at-most");
  add<SpillAtHarness<2_MiB, 64_KiB>>(kits, "spill-at-2MiB-then-64KiB");
  add<SpillAtHarness<2_MiB, 0>>(kits, "spill-at-2MiB-then-0");
  add<NeverSpillHarness>(kits, "never-spill");
  add<AlwaysSpillHarness>(kits, "always-spill");
  add<SharedBudgetHarness<0>>(kits, "shared-budget-0");
  add<SharedBudgetHarness<100>>(kits, "shared-budget-100");
  add<SharedBudgetHarness<1_MiB>>(kits, "shared-budget-1MiB");
  add<SharedBudgetHarness<1_MiB + 7>>(kits, "shared-budget-odd");
  add<SharedBudgetHarness<most>>(kits, "shared-budget-most");
  add<SharedBudgetHarness<1_MiB, 100'000>>(kits, "shared-budget-ceiling");
  add<CappedHarness<SpillAtHarness<2_MiB>, 3_MiB>>(kits, "capped-spill-at");
  add<CappedHarness<SpillAtHarness<2_MiB, 64_KiB>, 3_MiB>>(kits, "capped-spill-at-2MiB-then-64KiB");
  add<CappedHarness<SpillAtHarness<2_MiB>, 1_MiB>>(kits, "capped-below-spill-at");
  add<CappedHarness<NeverSpillHarness, 1_MiB>>(kits, "capped-never-spill");
  add<CappedHarness<NeverSpillHarness, most>>(kits, "capped-most");
  add<CappedHarness<AlwaysSpillHarness, 100>>(kits, "capped-always-spill");
  add<CappedHarness<AlwaysSpillHarness, 0>>(kits, "capped-0");
  add<CappedHarness<SharedBudgetHarness<1_MiB>, 2_MiB>>(kits, "capped-shared-budget");
  add<CappedHarness<CappedHarness<SharedBudgetHarness<1_MiB>, 2_MiB>, 700'000>>(kits, "capped-capped-shared-budget");
  add<OverlappedHarness<SpillAtHarness<2_MiB>>>(kits, "overlapped-spill-at");
  add<OverlappedHarness<SpillAtHarness<2_MiB, 64_KiB>>>(kits, "overlapped-spill-at-2MiB-then-64KiB");
  add<OverlappedHarness<SpillAtHarness<1>>>(kits, "overlapped-spill-at-1");
  add<OverlappedHarness<SpillAtHarness<most>>>(kits, "overlapped-spill-at-most");
  add<OverlappedHarness<NeverSpillHarness>>(kits, "overlapped-never-spill");
  add<OverlappedHarness<AlwaysSpillHarness>>(kits, "overlapped-always-spill");
  add<OverlappedHarness<SharedBudgetHarness<1_MiB>>>(kits, "overlapped-shared-budget");
  add<CappedHarness<OverlappedHarness<SpillAtHarness<2_MiB>>, 3_MiB>>(kits, "capped-overlapped-spill-at");
  return run_named_kits(kits, count, arguments);
}
