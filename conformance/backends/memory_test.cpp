#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>

#include "memory_support.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Backends = std::tuple<BasicMemoryBackend<1>, SmallBackend, MemoryBackend>;

// Sizes round the block boundaries of a backend.
template <class Backend>
std::vector<std::size_t> sizes_round_boundaries() {
  constexpr std::size_t block = Backend::block_bytes;
  std::vector<std::size_t> sizes{0, 1, 2, 3};
  for (const std::size_t boundary : {block, 2 * block, 3 * block}) {
    for (std::size_t size = boundary > 2 ? boundary - 2 : 0; size <= boundary + 2; ++size) sizes.push_back(size);
  }
  return sizes;
}

template <class Backend>
Backend holding(const Bytes& bytes) {
  Backend backend;
  BOOST_TEST_REQUIRE(replace(backend, bytes).has_value());
  return backend;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(concepts)

BOOST_AUTO_TEST_CASE(it_is_a_backend_with_every_capability_but_publish_and_granularity) {
  static_assert(storage_backend<MemoryBackend> && storage_factory<MemoryStorage>);
  static_assert(std::is_same_v<backend_of_t<MemoryStorage>, MemoryBackend> &&
                std::is_same_v<default_storage_t<MemoryBackend>, MemoryStorage>);
  static_assert(sized_reader_at<MemoryBackend::ReaderAt> && seeker<MemoryBackend::Reader> && gathering_writer<MemoryBackend::Writer>);
  static_assert(mapped_window<MemoryBackend::Window>);
  static_assert(std::is_nothrow_move_constructible_v<MemoryBackend> && std::is_nothrow_move_assignable_v<MemoryBackend>);
  [[maybe_unused]] static constexpr MemoryStorage costs_nothing;

  using enum Capability;
  constexpr Capabilities declared = MemoryBackend::capabilities();
  for (const Capability member : {reader_at, seeker, append, shrink, discard, map, transfer, gather, max_object_size})
    BOOST_TEST(declared.has(member));
  BOOST_TEST(!declared.has(publish));
  BOOST_TEST(!declared.has(append_granularity));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(objects)

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_written_is_read_back_on_every_route, Backend, Backends) {
  for (const std::size_t size : sizes_round_boundaries<Backend>()) {
    const Bytes bytes = content(size);
    const Backend backend = holding<Backend>(bytes);

    BOOST_TEST_CONTEXT("size " << size) { BOOST_TEST(shows(backend, bytes)); }
  }
}

BOOST_AUTO_TEST_CASE(any_cutting_of_the_same_bytes_gives_the_same_object) {
  const Bytes bytes = content(3 * small_block + 3);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      SmallBackend backend;
      auto writer = backend.create().value();
      const std::span all{bytes};

      BOOST_TEST_REQUIRE(writer.write(all.first(first)).has_value());
      BOOST_TEST_REQUIRE(writer.write(all.subspan(first, second - first)).has_value());
      BOOST_TEST_REQUIRE(writer.write(std::span<const std::byte>{}).has_value());
      BOOST_TEST_REQUIRE(writer.write(all.subspan(second)).has_value());
      BOOST_TEST_REQUIRE(writer.close().has_value());

      BOOST_TEST_REQUIRE(shows(backend, bytes));
    }
  }
}

BOOST_AUTO_TEST_CASE(gathered_pieces_are_one_write) {
  const Bytes bytes = content(40);
  const std::span all{bytes};
  const std::array<std::span<const std::byte>, 5> pieces{all.first(1), all.subspan(1, 0), all.subspan(1, 20), all.subspan(21, 8),
                                                         all.subspan(29)};
  SmallBackend backend;

  auto writer = backend.create().value();
  BOOST_TEST(writer.write(pieces).has_value());
  BOOST_TEST(writer.write(std::span<const std::span<const std::byte>>{}).has_value());
  BOOST_TEST(writer.write(all.first(3)).has_value());
  BOOST_TEST(writer.close().has_value());

  BOOST_TEST(shows(backend, joined(bytes, content(3))));
}

