#include <boost/test/unit_test.hpp>

#include <hybridbuffer/view/iostream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <istream>
#include <iterator>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "view_support.hpp"

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

// Passes everything on, and notes what it was given to read into and to append.
struct SpyBuffer {
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset) { return inner.seek(offset); }
  [[nodiscard]] Result<std::span<const std::byte>> peek() { return inner.peek(); }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    reads.push_back(out);
    return inner.read(out);
  }
  [[nodiscard]] Result<void> append(std::span<const std::byte> bytes) {
    appends.push_back(bytes);
    return inner.append(bytes);
  }
  [[nodiscard]] Result<void> append(char unit) { return inner.append(unit); }
  [[nodiscard]] std::uint64_t tell() const { return inner.tell(); }
  [[nodiscard]] std::uint64_t size() const { return inner.size(); }
  [[nodiscard]] std::uint64_t first_offset() const { return inner.first_offset(); }
  [[nodiscard]] bool is_open() const { return inner.is_open(); }

  FileBuffer inner;
  std::vector<std::span<std::byte>> reads;
  std::vector<std::span<const std::byte>> appends;
};

// Reads lines until the stream gives none.
[[nodiscard]] std::string drain(std::istream& stream) {
  std::string all;
  for (std::string line; std::getline(stream, line);) all.append(line) += '\n';
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(buffer_streams)

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_written_formatted_is_read_formatted, Buffer, Buffers) {
  Buffer buffer;
  BufferStream stream{buffer};

  stream << "total " << 42 << ' ' << 2.5 << ' ' << std::hex << 255 << std::endl << "a line\n\nlast";
  std::string word;
  int number = 0;
  double half = 0;
  int hexadecimal = 0;
  stream >> word >> std::dec >> number >> half >> std::hex >> hexadecimal;
  std::vector<std::string> rest;
  for (std::string line; std::getline(stream, line);) rest.push_back(line);

  BOOST_TEST((word == "total" && number == 42 && half == 2.5 && hexadecimal == 255));
  BOOST_TEST((rest == std::vector<std::string>{"", "a line", "", "last"}));
  BOOST_TEST((stream.eof() && stream.fail() && !stream.bad()));
  BOOST_TEST(stream.status().has_value());
}

BOOST_AUTO_TEST_CASE(what_is_written_is_in_the_buffer_at_once_and_spilling_moves_it_from_below) {
  FileBuffer buffer{SpillAt{10}};
  BufferStream stream{buffer};

  stream << 'a';
  BOOST_TEST(buffer.size() == 1U);
  stream << "bcd" << 5;
  BOOST_TEST(buffer.size() == 5U);
  stream << "six seven eight nine";

  BOOST_TEST(buffer.is_spilled());
  BOOST_TEST((buffer.to_string().value() == "abcd5six seven eight nine"));
}

