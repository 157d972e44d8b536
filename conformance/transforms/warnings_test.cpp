#include "open_storage.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <hybridbuffer/transform/checksum_url.hpp>
#include <hybridbuffer/transform/compression_url.hpp>
#include <hybridbuffer/transform/encryption_url.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/retry_url.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

// What a place has to say reaches whoever holds what stands before it.

namespace hybridbuffer::testing {
namespace {

using Sentences = std::vector<std::string>;

/// Memory with doubts.
struct Doubtful {
  std::string doubt = "it may be full soon";
  [[nodiscard]] Result<MemoryBackend> create_backend() const { return MemoryStorage{}.create_backend(); }
  [[nodiscard]] Sentences warnings() const { return {doubt}; }
};
static_assert(storage_factory<Doubtful> && warning_storage<Doubtful> && warning_storage<FileStorage> && warning_storage<AnyStorage>);
static_assert(!warning_storage<MemoryStorage> && !warning_storage<OpenStorage>);

const auto ignore = [](const Observation&) noexcept {};

/// Each transform before `storage`, on a type that is known and forgotten.
template <class Storage>
std::vector<Sentences> of_each_transform(const Storage& storage) {
  const auto first = tiered(storage, MemoryStorage{});
  const auto second = tiered(MemoryStorage{}, storage);
  return {warnings_of(storage),
          warnings_of(AnyStorage{storage}),
          warnings_of(compressed(storage, Lz4{})),
          warnings_of(encrypted(storage)),
          warnings_of(checksummed(storage)),
          warnings_of(retrying(storage)),
          warnings_of(observed(storage, ignore)),
          warnings_of(first),
          warnings_of(second),
          warnings_of(AnyStorage{compressed(AnyStorage{encrypted(retrying(observed(checksummed(storage), ignore)))}, Zstd{})})};
}

BOOST_AUTO_TEST_CASE(every_transform_passes_on_what_the_storage_warns_of) {
  for (const Sentences& sentences : of_each_transform(Doubtful{})) BOOST_TEST((sentences == Sentences{"it may be full soon"}));
}

BOOST_AUTO_TEST_CASE(a_storage_without_warnings_has_none_before_it_either) {
  for (const Sentences& sentences : of_each_transform(OpenStorage{})) BOOST_TEST(sentences.empty());
}

BOOST_AUTO_TEST_CASE(of_two_tiers_both_are_heard_in_order) {
  BOOST_TEST((tiered(Doubtful{"one"}, Doubtful{"two"}).warnings() == Sentences{"one", "two"}));
}

BOOST_AUTO_TEST_CASE(copies_warn_and_what_was_moved_from_does_not) {
  const auto expect = [](auto storage) {
    const auto copy = storage;
    BOOST_TEST(copy.warnings().size() == 1U);
    const auto moved = std::move(storage);
    BOOST_TEST(moved.warnings().size() == 1U);
    BOOST_TEST(storage.warnings().empty());  // NOLINT(bugprone-use-after-move): that is the question
  };
  expect(AnyStorage{Doubtful{}});
  expect(compressed(Doubtful{}, Lz4{}));
  expect(encrypted(Doubtful{}));
  expect(tiered(Doubtful{}, MemoryStorage{}));
}

BOOST_AUTO_TEST_CASE(a_directory_in_memory_is_told_of_through_a_url_with_transforms) {
  StorageRegistry registry = default_registry();
  for (auto transform : {encryption_transform(), compression_transform(), checksum_transform(), retry_transform()}) {
    BOOST_TEST_REQUIRE(registry.add(std::move(transform)).has_value());
  }
  const auto storage = storage_from_url("file:///dev/shm?retry=2&compress=zstd&encrypt=auto&checksum=crc32c", registry);
  BOOST_TEST_REQUIRE(storage.has_value());
  const Sentences sentences = storage->warnings();
  BOOST_TEST_REQUIRE(sentences.size() == 1U);
  BOOST_TEST(sentences[0].starts_with("/dev/shm "), sentences[0]);
}

}  // namespace
}  // namespace hybridbuffer::testing
