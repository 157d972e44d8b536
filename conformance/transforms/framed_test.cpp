#include "open_storage.hpp"

#include <hybridbuffer/detail/framed_backend.hpp>
#include <hybridbuffer/detail/little_endian.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

// The frame engine with a codec that hides nothing: whatever is done to a location, on every route it reads as a vector would.

namespace hybridbuffer::testing {
namespace {

/// Frames as they are, behind their number; with `fixed` false some get longer than others, and the shortest are not copied.
template <bool fixed>
struct PlainCodec {
  static constexpr bool is_secret = true;
  static constexpr std::size_t most_padding = 5;
  std::size_t chunk = 8;

  [[nodiscard]] detail::FrameShape shape() const noexcept { return {10, chunk, fixed ? 8 : 8 + most_padding, fixed}; }
  void write_header(std::uint64_t object, std::span<std::byte> out) const {
    std::fill(out.begin(), out.end(), std::byte{0xAA});
    detail::store_little_endian(object, out);
  }
  [[nodiscard]] Result<std::uint64_t> read_header(std::span<const std::byte> in) const {
    if (in[8] != std::byte{0xAA} || in[9] != std::byte{0xAA}) return failure(errc::corrupted, "header");
    return detail::load_little_endian<std::uint64_t>(in);
  }
  [[nodiscard]] Result<detail::EncodedFrame> encode(detail::EncodingHistory&, detail::FrameId id, std::span<const std::byte> plain,
                                                    std::span<std::byte> stored) const {
    detail::store_little_endian(id.number, stored);
    const std::size_t padding = fixed ? 0 : id.number % most_padding;
    if (!fixed && padding == 0) return detail::EncodedFrame{8, true};
    std::copy(plain.begin(), plain.end(), stored.begin() + 8);
    return detail::EncodedFrame{plain.size() + 8 + padding};
  }
  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    if (detail::load_little_endian<std::uint64_t>(stored) != id.number) return failure(errc::corrupted, "another frame");
    std::copy_n(stored.begin() + 8, plain.size(), plain.begin());
    return {};
  }
};

template <bool fixed>
using Backend = detail::FramedBackend<PlainCodec<fixed>, OpenBackend>;
static_assert(storage_backend<Backend<true>> && storage_backend<Backend<false>>);

template <bool fixed>
struct World {
  explicit World(std::size_t chunk = 8) : backend{std::make_shared<const PlainCodec<fixed>>(chunk), *storage.create_backend(), {}} {}
  OpenStorage storage;
  Backend<fixed> backend;
  OpenObject& object = *storage.made->front();
};

/// The object as a vector; bytes that were discarded may read as zeros.
struct Model {
  std::optional<Bytes> bytes;
  std::vector<bool> discarded;

