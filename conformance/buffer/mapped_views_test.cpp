#include "mapped_support.hpp"
#include "model_streams.hpp"
#include "random.hpp"

#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/view/chunks.hpp>
#include <hybridbuffer/view/lines.hpp>
#include <hybridbuffer/view/source_view.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Views over a cursor that shows stored bytes in place: the same chunks and lines as over the buffer, and none of them copied.

namespace hybridbuffer::testing {
namespace {

static_assert(seeker<MappedReader<Files::Buffer>> && window_reader<MappedReader<Files::Buffer>>);
static_assert(seeker<MappedReader<Minimal::Buffer>> && window_reader<MappedReader<Minimal::Buffer>>);
static_assert(!window_reader<Files::Buffer> && !window_reader<BufferReader<Files::Buffer>>);

BOOST_AUTO_TEST_CASE_TEMPLATE(chunks_show_the_windows, Composition, Compositions) {
  MapPlan::reset();
  const Bytes content = pattern(10 * page + 17);
  auto buffer = spilled_by<Composition>(3 * page, content);
  buffer.append(pattern(100, 3)).value();
  Bytes all = content;
  const Bytes tail = pattern(100, 3);
  all.insert(all.end(), tail.begin(), tail.end());
  for (const std::size_t chunk_bytes : {std::size_t{1}, std::size_t{100}, page - 1, page, std::size_t{1} << 20U}) {
    auto view = chunks(MappedReader{buffer, 2 * page}, chunk_bytes);
    Bytes shown;
    for (const View chunk : view) {
      BOOST_REQUIRE(!chunk.empty() && chunk.size() <= chunk_bytes);
      shown.insert(shown.end(), chunk.begin(), chunk.end());
    }
    BOOST_TEST(view.status().has_value());
    BOOST_TEST(same(shown, all));
  }
  BOOST_TEST(buffer.tell() == 0U);
}

BOOST_AUTO_TEST_CASE(chunks_and_lines_copy_nothing_of_a_window) {
  const auto buffer = spilled_by<Files>(page, pattern(4 * page));
  MappedReader beside{buffer};
  const View whole = beside.peek().value();
  auto view = chunks(std::move(beside), 1000);
  const View first = *view.begin();
  BOOST_TEST(static_cast<const void*>(first.data()) == static_cast<const void*>(whole.data()));
  BOOST_TEST(first.size() == 1000U);
}

std::string random_lines(Random& random, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    text.append(random.one_in(20) ? random.below(3 * page) : random.below(90), 'x');
    if (random.one_in(4)) text += '\r';
    text += '\n';
  }
  if (random.one_in(2)) text += "a rest";
  if (random.one_in(4)) text += '\r';
  return text;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(lines_equal_those_of_the_copying_view, Composition, Compositions) {
  MapPlan::reset();
  for (std::uint64_t seed = 0; seed != 20; ++seed) {
    Random random{seed};
    const std::string text = random_lines(random, 8 * page);
    const View bytes = testing::view(text);
    auto buffer = spilled_by<Composition>(1 + random.below(3 * page), Bytes(bytes.begin(), bytes.end()));
    std::vector<std::string> expected;
    for (const std::string_view line : lines(buffer)) expected.emplace_back(line);
    std::vector<std::string> shown;
    auto view = lines(MappedReader{buffer, page * (1 + random.below(4))});
    for (const std::string_view line : view) shown.emplace_back(line);
    BOOST_TEST(view.status().has_value());
    BOOST_TEST_REQUIRE(shown.size() == expected.size());
    BOOST_TEST((shown == expected));
  }
}

BOOST_AUTO_TEST_CASE(views_go_on_over_changes_of_the_buffer) {
  auto buffer = Files::make(1 << 20);
  buffer.append("one\ntwo\n").value();
  auto view = lines(MappedReader{buffer});
  std::vector<std::string> shown;
  for (const std::string_view line : view) {
    shown.emplace_back(line);
    if (shown.size() == 1) buffer.spill().value();                  // the memory that was shown is gone
    if (shown.size() == 2) buffer.append("three\nfour\n").value();  // the view had come to the end
    if (shown.size() == 3) buffer.truncate(14).value(), buffer.append("FIVE\n").value();
  }
  BOOST_TEST(view.status().has_value());
  BOOST_TEST((shown == std::vector<std::string>{"one", "two", "three", "FIVE"}));
}

BOOST_AUTO_TEST_CASE(a_view_ends_at_a_map_that_fails) {
  MapPlan::reset();
  const auto buffer = spilled_by<Planned>(page, pattern(4 * page));
  auto view = chunks(MappedReader{buffer, page}, page);
  std::size_t shown = 0;
  for (const View chunk : view) {
    shown += chunk.size();
    if (shown == 2 * page) MapPlan::effect = MapEffect::error;
  }
  BOOST_TEST(shown == 2 * page);
  BOOST_TEST((view.status().error() == errc::io));
  auto none = lines(MappedReader{buffer, page});
  BOOST_TEST((none.begin() == none.end()));
  BOOST_TEST((none.status().error() == errc::io));
  MapPlan::reset();
}

}  // namespace
}  // namespace hybridbuffer::testing
