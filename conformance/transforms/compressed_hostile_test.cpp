#include "compressed_support.hpp"

#include <hybridbuffer/literals.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <string_view>
#include <sys/resource.h>
#include <utility>

// Frames with right checksums that no codec made: refused, in the time and memory of the chunk that they stand for.

namespace hybridbuffer::testing {
namespace {

using namespace hybridbuffer::literals;
using detail::FrameCodec;

constexpr std::size_t content_bytes = 64_KiB;

Bytes bytes(std::initializer_list<unsigned> values) {
  Bytes made;
  for (const unsigned value : values) made.push_back(static_cast<std::byte>(value));
  return made;
}
Bytes operator+(Bytes one, const Bytes& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}
Bytes repeated(const Bytes& piece, std::size_t times) {
  Bytes made;
  for (std::size_t i = 0; i != times; ++i) made.insert(made.end(), piece.begin(), piece.end());
  return made;
}
template <class Number>
Bytes little_endian(Number number) {
  Bytes made(sizeof(Number));
  detail::store_little_endian(number, made);
  return made;
}
/// What the codec makes of `plain`, without the frame's header.
Bytes payload_of(const CompressionMethod& method, const Bytes& plain) {
  Bytes frame = FrameForge{method}.encode(plain);
  BOOST_TEST_REQUIRE((frame[8] != std::byte{}));  // not raw
  return {frame.begin() + detail::CompressedFrame::header_bytes, frame.end()};
}

long peak_kilobytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void expect_refused(const CompressionMethod& method, FrameCodec codec, const Bytes& payload, std::string_view what) {
  BOOST_TEST_CONTEXT(what) {
    const FrameForge forge{method};
    const Bytes frame = forge.forge(codec, payload, content_bytes);
    const long peak = peak_kilobytes();
    const auto begin = std::chrono::steady_clock::now();
    const auto decoded = forge.decode(frame, content_bytes);
    BOOST_TEST_REQUIRE(!decoded.has_value());
    BOOST_TEST((decoded.error() == errc::corrupted));
    BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds{2}));
    BOOST_TEST(peak_kilobytes() - peak < 32 * 1024);
  }
}