  void set(Bytes content) {
    discarded.assign(content.size(), false);
    bytes = std::move(content);
  }
  void add(const Bytes& more) {
    if (!bytes) bytes.emplace();
    bytes->insert(bytes->end(), more.begin(), more.end());
    discarded.resize(bytes->size(), false);
  }
  void cut(std::size_t size) {
    bytes->resize(size);
    discarded.resize(size);
  }
  [[nodiscard]] bool shows(std::span<const std::byte> found, std::size_t from) const {
    if (from + found.size() > bytes->size()) return false;
    for (std::size_t i = 0; i != found.size(); ++i) {
      if (found[i] != (*bytes)[from + i] && !(discarded[from + i] && found[i] == std::byte{})) return false;
    }
    return true;
  }
};

template <bool fixed>
void expect_shown(const Backend<fixed>& backend, const Model& model, std::mt19937_64& random) {
  if (!model.bytes) {
    BOOST_TEST_REQUIRE((backend.open().error() == errc::not_found));
    BOOST_TEST_REQUIRE((backend.open_reader_at().error() == errc::not_found));
    return;
  }
  const std::size_t size = model.bytes->size();
  auto reader = backend.open();
  BOOST_TEST_REQUIRE(reader.has_value());
  const auto all = read_all(*reader, 1 + random() % 30);
  BOOST_TEST_REQUIRE(all.has_value());
  BOOST_TEST_REQUIRE(all->size() == size);
  BOOST_TEST_REQUIRE(model.shows(*all, 0));
  auto reader_at = backend.open_reader_at();
  auto seeker = backend.open_seeker();
  BOOST_TEST_REQUIRE((reader_at && seeker));
  BOOST_TEST_REQUIRE((reader_at->size() == size));
  for (int i = 0; i < 4; ++i) {
    const std::size_t from = random() % (size + 3);
    Bytes window(1 + random() % 40);
    const auto count = reader_at->read_at(from, window);
    BOOST_TEST_REQUIRE(count.has_value());
    BOOST_TEST_REQUIRE(*count == std::min(window.size(), size - std::min(size, from)));
    BOOST_TEST_REQUIRE((*count == 0 || model.shows(std::span{window}.first(*count), from)));
    BOOST_TEST_REQUIRE((seeker->seek(static_cast<std::int64_t>(from), Whence::begin) == from));
    const auto some = seeker->read(window);
    BOOST_TEST_REQUIRE(some.has_value());
    BOOST_TEST_REQUIRE(((*some == 0) == (from >= size)));
    BOOST_TEST_REQUIRE((*some == 0 || model.shows(std::span{window}.first(*some), from)));
  }
}

template <bool fixed>
void run_model(std::uint64_t seed, std::size_t chunk, int steps) {
  BOOST_TEST_CONTEXT("seed " << seed << ", chunk " << chunk << (fixed ? "" : ", frames of any length")) {
    std::mt19937_64 random{seed};
    World<fixed> world{chunk};
    Model model;
    for (int step = 0; step < steps; ++step) {
      BOOST_TEST_CONTEXT("step " << step) {
        const Bytes content = pattern(random() % (4 * chunk), random());
        const std::size_t piece = 1 + random() % (2 * chunk);
        const bool fails = random() % 6 == 0;
        const bool is_indeterminate = random() % 2 == 0;
        world.object.commit_was_done = is_indeterminate && random() % 2 == 0;
        if (fails) world.object.commit_fails = is_indeterminate ? errc::timeout : errc::no_space;
        switch (random() % 10) {
          case 0: {
            const auto done = write_all(world.backend.create(), content, piece);
            BOOST_TEST_REQUIRE(done.has_value() == !fails);
            if (!fails || world.object.commit_was_done) model.set(content);
            break;
          }
          case 1: {
            world.object.commit_fails.reset();
            if (random() % 3 == 0) {
              BOOST_TEST_REQUIRE(world.backend.remove().has_value());
              model.bytes.reset();
            }
            break;
          }
          case 2:
          case 3: {
            if (!model.bytes) break;
            const std::size_t size = random() % (model.bytes->size() + 1);
            const std::size_t before = world.object.bytes->size();
            const auto done = world.backend.shrink(size);
            BOOST_TEST_REQUIRE(done.has_value() == !fails);
            if (!fails || (world.object.commit_was_done && world.object.bytes->size() != before)) model.cut(size);
            break;
          }
          case 4:
          case 5: {
            world.object.commit_fails.reset();
            if (!model.bytes) break;
            const std::size_t from = random() % (model.bytes->size() + 2);
            const std::size_t n = random() % (3 * chunk);
            BOOST_TEST_REQUIRE(world.backend.discard(from, n).has_value());
            for (std::size_t i = from; i < std::min(from + n, model.bytes->size()); ++i) model.discarded[i] = true;
            break;
          }
          case 6: {  // abandoned
            world.object.commit_fails.reset();
            auto writer = random() % 2 == 0 ? world.backend.create() : world.backend.append();
            BOOST_TEST_REQUIRE(writer->write(content).has_value());
            break;
          }
          default: {
            const auto done = write_all(world.backend.append(), content, piece);
            BOOST_TEST_REQUIRE(done.has_value() == !fails);
            // One that gave no answer is not shown, done or not; where there was no object, it is as create().
            if (!fails || (world.object.commit_was_done && !model.bytes)) model.add(content);
          }
        }
        world.object.commit_fails.reset();
        expect_shown(world.backend, model, random);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(whatever_is_done_it_reads_as_a_vector_would) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    run_model<true>(seed, 1 + seed % 9, 150);
    run_model<false>(seed, 1 + seed % 9, 150);
  }
}

BOOST_AUTO_TEST_CASE(extensions_at_multiples_of_the_chunk_cost_no_memory_of_their_own) {
  detail::FrameList frames{{10, 8, 8, true}, 0, 10};
  std::uint64_t number = 0;
  for (int i = 0; i < 1000; ++i) {
    detail::FrameList more{{10, 8, 8, true}, frames.size(), frames.stored_end()};
    more.push(8, 16, ++number);
    more.push(8, 16, ++number);
    frames.reserve_for(more);
    frames.absorb(more);
  }
  BOOST_TEST(frames.runs() == 1U);
  BOOST_TEST(frames.size() == 16'000U);
  BOOST_TEST(frames.frame_at(15'999).number == 2000U);
  BOOST_TEST(frames.frame_at(15'999).stored_offset == 10U + 1999 * 16);
}

/// Takes nothing, and notes every number that it is asked to encode for.
struct NotingCodec {
  static constexpr bool is_secret = false;
  std::vector<bool>* numbers;
  std::size_t* repeated;

  [[nodiscard]] static detail::FrameShape shape() noexcept { return {8, 2, 1, true}; }
  static void write_header(std::uint64_t object, std::span<std::byte> out) { detail::store_little_endian(object, out); }
  [[nodiscard]] static Result<std::uint64_t> read_header(std::span<const std::byte> in) {
    return detail::load_little_endian<std::uint64_t>(in);
  }
  [[nodiscard]] Result<detail::EncodedFrame> encode(detail::EncodingHistory&, detail::FrameId id, std::span<const std::byte> plain,
                                                    std::span<std::byte>) const {
    if (id.number >= numbers->size()) numbers->resize(2 * id.number + 1);
    *repeated += (*numbers)[id.number] ? 1 : 0;
    (*numbers)[id.number] = true;
    return detail::EncodedFrame{plain.size() + 1};
  }
  [[nodiscard]] static Result<void> decode(detail::FrameId, std::span<const std::byte>, std::span<std::byte>) { return {}; }
};

BOOST_AUTO_TEST_CASE(no_number_is_ever_used_twice) {
  std::vector<bool> numbers;
  std::size_t repeated = 0;
  OpenStorage storage;
  detail::FramedBackend<NotingCodec, OpenBackend> backend{
      std::make_shared<const NotingCodec>(&numbers, &repeated), *storage.create_backend(), {}};
  OpenObject& object = *storage.made->front();
  std::mt19937_64 random{1};
  const Bytes content = pattern(64);
  std::uint64_t operations = 0;
  const std::uint64_t wanted = std::getenv("HYBRIDBUFFER_FULL") != nullptr ? 10'000'000 : 1'000'000;
  while (operations < wanted) {
    operations += 3;  // an opening, a write, an end
    const bool is_indeterminate = random() % 2 == 0;
    object.commit_was_done = is_indeterminate && random() % 2 == 0;
    if (random() % 8 == 0) object.commit_fails = is_indeterminate ? errc::timeout : errc::no_space;
    if (object.bytes && object.bytes->size() > 4000 && backend.shrink(random() % 30)) ++operations;
    auto writer = random() % 4 == 0 ? backend.create() : backend.append();
    BOOST_TEST_REQUIRE(writer.has_value());
    BOOST_TEST_REQUIRE(writer->write(std::span{content}.first(random() % 8)).has_value());
    if (random() % 4 != 0) static_cast<void>(writer->close());
    object.commit_fails.reset();
  }
  BOOST_TEST(repeated == 0U);
  BOOST_TEST(static_cast<std::uint64_t>(std::count(numbers.begin(), numbers.end(), true)) > wanted / 4);
}

BOOST_AUTO_TEST_CASE(a_queue_gives_back_each_frame_once_all_of_it_is_discarded) {
  World<true> world{8};
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(80), 80).has_value());
  for (std::uint64_t at = 0; at < 80; at += 3) BOOST_TEST_REQUIRE(world.backend.discard(at, 3).has_value());
  std::uint64_t given_back = 0;
  for (const auto& [begin, end] : world.object.discarded) given_back += end - begin;
  BOOST_TEST(given_back == 10U * 16);
}

BOOST_AUTO_TEST_CASE(windows_that_follow_each_other_read_each_frame_once) {
  World<true> world{8};
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(800), 80).has_value());
  auto reader = world.backend.open_reader_at();
  const std::uint64_t before = world.object.reads;
  Bytes window(5);
  for (std::uint64_t at = 0; at < 800; at += 5) BOOST_TEST_REQUIRE((reader->read_at(at, window) == 5U));
  BOOST_TEST(world.object.reads - before == 100U);
}

BOOST_AUTO_TEST_CASE(an_open_reader_shows_the_object_as_it_was) {
  World<true> world{8};
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  auto reader = world.backend.open();
  auto reader_at = world.backend.open_reader_at();
  BOOST_TEST_REQUIRE(write_all(world.backend.append(), pattern(100), 100).has_value());
  BOOST_TEST((read_all(*reader, 7) == pattern(20)));
  Bytes block(200);
  BOOST_TEST((reader_at->read_at(0, block) == 20U));
  BOOST_TEST((reader_at->size() == 20U));
}

BOOST_AUTO_TEST_CASE(what_a_discard_without_an_answer_may_have_given_back_is_no_damage) {
  for (const errc category : {errc::timeout, errc::permission}) {
    for (const bool had_effect : {false, true}) {
      if (had_effect && category == errc::permission) continue;
      World<true> world{8};
      const Bytes content = pattern(40);
      BOOST_TEST_REQUIRE(write_all(world.backend.create(), content, 40).has_value());
      world.object.commit_fails = category;
      world.object.commit_was_done = had_effect;
      BOOST_TEST_REQUIRE((world.backend.discard(8, 16).error() == category));

      auto reader = world.backend.open();
      const auto all = read_all(*reader, 7);
      BOOST_TEST_REQUIRE(all.has_value());
      BOOST_TEST_REQUIRE(all->size() == content.size());
      for (std::size_t i = 0; i != content.size(); ++i) {
        const bool may_be_zero = category == errc::timeout && i >= 8 && i < 24;
        BOOST_TEST_REQUIRE(((*all)[i] == content[i] || (may_be_zero && (*all)[i] == std::byte{})));
      }
      world.object.discarded.clear();
      BOOST_TEST(world.backend.discard(8, 16).has_value());
      BOOST_TEST(world.object.discarded.size() == 1U);
    }
  }
}

bool shows(const Backend<true>& backend, const Bytes& content) {
  auto reader = backend.open();
  return reader && read_all(*reader, 7) == content;
}

BOOST_AUTO_TEST_CASE(an_object_that_is_gone_is_corrupted_and_not_absent) {
  World<true> world;
  BOOST_TEST((world.backend.open().error() == errc::not_found));
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  const Bytes stored = *std::exchange(world.object.bytes, std::nullopt);

  BOOST_TEST((world.backend.open().error() == errc::corrupted));
  BOOST_TEST((world.backend.open_seeker().error() == errc::corrupted));
  BOOST_TEST((world.backend.open_reader_at().error() == errc::corrupted));

  world.object.bytes = stored;
  BOOST_TEST(shows(world.backend, pattern(20)));
  BOOST_TEST(world.backend.remove().has_value());
  BOOST_TEST((world.backend.open().error() == errc::not_found));
}

// Whether the object is still there decides what an extension, and what the next object, begins with.
BOOST_AUTO_TEST_CASE(a_removal_of_unknown_effect_is_found_out) {
  for (const bool had_effect : {false, true}) {
    for (const unsigned variant : {0U, 1U, 2U, 3U}) {
      const bool was_refused_since = (variant & 1U) != 0;
      const bool is_looked_at = (variant & 2U) != 0;
      World<true> world;
      BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
      world.object.commit_was_done = had_effect;
      world.object.commit_fails = errc::timeout;
      BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::timeout));
      world.object.commit_was_done = false;
      if (was_refused_since) {
        world.object.commit_fails = errc::permission;
        BOOST_TEST_REQUIRE((world.backend.remove().error() == errc::permission));
      }

      if (is_looked_at && had_effect) BOOST_TEST((world.backend.open().error() == errc::not_found));
      if (is_looked_at && !had_effect) BOOST_TEST(shows(world.backend, pattern(20)));

      BOOST_TEST_REQUIRE(write_all(world.backend.append(), pattern(30, 2), 30).has_value());
      Bytes expected = had_effect ? Bytes{} : pattern(20);
      const Bytes more = pattern(30, 2);
      expected.insert(expected.end(), more.begin(), more.end());
      BOOST_TEST(shows(world.backend, expected));
    }
  }
}

}  // namespace
}  // namespace hybridbuffer::testing
