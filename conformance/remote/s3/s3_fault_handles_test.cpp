#include "s3_fault_cases.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <utility>
#include <vector>

// Every fault of the proxy on what a writer does that was open before it, and on what a storage does; s3_fault_test.cpp has whole
// operations. (A reader asks nobody when it is opened.)

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

const std::vector<Operation>& handle_operations() {
  constexpr auto closing = short_timeouts.operation + short_timeouts.cleanup;
  static const std::vector<Operation> all{
      {store_empty,
       [](Place&, S3Backend& backend) {
         auto stored = store(backend, {});
         return stored ? right_if(holds(backend, {})) : stored;
       },
       closing},
      {.name = commit_parts,
       .longest = closing,
       .begin = [](Place&, S3Backend& backend) -> Operation::Step {
         auto writer = std::make_shared<S3Writer>(made_in_the_end([&] { return backend.create(); }));
         made_in_the_end([&] { return writer->write(large); });
         return [writer, &backend] {
           auto own = std::move(*writer);
           auto closed = own.close();
           return closed ? right_if(holds(backend, large)) : closed;
         };
       }},
      {check_storage, [](Place& place, S3Backend&) { return place.storage.check(); }, closing + short_timeouts.cleanup},
      {list_orphans,
       [](Place& place, S3Backend&) -> Result<void> {
         const auto own = place.storage.orphans(-10s);
         if (!own) return std::unexpected{own.error()};
         const auto of_another = S3Storage{place.options}.orphans(-10s);
         if (!of_another) return std::unexpected{of_another.error()};
         return right_if(own->empty() && of_another->size() == 1);
       },
       short_timeouts.operation},
  };
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure_of_an_open_writer_or_a_storage) {
  gateway();
  meet_all(pointers_to(cases()), handle_operations(), "once", meet_once);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_what_an_open_writer_or_a_storage_does_in_time_with_its_category) {
  gateway();
  meet_all(pointers_to(refusals(), pointers_to(cases())), handle_operations(), "for ever",
           [](const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
             meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
           });
}
