#include "encrypted_support.hpp"

#include <hybridbuffer/transform/encrypted.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

// encrypted(): whatever somebody does to the stored bytes, nothing wrong is ever read.

namespace hybridbuffer::testing {
namespace {

void expect_corrupted_read(const char* route, const Result<std::size_t>& count, std::span<const std::byte> out) {
  BOOST_TEST_CONTEXT(route) {
    BOOST_TEST_REQUIRE(!count.has_value());
    BOOST_TEST_REQUIRE((count.error() == errc::corrupted), count.error().message());
    BOOST_TEST_REQUIRE(std::all_of(out.begin(), out.end(), [](std::byte b) { return b == std::byte{}; }));
  }
}

template <class Reader>
void expect_corrupted_reader(const char* route, Result<Reader> reader, const Bytes& content) {
  BOOST_TEST_REQUIRE((reader.has_value() || reader.error() == errc::corrupted));
  for (std::size_t at = 0; reader;) {
    Bytes piece(chunk + at % 2, std::byte{0xEE});  // all of a chunk, and a part of it
    const auto count = reader->read(piece);
    if (!count) return expect_corrupted_read(route, count, piece);
    BOOST_TEST_REQUIRE(*count != 0U);
    BOOST_TEST_REQUIRE(
        std::equal(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count), content.begin() + static_cast<std::ptrdiff_t>(at)));
    at += *count;
  }
}

/// On every route: an error, and no byte of `content` that is not right. The route that comes first is the one that finds the damage.
void expect_corrupted(const Backend& backend, const Bytes& content, bool reader_first = true) {
  if (reader_first) expect_corrupted_reader("reader", backend.open(), content);
  auto reader_at = backend.open_reader_at();
  BOOST_TEST_REQUIRE((reader_at.has_value() || reader_at.error() == errc::corrupted));
  if (reader_at) {
    Bytes out(content.size() + 1, std::byte{0xEE});
    expect_corrupted_read("reader_at", reader_at->read_at(0, out), out);
  }
  expect_corrupted_reader("reader", backend.open(), content);
  expect_corrupted_reader("seeker", backend.open_seeker(), content);
}

const Bytes three_chunks = pattern(3 * chunk - 3);

BOOST_AUTO_TEST_CASE(every_bit_of_the_object_is_bound) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    std::size_t flipped = 0;
    World first{{.cipher = cipher, .chunk_bytes = chunk}};
    first.store(three_chunks);
    for (std::size_t bit = 0; bit < 8 * first.stored().size(); ++bit) {
      BOOST_TEST_CONTEXT("bit " << bit) {
        World world{{.cipher = cipher, .chunk_bytes = chunk}};
        world.store(three_chunks);
        BOOST_TEST_REQUIRE(reads(world.backend, three_chunks));
        world.stored()[bit / 8] ^= std::byte{1} << (bit % 8);
        expect_corrupted(world.backend, three_chunks, bit % 2 == 0);
        world.stored()[bit / 8] ^= std::byte{1} << (bit % 8);
        if (bit / 8 >= header) expect_corrupted(world.backend, three_chunks);  // a chunk stays so
        ++flipped;
      }
    }
    BOOST_TEST(flipped == 8 * (header + 3 * frame - 3));
  }
}

