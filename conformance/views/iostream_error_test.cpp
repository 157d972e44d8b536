#include <boost/test/unit_test.hpp>

#include <hybridbuffer/view/iostream.hpp>

#include <cstddef>
#include <cstdint>
#include <ios>
#include <istream>
#include <iterator>
#include <string>
#include <string_view>

#include "view_support.hpp"

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

// More than the buffer reads ahead, so that a stream comes back to the storage in the middle.
[[nodiscard]] std::string numbered_lines() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + '\n';
  return text;
}

[[nodiscard]] bool mentions(const std::exception& exception, std::string_view text) {
  return std::string_view{exception.what()}.find(text) != std::string_view::npos;
}

// Runs `read(stream)` on a new buffer with the k-th read failing, for every k until none fails, and `check(stream, delivered)` after it.
template <class Read, class Check>
void for_every_failing_read(const std::string& content, Read&& read, Check&& check) {
  std::uint64_t k = 1;
  for (;; ++k) {
    FaultyFixture faulty;
    fill(faulty.buffer, Place::both, content);
    BufferStream stream{faulty.buffer};
    faulty.plan->failing_read = k;

    const std::string delivered = read(stream);

    if (faulty.plan->fired == 0) break;
    BOOST_TEST((delivered == content.substr(0, delivered.size())));
    BOOST_TEST(delivered.size() < content.size());
    BOOST_TEST(stream.bad());
    BOOST_REQUIRE(!stream.status());
    BOOST_TEST((stream.status().error() == errc::unavailable));
    check(stream, delivered);
  }
  BOOST_TEST(k >= 3U);
}

[[nodiscard]] std::string by_line(std::istream& stream) {
  std::string all;
  for (std::string line; std::getline(stream, line);) all.append(line) += '\n';
  return all;
}
[[nodiscard]] std::string by_block(std::istream& stream) {
  std::string all;
  std::string block(10'000, '?');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() != 0) {
    all.append(block, 0, static_cast<std::size_t>(stream.gcount()));
  }
  return all;
}
[[nodiscard]] std::string by_iterator(std::istream& stream) { return {std::istreambuf_iterator<char>{stream}, {}}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(buffer_streams)

BOOST_AUTO_TEST_CASE(for_every_failing_read_the_stream_is_bad_and_goes_on_exactly_after_recover) {
  const std::string content = numbered_lines();
  const auto goes_on = [&](BufferStream<FaultyBuffer>& stream, const std::string& delivered) {
    stream.recover();
    BOOST_TEST(stream.status().has_value());
    BOOST_TEST((delivered + by_iterator(stream) == content));
    BOOST_TEST(!stream.bad());
  };

  for_every_failing_read(content, by_block, goes_on);
  for_every_failing_read(content, by_iterator, goes_on);
}

BOOST_AUTO_TEST_CASE(for_every_failing_read_only_lines_before_the_error_are_delivered) {
  const std::string content = numbered_lines();
  // The line in which the error occurs is extracted in part, and reported as failed.
  for_every_failing_read(content, by_line, [](const auto& stream, const auto& /*delivered*/) { BOOST_TEST(stream.fail()); });
}

BOOST_AUTO_TEST_CASE(for_every_failing_read_exceptions_of_badbit_throw_with_the_errors_message) {
  const std::string content = numbered_lines();
  const auto read_with_exceptions = [](std::istream& stream) {
    stream.exceptions(std::ios_base::badbit);
    std::string all;
    bool thrown = false;
    try {
      for (std::string line; std::getline(stream, line);) all.append(line) += '\n';
    } catch (const std::ios_base::failure& failure) {
      thrown = mentions(failure, "reach a store that fails when told to [unavailable]");
    }
    BOOST_TEST(thrown == stream.bad());
    return all;
  };

  for_every_failing_read(content, read_with_exceptions, [](const auto& stream, const auto& /*delivered*/) { BOOST_TEST(!stream.eof()); });
}

BOOST_AUTO_TEST_CASE(a_failing_write_sets_badbit_changes_nothing_and_can_be_made_again) {
  FaultyFixture faulty;
  BufferStream stream{faulty.buffer};
  const std::string large(3'000'000, 'x');
  stream << "before ";
  faulty.plan->failing_write = 1;

  stream << large;

  BOOST_TEST(faulty.plan->fired == 1U);
  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::unavailable));
  BOOST_TEST((faulty.buffer.to_string().value() == "before "));
  stream << "nothing is written to a bad stream";
  BOOST_TEST(faulty.buffer.size() == 7U);
  stream.recover();
  stream << large;
  BOOST_TEST(stream.good());
  BOOST_TEST((faulty.buffer.to_string().value() == "before " + large));
}

