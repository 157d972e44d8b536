#include "fault_sweep.hpp"
#include "model_random.hpp"

#include <hybridbuffer/spill/always_spill.hpp>

#include <tuple>
#include <type_traits>

// Every storage call of every operation fails, over storage in memory, with all its capabilities and without some of them.

namespace hybridbuffer::testing {
namespace {

BOOST_TEST_GLOBAL_FIXTURE(FaultCount);

using enum Capability;
using EveryComposition = std::tuple<                                     //
    Composition<SmallBlockStorage, SpillAt>,                             //
    Composition<SmallBlockStorage, AlwaysSpill>,                         //
    Composition<SmallBlockStorage, SharedBudget>,                        //
    Composition<ThreeCallStorage, SpillAt>,                              //
    Composition<ThreeCallStorage, AlwaysSpill>,                          //
    Composition<ThreeCallStorage, SharedBudget>,                         //
    Composition<SmallLocationStorage, SpillAt>,                          //
    Composition<SmallBlockStorage, SpillAt, reader_at, gather>,          //
    Composition<SmallBlockStorage, SpillAt, reader_at, seeker, shrink>,  //
    Composition<SmallBlockStorage, SpillAt, append, transfer>>;
/// A sanitizer takes minutes over all: each policy; a storage with every capability, one without some, one with none.
using SomeCompositions = std::tuple<               //
    Composition<SmallBlockStorage, SpillAt>,       //
    Composition<SmallBlockStorage, SharedBudget>,  //
    Composition<ThreeCallStorage, AlwaysSpill>,    //
    Composition<SmallBlockStorage, SpillAt, reader_at, gather>>;
using Compositions = std::conditional_t<sanitized, SomeCompositions, EveryComposition>;

/// HYBRIDBUFFER_STRIDE for a quicker run.
const std::size_t stride = static_cast<std::size_t>(number_from_environment("HYBRIDBUFFER_STRIDE", sanitized ? 4 : 1));
/// Of the scenarios with by far the most calls.
const std::size_t long_stride = sanitized ? 3 * stride : stride;

BOOST_AUTO_TEST_CASE_TEMPLATE(a_failed_append_changes_nothing_and_its_retry_is_exact, Subject, Compositions) {
  sweep<Subject>(Appends{}, long_stride);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_failed_read_changes_nothing_and_its_retry_is_exact, Subject, Compositions) {
  sweep<Subject>(Reads{}, stride);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cursors_survive_failures_of_their_own_and_of_the_buffer, Subject, Compositions) {
  sweep<Subject>(Cursors{}, stride);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(truncations_and_discards_hold_when_the_storage_takes_no_part, Subject, Compositions) {
  sweep<Subject>(Removals{}, stride);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(transfers_resume_where_they_failed, Subject, Compositions) {
  sweep<Subject>(Transfers{}, stride);
  sweep<Subject>(Pipes{}, stride);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_ends_empty_whatever_its_removal_answers, Subject, Compositions) {
  sweep<Subject>(Endings{}, stride);
}

BOOST_AUTO_TEST_CASE(a_long_queue_stays_exact_when_nothing_can_be_given_back) {
  sweep<Composition<BasicMemoryStorage<4096>, SpillAt>>(LongQueue{}, 2 * long_stride);
}

BOOST_AUTO_TEST_CASE(every_kind_of_call_has_failed) {
  for (std::size_t kind = 0; kind < storage_call_names.size(); ++kind) {
    if (kind == static_cast<std::size_t>(StorageCall::publish)) continue;  // memory has no names
    BOOST_TEST(FaultPlan::fired_of[kind] > 0U, storage_call_names[kind]);
  }
}

// The last case: what the others add up to.
BOOST_AUTO_TEST_CASE(so_many_faults_were_injected) { BOOST_TEST((stride != 1 || FaultCount::total > 80'000U)); }

}  // namespace
}  // namespace hybridbuffer::testing
