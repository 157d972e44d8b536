#pragma once

#include "../support/fault_count.hpp"
#include "fault_run.hpp"
#include "fault_scenarios.hpp"
#include "fault_storage.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/segmented.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/spill/spill_at.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// \file
/// Fails the k-th storage call of a scenario, for every k until a run meets no fault, in every way that applies.

namespace hybridbuffer::testing {

/// The compositions that are swept: memory in chunks of 64 bytes that ends at 100, `Spill`, and the storage with faults.
template <class InnerStorage, class Spill, Capability... omitted>
struct Composition {
  using Storage = FaultyStorage<InnerStorage, omitted...>;
  using Buffer = HybridBuffer<SegmentedMemory<64>, Spill, typename Storage::Backend, Storage>;
  static constexpr std::uint64_t memory = 100;

  static Buffer make([[maybe_unused]] const MemoryBudget& budget) {
    if constexpr (std::is_same_v<Spill, SharedBudget>) return Buffer{SegmentedMemory<64>{}, SharedBudget{budget}, Storage{}};
    else if constexpr (std::is_same_v<Spill, SpillAt>) return Buffer{SegmentedMemory<64>{}, SpillAt{memory}, Storage{}};
    else return Buffer{SegmentedMemory<64>{}, Spill{}, Storage{}};
  }
};

using SmallBlockStorage = BasicMemoryStorage<32>;
using ThreeCallStorage = InPlaceStorage<ThreeCallBackend>;
/// Locations so small that one append needs many.
struct SmallLocationStorage {
  [[nodiscard]] Result<BasicMemoryBackend<32>> create_backend() const { return SmallBlockStorage{{.max_bytes = 5000}}.create_backend(); }
};

struct FaultMode {
  Fault fault;
  bool gives_up = false;
};

[[nodiscard]] inline std::vector<FaultMode> fault_modes() {
  std::vector<FaultMode> modes;
  for (const bool for_ever : {false, true}) {
    for (const errc code : {errc::no_space, errc::io, errc::unavailable, errc::timeout, errc::permission}) {
      modes.push_back({{code, FaultEffect::none, for_ever}});
    }
    for (const errc code : {errc::no_space, errc::timeout}) modes.push_back({{code, FaultEffect::part, for_ever}});
    for (const errc code : {errc::unavailable, errc::timeout}) modes.push_back({{code, FaultEffect::whole, for_ever}});
    modes.push_back({{errc::io, FaultEffect::exception, for_ever}});
  }
  for (const FaultEffect effect : {FaultEffect::none, FaultEffect::part, FaultEffect::whole, FaultEffect::exception}) {
    modes.push_back({{errc::unavailable, effect, true}, true});
  }
  return modes;
}

/// Runs the scenario once, with the plan as it is armed. Returns: what is wrong, nothing when all held.
template <class Plan, class Composition, class Scenario>
[[nodiscard]] std::optional<std::string> run_once(const Scenario& scenario, bool gives_up, bool reads_after_failure) {
  const std::size_t descriptors = open_descriptors();
  const MemoryBudget budget{Composition::memory};
  try {
    using Buffer = typename Composition::Buffer;
    Run<Buffer, Plan> run{Composition::make(budget), budget, gives_up, reads_after_failure};
    try {
      scenario(run);
      if (run.buffer().is_open()) {
        run.verify();
        run.verify_reading();
      }
    } catch (const GivenUp&) {  // what is left behind is looked for below
    } catch (const Broken& broken) {
      return std::string{run.step()} + ": " + broken.what();
    }
  } catch (const std::exception& error) {
    return std::string{"outside the buffer: "} + error.what();
  }
  if (budget.used() != 0) return "the budget is not back at 0";
  if (Live<BackendTag>::count != 0) return "a location outlives its buffer";
  if (Live<HandleTag>::count != 0) return "a handle outlives its buffer";
  if (Live<ObjectTag>::count != 0) return "a stored object outlives its buffer";
  if (open_descriptors() != descriptors) return "a descriptor is left open";
  return std::nullopt;
}

/// Every k in every mode. `stride`: only each stride-th mode.
template <class Composition, class Scenario>
void sweep(const Scenario& scenario, std::size_t stride = 1) {
  std::uint64_t faults = 0;
  const std::vector<FaultMode> modes = fault_modes();
  for (std::size_t index = 0; index < modes.size(); index += stride) {
    const FaultMode& mode = modes[index];
    for (std::uint64_t k = 1;; ++k) {
      FaultPlan::arm(k, mode.fault);
      const auto wrong = run_once<FaultPlan, Composition>(scenario, mode.gives_up, k % 2 == 0);
      if (wrong) {
        BOOST_ERROR(Scenario::name << ", " << *wrong << "; fault " << k << " in mode " << index << " (" << name_of(mode.fault.code)
                                   << ", effect " << static_cast<int>(mode.fault.effect) << (mode.fault.for_ever ? ", for ever" : ", once")
                                   << (mode.gives_up ? ", no retry" : "") << ") in " << FaultPlan::last());
        return;
      }
      if (FaultPlan::fired() == 0) break;
      ++faults;
      FaultCount::total += FaultPlan::fired();
    }
  }
  BOOST_TEST(faults > modes.size() / stride, Scenario::name << " meets no faults");
}

/// Whether calls of this kind failed in this program.
[[nodiscard]] inline bool has_failed(StorageCall call) { return FaultPlan::fired_of[static_cast<std::size_t>(call)] != 0; }

}  // namespace hybridbuffer::testing
