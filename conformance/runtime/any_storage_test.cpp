#include "declared_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

#include "../../docs/examples/minimal_backend.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

// AnyStorage: a place whose type is known at run time only, and a buffer over one.

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

namespace {

struct CountingStorage {
  std::shared_ptr<int> made = std::make_shared<int>(0);
  [[nodiscard]] Result<DeclaredBackend<>> create_backend() const {
    if (++*made > 3) return failure(errc::unavailable, "make a location");
    return DeclaredBackend<>{};
  }
};
struct MoveOnlyStorage {
  std::unique_ptr<int> only = std::make_unique<int>(1);
  [[nodiscard]] Result<CompleteBackend> create_backend() const { return CompleteBackend{}; }
};
struct AnyMakingStorage {
  [[nodiscard]] Result<AnyBackend> create_backend() const { return AnyBackend{CompleteBackend{}}; }
};

}  // namespace

BOOST_AUTO_TEST_CASE(copies_share_the_factory_and_errors_come_through) {
  CountingStorage counting;
  const auto made = counting.made;
  std::optional<AnyStorage> first{std::in_place, std::move(counting)};
  const AnyStorage second = *first;

  BOOST_TEST(first->create_backend().has_value());
  BOOST_TEST(second.create_backend().has_value());
  auto kept = second.create_backend();
  BOOST_TEST((code_of(first->create_backend()) == errc::unavailable));
  first.reset();

  BOOST_TEST((code_of(second.create_backend()) == errc::unavailable));
  BOOST_TEST(*made == 5);
  BOOST_TEST((code_of(kept->remove()) == errc::permission));
}

BOOST_AUTO_TEST_CASE(a_factory_without_copies_can_be_held) {
  const AnyStorage place = MoveOnlyStorage{};
  const AnyStorage copy = place;
  BOOST_TEST((copy.create_backend()->capabilities() == CompleteBackend::capabilities()));
}

BOOST_AUTO_TEST_CASE(what_is_erased_already_is_not_erased_twice) {
  const AnyStorage place = AnyMakingStorage{};
  auto backend = place.create_backend().value();
  BOOST_TEST((backend.capabilities() == CompleteBackend::capabilities()));
  static_assert(!std::convertible_to<Result<AnyStorage>, AnyStorage>);
  static_assert(!std::constructible_from<AnyStorage, Result<AnyStorage>> && !std::constructible_from<AnyBackend, Result<AnyBackend>>);
  static_assert(std::is_same_v<decltype(AnyStorage{place}), AnyStorage>);
}

BOOST_AUTO_TEST_CASE(a_moved_from_storage_is_closed) {
  AnyStorage first = MemoryStorage{};
  const AnyStorage second{std::move(first)};
  BOOST_TEST((code_of(first.create_backend()) == errc::closed));  // NOLINT(bugprone-use-after-move)
  BOOST_TEST(second.create_backend().has_value());
}

BOOST_AUTO_TEST_CASE(no_buffer_of_any_backend_is_made_without_a_storage) {
  using Buffer = HybridBuffer<SegmentedMemory<>, SpillAt, AnyBackend>;
  static_assert(std::is_same_v<default_storage_t<AnyBackend>, AnyStorage>);
  static_assert(!std::default_initializable<AnyStorage> && !std::default_initializable<Buffer>);
  static_assert(std::constructible_from<Buffer, AnyStorage> && std::constructible_from<Buffer, SpillAt, AnyStorage>);
}

namespace {

/// A few calls of every kind. Returns: what was read, and where the rest is.
template <class Buffer>
std::string use(Buffer buffer) {
  std::string seen;
  for (int i = 0; i != 100; ++i) {
    if (!buffer.append("line " + std::to_string(i) + "\n")) return "append failed";
    if (i % 7 == 0) seen += buffer.read_line().value().value_or("");
    if (i % 30 == 0 && !buffer.discard_read()) return "discard failed";
  }
  std::array<std::byte, 40> block{};
  const auto count = buffer.read_at(buffer.first_offset() + 100, block);
  seen += text_of(std::span{block}.first(count.value_or(0)));
  if (!buffer.truncate(buffer.size() - 5)) return "truncate failed";
  seen += buffer.to_string().value();
  const auto stats = buffer.stats();
  for (const std::uint64_t number : {stats.in_memory, stats.stored, stats.stored_held, std::uint64_t{stats.locations}, stats.spills}) {
    seen += " " + std::to_string(number);
  }
  return seen;
}

template <class Storage>
void expect_the_same(Storage storage) {
  const std::string directly = use(HybridBuffer{SegmentedMemory<>{}, SpillAt{64}, storage});
  const std::string through_any = use(HybridBuffer{SegmentedMemory<>{}, SpillAt{64}, AnyStorage{storage}});
  BOOST_TEST(directly.size() > 300U);
  BOOST_TEST(directly == through_any);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_buffer_does_the_same_as_with_the_backend_itself) {
  expect_the_same(FileStorage{});
  expect_the_same(FileStorage{{.max_bytes = 100}});
  expect_the_same(MemoryStorage{});
  expect_the_same(InPlaceStorage<examples::VectorBackend>{});
}
