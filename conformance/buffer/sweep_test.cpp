#include "../transforms/fake_time.hpp"
#include "fault_sweep.hpp"
#include "model_random.hpp"
#include "sweep_plan.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <boost/test/data/test_case.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

// Every system call and every allocation of every operation fails, over each storage that is shipped and each transform, and every storage
// call beneath each transform: the buffer is what it was, the retry is exact, no descriptor, no name, no allocation and no grant is left.

namespace hybridbuffer::testing {
namespace {

BOOST_TEST_GLOBAL_FIXTURE(FaultCount);

/// Where the files of this program are; outlives the last test.
const TemporaryDirectory& files_directory() {
  static const TemporaryDirectory directory{Medium::memory};
  return directory;
}
FileStorage files(FileOptions options = {}) {
  options.directory = files_directory().path();
  return FileStorage{std::move(options)};
}

/// A storage to sweep, made anew for each run: what a storage keeps for the next location would hide what the next one costs.
struct Place {
  std::string name;
  std::vector<Way> ways;
  std::function<AnyStorage()> make;
  friend std::ostream& operator<<(std::ostream& out, const Place& place) { return out << place.name; }
};

/// What the storage calls beneath a transform answer. A loss that retrying would wait out is none.
std::vector<Way> storage_ways() {
  std::vector<Way> ways;
  for (const FaultMode& mode : fault_modes()) {
    if (mode.fault.effect == FaultEffect::exception) continue;  // a transform need not pass them on
    ways.push_back({.kind = Way::Kind::storage, .for_ever = mode.fault.for_ever, .gives_up = mode.gives_up, .storage = mode.fault});
  }
  return ways;
}

using SmallStore = FaultyStorage<SmallBlockStorage>;

AnyStorage encrypted_over(AnyStorage inner) { return encrypted(std::move(inner), {.chunk_bytes = 2000}); }
AnyStorage compressed_over(AnyStorage inner) { return compressed(std::move(inner), Lz4{}, {.chunk_bytes = 2000}); }
AnyStorage checksummed_over(AnyStorage inner) { return checksummed(std::move(inner), {.chunk_bytes = 500}); }
AnyStorage retrying_over(AnyStorage inner) {
  return retrying(std::move(inner), {.attempts = 3, .replay_bytes = 500}, std::make_shared<FakeTime>());
}
AnyStorage tiered_over(AnyStorage inner) { return tiered(files({.max_bytes = 900}), std::move(inner), {.replay_bytes = 200}); }
AnyStorage observed_over(AnyStorage inner) { return observed(std::move(inner), std::make_shared<OperationCounts>()); }

std::vector<Place> places() {
  auto below_files = system_ways();
  const auto allocations = allocation_ways();
  below_files.insert(below_files.end(), allocations.begin(), allocations.end());
  std::vector<Place> all{
      {"files", below_files, [] { return files(); }},
      {"small files", below_files, [] { return files({.max_bytes = 5000}); }},
      {"recycled files", below_files, [] { return files({.recycled_files = 2}); }},
      {"memory", allocations, [] { return MemoryStorage{}; }},
      {"small blocks of memory", allocations, [] { return SmallBlockStorage{}; }},
      {"everything over files", below_files,
       [] { return observed_over(retrying_over(encrypted_over(compressed_over(checksummed_over(files()))))); }},
  };
  struct Transform {
    std::string name;
    AnyStorage (*wrap)(AnyStorage);
  };
  for (const Transform& transform :
       {Transform{"encrypted", encrypted_over}, Transform{"compressed", compressed_over}, Transform{"checksummed", checksummed_over},
        Transform{"retrying", retrying_over}, Transform{"tiered", tiered_over}, Transform{"observed", observed_over}}) {
    all.push_back({transform.name + " over files", below_files, [wrap = transform.wrap] { return wrap(files()); }});
    all.push_back({transform.name + " over a store", storage_ways(), [wrap = transform.wrap] { return wrap(SmallStore{}); }});
  }
  return all;
}

/// The composition of every run: what differs is known at run time only, so that it is compiled once.
struct Subject {
  using Storage = AnyStorage;
  using Buffer = HybridBuffer<SegmentedMemory<64>, SharedBudget, AnyBackend, AnyStorage>;
  /// HYBRIDBUFFER_SHIFT moves where memory ends among a scenario's appends.
  static inline const std::uint64_t memory = 100 + number_from_environment("HYBRIDBUFFER_SHIFT", 0);
  static inline const Place* place = nullptr;

