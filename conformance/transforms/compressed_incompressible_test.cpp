#include "compressed_support.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

// What does not compress costs little, is stored as it is, and does not keep from being compressed what comes after it.

namespace hybridbuffer::testing {
namespace {

using detail::FrameCodec;

constexpr std::size_t chunk = 64 * 1024;
constexpr std::size_t frame_header = detail::CompressedFrame::header_bytes;
// As docs/compression.md has them.
constexpr std::ptrdiff_t in_vain_before = 2;
constexpr std::ptrdiff_t most_missed = 31;
// Of a location's first object; that one has 1.
constexpr std::uint64_t first_frame = 2;

Bytes& operator+=(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

Bytes noise(std::size_t chunks, std::uint64_t seed = 1) { return pattern(chunks * chunk, seed); }

/// A chunk that shrinks by a fifth or more, and whose sample does not if it becomes this frame: it ends as it begins.
Bytes hidden_from_sample(std::uint64_t frame, const CompressionMethod& method) {
  using detail::CompressionSample;
  const auto judge = CompressionSample::judge_of(detail::compressor_of(method));
  detail::CompressionEngines engines;
  Bytes scratch(chunk);
  for (std::size_t begins_again = chunk / 2; begins_again <= chunk / 2 + chunk / 4; begins_again += 64) {
    Bytes bytes = pattern(chunk, frame + 100);
    std::copy_n(bytes.begin(), chunk - begins_again, bytes.begin() + static_cast<std::ptrdiff_t>(begins_again));
    if (!CompressionSample::shrinks(engines, judge, frame, bytes, scratch).value()) return bytes;
  }
  throw std::logic_error{"no chunk is hidden from this frame's sample"};
}

auto location(const OpenStorage& inner, const CompressionMethod& method) { return *compressed(inner, method).create_backend(); }

std::vector<FrameCodec> stored_as(const Bytes& content, const CompressionMethod& method) {
  const OpenStorage inner;
  auto backend = location(inner, method);
  BOOST_TEST_REQUIRE(write_all(backend.create(), content, content.size()).has_value());
  auto reader = backend.open();
  BOOST_TEST((read_all(*reader, 100'000) == content));
  return codecs_of(*inner.made->back());
}

// What is compressed -----------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(text_behind_noise_is_compressed_from_its_first_chunk_on) {
  for (const auto& [name, method] : all_methods()) {
    BOOST_TEST_CONTEXT(name) {
      Bytes content = noise(40);
      content += text(8 * chunk);
      const auto codecs = stored_as(content, name == "auto" ? Auto{.store_bytes_per_second = 1'000'000} : method);
      BOOST_TEST_REQUIRE(codecs.size() == 48U);
      BOOST_TEST(std::count(codecs.begin(), codecs.begin() + 40, FrameCodec::raw) == 40);
      // Auto gives raw one of the first four chunks that it learns from.
      BOOST_TEST(std::count(codecs.begin() + 40, codecs.end(), FrameCodec::raw) == (name == "auto" ? 1 : 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_mixed_stream_takes_no_more_than_its_chunks_one_by_one) {
  for (const auto& [name, method] : each_codec()) {
    std::mt19937_64 random{7};
    Bytes content;
    std::size_t one_by_one = detail::CompressedHeader::bytes;
    const FrameForge forge{method};
    const auto add = [&](const Bytes& bytes) {
      content += bytes;
      one_by_one += forge.encode(bytes).size();
    };
    for (int run = 0; run != 25; ++run) {
      const std::size_t length = 1 + random() % 8;
      const auto kind = random() % 4;
      for (std::size_t i = 0; i != length; ++i) {
        if (kind == 0) add(text(chunk));
        else if (kind == 1) add(alternating(chunk));
        else add(noise(1, random()));
      }
    }
    add(text(5000));
    const OpenStorage inner;
    auto backend = location(inner, method);
    BOOST_TEST_REQUIRE(write_all(backend.create(), content, 100'000).has_value());
    BOOST_TEST_CONTEXT(name) { BOOST_TEST(inner.made->back()->bytes->size() == one_by_one); }
  }
}

// Two of the eight parts that a piece is taken from: one lies within, wherever the pieces are.
BOOST_AUTO_TEST_CASE(a_quarter_that_compresses_is_seen_wherever_it_is) {
  for (const auto& [name, method] : each_codec()) {
    Bytes content = noise(4);
    std::size_t mixed = 0;
    for (std::size_t at = 0; at <= chunk - chunk / 4; at += 3001, ++mixed) {
      Bytes one = noise(1, at + 2);
      std::fill_n(one.begin() + static_cast<std::ptrdiff_t>(at), chunk / 4, std::byte{});
      content += one;
      content += noise(4, at + 3);
    }
    const auto codecs = stored_as(content, method);
    BOOST_TEST_CONTEXT(name) {
      for (std::size_t i = 0; i != mixed; ++i) BOOST_TEST((codecs[4 + 5 * i] != FrameCodec::raw));
    }
  }
}

BOOST_AUTO_TEST_CASE(of_what_a_sample_does_not_show_a_bounded_number_of_chunks_is_missed) {
  for (const CompressionMethod& method : {CompressionMethod{Zstd{}}, CompressionMethod{Lz4{}}}) {
    Bytes content = noise(in_vain_before);
    for (std::uint64_t i = 0; i != 40; ++i) content += hidden_from_sample(first_frame + in_vain_before + i, method);
    const auto codecs = stored_as(content, method);
    const auto first = std::find_if(codecs.begin(), codecs.end(), [](FrameCodec c) { return c != FrameCodec::raw; });
    BOOST_TEST((first - codecs.begin() == in_vain_before + most_missed));
    BOOST_TEST(std::count(first, codecs.end(), FrameCodec::raw) == 0);
  }
}

BOOST_AUTO_TEST_CASE(no_sample_is_asked_before_chunks_were_compressed_in_vain) {
  Bytes content = noise(in_vain_before - 1);
  content += hidden_from_sample(first_frame + in_vain_before - 1, Zstd{});
  content += noise(in_vain_before - 1);
  content += hidden_from_sample(first_frame + 2 * in_vain_before - 1, Zstd{});
  const auto codecs = stored_as(content, Zstd{});
  BOOST_TEST((codecs == std::vector{FrameCodec::raw, FrameCodec::zstd, FrameCodec::raw, FrameCodec::zstd}));
}

// What is remembered ----------------------------------------------------------------------------------------------------------------

/// After an object of noise: the codec of a chunk that its sample does not show, where `write(storage, backend, chunk)` puts it.
template <class Write>
FrameCodec codec_after_noise(std::uint64_t frame, Write write) {
  const OpenStorage inner;
  const auto storage = compressed(inner, Zstd{});
  auto backend = *storage.create_backend();
  BOOST_TEST_REQUIRE(write_all(backend.create(), noise(4), chunk).has_value());
  write(storage, backend, hidden_from_sample(frame, Zstd{}));
  return codecs_of(*inner.made->back()).back();
}

BOOST_AUTO_TEST_CASE(an_extension_goes_on_from_what_the_object_showed) {
  BOOST_TEST((codec_after_noise(first_frame + 4, [](const auto&, auto& backend, const Bytes& bytes) {
                BOOST_TEST_REQUIRE(write_all(backend.append(), bytes, chunk).has_value());
              }) == FrameCodec::raw));
}

BOOST_AUTO_TEST_CASE(a_new_object_begins_anew) {
  BOOST_TEST((codec_after_noise(first_frame + 5, [](const auto&, auto& backend, const Bytes& bytes) {
                BOOST_TEST_REQUIRE(write_all(backend.create(), bytes, chunk).has_value());
              }) == FrameCodec::zstd));
}

BOOST_AUTO_TEST_CASE(another_location_begins_anew) {
  BOOST_TEST((codec_after_noise(first_frame, [](const auto& storage, auto&, const Bytes& bytes) {
                auto other = *storage.create_backend();
                BOOST_TEST_REQUIRE(write_all(other.create(), bytes, chunk).has_value());
              }) == FrameCodec::zstd));
}

// What is stored as it is ------------------------------------------------------------------------------------------------------------

template <class Storage>
void expect_exact(const Storage& inner, const CompressionMethod& method, std::string_view what) {
  const Bytes content = pattern(5 * chunk + 17);
  for (const std::size_t piece : {1000UL, chunk - 1, chunk, chunk + 1, 3 * chunk, content.size()}) {
    BOOST_TEST_CONTEXT(what << ", pieces of " << piece) {
      auto backend = *compressed(inner, method).create_backend();
      const std::span<const std::byte> all{content};
      BOOST_TEST_REQUIRE(write_all(backend.create(), all.first(2 * chunk + 5), piece).has_value());
      BOOST_TEST_REQUIRE(write_all(backend.append(), all.subspan(2 * chunk + 5), piece).has_value());
      auto reader = backend.open();
      BOOST_TEST((read_all(*reader, 777) == content));
      auto seeker = backend.open_seeker();
      BOOST_TEST_REQUIRE(seeker->seek(chunk + 1, Whence::begin).has_value());
      BOOST_TEST((read_all(*seeker, chunk) == Bytes{content.begin() + chunk + 1, content.end()}));
      Bytes window(2 * chunk);
      BOOST_TEST((backend.open_reader_at()->read_at(chunk - 3, window) == window.size()));
      BOOST_TEST(std::equal(window.begin(), window.end(), content.begin() + chunk - 3));
    }
  }
}

BOOST_AUTO_TEST_CASE(noise_comes_back_as_it_was_on_every_way) {
  for (const auto& [name, method] : each_codec()) {
    BOOST_TEST_CONTEXT(name) {
      expect_exact(OpenStorage{}, method, "a store that does not gather");
      expect_exact(MemoryStorage{}, method, "a store that gathers");
      expect_exact(FileStorage{}, method, "files");
      expect_exact(AnyStorage{OpenStorage{}}, method, "any storage, without gathering");
      expect_exact(AnyStorage{MemoryStorage{}}, method, "any storage, with gathering");
    }
  }
}

BOOST_AUTO_TEST_CASE(noise_comes_back_through_a_buffer) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{100'000}, compressed(FileStorage{}, Lz4{})};
  const Bytes content = pattern(1'000'000);
  for (std::span<const std::byte> rest{content}; !rest.empty();) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + rest.size() % 9973));
    BOOST_TEST_REQUIRE(buffer.append(part).has_value());
    rest = rest.subspan(part.size());
  }
  BOOST_TEST((read_all(buffer, 10'000) == content));
}

/// What a store is given: the pieces of each write.
struct Given {
  bool is_declared = true;  // that it gathers
  std::vector<std::vector<std::span<const std::byte>>> writes;
};

class GatheringBackend {
 public:
  class Writer {
   public:
    explicit Writer(Given& given) : given_{&given} {}
    Result<void> write(std::span<const std::byte> bytes) { return given_->writes.push_back({bytes}), Result<void>{}; }
    Result<void> write(std::span<const std::span<const std::byte>> pieces) {
      given_->writes.emplace_back(pieces.begin(), pieces.end());
      return {};
    }
    static Result<void> close() { return {}; }

   private:
    Given* given_;
  };
  explicit GatheringBackend(Given& given) : given_{&given} {}
  [[nodiscard]] Capabilities capabilities() const noexcept {
    return given_->is_declared ? Capabilities{Capability::gather} : Capabilities{};
  }
  Result<Writer> create() { return Writer{*given_}; }
  [[nodiscard]] Result<OpenBackend::Reader> open() const { return failure(errc::not_found, "open"); }
  static Result<void> remove() { return {}; }

 private:
  Given* given_;
};
struct GatheringStorage {
  Given* given;
  [[nodiscard]] Result<GatheringBackend> create_backend() const { return GatheringBackend{*given}; }
};

BOOST_AUTO_TEST_CASE(a_chunk_as_it_is_goes_on_uncopied_in_one_write) {
  const Bytes content = noise(5);
  Given given;
  auto backend = *compressed(GatheringStorage{&given}, Zstd{}).create_backend();
  BOOST_TEST_REQUIRE(write_all(backend.create(), content, content.size()).has_value());
  BOOST_TEST_REQUIRE(given.writes.size() == 5U);
  for (std::size_t i = 0; i != 5; ++i) {
    const auto& pieces = given.writes[i];
    BOOST_TEST_REQUIRE(pieces.size() == 2U);
    BOOST_TEST(pieces[0].size() == frame_header + (i == 0 ? detail::CompressedHeader::bytes : 0));
    BOOST_TEST((pieces[1].data() == content.data() + i * chunk));
    BOOST_TEST(pieces[1].size() == chunk);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_declared_to_gather_gets_one_piece_a_write) {
  Given given{.is_declared = false, .writes = {}};
  auto backend = *compressed(GatheringStorage{&given}, Zstd{}).create_backend();
  BOOST_TEST_REQUIRE(write_all(backend.create(), noise(3), 3 * chunk).has_value());
  BOOST_TEST_REQUIRE(given.writes.size() == 3U);
  for (const auto& pieces : given.writes) BOOST_TEST(pieces.size() == 1U);
  BOOST_TEST(given.writes[1][0].size() == frame_header + chunk);
}

}  // namespace
}  // namespace hybridbuffer::testing