BOOST_AUTO_TEST_CASE(a_failing_write_of_one_character_sets_badbit) {
  FaultyFixture faulty;
  faulty.buffer = FaultyBuffer{SpillAt{0}, FaultyStorage{faulty.plan}};
  BufferStream stream{faulty.buffer};
  faulty.plan->failing_write = 2;

  stream.put('a').put('b');

  BOOST_TEST(faulty.plan->fired == 1U);
  BOOST_TEST(stream.bad());
  BOOST_TEST((faulty.buffer.to_string().value() == "a"));
}

BOOST_AUTO_TEST_CASE(exceptions_of_badbit_throw_with_the_message_of_a_failing_write) {
  FaultyFixture faulty;
  BufferStream stream{faulty.buffer};
  stream.exceptions(std::ios_base::badbit);
  faulty.plan->failing_write = 1;

  BOOST_CHECK_EXCEPTION(stream << std::string(3'000'000, 'x'), std::ios_base::failure,
                        [](const std::ios_base::failure& failure) { return mentions(failure, "[unavailable]"); });

  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(status_keeps_the_first_error) {
  FaultyFixture faulty;
  fill(faulty.buffer, Place::storage, "abc");
  BufferStream stream{faulty.buffer};
  faulty.plan->failing_read = 1;
  stream.get();
  stream.clear();
  faulty.buffer.close().value();

  stream.get();

  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_failing_unget_leaves_the_position_whether_it_throws_or_not) {
  for (const std::ios_base::iostate exceptions : {std::ios_base::goodbit, std::ios_base::badbit}) {
    FaultyFixture faulty;
    fill(faulty.buffer, Place::storage, "abcdef");
    BufferStream stream{faulty.buffer};
    stream.seekg(3);
    stream.exceptions(exceptions);
    faulty.plan->failing_read = 1;

    bool thrown = false;
    try {
      stream.unget();
    } catch (const std::ios_base::failure&) {
      thrown = true;
    }

    BOOST_TEST(faulty.plan->fired == 1U);
    BOOST_TEST(thrown == (exceptions == std::ios_base::badbit));
    BOOST_TEST(stream.bad());
    stream.recover();
    BOOST_TEST((stream.tellg() == std::streamoff{3}));
    BOOST_TEST(stream.get() == 'd');
  }
}

BOOST_AUTO_TEST_CASE(a_closed_buffer_is_an_error_in_both_directions_and_no_end) {
  auto buffer = filled<FileBuffer>(Place::both, "abc");
  BufferStream stream{buffer};
  buffer.close().value();

  stream.get();
  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::closed));
  stream.recover();
  stream << "x";
  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::closed));
  stream.recover();
  BOOST_TEST((stream.tellg() == std::streamoff{-1}));
  BOOST_TEST((stream.tellp() == std::streamoff{-1}));
}

BOOST_AUTO_TEST_CASE(a_streambuf_of_its_own_tells_by_status_and_reports_where_it_was_told_to) {
  FaultyFixture faulty;
  fill(faulty.buffer, Place::storage, "abc");
  BufferStreambuf<FaultyBuffer> streambuf{faulty.buffer};
  std::istream in{&streambuf};

  faulty.plan->failing_read = 1;
  BOOST_TEST(in.get() == std::char_traits<char>::eof());
  BOOST_TEST((in.eof() && !in.bad()));
  BOOST_TEST((streambuf.status().error() == errc::unavailable));
  in.clear();
  streambuf.forget_error();
  streambuf.report_to(in);
  faulty.plan->failing_read = 1;
  BOOST_TEST(in.get() == std::char_traits<char>::eof());

  BOOST_TEST(in.bad());
  BOOST_TEST(!streambuf.status());
}

BOOST_AUTO_TEST_CASE(a_sync_that_cannot_give_the_position_back_sets_badbit) {
  auto buffer = filled<FileBuffer>(Place::memory, "abcdef");
  BufferStream stream{buffer};
  stream.seekg(4);
  stream.get();
  buffer.truncate(2).value();  // without the sync() that this asks for

  BOOST_TEST(stream.sync() == -1);

  BOOST_TEST(stream.bad());
  BOOST_TEST((stream.status().error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()
