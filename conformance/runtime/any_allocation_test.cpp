#include "../support/allocation_faults.hpp"
#include "declared_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <new>
#include <span>
#include <utility>

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

namespace {

/// How many allocations `call` makes.
template <class Call>
std::uint64_t allocations(Call&& call) {
  const std::uint64_t before = AllocationCounters::calls.load();
  call();
  return AllocationCounters::calls.load() - before;
}

/// Makes the optimiser believe that somebody looks at `value`: it may leave out an allocation that nobody sees.
template <class T>
void look_at(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

template <class T>
errc answer_of(const Result<T>& result) {
  look_at(result);
  return code_of(result);
}

/// A backend whose handles allocate nothing themselves.
template <std::size_t weight>
struct QuietHandle : Ballast<weight> {
  Result<void> write(std::span<const std::byte> /*bytes*/) { return {}; }
  Result<void> close() { return {}; }
  Result<std::size_t> read(std::span<std::byte> /*bytes*/) { return std::size_t{0}; }
  Result<std::uint64_t> seek(std::int64_t /*offset*/, Whence /*whence*/) { return std::uint64_t{0}; }
  Result<std::size_t> read_at(std::uint64_t /*offset*/, std::span<std::byte> /*bytes*/) const { return std::size_t{0}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {}; }
};
template <std::size_t weight>
struct QuietBackend : Ballast<weight> {
  using Handle = QuietHandle<weight>;
  static constexpr Capabilities capabilities() noexcept {
    return {Capability::reader_at, Capability::seeker, Capability::append, Capability::map};
  }
  Result<Handle> create() { return Handle{}; }
  Result<Handle> append() { return Handle{}; }
  Result<Handle> open() const { return Handle{}; }
  Result<Handle> open_seeker() const { return Handle{}; }
  Result<Handle> open_reader_at() const { return Handle{}; }
  Result<Handle> map(std::uint64_t /*offset*/, std::size_t /*n*/) const { return Handle{}; }
  Result<void> remove() { return {}; }
};
template <std::size_t weight>
struct QuietStorage {
  [[nodiscard]] Result<QuietBackend<weight>> create_backend() const { return QuietBackend<weight>{}; }
};

/// Opens one handle of each kind. Returns: whether all were there.
bool open_each(AnyBackend& any) {
  return any.create().has_value() && any.append().has_value() && any.open().has_value() && any.open_seeker().has_value() &&
         any.open_reader_at().has_value() && any.map(0, 1).has_value();
}

template <class Backend>
std::uint64_t allocations_of_handles(Backend& backend) {
  const auto bytes = bytes_of("some bytes");
  return allocations([&] {
    auto writer = backend.append();
    static_cast<void>(writer->write(bytes));
    static_cast<void>(writer->close());
    static_cast<void>(backend.open());
    static_cast<void>(backend.open_seeker());
    static_cast<void>(backend.open_reader_at());
    static_cast<void>(backend.map(0, 1));
  });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_handle_that_fits_costs_no_allocation) {
  AnyBackend any{QuietBackend<16>{}};
  BOOST_TEST(allocations([&] { BOOST_TEST_REQUIRE(open_each(any)); }) == 0);
  BOOST_TEST(allocations([] { look_at(AnyBackend{QuietBackend<16>{}}); }) == 0);
}

BOOST_AUTO_TEST_CASE(a_handle_that_does_not_fit_costs_one_allocation_and_moves_cost_none) {
  AnyBackend any{QuietBackend<1000>{}};
  BOOST_TEST(allocations([&] { look_at(any.create()); }) == 1);
  BOOST_TEST(allocations([&] { look_at(any.append()); }) == 1);
  BOOST_TEST(allocations([&] { look_at(any.open()); }) == 1);
  BOOST_TEST(allocations([&] { look_at(any.open_seeker()); }) == 1);
  BOOST_TEST(allocations([&] { look_at(any.open_reader_at()); }) == 1);
  BOOST_TEST(allocations([&] { look_at(any.map(0, 1)); }) == 1);
  BOOST_TEST(allocations([] { look_at(AnyBackend{QuietBackend<1000>{}}); }) == 1);

  auto writer = any.create().value();
  BOOST_TEST(allocations([&] {
               AnyWriter moved{std::move(writer)};
               writer = std::move(moved);
             }) == 0);
  BOOST_TEST(allocations([&] {
               AnyBackend moved{std::move(any)};
               any = std::move(moved);
             }) == 0);
}

BOOST_AUTO_TEST_CASE(the_shipped_backends_allocate_what_they_allocate_without_it) {
  auto memory = MemoryStorage{}.create_backend().value();
  AnyBackend any_memory{MemoryStorage{}.create_backend().value()};
  auto file = FileStorage{}.create_backend().value();
  AnyBackend any_file{FileStorage{}.create_backend().value()};

  BOOST_TEST(allocations_of_handles(any_memory) == allocations_of_handles(memory));
  BOOST_TEST(allocations_of_handles(any_file) == allocations_of_handles(file));
  BOOST_TEST(allocations_of_handles(any_file) == 0);  // the object is there now: nothing is left to allocate
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_storage_costs_no_allocation) {
  const AnyStorage place = QuietStorage<16>{};
  BOOST_TEST(allocations([&] {
               const AnyStorage copy = place;
               static_cast<void>(copy.create_backend());
             }) == 0);
}

BOOST_AUTO_TEST_CASE(without_memory_for_a_handle_the_answer_is_no_space_and_a_retry_works) {
  AnyBackend any{QuietBackend<1000>{}};
  errc answers[6];
  {
    const FailingAllocation none{1, true};
    answers[0] = answer_of(any.create());
    answers[1] = answer_of(any.append());
    answers[2] = answer_of(any.open());
    answers[3] = answer_of(any.open_seeker());
    answers[4] = answer_of(any.open_reader_at());
    answers[5] = answer_of(any.map(0, 1));
  }
  for (const errc answer : answers) BOOST_TEST((answer == errc::no_space));
  BOOST_TEST(open_each(any));
}

BOOST_AUTO_TEST_CASE(without_memory_for_a_backend_the_constructor_throws_and_a_storage_answers_no_space) {
  const AnyStorage place = QuietStorage<1000>{};
  bool threw = false;
  errc answer{};
  bool made_a_storage = true;
  {
    const FailingAllocation none{1, true};
    try {
      look_at(AnyBackend{QuietBackend<1000>{}});
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    answer = answer_of(place.create_backend());
    try {
      look_at(AnyStorage{QuietStorage<16>{}});
    } catch (const std::bad_alloc&) {
      made_a_storage = false;
    }
  }
  BOOST_TEST(threw);
  BOOST_TEST((answer == errc::no_space));
  BOOST_TEST(!made_a_storage);
  BOOST_TEST(place.create_backend().has_value());
}
