#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>

#include "../support/allocation_faults.hpp"
#include "memory_support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

SmallBackend holding(const Bytes& bytes) {
  SmallBackend backend;
  BOOST_TEST_REQUIRE(replace(backend, bytes).has_value());
  return backend;
}

Bytes bytes_of(const SmallBackend::Window& window) { return {window.bytes().begin(), window.bytes().end()}; }

// What `discard` makes of `bytes`: zeros in every block that lies wholly in the range.
Bytes discarded(Bytes bytes, std::size_t offset, std::size_t n) {
  const std::size_t end = std::min(bytes.size(), offset + n);
  for (std::size_t block = 0; block + small_block <= bytes.size(); block += small_block) {
    if (offset <= block && block + small_block <= end)
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(block), small_block, std::byte{0});
  }
  return bytes;
}

std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("HYBRIDBUFFER_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("HYBRIDBUFFER_SEED=" << seed);
  return seed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(appending)

BOOST_AUTO_TEST_CASE(an_extension_is_exact_at_every_committed_size_and_piece_size) {
  for (std::size_t before = 0; before <= 2 * small_block + 1; ++before) {
    for (std::size_t added = 0; added <= 2 * small_block + 1; ++added) {
      auto backend = holding(content(before));

      BOOST_TEST_REQUIRE(extend(backend, content(added, 1, before)).has_value());

      BOOST_TEST_REQUIRE(shows(backend, content(before + added)));
    }
  }
}

BOOST_AUTO_TEST_CASE(without_an_object_append_acts_as_create) {
  for (const std::size_t size : {0U, 1U, 8U, 20U}) {
    SmallBackend backend;

    auto writer = backend.append().value();
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST(writer.write(content(size)).has_value());
    BOOST_TEST(writer.close().has_value());

    BOOST_TEST(shows(backend, content(size)));
  }
}

BOOST_AUTO_TEST_CASE(many_small_extensions_stay_exact_and_in_proportion) {
  constexpr std::size_t rounds = 10'000;
  const auto live_before = AllocationCounters::live_bytes.load();
  MemoryBackend backend;

  for (std::size_t i = 0; i < rounds; ++i) BOOST_TEST_REQUIRE(extend(backend, content(13, 1, i * 13)).has_value());

  BOOST_TEST(AllocationCounters::live_bytes.load() - live_before < rounds * 13 + 2 * MemoryBackend::block_bytes);
  BOOST_TEST(shows(backend, content(rounds * 13)));
}

BOOST_AUTO_TEST_CASE(nothing_of_an_extension_is_visible_before_its_close) {
  auto backend = holding(content(10));
  const auto reader = backend.open_reader_at().value();
  auto writer = backend.append().value();

  for (std::size_t size = 10; size < 40; size += 5) {
    BOOST_TEST(writer.write(content(5, 1, size)).has_value());
    BOOST_TEST(shows(backend, content(10)));
    BOOST_TEST((all_at(reader) == content(10)));
  }
  BOOST_TEST(writer.close().has_value());

  BOOST_TEST(shows(backend, content(40)));
}

BOOST_AUTO_TEST_CASE(an_abandoned_or_failed_extension_leaves_the_object_and_a_retry_is_exact) {
  for (std::size_t before = 0; before <= small_block + 1; ++before) {
    for (const std::size_t tried : {1U, 7U, 8U, 24U}) {
      auto backend = BasicMemoryStorage<small_block>{{.max_bytes = 40}}.create_backend().value();
      BOOST_TEST_REQUIRE(replace(backend, content(before)).has_value());

      {
        auto abandoned = backend.append().value();
        BOOST_TEST_REQUIRE(abandoned.write(content(tried, 2)).has_value());
      }
      BOOST_TEST_REQUIRE(shows(backend, content(before)));
      {
        auto failed = backend.append().value();
        BOOST_TEST_REQUIRE(failed.write(content(tried, 3)).has_value());
        BOOST_TEST_REQUIRE((code_of(failed.write(content(40, 3))) == errc::limit_exceeded));
        BOOST_TEST_REQUIRE((code_of(failed.close()) == errc::limit_exceeded));
      }
      BOOST_TEST_REQUIRE(shows(backend, content(before)));

      BOOST_TEST_REQUIRE(extend(backend, content(tried, 1, before)).has_value());
      BOOST_TEST_REQUIRE(shows(backend, content(before + tried)));
    }
  }
}

BOOST_AUTO_TEST_CASE(open_handles_stay_exact_across_extensions_and_show_the_new_size) {
  auto backend = holding(content(10));
  auto sequential = backend.open().value();
  auto seeking = backend.open_seeker().value();
  const auto random = backend.open_reader_at().value();
  const auto window = backend.map(8, 8).value();
  Bytes start(7);
  BOOST_TEST(sequential.read(start).value() == 7U);

  for (std::size_t size = 10; size < 100; size += 9) {
    BOOST_TEST(extend(backend, content(9, 1, size)).has_value());
    BOOST_TEST((all_at(random) == content(size + 9)));
    BOOST_TEST(seeking.seek(0, Whence::end).value() == size + 9);
    BOOST_TEST(seeking.seek(-3, Whence::current).value() == size + 6);
    BOOST_TEST((drain(seeking) == content(3, 1, size + 6)));
  }

  BOOST_TEST((joined(start, drain(sequential, 5)) == content(100)));
  BOOST_TEST((bytes_of(window) == content(2, 1, 8)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(shrinking)

BOOST_AUTO_TEST_CASE(a_shrunk_object_is_exactly_its_first_bytes_and_grows_on_from_there) {
  for (std::size_t before = 0; before <= 2 * small_block + 1; ++before) {
    for (std::size_t after = 0; after <= before; ++after) {
      auto backend = holding(content(before));
      const auto reader = backend.open_reader_at().value();

      BOOST_TEST_REQUIRE(backend.shrink(after).has_value());
      BOOST_TEST_REQUIRE(shows(backend, content(after)));
      BOOST_TEST_REQUIRE(extend(backend, content(5, 2)).has_value());

      BOOST_TEST_REQUIRE(shows(backend, joined(content(after), content(5, 2))));
      BOOST_TEST_REQUIRE((all_at(reader) == joined(content(after), content(5, 2))));
    }
  }
}

BOOST_AUTO_TEST_CASE(shrinking_to_more_than_there_is_is_an_invalid_argument) {
  auto backend = holding(content(20));

  for (const std::uint64_t size : {std::uint64_t{21}, std::uint64_t{1} << 32U, largest}) {
    BOOST_TEST((code_of(backend.shrink(size)) == errc::invalid_argument));
  }
  BOOST_TEST(backend.shrink(20).has_value());

  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(a_window_keeps_the_bytes_that_a_later_extension_overwrites) {
  for (std::size_t kept = 0; kept < 2 * small_block; ++kept) {
    auto backend = holding(content(2 * small_block));
    const auto first = backend.map(0, small_block).value();
    const auto second = backend.map(small_block, small_block).value();

    BOOST_TEST_REQUIRE(backend.shrink(kept).has_value());
    BOOST_TEST_REQUIRE(extend(backend, content(3 * small_block, 2)).has_value());

    BOOST_TEST_REQUIRE((joined(bytes_of(first), bytes_of(second)) == content(2 * small_block)));
    BOOST_TEST_REQUIRE(shows(backend, joined(content(kept), content(3 * small_block, 2))));
  }
}

BOOST_AUTO_TEST_CASE(shrinking_gives_the_memory_back) {
  MemoryBackend backend;
  BOOST_TEST(replace(backend, content(50 * MemoryBackend::block_bytes)).has_value());
  const auto live_before = AllocationCounters::live_bytes.load();

  BOOST_TEST(backend.shrink(10 * MemoryBackend::block_bytes).has_value());

  BOOST_TEST(live_before - AllocationCounters::live_bytes.load() >= 40 * MemoryBackend::block_bytes);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(discarding)

BOOST_AUTO_TEST_CASE(whole_blocks_in_the_range_become_zeros_and_no_other_byte_changes) {
  constexpr std::size_t size = 3 * small_block + 3;
  for (std::size_t offset = 0; offset <= size + 1; ++offset) {
    for (std::size_t n = 0; n <= size + 2; ++n) {
      auto backend = holding(content(size));

      BOOST_TEST_REQUIRE(backend.discard(offset, n).has_value());

      BOOST_TEST_REQUIRE(shows(backend, discarded(content(size), offset, n)));
    }
  }
}

BOOST_AUTO_TEST_CASE(ranges_beyond_the_object_are_ignored_however_large) {
  auto backend = holding(content(20));

  for (const std::uint64_t offset : {std::uint64_t{20}, std::uint64_t{1} << 32U, largest}) {
    BOOST_TEST(backend.discard(offset, largest).has_value());
  }
  BOOST_TEST(shows(backend, content(20)));
  BOOST_TEST(backend.discard(1, largest).has_value());

  BOOST_TEST(shows(backend, discarded(content(20), 1, 19)));
}

BOOST_AUTO_TEST_CASE(discarding_gives_the_memory_back_at_once_also_while_readers_are_open) {
  MemoryBackend backend;
  BOOST_TEST(replace(backend, content(50 * MemoryBackend::block_bytes)).has_value());
  const auto reader = backend.open_reader_at().value();
  const auto live_before = AllocationCounters::live_bytes.load();

  BOOST_TEST(backend.discard(0, 40 * MemoryBackend::block_bytes).has_value());

  BOOST_TEST(live_before - AllocationCounters::live_bytes.load() >= 40 * MemoryBackend::block_bytes);
  BOOST_TEST(reader.size().value() == 50 * MemoryBackend::block_bytes);
}

BOOST_AUTO_TEST_CASE(a_hole_of_large_blocks_reads_as_zeros_on_every_route) {
  MemoryBackend backend;
  constexpr std::size_t block = MemoryBackend::block_bytes;
  BOOST_TEST(replace(backend, content(3 * block + 5)).has_value());
  Bytes expected = content(3 * block + 5);
  std::fill_n(expected.begin() + block, block, std::byte{0});

  BOOST_TEST(backend.discard(block, block).has_value());

  BOOST_TEST(shows(backend, expected));
  BOOST_TEST(!backend.map(2 * block - 1, block).value().bytes().empty());
}

BOOST_AUTO_TEST_CASE(a_window_keeps_the_block_that_was_discarded) {
  auto backend = holding(content(3 * small_block));
  const auto window = backend.map(small_block, small_block).value();

  BOOST_TEST(backend.discard(0, 3 * small_block).has_value());

  BOOST_TEST((bytes_of(window) == content(small_block, 1, small_block)));
  BOOST_TEST(shows(backend, Bytes(3 * small_block)));
}

BOOST_AUTO_TEST_CASE(an_object_with_holes_shrinks_and_grows_like_any_other) {
  for (std::size_t kept = 0; kept <= 3 * small_block; ++kept) {
    auto backend = holding(content(3 * small_block));
    BOOST_TEST_REQUIRE(backend.discard(small_block, 2 * small_block).has_value());
    const Bytes expected = first_of(discarded(content(3 * small_block), small_block, 2 * small_block), kept);

    BOOST_TEST_REQUIRE(backend.shrink(kept).has_value());
    BOOST_TEST_REQUIRE(shows(backend, expected));
    BOOST_TEST_REQUIRE(extend(backend, content(11, 2)).has_value());

    BOOST_TEST_REQUIRE(shows(backend, joined(expected, content(11, 2))));
  }
}

BOOST_AUTO_TEST_CASE(changes_wait_for_the_writer_as_busy) {
  auto backend = holding(content(20));
  auto writer = backend.append().value();

  BOOST_TEST((code_of(backend.shrink(1)) == errc::busy));
  BOOST_TEST((code_of(backend.discard(0, 20)) == errc::busy));

  BOOST_TEST(writer.close().has_value());
  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(mapping)

BOOST_AUTO_TEST_CASE(every_window_equals_read_at_and_is_empty_only_at_the_end) {
  constexpr std::size_t size = 2 * small_block + 3;
  const auto backend = holding(content(size));

  for (std::size_t offset = 0; offset <= size + 1; ++offset) {
    for (std::size_t n = 0; n <= size + 2; ++n) {
      const auto window = backend.map(offset, n).value();

      BOOST_TEST_REQUIRE(window.bytes().empty() == (offset >= size || n == 0));
      BOOST_TEST_REQUIRE(window.bytes().size() <= n);
      BOOST_TEST_REQUIRE((bytes_of(window) == content(window.bytes().size(), 1, offset)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_window_keeps_its_block_alone_alive) {
  std::optional<MemoryBackend> backend{std::in_place};
  BOOST_TEST(replace(*backend, content(50 * MemoryBackend::block_bytes)).has_value());
  const auto window = backend->map(0, 100).value();
  const auto live_before = AllocationCounters::live_bytes.load();

  backend.reset();

  BOOST_TEST(live_before - AllocationCounters::live_bytes.load() >= 49 * MemoryBackend::block_bytes);
  BOOST_TEST((Bytes{window.bytes().begin(), window.bytes().end()} == content(100)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(random_changes)

BOOST_AUTO_TEST_CASE(random_operations_equal_the_model) {
  std::mt19937_64 random{seed_of_this_run()};
  const auto pick = [&random](std::size_t most) { return std::uniform_int_distribution<std::size_t>{0, most}(random); };
  SmallBackend backend;
  std::optional<Bytes> model;
  std::vector<std::pair<SmallBackend::ReaderAt, Bytes>> snapshots;  // readers of objects that were replaced or removed
  std::optional<SmallBackend::ReaderAt> reader;
  unsigned generation = 1;

  const auto leave_object = [&] {
    if (reader && snapshots.size() < 8) snapshots.emplace_back(*std::exchange(reader, {}), *model);
    reader.reset();
  };
  for (int step = 0; step < 20'000; ++step) {
    const Bytes bytes = content(pick(3 * small_block), ++generation);
    switch (pick(9)) {
      case 0:
        leave_object();
        BOOST_TEST_REQUIRE(replace(backend, bytes).has_value());
        model = bytes;
        break;
      case 1:
        if (pick(9) != 0) break;
        leave_object();
        BOOST_TEST_REQUIRE(backend.remove().has_value());
        model.reset();
        break;
      case 2: {  // abandoned
        auto writer = pick(1) == 0 ? backend.append().value() : backend.create().value();
        BOOST_TEST_REQUIRE(writer.write(bytes).has_value());
        break;
      }
      case 3:
      case 4: {
        const std::size_t size = pick(model ? model->size() + 1 : 1);
        const errc expected = !model ? errc::not_found : size > model->size() ? errc::invalid_argument : errc{};
        BOOST_TEST_REQUIRE((code_of(backend.shrink(size)) == expected));
        if (expected == errc{}) model->resize(size);
        break;
      }
      case 5: {
        const std::size_t offset = pick(model ? model->size() + 1 : 1);
        const std::size_t n = pick(4 * small_block);
        BOOST_TEST_REQUIRE(backend.discard(offset, n).has_value() == model.has_value());
        if (model) model = discarded(*std::move(model), offset, n);
        break;
      }
      default: BOOST_TEST_REQUIRE(extend(backend, bytes).has_value()); model = joined(std::move(model).value_or(Bytes{}), bytes);
    }
    if (model && model->size() > 400) {
      BOOST_TEST_REQUIRE(backend.shrink(100).has_value());
      model->resize(100);
    }
    if (model && !reader) reader = backend.open_reader_at().value();
    if (model) BOOST_TEST_REQUIRE((all_at(*reader, 1000) == *model));
    if (!model) BOOST_TEST_REQUIRE((code_of(backend.open()) == errc::not_found));
    if (step % 16 == 0 && model) BOOST_TEST_REQUIRE(shows(backend, *model));
    if (step % 64 == 0) {
      for (const auto& [old_reader, old_bytes] : snapshots) BOOST_TEST_REQUIRE((all_at(old_reader, 1000) == old_bytes));
      snapshots.clear();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(out_of_memory)

// Fails the k-th allocation of `operation` for every k, once and for ever, until it succeeds without a fault.
template <class Prepare, class Operation>
void sweep(Prepare&& prepare, Operation&& operation, const Bytes& before, const Bytes& after) {
  for (const bool for_ever : {false, true}) {
    for (std::uint64_t k = 1;; ++k) {
      SmallBackend backend = prepare();
      Result<void> answer;
      std::uint64_t fired = 0;
      {
        const FailingAllocation fault{k, for_ever};
        answer = operation(backend);
        fired = fault.fired();
      }

      BOOST_TEST_CONTEXT("allocation " << k << (for_ever ? " and all later ones" : "")) {
        BOOST_TEST_REQUIRE(k < 100);
        BOOST_TEST_REQUIRE(answer.has_value() == (fired == 0));
        if (answer) {
          BOOST_TEST(k > 1);
          BOOST_TEST(shows(backend, after));
          break;
        }
        BOOST_TEST((code_of(answer) == errc::no_space));
        BOOST_TEST(shows(backend, before));
        BOOST_TEST(operation(backend).has_value());
        BOOST_TEST(shows(backend, after));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_allocation_of_a_replacement_may_fail) {
  const Bytes bytes = content(40, 2);
  sweep([] { return holding(content(20)); }, [&](SmallBackend& backend) { return replace(backend, bytes); }, content(20), bytes);
}

BOOST_AUTO_TEST_CASE(every_allocation_of_an_extension_may_fail) {
  const Bytes bytes = content(60, 1, 20);
  sweep([] { return holding(content(20)); }, [&](SmallBackend& backend) { return extend(backend, bytes); }, content(20), content(80));
}

BOOST_AUTO_TEST_CASE(every_allocation_of_a_shrink_into_a_hole_may_fail) {
  const auto with_hole = [] {
    auto backend = holding(content(24));
    BOOST_TEST_REQUIRE(backend.discard(8, 8).has_value());
    return backend;
  };
  const Bytes before = discarded(content(24), 8, 8);
  sweep(with_hole, [](SmallBackend& backend) { return backend.shrink(12); }, before, first_of(before, 12));
}

BOOST_AUTO_TEST_CASE(a_location_that_cannot_be_made_is_no_space) {
  std::uint64_t fired = 0;
  errc answer{};
  {
    const FailingAllocation fault{1, true};
    answer = code_of(MemoryStorage{}.create_backend());
    fired = fault.fired();
  }

  BOOST_TEST(fired > 0U);
  BOOST_TEST((answer == errc::no_space));
  BOOST_TEST(MemoryStorage{}.create_backend().has_value());
}

BOOST_AUTO_TEST_CASE(reading_and_removing_allocate_nothing) {
  auto backend = holding(content(39));
  auto reader = backend.open().value();
  Bytes bytes(40);
  const auto calls_before = AllocationCounters::calls.load();

  const auto count = reader.read(bytes).value();
  const auto at = backend.open_reader_at().value().read_at(3, bytes).value();
  const auto window = backend.map(35, 8).value();
  const bool changed =
      backend.shrink(39).has_value() && backend.discard(0, 8).has_value() && backend.shrink(30).has_value() && backend.remove().has_value();

  BOOST_TEST(AllocationCounters::calls.load() == calls_before);
  BOOST_TEST((count == 39 && at == 36 && window.bytes().size() == 4 && changed));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_once_all_handles_are_gone) {
  const auto live_before = AllocationCounters::live_bytes.load();
  {
    auto backend = holding(content(100));
    auto reader = backend.open().value();
    auto window = backend.map(8, 8).value();
    auto abandoned = backend.append().value();
    BOOST_TEST(abandoned.write(content(100, 2)).has_value());
    BOOST_TEST(backend.remove().has_value());
    BOOST_TEST(replace(backend, content(50, 3)).has_value());
    BOOST_TEST(reader.size().value() == 100U);
  }
  BOOST_TEST(AllocationCounters::live_bytes.load() == live_before);
}

BOOST_AUTO_TEST_SUITE_END()