BOOST_AUTO_TEST_CASE(a_cut_at_every_length_is_found) {
  World whole;
  whole.store(three_chunks);
  for (std::size_t length = 0; length < whole.stored().size(); ++length) {
    BOOST_TEST_CONTEXT("cut to " << length) {
      for (const bool reader_first : {true, false}) {
        World world;
        world.store(three_chunks);
        const Bytes before = world.stored();
        world.stored().resize(length);
        expect_corrupted(world.backend, three_chunks, reader_first);
        world.stored() = before;
        BOOST_TEST(reads(world.backend, three_chunks));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bytes_behind_the_end_are_found) {
  for (const std::size_t more : {std::size_t{1}, tag, frame, 3 * frame}) {
    World world;
    world.store(three_chunks);
    world.stored().resize(world.stored().size() + more);
    auto reader = world.backend.open();
    BOOST_TEST((read_all(*reader, 5).error() == errc::corrupted));
    auto reader_at = world.backend.open_reader_at();
    Bytes out(three_chunks.size() + 1, std::byte{0xEE});
    BOOST_TEST((reader_at->read_at(0, out).error() == errc::corrupted));
    BOOST_TEST((out == Bytes(out.size())));
  }
}

/// Changes of the store, told in words, by somebody who knows its format.
struct Attack {
  const char* what;
  std::function<void(World&)> act;
};

auto frame_at(Bytes& stored, std::size_t index) { return stored.begin() + static_cast<std::ptrdiff_t>(header + index * frame); }

BOOST_AUTO_TEST_CASE(frames_cannot_be_moved_repeated_removed_or_taken_from_elsewhere) {
  const Bytes content = pattern(4 * chunk);
  const std::vector<Attack> attacks{
      {"swap", [](World& w) { std::swap_ranges(frame_at(w.stored(), 0), frame_at(w.stored(), 1), frame_at(w.stored(), 1)); }},
      {"duplicate", [](World& w) { std::copy_n(frame_at(w.stored(), 0), frame, frame_at(w.stored(), 2)); }},
      {"delete", [](World& w) { w.stored().erase(frame_at(w.stored(), 1), frame_at(w.stored(), 2)); }},
      {"zero", [](World& w) { std::fill_n(frame_at(w.stored(), 1), frame, std::byte{}); }},
      {"insert", [](World& w) { w.stored().insert(frame_at(w.stored(), 1), frame, std::byte{7}); }},
      {"the same frame of another location",
       [](World& w) {
         Backend other = w.make();
         BOOST_TEST_REQUIRE(write_all(other.create(), pattern(4 * chunk), 100).has_value());
         std::copy_n(frame_at(w.stored(1), 1), frame, frame_at(w.stored(), 1));
       }},
      {"the whole object of another location",
       [](World& w) {
         Backend other = w.make();
         BOOST_TEST_REQUIRE(write_all(other.create(), pattern(4 * chunk), 100).has_value());
         w.stored() = w.stored(1);
       }},
      {"an earlier object of this location",
       [](World& w) {
         const Bytes before = w.stored();
         w.store(pattern(4 * chunk, 2));
         w.store(pattern(4 * chunk));
         w.stored() = before;
       }},
      {"a frame of an earlier object of this location",
       [](World& w) {
         const Bytes before = w.stored();
         w.store(pattern(4 * chunk));
         std::copy_n(before.begin() + header, frame, w.stored().begin() + header);
       }},
      {"a frame that was cut off and written again",
       [](World& w) {
         const Bytes before = w.stored();
         BOOST_TEST_REQUIRE(w.backend.shrink(3 * chunk).has_value());
         const Bytes content_again = pattern(4 * chunk);
         BOOST_TEST_REQUIRE(write_all(w.backend.append(), std::span{content_again}.subspan(3 * chunk), 100).has_value());
         BOOST_TEST_REQUIRE(before.size() == w.stored().size());
         BOOST_TEST_REQUIRE((before != w.stored()));
         w.stored() = before;
       }},
      {"another cipher in the header", [](World& w) { w.stored()[9] ^= std::byte{3}; }},
      {"another version in the header", [](World& w) { w.stored()[8] = std::byte{2}; }},
      {"another chunk size in the header", [](World& w) { w.stored()[12] = std::byte{32}; }},
      {"another salt", [](World& w) { w.stored()[20] ^= std::byte{1}; }},
      {"another commitment", [](World& w) { w.stored()[60] ^= std::byte{1}; }},
      {"another object's number", [](World& w) { w.stored()[80] ^= std::byte{1}; }},
      {"an empty store", [](World& w) { w.stored().clear(); }},
  };
  for (const EncryptionOptions& options :
       {EncryptionOptions{.chunk_bytes = chunk}, {.chunk_bytes = chunk, .key = key_of("sixteen bytes...")}}) {
    for (const Attack& attack : attacks) {
      BOOST_TEST_CONTEXT(attack.what) {
        World world{options};
        world.store(content);
        BOOST_TEST_REQUIRE(reads(world.backend, content));
        const Bytes before = world.stored();
        attack.act(world);
        expect_corrupted(world.backend, content);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_frame_stays_so_and_the_others_are_read) {
  World world;
  world.store(three_chunks);
  auto reader_at = world.backend.open_reader_at();
  Bytes out(4);
  world.stored()[header + frame] ^= std::byte{1};
  BOOST_TEST((reader_at->read_at(chunk + 2, out).error() == errc::corrupted));
  world.stored()[header + frame] ^= std::byte{1};

  BOOST_TEST((reader_at->read_at(chunk + 2, out).error() == errc::corrupted));
  BOOST_TEST((world.backend.open_reader_at()->read_at(chunk + 2, out).error() == errc::corrupted));
  BOOST_TEST((reader_at->read_at(2, out) == 4U));
  BOOST_TEST(std::equal(out.begin(), out.end(), three_chunks.begin() + 2));
  BOOST_TEST((reader_at->read_at(2 * chunk, out) == 4U));
}

// A store that falls short once has shown nothing that is wrong: a failed read can be made again.
BOOST_AUTO_TEST_CASE(what_is_missing_is_corrupted_until_it_is_there_again) {
  for (const std::size_t finder : {0U, 1U, 2U}) {
    World world;
    world.store(three_chunks);
    const Bytes before = world.stored();
    auto reader = world.backend.open();
    auto seeker = world.backend.open_seeker();
    auto reader_at = world.backend.open_reader_at();
    Bytes out(chunk);
    BOOST_TEST_REQUIRE((reader->read(out) == chunk));
    const std::vector<std::pair<const char*, std::function<Result<std::size_t>()>>> routes{
        {"reader", [&] { return reader->read(out); }},
        {"seeker", [&] { return seeker->seek(chunk + 2, Whence::begin) == chunk + 2 ? seeker->read(out) : 0; }},
        {"reader_at", [&] { return reader_at->read_at(2, out); }},  // the chunk before is not delivered either
    };
    const auto expect_corrupted_by = [&](std::size_t route) {
      out.assign(chunk + 4, std::byte{0xEE});
      const auto count = routes[route].second();
      expect_corrupted_read(routes[route].first, count, out);
    };

    world.stored().resize(header + frame + 5);
    expect_corrupted_by(finder);
    world.stored() = before;

    for (std::size_t route = 0; route != routes.size(); ++route) {
      const auto& [name, read] = routes[(finder + route) % routes.size()];
      out.assign(chunk, std::byte{});
      const auto count = read();
      BOOST_TEST((count && *count != 0), name);
    }
    out.assign(chunk, std::byte{});
    BOOST_TEST((reader_at->read_at(0, out) == chunk));
    BOOST_TEST((reader_at->read_at(2 * chunk, out) == chunk - 3));
  }
}

}  // namespace
}  // namespace hybridbuffer::testing