  static Buffer make(const MemoryBudget& budget) { return Buffer{SegmentedMemory<64>{}, SharedBudget{budget}, place->make()}; }
};

/// One run with the plan as it is armed. Returns: what is wrong.
template <class Scenario>
std::optional<std::string> run_armed(const Scenario& scenario, bool gives_up, bool reads_after_failure) {
  const std::int64_t living = AllocationPlan::living.load();
  auto wrong = run_once<SweepPlan, Subject>(scenario, gives_up, reads_after_failure);
  if (!wrong && AllocationPlan::living.load() != living) wrong = "an allocation outlives the buffer";
  for (const std::string& name : names_in(files_directory().path())) {
    if (!wrong && !SweepPlan::may_leave_names()) wrong = "a name is left: " + name;
    std::filesystem::remove(files_directory().file(name));
  }
  return wrong;
}

/// Every k in the chosen ways.
template <class Scenario>
void sweep_place(const Place& place, std::size_t first, std::size_t stride, const Scenario& scenario) {
  ChunkPool::set_limit(0);
  Subject::place = &place;
  SweepPlan::arm(0, {});
  if (const auto wrong = run_armed(scenario, false, true)) {  // allocates what stays for ever
    if (*wrong != "an allocation outlives the buffer") BOOST_ERROR(place.name << ", " << Scenario::name << " without a fault: " << *wrong);
  }
  for (std::size_t index = first; index < place.ways.size(); index += stride) {
    const Way& way = place.ways[index];
    for (std::uint64_t k = 1;; ++k) {
      SweepPlan::arm(k, way);
      const auto wrong = run_armed(scenario, way.gives_up, k % 2 == 0);
      const std::uint64_t fired = SweepPlan::fired();
      if (wrong) {
        BOOST_ERROR(place.name << ", " << Scenario::name << ": " << *wrong << "; call " << k << ' ' << way.name() << ", last "
                               << (way.kind == Way::Kind::system ? name_of(ProcessFaults::last()) : FaultPlan::last()));
        break;
      }
      if (fired == 0) break;
      FaultCount::total += fired;
    }
  }
  SweepPlan::arm(0, {});
}

/// HYBRIDBUFFER_STRIDE for a quicker run.
constexpr std::size_t usual_stride = 7;
std::size_t chosen_stride() {
  return static_cast<std::size_t>(runs_long_tier() ? 1 : number_from_environment("HYBRIDBUFFER_STRIDE", usual_stride));
}

// Not every way meets every scenario in the quick tier: which ones do differs from place to place and from scenario to scenario, so that
// all of them are met over all.
void sweep_scenarios(const Place& place, std::size_t number) {
  const std::size_t stride = chosen_stride();
  std::size_t turn = number;
  const auto each = [&](const auto& scenario) { sweep_place(place, turn++ % stride, stride, scenario); };
  each(Appends{});
  each(Reads{});
  each(Cursors{});
  each(Removals{});
  each(Transfers{.directory = files_directory().path()});
  each(Pipes{});
  each(Endings{});
  if (!capabilities_of(*place.make().create_backend()).has(Capability::publish)) return;  // what the next two are about
  each(Publishing<SweepPlan>{});
  each(AbandonedPublish<SweepPlan>{});
}

BOOST_DATA_TEST_CASE(a_failed_call_changes_nothing_and_its_retry_is_exact, boost::unit_test::data::make(places()), place) {
  static std::size_t number = 0;
  const std::uint64_t before = FaultCount::total;

  sweep_scenarios(place, number++);

  BOOST_TEST(FaultCount::total > before, place.name << " meets no faults");
  BOOST_TEST_MESSAGE(place.name << ": " << FaultCount::total - before << " faults");
}

// The last case: what the others add up to.
BOOST_AUTO_TEST_CASE(so_many_faults_were_injected) { BOOST_TEST((chosen_stride() > usual_stride || FaultCount::total > 40'000U)); }

}  // namespace
}  // namespace hybridbuffer::testing
