#include <boost/test/unit_test.hpp>

#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/view/output_iterator.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <range/v3/algorithm/copy.hpp>
#include <range/v3/view/transform.hpp>

#include "view_support.hpp"

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using Iterator = AppendIterator<FileBuffer>;
static_assert(std::output_iterator<Iterator, char> && std::output_iterator<Iterator, std::byte>);
static_assert(std::output_iterator<Iterator, const char&> && ranges::output_iterator<Iterator, char>);
static_assert(std::same_as<std::iterator_traits<Iterator>::iterator_category, std::output_iterator_tag>);
static_assert(std::is_trivially_copyable_v<Iterator>);
static_assert(!std::is_copy_constructible_v<Appender<FileBuffer>>);

// What a formatting function does: takes an iterator by value, hands back where it stopped.
template <std::output_iterator<char> Out>
Out write_number(Out out, int number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return std::copy(digits.data(), end, out);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(appenders)

BOOST_AUTO_TEST_CASE_TEMPLATE(characters_and_bytes_are_appended_in_the_order_of_their_assignment, Buffer, Buffers) {
  const std::string content = Random{seed_of_this_run()}.bytes(10'000);
  for (const std::uint64_t threshold : {0U, 1U, 63U, 64U, 65U, 20'000U}) {
    if (threshold == 0 && std::same_as<Buffer, MinimalBuffer>) continue;  // a location for each byte
    Buffer buffer{SpillAt{threshold}};
    Appender appender{buffer};

    auto out = std::copy(content.begin(), content.begin() + 5000, appender.out());
    std::ranges::copy(std::as_bytes(std::span{content}).subspan(5000, 3000), out);
    std::copy(content.begin() + 8000, content.end(), std::move(out));

    BOOST_TEST(appender.status().has_value());
    BOOST_TEST((buffer.to_string().value() == content));
  }
}

BOOST_AUTO_TEST_CASE(formatting_functions_hand_the_iterator_on) {
  FileBuffer buffer;
  Appender appender{buffer};

  auto out = write_number(appender.out(), -12);
  *out++ = ' ';
  *out = std::byte{'#'};
  ++out;
  write_number(out, 345);

  BOOST_TEST((buffer.to_string().value() == "-12 #345"));
}

BOOST_AUTO_TEST_CASE(algorithms_of_range_v3_append) {
  FileBuffer buffer;
  Appender appender{buffer};
  const std::string_view text = "abc";

  ranges::copy(text | ranges::views::transform([](char unit) { return static_cast<char>(unit - 32); }), appender.out());

  BOOST_TEST((buffer.to_string().value() == "ABC"));
}

BOOST_AUTO_TEST_CASE(copies_of_the_iterator_and_other_appends_go_to_the_same_end) {
  FileBuffer buffer;
  Appender appender{buffer};
  auto first = appender.out();
  auto second = first;

  *first = 'a';
  *second = 'b';
  buffer.append("c").value();
  *first = 'd';
  *appender.out() = 'e';

  BOOST_TEST((buffer.to_string().value() == "abcde"));
}

BOOST_AUTO_TEST_CASE(for_every_failing_write_the_buffer_holds_what_came_before_and_status_keeps_the_error) {
  const std::string content = Random{seed_of_this_run()}.bytes(1000);
  std::uint64_t k = 1;
  for (;; ++k) {
    FaultyFixture faulty;
    faulty.buffer = FaultyBuffer{SpillAt{100}, FaultyStorage{faulty.plan}};
    faulty.plan->failing_write = k;
    Appender appender{faulty.buffer};

    std::ranges::copy(content, appender.out());

    const std::string held = faulty.buffer.to_string().value();
    BOOST_TEST((held == content.substr(0, held.size())));
    if (faulty.plan->fired == 0) {
      BOOST_TEST(appender.status().has_value());
      BOOST_TEST((held == content));
      break;
    }
    BOOST_REQUIRE(!appender.status());
    BOOST_TEST((appender.status().error() == errc::unavailable));
    BOOST_TEST(held.size() < content.size());
    appender.restart();
    std::ranges::copy(content.substr(held.size()), appender.out());
    BOOST_TEST(appender.status().has_value());
    BOOST_TEST((faulty.buffer.to_string().value() == content));
  }
  BOOST_TEST(k > 10U);
}

BOOST_AUTO_TEST_CASE(a_limit_that_is_reached_is_an_error_once) {
  HybridBuffer buffer{InlineMemory<4>{}, NeverSpill{}};
  Appender appender{buffer};

  std::ranges::copy(std::string_view{"abcdefgh"}, appender.out());

  BOOST_TEST((appender.status().error() == errc::no_space));
  BOOST_TEST((buffer.to_string().value() == "abcd"));
}

BOOST_AUTO_TEST_SUITE_END()
