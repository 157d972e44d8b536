#include "compressed_support.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

// What goes in comes out, with every codec at every level, and takes less of the store where it can.

namespace hybridbuffer::testing {
namespace {

using namespace hybridbuffer::literals;

constexpr std::size_t chunk = 2048;

std::size_t stored_size(const OpenStorage& storage) { return storage.made->back()->bytes->size(); }

BOOST_AUTO_TEST_CASE(every_codec_at_every_level_gives_back_what_it_got) {
  for (const auto& [name, method] : all_methods()) {
    for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 100UL, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, 5 * chunk + 17}) {
      for (const Bytes& content : {zeros(size), text(size), pattern(size), alternating(size)}) {
        BOOST_TEST_CONTEXT(name << ", " << size << " bytes") {
          const OpenStorage inner;
          auto backend = *compressed(inner, method, {.chunk_bytes = chunk}).create_backend();
          BOOST_TEST_REQUIRE(write_all(backend.create(), content, 1000).has_value());
          auto reader = backend.open();
          BOOST_TEST_REQUIRE(reader.has_value());
          BOOST_TEST((read_all(*reader, 700) == content));
          Bytes window(size / 2);
          BOOST_TEST((backend.open_reader_at()->read_at(size / 4, window) == window.size()));
          BOOST_TEST(std::equal(window.begin(), window.end(), content.begin() + static_cast<std::ptrdiff_t>(size / 4)));
          BOOST_TEST(stored_size(inner) <= 40 + size + 20 * (size / chunk + 1));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(large_chunks_are_compressed_at_once) {
  for (const auto& [name, method] : each_codec()) {
    BOOST_TEST_CONTEXT(name) {
      const OpenStorage inner;
      auto backend = *compressed(inner, method, {.chunk_bytes = 16_MiB}).create_backend();
      const Bytes content = text(16_MiB);
      BOOST_TEST_REQUIRE(write_all(backend.create(), content, 5_MiB).has_value());
      auto reader = backend.open();
      BOOST_TEST((read_all(*reader, 16_MiB) == content));
      BOOST_TEST(stored_size(inner) < content.size() / 2);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_chunk_that_does_not_shrink_by_an_eighth_is_stored_raw) {
  constexpr std::size_t header = detail::CompressedFrame::header_bytes;
  for (const auto& [name, method] : all_methods()) {
    if (name == "auto") continue;
    const FrameForge forge{method};
    // Ever fewer zeros behind bytes that do not compress: somewhere it no longer shrinks enough.
    std::set<bool> seen;
    for (std::size_t compressible = 0; compressible <= 1000; compressible += 20) {
      Bytes content = pattern(1000 - compressible);
      content.resize(1000);
      const Bytes frame = forge.encode(content);
      const bool is_raw = frame[8] == std::byte{};
      seen.insert(is_raw);
      BOOST_TEST_CONTEXT(name << ", " << compressible << " zeros") {
        if (is_raw) BOOST_TEST(frame.size() == header + 1000);
        else BOOST_TEST(frame.size() <= header + 875);
        BOOST_TEST((forge.decode(frame, 1000) == content));
      }
    }
    BOOST_TEST(seen.size() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(a_higher_level_is_smaller) {
  const Bytes content = text(60'000);
  const auto size = [&](const CompressionMethod& method) { return FrameForge{method}.encode(content).size(); };
  using enum CompressionLevel;
  BOOST_TEST(size(Zstd{best}) < size(Zstd{fastest}));
  BOOST_TEST(size(Lz4{best}) < size(Lz4{standard}));
  BOOST_TEST(size(Lz4{standard}) < size(Lz4{fastest}));
  BOOST_TEST(size(Deflate{best}) < size(Deflate{fastest}));
  BOOST_TEST(size(Zstd{}) == size(Zstd{.level = 3}));
  BOOST_TEST(size(Deflate{}) == size(Deflate{.level = 6}));
  BOOST_TEST(size(Zlib{}) == size(Deflate{}) + 6);
  BOOST_TEST(size(Gzip{}) == size(Deflate{}) + 18);
}

BOOST_AUTO_TEST_CASE(what_is_out_of_range_makes_no_location) {
  const auto refuses = [](const CompressionMethod& method, CompressionOptions options = {}) {
    const auto made = compressed(MemoryStorage{}, method, options).create_backend();
    return !made && made.error() == errc::invalid_argument;
  };
  BOOST_TEST(refuses(Zstd{23}));
  BOOST_TEST(refuses(Lz4{13}));
  BOOST_TEST(refuses(Lz4{-65'537}));
  BOOST_TEST(refuses(Gzip{0}));
  BOOST_TEST(refuses(Zlib{10}));
  BOOST_TEST(refuses(Deflate{-1}));
  BOOST_TEST(refuses(Zstd{}, {.chunk_bytes = 15}));
  BOOST_TEST(refuses(Zstd{}, {.chunk_bytes = 16_MiB + 1}));
  BOOST_TEST(!refuses(Zstd{-50}));
  BOOST_TEST(!refuses(Lz4{-65'536}));
}

// The frames say themselves what they are: the location's table is not needed to take the stored bytes apart.
BOOST_AUTO_TEST_CASE(stored_bytes_are_what_the_format_says) {
  const OpenStorage inner;
  auto backend = *compressed(inner, Zstd{}, {.chunk_bytes = 1000}).create_backend();
  Bytes content = text(1000);
  const Bytes random = pattern(700);
  content.insert(content.end(), random.begin(), random.end());
  BOOST_TEST_REQUIRE(write_all(backend.create(), content, 300).has_value());

  const std::span<const std::byte> stored{*inner.made->back()->bytes};
  const auto number = [&]<class Number>(Number, std::size_t at) { return detail::load_little_endian<Number>(stored.subspan(at)); };
  BOOST_TEST(std::equal(stored.begin(), stored.begin() + 8, std::as_bytes(std::span{"HYBUFCMP"}).begin()));
  BOOST_TEST(number(std::uint32_t{}, 8) == 1U);
  BOOST_TEST(number(std::uint32_t{}, 12) == 1000U);
  BOOST_TEST(number(std::uint64_t{}, 24) == 1U);
  const auto first = number(std::uint32_t{}, 40);
  BOOST_TEST(number(std::uint32_t{}, 44) == 1000U);
  BOOST_TEST(number(std::uint32_t{}, 48) == 1U);
  BOOST_TEST(first < 500U);
  BOOST_TEST(number(std::uint32_t{}, 60) == ZSTD_MAGICNUMBER);
  const std::size_t second = 60 + first;
  BOOST_TEST(number(std::uint32_t{}, second) == 700U);
  BOOST_TEST(number(std::uint32_t{}, second + 4) == 700U);
  BOOST_TEST(number(std::uint32_t{}, second + 8) == 0U);
  BOOST_TEST(stored.size() == second + 20 + 700);
  BOOST_TEST(std::equal(random.begin(), random.end(), stored.begin() + static_cast<std::ptrdiff_t>(second + 20)));
}

// With whichever vectors.
BOOST_AUTO_TEST_CASE(checksums_are_those_of_the_format) {
  const Bytes bytes = pattern(70'000);
  for (const std::size_t size : {0UL, 1UL, 16UL, 17UL, 128UL, 240UL, 241UL, 1024UL, 1025UL, 65'536UL, 70'000UL}) {
    BOOST_TEST(detail::xxh3(std::span{bytes}.first(size), size * 77) == XXH3_64bits_withSeed(bytes.data(), size, size * 77));
  }
}

BOOST_AUTO_TEST_CASE(a_buffer_spills_through_it) {
  for (const auto& [name, method] : all_methods()) {
    BOOST_TEST_CONTEXT(name) {
      HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{100_KiB}, compressed(MemoryStorage{}, method)};
      const Bytes content = alternating(700'000);
      for (std::span<const std::byte> rest{content}; !rest.empty();) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + rest.size() % 9973));
        BOOST_TEST_REQUIRE(buffer.append(part).has_value());
        rest = rest.subspan(part.size());
      }
      BOOST_TEST((read_all(buffer, 10'000) == content));
    }
  }
}

BOOST_AUTO_TEST_CASE(idle_codecs_are_used_again) {
  detail::EnginePool pool;
  const void* first = nullptr;
  const void* nested = nullptr;
  pool.with_engines([&](auto& one) {
    first = &one;
    pool.with_engines([&](auto& other) { nested = &other; });
  });
  BOOST_TEST(first != nested);
  pool.with_engines([&](auto& one) { BOOST_TEST((&one == first || &one == nested)); });
}

BOOST_AUTO_TEST_CASE(a_storage_that_was_moved_from_answers_closed) {
  auto storage = compressed(MemoryStorage{}, Lz4{});
  const auto moved = std::move(storage);

  const auto backend = storage.create_backend();  // NOLINT(bugprone-use-after-move): that is the question
  BOOST_TEST((!backend && backend.error() == errc::closed));
  BOOST_TEST(moved.create_backend().has_value());
}

}  // namespace
}  // namespace hybridbuffer::testing
