#include "fault_sweep.hpp"

#include <hybridbuffer/spill/always_spill.hpp>

#include <string>
#include <tuple>

// Every storage call of every operation fails, over files: of any size, of 5 000 bytes at most, and recycled.

namespace hybridbuffer::testing {
namespace {

BOOST_TEST_GLOBAL_FIXTURE(FaultCount);

/// Where the files of this program are; outlives the last test.
const TemporaryDirectory& files_directory() {
  static const TemporaryDirectory directory{Medium::memory};
  return directory;
}

struct Files : FileStorage {
  Files() : FileStorage{{.directory = files_directory().path()}} {}
};
struct SmallFiles : FileStorage {
  SmallFiles() : FileStorage{{.directory = files_directory().path(), .max_bytes = 5000}} {}
};
struct RecycledFilesStorage : FileStorage {
  RecycledFilesStorage() : FileStorage{{.directory = files_directory().path(), .recycled_files = 2}} {}
};

using Compositions = std::tuple<Composition<Files, SpillAt>, Composition<Files, AlwaysSpill>, Composition<Files, SharedBudget>,
                                Composition<SmallFiles, SpillAt>, Composition<RecycledFilesStorage, SpillAt>>;

// Files cost system calls: the compositions that differ from the first in their policies only meet every second mode.
template <class Subject>
constexpr std::size_t stride = (sanitized ? 7 : 1) * (std::is_same_v<Subject, Composition<Files, SpillAt>> ? 1 : 2);

BOOST_AUTO_TEST_CASE_TEMPLATE(a_failed_append_or_read_changes_nothing_and_its_retry_is_exact, Subject, Compositions) {
  sweep<Subject>(Appends{}, stride<Subject>);
  sweep<Subject>(Reads{}, stride<Subject>);
  sweep<Subject>(Cursors{}, stride<Subject>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(truncations_and_discards_hold_when_the_storage_takes_no_part, Subject, Compositions) {
  sweep<Subject>(Removals{}, stride<Subject>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(transfers_resume_where_they_failed, Subject, Compositions) {
  sweep<Subject>(Transfers{.directory = files_directory().path()}, stride<Subject>);
  sweep<Subject>(Pipes{}, stride<Subject>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_ends_empty_whatever_its_removal_answers, Subject, Compositions) {
  sweep<Subject>(Endings{}, stride<Subject>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_failed_publish_leaves_buffer_and_destination_as_they_were, Subject, Compositions) {
  sweep<Subject>(Publishing<FaultPlan>{}, stride<Subject>);
  sweep<Subject>(AbandonedPublish<FaultPlan>{}, stride<Subject>);
}

BOOST_AUTO_TEST_CASE(a_long_queue_stays_exact_when_nothing_can_be_given_back) {
  sweep<Composition<Files, SpillAt>>(LongQueue{}, sanitized ? 13 : 3);
}

BOOST_AUTO_TEST_CASE(every_kind_of_call_has_failed) {
  for (const StorageCall call :
       {StorageCall::create_backend, StorageCall::create, StorageCall::append, StorageCall::write, StorageCall::close,
        StorageCall::open_reader_at, StorageCall::read_at, StorageCall::remove, StorageCall::shrink, StorageCall::discard,
        StorageCall::transfer_to, StorageCall::transfer_from, StorageCall::publish}) {
    BOOST_TEST(has_failed(call), storage_call_names[static_cast<std::size_t>(call)]);
  }
}

BOOST_AUTO_TEST_CASE(no_name_is_left_where_the_files_were) { BOOST_TEST(names_in(files_directory().path()).empty()); }

}  // namespace
}  // namespace hybridbuffer::testing