BOOST_AUTO_TEST_CASE(large_blocks_pass_without_a_copy_in_between) {
  SpyBuffer buffer;
  BufferStream stream{buffer};
  const std::string content = Random{seed_of_this_run()}.bytes(100'000);
  std::string block(content.size() - 1, '?');

  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  const char first = static_cast<char>(stream.get());
  stream.read(block.data(), static_cast<std::streamsize>(block.size()));

  BOOST_REQUIRE(buffer.appends.size() == 1U);
  BOOST_TEST((reinterpret_cast<const char*>(buffer.appends[0].data()) == content.data()));
  BOOST_REQUIRE(buffer.reads.size() == 1U);
  BOOST_TEST((reinterpret_cast<const char*>(buffer.reads[0].data()) == block.data()));
  BOOST_TEST(buffer.reads[0].size() == block.size());
  BOOST_TEST((first + block == content));
}

BOOST_AUTO_TEST_CASE(the_buffers_position_follows_at_sync_at_seeks_and_at_destruction) {
  auto buffer = filled<FileBuffer>(Place::both, "one two three four");
  std::string word;
  {
    BufferStream stream{buffer};
    stream >> word;
    BOOST_TEST(stream.sync() == 0);
    BOOST_TEST(buffer.tell() == 3U);

    std::array<std::byte, 4> direct{};
    buffer.read(direct).value();
    stream >> word;
    BOOST_TEST(word == "three");

    stream << std::flush;
    BOOST_TEST(buffer.tell() == 13U);
    stream.seekg(0);
    stream >> word;
    BOOST_TEST(word == "one");
    stream >> word;
  }

  BOOST_TEST(buffer.tell() == 7U);
  BOOST_TEST((buffer.to_string().value() == " three four"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(appends_and_spills_by_another_way_between_reads_do_no_harm, Buffer, Buffers) {
  Buffer buffer{SpillAt{1000}};
  BufferStream stream{buffer};
  std::string expected;
  std::string all;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = "line " + std::to_string(i) + '\n';
    expected += text;
    buffer.append(text).value();
    if (i % 100 == 50) buffer.spill().value();
    std::array<char, 3> some{};
    stream.read(some.data(), some.size());
    all.append(some.data(), static_cast<std::size_t>(stream.gcount()));
  }

  all += drain(stream);

  BOOST_TEST((all == expected));
  BOOST_TEST(buffer.stats().spills > 10U);
}

BOOST_AUTO_TEST_CASE(reading_goes_on_after_the_end_when_more_was_written) {
  auto buffer = filled<FileBuffer>(Place::memory, "a b");
  BufferStream stream{buffer};
  std::string word;
  stream >> word >> word;
  BOOST_TEST((stream.eof() && !stream.fail()));
  BOOST_TEST(!(stream >> word));
  BOOST_TEST((stream.fail() && !stream.bad()));

  stream.clear();
  stream << " c";
  stream >> word;

  BOOST_TEST(word == "c");
}

BOOST_AUTO_TEST_CASE(writing_is_always_at_the_end_and_seekp_elsewhere_fails) {
  auto buffer = filled<FileBuffer>(Place::both, "abcdef");
  BufferStream stream{buffer};

  BOOST_TEST((stream.tellp() == std::streamoff{6}));
  BOOST_TEST(stream.seekp(0, std::ios_base::end).good());
  BOOST_TEST(stream.seekp(6).good());
  BOOST_TEST(stream.seekp(0).fail());
  stream.clear();
  BOOST_TEST(stream.seekp(-1, std::ios_base::cur).fail());
  stream.clear();
  BOOST_TEST(stream.seekp(7).fail());
  stream.clear();
  stream << "g";

  BOOST_TEST((stream.tellg() == std::streamoff{0}));
  BOOST_TEST((buffer.to_string().value() == "abcdefg"));
  BOOST_TEST(stream.status().has_value());
}

BOOST_AUTO_TEST_CASE(one_seek_for_both_positions_can_only_go_to_the_end) {
  auto buffer = filled<FileBuffer>(Place::both, "abcdef");
  BufferStreambuf<FileBuffer> streambuf{buffer};
  const std::streampos refused{std::streamoff{-1}};

  BOOST_TEST((streambuf.pubseekpos(2) == refused));
  BOOST_TEST((streambuf.pubseekoff(0, std::ios_base::cur) == refused));
  BOOST_TEST((streambuf.pubseekoff(0, std::ios_base::beg, std::ios_base::openmode{}) == refused));
  BOOST_TEST(buffer.tell() == 0U);
  BOOST_TEST((streambuf.pubseekoff(0, std::ios_base::end) == std::streamoff{6}));

  BOOST_TEST(buffer.tell() == 6U);
}

BOOST_AUTO_TEST_CASE(a_seek_outside_the_content_fails_and_the_position_stays) {
  auto buffer = filled<FileBuffer>(Place::both, "0123456789");
  BufferStream stream{buffer};
  stream.seekg(4);
  stream.sync();
  buffer.discard_read().value();
  stream.seekg(5);
  BOOST_TEST(stream.peek() == '5');

  for (const std::streamoff target : {-1, 0, 3, 11, 1'000'000}) {
    BOOST_TEST(stream.seekg(target).fail());
    BOOST_TEST(!stream.bad());
    stream.clear();
    BOOST_TEST((stream.tellg() == std::streamoff{5}));
  }
  BOOST_TEST(stream.seekg(4).good());
  BOOST_TEST(stream.get() == '4');
  BOOST_TEST(stream.seekg(0, std::ios_base::end).good());
  BOOST_TEST(stream.get() == std::char_traits<char>::eof());
  BOOST_TEST(stream.status().has_value());
}

BOOST_AUTO_TEST_CASE(unget_goes_back_to_the_first_offset_over_every_boundary) {
  const std::string content = Random{seed_of_this_run()}.bytes(10'000);
  for (const Place place : places) {
    auto buffer = filled<FileBuffer>(place, content);
    buffer.seek(100).value();
    buffer.discard_read().value();
    BufferStream stream{buffer};
    stream.seekg(0, std::ios_base::end);

    std::string backwards;
    while (stream.unget()) {
      backwards += static_cast<char>(stream.peek());
    }
    BOOST_TEST(stream.bad());  // as every stream that cannot go back
    BOOST_TEST(stream.status().has_value());
    stream.clear();

    BOOST_TEST((backwards == std::string(content.rbegin(), content.rend() - 100)));
    BOOST_TEST((stream.tellg() == std::streamoff{100}));
  }
}

BOOST_AUTO_TEST_CASE(putback_takes_the_character_that_is_there_and_refuses_another) {
  auto buffer = filled<FileBuffer>(Place::both, "abc");
  BufferStream stream{buffer};
  stream.get();
  stream.get();

  BOOST_TEST(stream.putback('b').good());
  BOOST_TEST(stream.putback('x').bad());
  stream.clear();
  stream.seekg(1);
  stream.sync();  // the area does not hold the 'a' any more
  BOOST_TEST(stream.putback('x').bad());
  stream.clear();
  BOOST_TEST((stream.tellg() == std::streamoff{1}));
  BOOST_TEST(stream.putback('a').good());

  BOOST_TEST((stream.tellg() == std::streamoff{0}));
  BOOST_TEST((buffer.to_string().value() == "abc"));
}

BOOST_AUTO_TEST_CASE(in_avail_tells_what_can_be_read) {
  auto buffer = filled<FileBuffer>(Place::both, std::string(5000, 'x'));
  BufferStream stream{buffer};
  std::string block(6000, '?');

  BOOST_TEST(stream.rdbuf()->in_avail() == 5000);
  stream.get();
  const std::streamsize in_area = stream.rdbuf()->in_avail();
  BOOST_TEST((in_area > 0 && in_area < 5000));
  BOOST_TEST(stream.readsome(block.data(), 6000) == in_area);
  BOOST_TEST(stream.rdbuf()->in_avail() == 4999 - in_area);
  stream.ignore(6000);
  BOOST_TEST(stream.rdbuf()->in_avail() == 0);
  buffer.close().value();
  BOOST_TEST(stream.rdbuf()->in_avail() == -1);
}

BOOST_AUTO_TEST_CASE(one_way_streams_share_a_streambuf) {
  FileBuffer buffer;
  BufferStreambuf<FileBuffer> streambuf{buffer};
  std::ostream out{&streambuf};
  std::istream in{&streambuf};

  out << "seven " << 7;
  std::string word;
  int number = 0;
  in >> word >> number;

  BOOST_TEST((word == "seven" && number == 7));
}

BOOST_AUTO_TEST_SUITE_END()