BOOST_AUTO_TEST_CASE(what_holds_more_or_less_than_its_chunk_is_refused) {
  const std::array<FrameCodec, 6> codecs{FrameCodec::zstd, FrameCodec::lz4,  FrameCodec::snappy,
                                         FrameCodec::gzip, FrameCodec::zlib, FrameCodec::deflate};
  for (std::size_t i = 0; i != codecs.size(); ++i) {
    const auto [name, method] = each_codec()[i];
    for (const std::size_t size : {1000UL, content_bytes - 1, content_bytes + 1, std::size_t{8_MiB}}) {
      const Bytes payload = payload_of(method, zeros(size));
      BOOST_TEST_CONTEXT(name << ", " << size << " bytes") { expect_refused(method, codecs[i], payload, name); }
    }
    const Bytes whole = payload_of(method, zeros(content_bytes));
    expect_refused(method, codecs[i], whole + bytes({0}), "a byte behind the end");
    expect_refused(method, codecs[i], whole + whole, "two of them");
    expect_refused(method, codecs[i], {}, "nothing");
    for (std::size_t size = 1; size < whole.size(); size += 1 + size / 16) {
      expect_refused(method, codecs[i], {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, "cut off");
    }
  }
  expect_refused(Zstd{}, FrameCodec::raw, zeros(content_bytes - 1), "raw and too short");
  expect_refused(Zstd{}, FrameCodec::raw, zeros(content_bytes + 1), "raw and too long");
}

BOOST_AUTO_TEST_CASE(a_codec_that_the_location_does_not_use_sees_nothing) {
  const Bytes zlib = payload_of(Zlib{}, zeros(content_bytes));
  expect_refused(Zstd{}, FrameCodec::zlib, zlib, "zlib where zstd is used");
  expect_refused(Auto{}, FrameCodec::zlib, zlib, "zlib where Auto chooses");
  for (const unsigned codec : {7U, 8U, 255U}) expect_refused(Zlib{}, static_cast<FrameCodec>(codec), zlib, "an unknown codec");
}

BOOST_AUTO_TEST_CASE(a_frame_that_lies_about_its_lengths_is_refused) {
  const FrameForge forge{Zstd{}};
  const Bytes payload = payload_of(Zstd{}, zeros(content_bytes));
  for (const std::size_t claimed :
       {std::size_t{0}, content_bytes - 1, content_bytes + 1, std::size_t{std::numeric_limits<std::uint32_t>::max()}}) {
    BOOST_TEST((forge.decode(forge.forge(FrameCodec::zstd, payload, claimed), content_bytes).error() == errc::corrupted));
  }
}

BOOST_AUTO_TEST_CASE(zstd_bombs_are_refused) {
  const Bytes magic = little_endian(std::uint32_t{ZSTD_MAGICNUMBER});
  const Bytes long_run = bytes({0x02, 0x00, 0x10, 0x00});      // an RLE block of 128 KiB of zeros
  const Bytes last_run = bytes({0x03, 0x00, 0x08, 0x00});      // the last block, of 64 KiB
  const Bytes eight = little_endian(std::uint64_t{1} << 62U);  // a content size of eight bytes
  const auto refused = [](const Bytes& payload, std::string_view what) { expect_refused(Zstd{}, FrameCodec::zstd, payload, what); };
  const Bytes right = little_endian(std::uint32_t{content_bytes});
  // That from which the others are made is one.
  const FrameForge forge{Zstd{}};
  BOOST_TEST_REQUIRE((forge.decode(forge.forge(FrameCodec::zstd, magic + bytes({0xA0}) + right + last_run, content_bytes), content_bytes) ==
                      zeros(content_bytes)));

  refused(magic + bytes({0xE0}) + eight + last_run, "a single segment of 2^62 bytes");
  refused(magic + bytes({0x80, 0xF8}) + right + last_run, "a window of 2^41 bytes");
  refused(magic + bytes({0x80, 0x90}) + right + last_run, "a window of 2^28 bytes");
  refused(magic + bytes({0x00, 0x50}) + last_run, "no content size");
  refused(magic + bytes({0xA0}) + right + repeated(long_run, 10'000) + last_run, "blocks of more than a gigabyte");
  refused(magic + bytes({0xA3}) + little_endian(std::uint32_t{77}) + right + last_run, "a dictionary");
  refused(magic + bytes({0xA4}) + right + last_run + bytes({1, 2, 3, 4}), "a wrong checksum of its own");
  refused(magic + bytes({0xA8}) + right + last_run, "a reserved bit");
  const Bytes skipped = little_endian(std::uint32_t{0x184D2A50}) + little_endian(std::uint32_t{4}) + bytes({1, 2, 3, 4});
  const Bytes whole = payload_of(Zstd{}, zeros(content_bytes));
  refused(skipped + whole, "a frame to skip first");
  refused(whole + skipped, "a frame to skip behind");
  for (const unsigned version : {0x25U, 0x26U, 0x27U}) {
    refused(bytes({version, 0xB5, 0x2F, 0xFD}) + zeros(100), "a format before 1.0");
  }
}

BOOST_AUTO_TEST_CASE(lz4_blocks_that_leave_their_room_are_refused) {
  const auto refused = [](const Bytes& payload, std::string_view what) { expect_refused(Lz4{}, FrameCodec::lz4, payload, what); };
  refused(bytes({0x1F, 'a', 1, 0}) + Bytes(1000, std::byte{0xFF}) + bytes({0, 0x50, 1, 2, 3, 4, 5}), "a match of 255 000 bytes");
  refused(bytes({0x1F, 'a', 0, 0}) + Bytes(200, std::byte{0xFF}) + bytes({0, 0x50, 1, 2, 3, 4, 5}), "an offset of 0");
  refused(bytes({0x1F, 'a', 0xFF, 0xFF}) + Bytes(200, std::byte{0xFF}) + bytes({0, 0x50, 1, 2, 3, 4, 5}), "an offset before the begin");
  refused(bytes({0xF0}) + Bytes(100'000, std::byte{0xFF}), "a literal without an end");
  refused(bytes({0xF0, 0xFF, 0x10}) + pattern(5), "a literal longer than the block");
}

BOOST_AUTO_TEST_CASE(snappy_blocks_that_leave_their_room_are_refused) {
  const auto refused = [](const Bytes& payload, std::string_view what) { expect_refused(Snappy{}, FrameCodec::snappy, payload, what); };
  const Bytes length = bytes({0x80, 0x80, 0x04});  // 65 536
  refused(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0x0F}) + pattern(100), "4 GiB");
  refused(bytes({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}) + pattern(100), "a length without an end");
  refused(length + bytes({0x00, 'a'}) + repeated(bytes({0xFE, 0x01, 0x00}), 2000), "copies of more than the length");
  refused(length + bytes({0x00, 'a', 0xFE, 0x00, 0x00}), "an offset of 0");
  refused(length + bytes({0x00, 'a', 0xFE, 0x05, 0x00}), "an offset before the begin");
  refused(length + bytes({0xFC, 0xFF, 0xFF, 0xFF, 0xFF}) + pattern(10), "a literal of 4 GiB");
}

BOOST_AUTO_TEST_CASE(deflated_streams_that_leave_their_room_are_refused) {
  const auto refused = [](const Bytes& payload, std::string_view what) { expect_refused(Deflate{}, FrameCodec::deflate, payload, what); };
  refused(bytes({0x07}), "a reserved kind of block");
  refused(bytes({0x01, 0x05, 0x00, 0x00, 0x00, 1, 2, 3, 4, 5}), "lengths that contradict each other");
  refused(repeated(bytes({0x00, 0x00, 0x00, 0xFF, 0xFF}), 20'000), "empty blocks without an end");
  refused(payload_of(Zlib{}, zeros(content_bytes)), "zlib without being so");
  Bytes sum = payload_of(Zlib{}, zeros(content_bytes));
  sum.back() ^= std::byte{1};
  expect_refused(Zlib{}, FrameCodec::zlib, sum, "a wrong Adler-32");
  expect_refused(Zlib{}, FrameCodec::zlib, bytes({0x78, 0xBB, 1, 2, 3, 4, 3, 0}), "a dictionary");
  Bytes crc = payload_of(Gzip{}, zeros(content_bytes));
  crc[crc.size() - 5] ^= std::byte{1};
  expect_refused(Gzip{}, FrameCodec::gzip, crc, "a wrong CRC-32");
  expect_refused(Gzip{}, FrameCodec::gzip, bytes({0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3}) + Bytes(100'000, std::byte{'n'}),
                 "a name without an end");
}

BOOST_AUTO_TEST_CASE(whatever_a_decoder_gets_it_stays_in_its_room) {
  std::mt19937_64 random{1};
  const std::array<FrameCodec, 6> codecs{FrameCodec::zstd, FrameCodec::lz4,  FrameCodec::snappy,
                                         FrameCodec::gzip, FrameCodec::zlib, FrameCodec::deflate};
  for (std::size_t i = 0; i != codecs.size(); ++i) {
    const FrameForge forge{each_codec()[i].method};
    const Bytes content = alternating(3000);
    const Bytes payload = payload_of(each_codec()[i].method, content);
    for (int round = 0; round < 3000; ++round) {
      Bytes changed = payload;
      for (std::uint64_t n = 1 + random() % 8; n != 0; --n) changed[random() % changed.size()] = static_cast<std::byte>(random());
      if (random() % 4 == 0) changed.resize(random() % changed.size());
      const auto decoded = forge.decode(forge.forge(codecs[i], changed, content.size()), content.size());
      BOOST_TEST_REQUIRE((decoded.has_value() || decoded.error() == errc::corrupted));
    }
  }
}

}  // namespace
}  // namespace hybridbuffer::testing
