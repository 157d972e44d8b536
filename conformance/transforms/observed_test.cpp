#include <boost/test/unit_test.hpp>

#include "scripted_backend.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// The sink is told of each call, once, and of what came of it.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;

struct Notebook {
  std::vector<Observation> entries{};
  void operator()(const Observation& observation) noexcept { entries.push_back(observation); }
};

/// A backend whose remove() throws.
struct ThrowingBackend : ScriptedBackend<sequential_only> {
  using ScriptedBackend::ScriptedBackend;
  [[nodiscard]] Result<void> remove() { throw std::runtime_error{"remove"}; }
};
struct ThrowingStorage {
  [[nodiscard]] Result<ThrowingBackend> create_backend() const { return ThrowingBackend{std::make_shared<Script>()}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(observed_storage)

BOOST_AUTO_TEST_CASE(each_call_is_told_once_with_its_bytes) {
  Notebook notes;
  auto location = observed(MemoryStorage{}, notes).create_backend().value();
  const Bytes bytes = some_bytes(100);
  const std::array<std::span<const std::byte>, 2> pieces{std::span{bytes}.first(60), std::span{bytes}.subspan(60)};
  Bytes out(70);
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe(ends.data()) == 0);
  {
    auto writer = location.create().value();
    BOOST_REQUIRE(writer.write(bytes).has_value());
    BOOST_REQUIRE(writer.write(std::span<const std::span<const std::byte>>{pieces}).has_value());
    BOOST_REQUIRE(writer.close().has_value());
    auto appender = location.append().value();
    auto reader = location.open().value();
    BOOST_REQUIRE(reader.read(out).has_value());
    const auto reader_at = location.open_reader_at().value();
    BOOST_REQUIRE(reader_at.read_at(190, out).value() == 10);
    auto seeker = location.open_seeker().value();
    BOOST_REQUIRE(seeker.seek(50, Whence::begin).has_value());
  }
  BOOST_REQUIRE(location.map(0, 40).has_value());
  BOOST_REQUIRE(location.transfer_to(ends[1], 0, 30).has_value());
  BOOST_REQUIRE(location.transfer_from(ends[0], 20).has_value());
  BOOST_REQUIRE(location.shrink(150).has_value());
  BOOST_REQUIRE(location.discard(0, 10).has_value());
  BOOST_REQUIRE(location.remove().has_value());
  ::close(ends[0]);
  ::close(ends[1]);

  using enum Operation;
  const std::vector<std::pair<Operation, std::uint64_t>> expected{{create_backend, 0},
                                                                  {create, 0},
                                                                  {Operation::write, 100},
                                                                  {Operation::write, 100},
                                                                  {Operation::close, 0},
                                                                  {append, 0},
                                                                  {Operation::open, 0},
                                                                  {Operation::read, 70},
                                                                  {open_reader_at, 0},
                                                                  {read_at, 10},
                                                                  {open_seeker, 0},
                                                                  {seek, 0},
                                                                  {map, 40},
                                                                  {transfer_to, 30},
                                                                  {transfer_from, 20},
                                                                  {shrink, 0},
                                                                  {discard, 0},
                                                                  {remove, 0}};
  BOOST_REQUIRE(notes.entries.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST((notes.entries[i].operation == expected[i].first), i << " is " << name_of(notes.entries[i].operation));
    BOOST_TEST(notes.entries[i].bytes == expected[i].second, name_of(expected[i].first));
    BOOST_TEST(!notes.entries[i].error.has_value());
    BOOST_TEST((notes.entries[i].duration >= 0ns && notes.entries[i].duration < 10s));
  }
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_with_its_category_and_no_bytes) {
  for (int code = static_cast<int>(errc::not_found); code <= static_cast<int>(errc::io); ++code) {
    const auto category = static_cast<errc>(code);
    ScriptedStorage<> store;
    OperationCounts counts;
    auto location = observed(store, counts).create_backend().value();
    auto writer = location.create().value();
    store.script->fail(1, category, true);
    BOOST_TEST(!writer.write(some_bytes(10)));
    BOOST_TEST(!location.open());
    const OperationSnapshot now = counts.snapshot();
    for (const Operation operation : {Operation::write, Operation::open}) {
      BOOST_TEST(now.of(operation).calls == 1U);
      BOOST_TEST(now.of(operation).failures == 1U);
      BOOST_TEST(now.of(operation).failures_of(category) == 1U);
      BOOST_TEST(now.of(operation).bytes == 0U);
    }
    BOOST_TEST(now.of(Operation::create).failures == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_call_that_throws_is_told_as_io_and_throws) {
  Notebook notes;
  auto location = observed(ThrowingStorage{}, notes).create_backend().value();
  BOOST_CHECK_THROW(static_cast<void>(location.remove()), std::runtime_error);
  BOOST_REQUIRE(notes.entries.size() == 2U);
  BOOST_TEST((notes.entries.back().operation == Operation::remove && notes.entries.back().error == errc::io));
}

BOOST_AUTO_TEST_CASE(a_sink_is_referred_to_shared_or_moved_in) {
  auto shared = std::make_shared<OperationCounts>();
  std::weak_ptr<OperationCounts> watched = shared;
  {
    auto location = observed(MemoryStorage{}, shared).create_backend().value();
    shared.reset();
    BOOST_REQUIRE(put(location, some_bytes(5)).has_value());
    BOOST_REQUIRE(!watched.expired());
    BOOST_TEST(watched.lock()->snapshot().of(Operation::write).bytes == 5U);
  }
  BOOST_TEST(watched.expired());
  int told = 0;
  auto location = observed(MemoryStorage{}, [&](const Observation&) noexcept { ++told; }).create_backend().value();
  BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_CASE(what_was_moved_from_tells_nobody) {
  OperationCounts counts;
  auto location = observed(MemoryStorage{}, counts).create_backend().value();
  auto moved = std::move(location);
  BOOST_TEST((location.remove().error() == errc::closed));  // NOLINT(bugprone-use-after-move)
  BOOST_TEST(counts.snapshot().of(Operation::remove).calls == 0U);
  BOOST_TEST(moved.remove().has_value());
  BOOST_TEST(counts.snapshot().of(Operation::remove).calls == 1U);
}

BOOST_AUTO_TEST_CASE(latencies_are_in_the_bucket_of_their_power_of_two) {
  OperationCounts counts;
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{1000}, std::int64_t{1} << 60}) {
    counts({.operation = Operation::read, .bytes = 1, .duration = std::chrono::nanoseconds{ns}, .error = {}});
  }
  const OperationSnapshot now = counts.snapshot();
  const auto& row = now.of(Operation::read);
  BOOST_TEST(row.calls == 6U);
  BOOST_TEST(row.latencies[0] == 1U);
  BOOST_TEST(row.latencies[1] == 1U);
  BOOST_TEST(row.latencies[2] == 2U);
  BOOST_TEST(row.latencies[10] == 1U);
  BOOST_TEST(row.latencies[OperationSnapshot::buckets - 1] == 1U);
  BOOST_TEST(row.within(0.5).count() == 4);
  BOOST_TEST(row.within(0.8).count() == 1024);
  BOOST_TEST(OperationSnapshot::Row{}.within(0.5).count() == 0);
  BOOST_TEST(now.text().find("read ") != std::string::npos);
  BOOST_TEST(now.text().find("publish") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(threads_count_together) {
  OperationCounts counts;
  auto location = observed(MemoryStorage{}, counts).create_backend().value();
  BOOST_REQUIRE(put(location, some_bytes(100)).has_value());
  const auto reader = location.open_reader_at().value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Bytes out(10);
      for (int j = 0; j < 1000; ++j) static_cast<void>(reader.read_at(static_cast<std::uint64_t>(j % 100), out));
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(counts.snapshot().of(Operation::read_at).calls == 4000U);
}

BOOST_AUTO_TEST_SUITE_END()
