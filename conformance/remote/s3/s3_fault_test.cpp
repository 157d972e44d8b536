#include "s3_fault_cases.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Every fault of the proxy on every operation. Once: the operation goes on and is right. For ever: the documented category within the
// deadline. In both cases nothing is left in the store afterwards.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

Result<void> store_and_read(S3Backend& backend, const Bytes& bytes) {
  auto stored = store(backend, bytes);
  return stored ? right_if(holds(backend, bytes)) : stored;
}

Result<void> look_at_window(const S3Backend& backend) {
  auto reader = backend.open_reader_at();
  if (!reader) return std::unexpected{reader.error()};
  Bytes window(2 * part + 100);
  const auto count = reader->read_at(part / 2, window);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count == window.size() && std::equal(window.begin(), window.end(), before.begin() + part / 2));
}

Result<void> look_at_end(const S3Backend& backend) {
  auto reader = backend.open_seeker();
  if (!reader) return std::unexpected{reader.error()};
  if (auto at = reader->seek(-10, Whence::end); !at) return std::unexpected{at.error()};
  Bytes last(10);
  const auto count = reader->read(last);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count != 0 && std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(*count), before.end() - 10));
}

// Whatever it says: there is nothing, what was there, or the whole.
Result<void> publish(Place& place, S3Backend& backend, PublishMode mode, const Bytes& object) {
  const std::string lasting = "published-" + place.options.prefix;
  constexpr std::string_view old{"what was there"};
  if (mode == PublishMode::replace) place.raw.put(lasting, old);
  auto published = backend.publish(lasting, mode);
  const auto found = place.raw.get(lasting);
  place.raw.remove(lasting);
  const bool is_whole = found && std::ranges::equal(std::as_bytes(std::span{*found}), object);
  const bool is_as_before = mode == PublishMode::replace ? found == old : !found;
  if (published ? !is_whole : !is_whole && !is_as_before) return right_if(false);
  // Its answer was lost: what has the name may be this very copy, or somebody else's.
  if (!published && mode == PublishMode::keep && is_whole && published.error().is_indeterminate()) return {};
  return published;
}

const std::vector<Operation>& operations() {
  constexpr auto closing = short_timeouts.operation + short_timeouts.cleanup;
  constexpr auto operation = short_timeouts.operation;
  static const std::vector<Operation> all{
      {store_small, [](Place&, S3Backend& backend) { return store_and_read(backend, small); }, closing},
      {store_parts, [](Place&, S3Backend& backend) { return store_and_read(backend, large); }, closing},
      {abandon,
       [](Place&, S3Backend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(large);
       },
       closing},
      {read_on,
       [](Place&, S3Backend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         return right_if(*bytes == before);
       },
       operation},
      {read_window, [](Place&, S3Backend& backend) { return look_at_window(backend); }, operation},
      {seek_and_read, [](Place&, S3Backend& backend) { return look_at_end(backend); }, operation},
      {publish_over, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::replace, before); }, operation},
      {publish_free, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::keep, before); }, operation},
      {publish_small, [](Place& place, S3Backend& backend) { return publish(place, backend, PublishMode::keep, small); }, operation},
      {remove_all, [](Place&, S3Backend& backend) { return backend.remove(); }, operation},
  };
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) {
  gateway();
  meet_all(pointers_to(cases()), operations(), "once", meet_once);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_nothing_is_left) {
  gateway();
  meet_all(pointers_to(refusals(), pointers_to(cases())), operations(), "for ever",
           [](const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
             meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
           });
}
