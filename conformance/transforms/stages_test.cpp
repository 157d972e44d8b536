#include "fake_time.hpp"
#include "open_storage.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <expected>
#include <memory>
#include <string>

// Transforms that are composed at compile time stand in the order in which they are written: the outer one is next to the buffer.

namespace hybridbuffer::testing {
namespace {

// What the comment of AnyBackend says.
template <class Storage>
constexpr bool fits = AnyBackend::holds_inline<backend_of_t<Storage>>;
static_assert(fits<FileStorage> && fits<ChecksummedStorage<FileStorage>> && fits<RetryingStorage<FileStorage>>);
static_assert(!fits<EncryptedStorage<FileStorage>> && !fits<CompressedStorage<FileStorage>>);

const Bytes zeros(200'000);

/// Writes the zeros through `storage`, which stands before `open`, and reads them back. Returns: how many bytes are stored.
template <class Storage>
std::size_t stored_through(const OpenStorage& open, const Storage& storage) {
  auto location = storage.create_backend().value();
  BOOST_TEST_REQUIRE(write_all(location.create(), zeros, 10'000).has_value());
  auto reader = location.open().value();
  const auto all = read_all(reader, 9999);
  BOOST_TEST_REQUIRE(all.has_value());
  BOOST_TEST((*all == zeros));
  return open.made->back()->bytes->size();
}

/// Which stage finds a stored byte that was altered.
template <class Storage>
std::string finder_of_damage(const OpenStorage& open, const Storage& storage) {
  auto location = storage.create_backend().value();
  BOOST_TEST_REQUIRE(write_all(location.create(), pattern(1000), 1000).has_value());
  open.made->back()->bytes->at(500) ^= std::byte{1};
  auto reader = location.open();  // reads the header, and what is verified together with it
  const auto all = reader ? read_all(*reader, 1000) : Result<Bytes>{std::unexpected{reader.error()}};
  BOOST_TEST_REQUIRE(!all.has_value());
  BOOST_TEST((all.error() == errc::corrupted));
  return std::string{all.error().operation()};
}

/// What `counts`, somewhere before `open`, sees of a remove() that `open` refuses once.
template <class Storage>
OperationSnapshot::Row removal_seen(const OpenStorage& open, const Storage& storage, const OperationCounts& counts) {
  auto location = storage.create_backend().value();
  BOOST_TEST_REQUIRE(write_all(location.create(), pattern(10), 10).has_value());
  open.made->back()->commit_fails = errc::unavailable;
  BOOST_TEST_REQUIRE(location.remove().has_value());
  return counts.snapshot().of(Operation::remove);
}

BOOST_AUTO_TEST_CASE(what_is_compressed_and_then_encrypted_is_short_and_what_is_encrypted_first_is_not) {
  const OpenStorage open;
  BOOST_TEST(stored_through(open, compressed(encrypted(open), Lz4{})) < 10'000U);
  BOOST_TEST(stored_through(open, encrypted(compressed(open, Lz4{}))) > zeros.size());
}

BOOST_AUTO_TEST_CASE(an_observer_sees_what_passes_the_place_where_it_stands) {
  const OpenStorage open;
  OperationCounts outside;
  OperationCounts inside;

  const std::size_t stored = stored_through(open, observed(compressed(observed(open, inside), Lz4{}), outside));

  BOOST_TEST(outside.snapshot().of(Operation::write).bytes == zeros.size());
  BOOST_TEST(inside.snapshot().of(Operation::write).bytes == stored);
}

BOOST_AUTO_TEST_CASE(checksums_are_those_of_what_passes_the_place_where_they_stand) {
  const OpenStorage open;
  BOOST_TEST(finder_of_damage(open, encrypted(checksummed(open))) == "verify stored bytes");
  BOOST_TEST(finder_of_damage(open, checksummed(encrypted(open))) != "verify stored bytes");  // a tag that is wrong comes first

  // A chunk is of stored bytes beneath a compression, and of content before it.
  OperationCounts beneath;
  constexpr ChecksumOptions chunks{.chunk_bytes = 1000};
  auto location = checksummed(observed(compressed(open, Lz4{}), beneath), chunks).create_backend().value();
  BOOST_TEST_REQUIRE(write_all(location.create(), zeros, 10'000).has_value());
  std::byte one{1};
  BOOST_TEST_REQUIRE(location.open_reader_at().value().read_at(100'500, {&one, 1}).value() == 1U);
  BOOST_TEST(beneath.snapshot().of(Operation::read_at).bytes == 1000U);
}

BOOST_AUTO_TEST_CASE(an_observer_beneath_a_retry_counts_attempts_and_one_before_it_counts_calls) {
  const auto time = std::make_shared<FakeTime>();
  const OpenStorage open;
  OperationCounts beneath;
  OperationCounts before;

  const auto attempts = removal_seen(open, retrying(observed(open, beneath), {}, time), beneath);
  const auto calls = removal_seen(open, observed(retrying(open, {}, time), before), before);

  BOOST_TEST(attempts.calls == 2U);
  BOOST_TEST(attempts.failures_of(errc::unavailable) == 1U);
  BOOST_TEST(calls.calls == 1U);
  BOOST_TEST(calls.failures == 0U);
  BOOST_TEST(time->pauses().size() == 2U);
}

}  // namespace
}  // namespace hybridbuffer::testing