BOOST_AUTO_TEST_CASE(the_writer_keeps_no_pointer_to_the_callers_bytes) {
  Bytes bytes = content(20);
  SmallBackend backend;
  auto writer = backend.create().value();
  BOOST_TEST(writer.write(bytes).has_value());

  std::ranges::fill(bytes, std::byte{0xEE});
  BOOST_TEST(writer.close().has_value());

  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(before_the_commit_the_old_object_or_none_is_visible) {
  SmallBackend backend;
  auto first = backend.create().value();
  BOOST_TEST((code_of(backend.open()) == errc::not_found));
  BOOST_TEST(first.write(content(20)).has_value());
  BOOST_TEST((code_of(backend.open_reader_at()) == errc::not_found));
  BOOST_TEST((code_of(backend.map(0, 1)) == errc::not_found));
  BOOST_TEST(first.close().has_value());

  auto second = backend.create().value();
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(second.write(content(7, 2)).has_value());
    BOOST_TEST(shows(backend, content(20)));
  }
}

BOOST_AUTO_TEST_CASE(a_replacement_is_exact_whatever_the_two_lengths) {
  for (std::size_t before = 0; before <= 2 * small_block + 1; ++before) {
    for (std::size_t after = 0; after <= 2 * small_block + 1; ++after) {
      auto backend = holding<SmallBackend>(content(before, 1));

      BOOST_TEST_REQUIRE(replace(backend, content(after, 2)).has_value());

      BOOST_TEST_REQUIRE(shows(backend, content(after, 2)));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_abandoned_replacement_leaves_the_old_object) {
  auto backend = holding<SmallBackend>(content(20));

  for (const std::size_t written : {0U, 1U, 24U}) {
    {
      BOOST_TEST(backend.create().value().write(content(written, 2)).has_value());
    }
    BOOST_TEST(shows(backend, content(20)));
  }
}

BOOST_AUTO_TEST_CASE(a_second_writer_is_busy_and_works_after_the_first) {
  SmallBackend backend;
  auto first = backend.create().value();

  BOOST_TEST((code_of(backend.create()) == errc::busy));
  BOOST_TEST((code_of(backend.append()) == errc::busy));
  BOOST_TEST((code_of(backend.transfer_from(-1, 1)) == errc::busy));
  BOOST_TEST(put(Result<SmallBackend::Writer>{std::move(first)}, content(3)).has_value());

  BOOST_TEST(replace(backend, content(9, 2)).has_value());
  BOOST_TEST(shows(backend, content(9, 2)));
}

BOOST_AUTO_TEST_CASE(remove_succeeds_any_number_of_times_and_forgets_the_object) {
  SmallBackend backend;
  for (unsigned cycle = 1; cycle <= 3; ++cycle) {
    BOOST_TEST(backend.remove().has_value());
    BOOST_TEST(backend.remove().has_value());
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST((code_of(backend.open_seeker()) == errc::not_found));
    BOOST_TEST((code_of(backend.open_reader_at()) == errc::not_found));
    BOOST_TEST((code_of(backend.map(0, 1)) == errc::not_found));
    BOOST_TEST((code_of(backend.shrink(0)) == errc::not_found));
    BOOST_TEST((code_of(backend.discard(0, 1)) == errc::not_found));
    BOOST_TEST((code_of(backend.transfer_to(-1, 0, 1)) == errc::not_found));
    BOOST_TEST(replace(backend, content(20, cycle)).has_value());
    BOOST_TEST(shows(backend, content(20, cycle)));
  }
}

BOOST_AUTO_TEST_CASE(a_writer_can_bring_nothing_back_after_remove) {
  for (const bool extends : {false, true}) {
    auto backend = holding<SmallBackend>(content(5));
    auto writer = extends ? backend.append().value() : backend.create().value();
    BOOST_TEST(writer.write(content(1)).has_value());

    BOOST_TEST(backend.remove().has_value());

    BOOST_TEST(writer.write(content(30)).has_value());
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST((code_of(writer.close()) == errc::not_found));
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST(replace(backend, content(9, 2)).has_value());
    BOOST_TEST(shows(backend, content(9, 2)));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(reading)

BOOST_AUTO_TEST_CASE(read_at_gives_exactly_the_window_that_the_object_has) {
  constexpr std::size_t size = 2 * small_block + 3;
  const Bytes bytes = content(size);
  const auto backend = holding<SmallBackend>(bytes);
  const auto reader = backend.open_reader_at().value();

  for (std::size_t offset = 0; offset <= size + 2; ++offset) {
    for (std::size_t n = 0; n <= size + 2; ++n) {
      Bytes window(n + 2, std::byte{0xEE});
      const std::size_t expected = offset < size ? std::min(n, size - offset) : 0;

      BOOST_TEST_REQUIRE(reader.read_at(offset, std::span{window}.subspan(1, n)).value() == expected);

      Bytes untouched(n + 2, std::byte{0xEE});
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, size)), expected, untouched.begin() + 1);
      BOOST_TEST_REQUIRE((window == untouched));
    }
  }
}

BOOST_AUTO_TEST_CASE(offsets_beyond_the_end_read_nothing_however_large) {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  const auto backend = holding<SmallBackend>(content(20));
  const auto reader = backend.open_reader_at().value();
  Bytes window(8);

  for (const std::uint64_t offset : {std::uint64_t{20}, std::uint64_t{1} << 31U, std::uint64_t{1} << 32U, (std::uint64_t{1} << 32U) + 20,
                                     largest / 2, largest - 3, largest}) {
    BOOST_TEST(reader.read_at(offset, window).value() == 0U);
    BOOST_TEST(backend.map(offset, 8).value().bytes().empty());
    BOOST_TEST(backend.transfer_to(-1, offset, largest).value() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(every_sequence_of_read_sizes_delivers_each_byte_once) {
  const Bytes bytes = content(3 * small_block + 1);
  const auto backend = holding<SmallBackend>(bytes);

  for (std::size_t step = 1; step <= bytes.size() + 1; ++step) {
    auto reader = backend.open().value();
    BOOST_TEST_CONTEXT("step " << step) { BOOST_TEST((drain(reader, step) == bytes)); }
    Bytes rest(step);
    for (int again = 0; again < 5; ++again) BOOST_TEST(reader.read(rest).value() == 0U);
    BOOST_TEST(reader.read({}).value() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(open_readers_keep_the_old_bytes_over_replacement_removal_and_destruction) {
  const Bytes old = content(20, 1);
  auto backend = std::make_unique<SmallBackend>();
  BOOST_TEST(replace(*backend, old).has_value());
  auto sequential = backend->open().value();
  const auto random = backend->open_reader_at().value();
  const auto window = backend->map(8, 8).value();
  Bytes start(5);
  BOOST_TEST(sequential.read(start).value() == 5U);

  BOOST_TEST(replace(*backend, content(30, 2)).has_value());
  BOOST_TEST((all_at(random) == old));
  BOOST_TEST(backend->remove().has_value());
  BOOST_TEST((all_at(random) == old));
  backend.reset();

  BOOST_TEST((all_at(random) == old));
  BOOST_TEST((joined(start, drain(sequential)) == old));
  BOOST_TEST((Bytes{window.bytes().begin(), window.bytes().end()} == content(8, 1, 8)));
}

BOOST_AUTO_TEST_CASE(readers_have_positions_of_their_own) {
  const Bytes bytes = content(30);
  const auto backend = holding<SmallBackend>(bytes);
  auto first = backend.open().value();
  auto second = std::make_optional(backend.open().value());
  auto third = backend.open_seeker().value();
  Bytes start(11);

  BOOST_TEST(first.read(start).value() == 11U);
  BOOST_TEST((drain(*second, 7) == bytes));
  BOOST_TEST(third.seek(-5, Whence::end).value() == 25U);
  second.reset();

  BOOST_TEST((joined(start, drain(first, 3)) == bytes));
  BOOST_TEST((drain(third) == content(5, 1, 25)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(a_location_takes_max_bytes_and_not_one_more) {
  for (std::size_t limit = 0; limit <= 2 * small_block + 1; ++limit) {
    const BasicMemoryStorage<small_block> storage{{.max_bytes = limit}};
    auto backend = storage.create_backend().value();
    BOOST_TEST(backend.max_object_size() == limit);

    BOOST_TEST_REQUIRE(replace(backend, content(limit)).has_value());
    BOOST_TEST_REQUIRE((code_of(replace(backend, content(limit + 1, 2))) == errc::limit_exceeded));
    BOOST_TEST_REQUIRE((code_of(extend(backend, content(1, 2))) == errc::limit_exceeded));
    BOOST_TEST_REQUIRE(extend(backend, {}).has_value());

    BOOST_TEST_REQUIRE(shows(backend, content(limit)));
  }
}

BOOST_AUTO_TEST_CASE(a_write_beyond_the_limit_is_final_and_leaves_the_object) {
  auto backend = BasicMemoryStorage<small_block>{{.max_bytes = 20}}.create_backend().value();
  BOOST_TEST(replace(backend, content(10)).has_value());
  auto writer = backend.append().value();
  BOOST_TEST(writer.write(content(5, 2)).has_value());

  BOOST_TEST((code_of(writer.write(content(6, 2))) == errc::limit_exceeded));
  BOOST_TEST((code_of(writer.write(content(1, 2))) == errc::limit_exceeded));
  BOOST_TEST((code_of(writer.close()) == errc::limit_exceeded));
  BOOST_TEST((code_of(writer.close()) == errc::limit_exceeded));

  BOOST_TEST(shows(backend, content(10)));
  BOOST_TEST(extend(backend, content(10, 1, 10)).has_value());
  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_CASE(each_location_has_the_limit_for_itself) {
  const BasicMemoryStorage<small_block> storage{{.max_bytes = 20}};
  auto first = storage.create_backend().value();
  auto second = BasicMemoryStorage<small_block>{storage}.create_backend().value();

  BOOST_TEST(replace(first, content(20, 1)).has_value());
  BOOST_TEST(replace(second, content(20, 2)).has_value());
  BOOST_TEST(MemoryBackend{}.max_object_size() == std::numeric_limits<std::uint64_t>::max());

  BOOST_TEST(shows(first, content(20, 1)));
  BOOST_TEST(shows(second, content(20, 2)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(handles)

BOOST_AUTO_TEST_CASE(everything_moved_from_is_closed) {
  auto backend = holding<SmallBackend>(content(20));
  auto reader = backend.open().value();
  auto reader_at = backend.open_reader_at().value();
  auto window = backend.map(0, 8).value();
  auto writer = backend.create().value();
  Bytes bytes(4);

  auto reader_target = std::move(reader);
  const auto reader_at_target = std::move(reader_at);
  const auto window_target = std::move(window);
  auto writer_target = std::move(writer);
  auto target = std::move(backend);

  // NOLINTBEGIN(bugprone-use-after-move): the promise under test
  BOOST_TEST((code_of(reader.read(bytes)) == errc::closed));
  BOOST_TEST((code_of(reader.seek(0, Whence::begin)) == errc::closed));
  BOOST_TEST((code_of(reader.size()) == errc::closed));
  BOOST_TEST((code_of(reader_at.read_at(0, bytes)) == errc::closed));
  BOOST_TEST((code_of(reader_at.size()) == errc::closed));
  BOOST_TEST(window.bytes().empty());
  BOOST_TEST((code_of(writer.write(bytes)) == errc::closed));
  BOOST_TEST((code_of(writer.close()) == errc::closed));
  BOOST_TEST((code_of(backend.create()) == errc::closed));
  BOOST_TEST((code_of(backend.append()) == errc::closed));
  BOOST_TEST((code_of(backend.open()) == errc::closed));
  BOOST_TEST((code_of(backend.open_seeker()) == errc::closed));
  BOOST_TEST((code_of(backend.open_reader_at()) == errc::closed));
  BOOST_TEST((code_of(backend.remove()) == errc::closed));
  BOOST_TEST((code_of(backend.shrink(0)) == errc::closed));
  BOOST_TEST((code_of(backend.discard(0, 1)) == errc::closed));
  BOOST_TEST((code_of(backend.map(0, 1)) == errc::closed));
  BOOST_TEST((code_of(backend.transfer_to(-1, 0, 1)) == errc::closed));
  BOOST_TEST((code_of(backend.transfer_from(-1, 1)) == errc::closed));
  // NOLINTEND(bugprone-use-after-move)
  BOOST_TEST((drain(reader_target) == content(20)));
  BOOST_TEST((all_at(reader_at_target) == content(20)));
  BOOST_TEST(window_target.bytes().size() == 8U);
  BOOST_TEST(writer_target.write(content(9, 2)).has_value());
  BOOST_TEST(writer_target.close().has_value());
  BOOST_TEST(shows(target, content(9, 2)));
}

BOOST_AUTO_TEST_CASE(assigning_onto_open_handles_lets_go_of_the_old_ones) {
  auto first = holding<SmallBackend>(content(20, 1));
  auto second = holding<SmallBackend>(content(12, 2));
  auto writer = first.append().value();
  BOOST_TEST(writer.write(content(9, 3)).has_value());
  auto reader = first.open().value();
  auto window = first.map(0, 8).value();

  writer = second.append().value();
  reader = second.open().value();
  window = second.map(8, 8).value();

  BOOST_TEST(shows(first, content(20, 1)));
  BOOST_TEST(extend(first, content(4, 1, 20)).has_value());
  BOOST_TEST(shows(first, content(24, 1)));
  BOOST_TEST(writer.write(content(9, 2, 12)).has_value());
  BOOST_TEST(writer.close().has_value());
  BOOST_TEST(shows(second, content(21, 2)));
  BOOST_TEST((drain(reader) == content(21, 2)));
  BOOST_TEST((Bytes{window.bytes().begin(), window.bytes().end()} == content(4, 2, 8)));
}

BOOST_AUTO_TEST_CASE(self_moves_are_harmless) {
  auto backend = holding<SmallBackend>(content(20));
  auto reader_at = backend.open_reader_at().value();
  auto window = backend.map(0, 8).value();
  auto writer = backend.append().value();
  BOOST_TEST(writer.write(content(9, 1, 20)).has_value());
  auto& same_backend = backend;
  auto& same_reader_at = reader_at;
  auto& same_window = window;
  auto& same_writer = writer;

  backend = std::move(same_backend);
  reader_at = std::move(same_reader_at);
  window = std::move(same_window);
  writer = std::move(same_writer);

  BOOST_TEST(writer.close().has_value());
  BOOST_TEST(shows(backend, content(29)));
  BOOST_TEST((all_at(reader_at) == content(29)));
  BOOST_TEST(window.bytes().size() == 8U);
}

BOOST_AUTO_TEST_CASE(a_writer_outlives_its_backend_but_commits_nothing) {
  for (const bool extends : {false, true}) {
    auto backend = std::make_unique<SmallBackend>(holding<SmallBackend>(content(5)));
    const auto reader = backend->open_reader_at().value();
    auto writer = extends ? backend->append().value() : backend->create().value();

    backend.reset();

    BOOST_TEST(writer.write(content(30, 2)).has_value());
    BOOST_TEST((code_of(writer.close()) == errc::not_found));
    BOOST_TEST((all_at(reader) == content(5)));
  }
}

BOOST_AUTO_TEST_CASE(close_and_write_after_close_keep_the_first_verdict) {
  SmallBackend backend;
  auto writer = backend.create().value();
  BOOST_TEST(writer.write(content(20)).has_value());

  BOOST_TEST(writer.close().has_value());
  BOOST_TEST((code_of(writer.write(content(1))) == errc::closed));
  BOOST_TEST((code_of(writer.write(std::span<const std::byte>{})) == errc::closed));
  BOOST_TEST(writer.close().has_value());

  BOOST_TEST(shows(backend, content(20)));
}

BOOST_AUTO_TEST_SUITE_END()
