#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"
#include "model_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

// Code points, delimiters and lines, wherever chunks, extents and memory meet.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Chunks = HybridBuffer<SegmentedMemory<3>, SpillAt, MemoryBackend>;
using Buffers = std::tuple<Chunks, HybridBuffer<SegmentedMemory<1>, SpillAt, examples::VectorBackend>,
                           HybridBuffer<ContiguousMemory, SpillAt, MemoryBackend>>;

/// Buffers that hold `content` in every division between storage and memory, each with the position at its start.
template <class Buffer, class Check>
void in_every_division(std::string_view content, Check&& check) {
  for (std::size_t stored = 0; stored <= content.size(); ++stored) {
    Buffer buffer{SpillAt{1000}};
    BOOST_REQUIRE(buffer.append(content.substr(0, stored)).has_value());
    BOOST_REQUIRE(buffer.spill().has_value());
    BOOST_REQUIRE(buffer.append(content.substr(stored)).has_value());
    check(buffer);
  }
}

std::u32string code_points_of(auto& buffer) {
  std::u32string points;
  for (auto point = buffer.read_code_point(); point && point->has_value(); point = buffer.read_code_point()) points += **point;
  return points;
}

struct Utf8 {
  std::string_view bytes;
  std::u32string_view points;
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_code_point_survives_a_round_trip) {
  Chunks buffer{SpillAt{4096}};
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    const bool is_surrogate = point >= 0xD800 && point < 0xE000;
    const auto done = buffer.append(point);
    if (done.has_value() == is_surrogate) BOOST_ERROR("appending code point " << static_cast<std::uint32_t>(point));
  }
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point == 0xD800) point = 0xE000;
    const auto read = buffer.read_code_point();
    if (!read || *read != point) BOOST_FAIL("reading code point " << static_cast<std::uint32_t>(point));
  }
  BOOST_TEST(buffer.unread() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_no_scalar_value_is_refused_and_changes_nothing) {
  Chunks buffer;
  for (const char32_t wrong : {0xD800U, 0xDBFFU, 0xDC00U, 0xDFFFU, 0x110000U, 0xFFFFFFFFU}) {
    BOOST_TEST((buffer.append(wrong).error() == errc::invalid_argument));
  }
  BOOST_TEST(buffer.empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(well_formed_text_is_read_across_every_division, Buffer, Buffers) {
  const std::u32string points = U"a\u00E9\u20AC\U0001F600\u0000z\uFFFF\u0800\U0010FFFF";
  std::string bytes;
  {
    Chunks encoder;
    for (const char32_t point : points) BOOST_REQUIRE(encoder.append(point).has_value());
    bytes = *encoder.to_string();
  }
  in_every_division<Buffer>(bytes, [&](Buffer& buffer) {
    BOOST_TEST((code_points_of(buffer) == points));
    BOOST_TEST(buffer.unread() == 0U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_byte_that_is_not_well_formed_is_one_replacement, Buffer, Buffers) {
  constexpr char32_t r = 0xFFFD;
  const std::initializer_list<Utf8> malformed{
      {"\x80", std::u32string_view{&r, 1}},
      {"\xE2\x82z", U"\uFFFD\uFFFDz"},          // the third byte is missing
      {"\xE2\x82", U"\uFFFD\uFFFD"},            // and there is no more
      {"\xF0\x9F\x98", U"\uFFFD\uFFFD\uFFFD"},  //
      {"\xF0\x9F\x98\xE2\x82\xAC", U"\uFFFD\uFFFD\uFFFD\u20AC"},
      {"\xC0\xAF", U"\uFFFD\uFFFD"},                      // too long for '/'
      {"\xE0\x80\xAF", U"\uFFFD\uFFFD\uFFFD"},            //
      {"\xF0\x80\x80\xAF", U"\uFFFD\uFFFD\uFFFD\uFFFD"},  //
      {"\xED\xA0\x80", U"\uFFFD\uFFFD\uFFFD"},            // a surrogate
      {"\xF4\x90\x80\x80", U"\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"\xF5\xFF\xFE", U"\uFFFD\uFFFD\uFFFD"},            // never lead bytes
      {"a\xC2", U"a\uFFFD"},
  };
  for (const Utf8& one : malformed) {
    in_every_division<Buffer>(one.bytes, [&](Buffer& buffer) { BOOST_TEST((code_points_of(buffer) == one.points)); });
  }
}

BOOST_AUTO_TEST_CASE(every_pair_and_lead_of_three_bytes_is_decoded_by_the_table) {
  std::string bytes(4, '\0');
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : {0x00U, 0x7FU, 0x80U, 0xBFU, 0xC0U, 0xFFU}) {
        bytes = {static_cast<char>(lead), static_cast<char>(second), static_cast<char>(third), '\x80'};
        Chunks buffer;
        BOOST_REQUIRE(buffer.append(bytes).has_value());
        const CodePoint expected = first_code_point(view(bytes));
        const auto read = buffer.read_code_point();
        if (!read || *read != expected.point || buffer.tell() != expected.length) BOOST_ERROR(lead << ' ' << second << ' ' << third);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_line_ends_at_newline_or_carriage_return_newline_or_the_end, Buffer, Buffers) {
  const std::string content = "first\nsecond\r\n\n\r\nlone\rreturn\r\r\nlast\r";
  in_every_division<Buffer>(content, [&](Buffer& buffer) {
    std::vector<std::string> lines;
    for (auto line = buffer.read_line(); line && line->has_value(); line = buffer.read_line()) lines.push_back(**line);
    BOOST_TEST(lines == (std::vector<std::string>{"first", "second", "", "", "lone\rreturn\r", "last\r"}),
               boost::test_tools::per_element());
    BOOST_TEST(buffer.unread() == 0U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_final_newline_starts_no_further_line, Buffer, Buffers) {
  in_every_division<Buffer>("only\n", [&](Buffer& buffer) {
    BOOST_TEST((*buffer.read_line() == "only"));
    BOOST_TEST((*buffer.read_line() == std::nullopt));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(read_until_includes_the_delimiter_and_goes_on_behind_it, Buffer, Buffers) {
  const std::string content{"ab\0cd\0\0e", 8};
  in_every_division<Buffer>(content, [&](Buffer& buffer) {
    const std::vector<std::string> expected{{"ab\0", 3}, {"cd\0", 3}, {"\0", 1}, {"e", 1}, {}};
    for (const std::string& piece : expected) BOOST_TEST(text(*buffer.read_until(std::byte{0})) == piece);
  });
}

BOOST_AUTO_TEST_CASE(lines_longer_than_memory_and_read_ahead_are_read_whole) {
  for (const std::size_t length : {65535U, 65536U, 65537U, 300'000U}) {
    Chunks buffer{SpillAt{1000}};
    const std::string line(length, 'x');
    BOOST_REQUIRE((buffer.append(line) && buffer.append("\r\n") && buffer.append(line)));

    BOOST_TEST((*buffer.read_line() == line));
    BOOST_TEST((*buffer.read_line() == line));
    BOOST_TEST((*buffer.read_line() == std::nullopt));
  }
}
