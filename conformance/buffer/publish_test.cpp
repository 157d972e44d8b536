#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/always_spill.hpp>

#include "fault_support.hpp"
#include "model_streams.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// Giving a buffer's content a lasting name.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct Fixture {
  TemporaryDirectory place;
  FileStorage storage{{.directory = place.path()}};

  [[nodiscard]] HybridBuffer<> buffer(std::uint64_t threshold) const { return HybridBuffer<>{SpillAt{threshold}, storage}; }
  [[nodiscard]] std::string file(std::string_view name) const { return place.file(name); }
  void put(std::string_view name, std::string_view content) const { std::ofstream{file(name)} << content; }
  [[nodiscard]] std::string content(std::string_view name) const { return text(content_of(file(name))); }
  [[nodiscard]] ::ino_t inode(std::string_view name) const {
    struct stat status{};
    BOOST_REQUIRE(::stat(file(name).c_str(), &status) == 0);
    return status.st_ino;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(content, Fixture)

BOOST_AUTO_TEST_CASE(an_empty_buffer_is_published_as_an_empty_file) {
  auto empty = buffer(10);

  BOOST_REQUIRE(empty.publish(file("empty")).has_value());

  BOOST_TEST(std::filesystem::file_size(file("empty")) == 0U);
  BOOST_TEST(empty.empty());
  BOOST_REQUIRE(empty.append("goes on").has_value());
  BOOST_TEST(content("empty") == "");
}

BOOST_AUTO_TEST_CASE(content_that_never_left_memory_is_published_without_a_copy) {
  auto in_memory = buffer(1000);
  BOOST_REQUIRE(in_memory.append("only in memory").has_value());

  BOOST_REQUIRE(in_memory.publish(file("out")).has_value());

  BOOST_TEST(content("out") == "only in memory");
  BOOST_TEST(in_memory.stats().publish_copied == 0U);
  BOOST_TEST(*in_memory.to_string() == "only in memory");
}

// What was about to be read from memory has moved to storage, and its memory takes the next bytes.
BOOST_AUTO_TEST_CASE(reading_goes_on_exactly_after_a_publish_that_emptied_memory) {
  auto in_memory = buffer(1000);
  BOOST_REQUIRE(in_memory.append("read before and after").has_value());
  BOOST_TEST((in_memory.get() == std::byte{'r'}));

  BOOST_REQUIRE(in_memory.publish(file("out")).has_value());
  BOOST_REQUIRE(in_memory.append(", OTHER BYTES THAT COME IN").has_value());

  BOOST_TEST(text(*in_memory.next(100)) == "ead before and after, OTHER BYTES THAT COME IN");
}

BOOST_AUTO_TEST_CASE(stored_content_and_its_tail_are_published_without_a_copy) {
  const Bytes bytes = pattern(300'000);
  for (const std::size_t in_memory : {0U, 1U, 9U}) {
    auto spilled = buffer(10);
    BOOST_REQUIRE(spilled.append(View{bytes}.first(bytes.size() - in_memory)).has_value());
    BOOST_REQUIRE(spilled.append(View{bytes}.last(in_memory)).has_value());
    BOOST_REQUIRE(spilled.stats().in_memory == in_memory);

    BOOST_REQUIRE(spilled.publish(file("out"), PublishMode::replace).has_value());

    BOOST_TEST(same(content_of(file("out")), bytes));
    BOOST_TEST(spilled.stats().publish_copied == 0U);
    BOOST_TEST(same(*spilled.to_bytes(), bytes));
  }
}

BOOST_AUTO_TEST_CASE(what_was_truncated_is_not_published) {
  auto truncated = buffer(0);
  BOOST_REQUIRE(truncated.append("0123456789").has_value());
  BOOST_REQUIRE(truncated.truncate(4).has_value());

  BOOST_REQUIRE(truncated.publish(file("out")).has_value());

  BOOST_TEST(content("out") == "0123");
}

BOOST_AUTO_TEST_CASE(what_was_discarded_is_not_published_and_the_rest_is_copied_and_counted) {
  for (const std::uint64_t threshold : {0U, 5U, 1000U}) {
    auto discarded = buffer(threshold);
    BOOST_REQUIRE((discarded.append("012345") && discarded.append("6789")));
    BOOST_REQUIRE((discarded.seek(3) && discarded.discard_read() && discarded.seek(5)));

    BOOST_REQUIRE(discarded.publish(file("out"), PublishMode::replace).has_value());

    BOOST_TEST(content("out") == "3456789");
    BOOST_TEST(discarded.stats().publish_copied == (threshold == 1000 ? 0U : 7U));
    BOOST_TEST(discarded.tell() == 5U);
    BOOST_TEST(*discarded.to_string() == "56789");
  }
}

BOOST_AUTO_TEST_CASE(more_than_is_copied_at_once_is_copied_byte_for_byte) {
  const Bytes bytes = pattern(700'001);
  auto stored = buffer(1'000);
  BOOST_REQUIRE(stored.append(bytes).has_value());
  BOOST_REQUIRE(stored.append(pattern(100, 9)).has_value());
  BOOST_REQUIRE(stored.seek(3).has_value());
  BOOST_REQUIRE(stored.discard_read().has_value());

  BOOST_REQUIRE(stored.publish(file("long")).has_value());

  Bytes expected(bytes.begin() + 3, bytes.end());
  const Bytes tail = pattern(100, 9);
  expected.insert(expected.end(), tail.begin(), tail.end());
  BOOST_TEST((content_of(file("long")) == expected));
}

BOOST_AUTO_TEST_CASE(several_objects_are_published_as_one) {
  const Bytes bytes = pattern(100);
  HybridBuffer parts{SpillAt{7}, FileStorage{{.directory = place.path(), .max_bytes = 30}}};
  BOOST_REQUIRE((parts.append(View{bytes}.first(15)) && parts.append(View{bytes}.subspan(15, 10)) && parts.spill()));

  BOOST_REQUIRE((parts.publish(file("small"), PublishMode::keep)));
  BOOST_REQUIRE(parts.append(View{bytes}.subspan(25)).has_value());
  BOOST_TEST(parts.stats().locations > 1U);
  const auto refused = parts.publish(file("large"));

  BOOST_TEST(same(content_of(file("small")), View{bytes}.first(25)));
  BOOST_TEST((!refused && refused.error() == errc::limit_exceeded));  // no object of this storage may be that large
  BOOST_TEST(names_in(place.path()).size() == 1U);
  BOOST_TEST(same(*parts.to_bytes(), bytes));
}

BOOST_AUTO_TEST_CASE(the_published_file_is_private_to_its_owner) {
  auto one = buffer(0);
  BOOST_REQUIRE(one.append("secret").has_value());
  const mode_t before = ::umask(0);

  BOOST_REQUIRE(one.publish(file("out")).has_value());

  ::umask(before);
  struct stat status{};
  BOOST_REQUIRE(::stat(file("out").c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(another_file_system_gets_a_copy) {
  const TemporaryDirectory elsewhere{Medium::memory};
  const Bytes bytes = pattern(100'000);
  auto one = buffer(0);
  BOOST_REQUIRE(one.append(bytes).has_value());

  BOOST_REQUIRE(one.publish(elsewhere.file("out")).has_value());

  BOOST_TEST(same(content_of(elsewhere.file("out")), bytes));
  BOOST_TEST(names_in(elsewhere.path()).size() == 1U);
  BOOST_TEST(names_in(place.path()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(destination, Fixture)

BOOST_AUTO_TEST_CASE(an_existing_destination_is_kept_or_replaced_as_asked) {
  for (const std::uint64_t threshold : {0U, 1000U}) {
    put("out", "old");
    auto one = buffer(threshold);
    BOOST_REQUIRE(one.append("new").has_value());

    const auto kept = one.publish(file("out"));
    BOOST_TEST((!kept && kept.error() == errc::already_exists));
    BOOST_TEST(content("out") == "old");
    BOOST_TEST(*one.to_string() == "new");
    BOOST_REQUIRE(one.publish(file("out"), PublishMode::replace).has_value());

    BOOST_TEST(content("out") == "new");
    BOOST_TEST(names_in(place.path()).size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_publish_that_fails_changes_neither_side_and_can_be_retried) {
  put("file", "a file");
  std::filesystem::create_directory(file("folder"));
  auto one = buffer(4);
  BOOST_REQUIRE((one.append("content") && one.append("tail")));

  BOOST_TEST((one.publish(file("missing/out")).error() == errc::not_found));
  BOOST_TEST((one.publish(file("folder"), PublishMode::replace).error() == errc::invalid_argument));
  BOOST_TEST((one.publish("", PublishMode::replace).error() == errc::invalid_argument));
  BOOST_TEST((one.publish(file("file/out"), PublishMode::replace).error() == errc::not_found));

  BOOST_TEST(*one.to_string() == "contenttail");
  BOOST_TEST(names_in(place.path()).size() == 2U);
  BOOST_REQUIRE(one.append(" more").has_value());
  BOOST_REQUIRE(one.publish(file("out")).has_value());
  BOOST_TEST(content("out") == "contenttail more");
  BOOST_TEST(one.stats().publish_copied == 0U);
}

BOOST_AUTO_TEST_CASE(a_publish_whose_outcome_was_unknown_is_tried_again_without_a_copy) {
  auto one = buffer(4);
  BOOST_REQUIRE((one.append("content") && one.append("tail") && one.spill()));
  {
    struct rlimit limit{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const struct rlimit none{0, limit.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto failed = one.publish(file("out"));
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    BOOST_REQUIRE(!failed.has_value());
    BOOST_TEST(failed.error().is_indeterminate());
  }
  BOOST_TEST((one.publish(file("missing/out")).error() == errc::not_found));

  BOOST_REQUIRE(one.publish(file("out")).has_value());

  BOOST_TEST(one.stats().publish_copied == 0U);
  BOOST_TEST(content("out") == "contenttail");
  BOOST_REQUIRE((one.append(" more") && one.spill() && one.truncate(3)));
  BOOST_TEST(content("out") == "contenttail");
  BOOST_TEST(*one.to_string() == "con");
}

BOOST_AUTO_TEST_CASE(the_file_outlives_the_buffer_and_nothing_else_does) {
  {
    auto one = buffer(0);
    BOOST_REQUIRE(one.append("content").has_value());
    BOOST_REQUIRE(one.publish(file("out")).has_value());
    BOOST_REQUIRE(one.append("more").has_value());
  }
  BOOST_TEST(content("out") == "content");
  BOOST_TEST(names_in(place.path()).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(afterwards, Fixture)

BOOST_AUTO_TEST_CASE(no_change_of_the_buffer_reaches_the_published_file) {
  const Bytes bytes = pattern(3'000'000);
  for (int change = 0; change < 6; ++change) {
    auto one = buffer(100);
    BOOST_REQUIRE(one.append(bytes).has_value());
    BOOST_REQUIRE(one.publish(file("out"), PublishMode::replace).has_value());

    if (change == 0) BOOST_REQUIRE((one.append("small") && one.append(bytes) && one.spill()));
    if (change == 1) BOOST_REQUIRE((one.truncate(1000) && one.append(Bytes(5000)) && one.spill()));
    if (change == 2) BOOST_REQUIRE((one.seek(2'500'000) && one.discard_read()));
    if (change == 3) BOOST_REQUIRE((one.reset() && one.append(Bytes(5000)) && one.spill()));
    if (change == 4) BOOST_REQUIRE(one.close().has_value());
    if (change == 5) one = buffer(0);

    BOOST_TEST(same(content_of(file("out")), bytes));
  }
}

BOOST_AUTO_TEST_CASE(the_buffer_goes_on_as_if_nothing_had_happened) {
  auto one = buffer(5);
  BOOST_REQUIRE((one.append("0123456789") && one.seek(2)));
  auto cursor = one.open_reader();

  BOOST_REQUIRE(one.publish(file("out")).has_value());

  BOOST_REQUIRE((one.append("abc") && one.append("defgh")));
  BOOST_TEST(one.tell() == 2U);
  BOOST_TEST(text(*one.next(4)) == "2345");
  BOOST_TEST(*one.to_string() == "6789abcdefgh");
  BOOST_REQUIRE((one.truncate(8) && one.append("XYZ") && one.spill()));
  BOOST_TEST(*one.to_string() == "67XYZ");
  BOOST_REQUIRE((one.discard_read() && one.append("more than five")));
  BOOST_TEST(*one.to_string() == "67XYZmore than five");
  Bytes out(100);
  BOOST_TEST((cursor.read(out).error() == errc::invalid_argument));
  BOOST_TEST(content("out") == "0123456789");
}

BOOST_AUTO_TEST_CASE(a_second_publish_is_a_copy_of_its_own) {
  auto one = buffer(0);
  BOOST_REQUIRE(one.append("content").has_value());
  BOOST_REQUIRE(one.publish(file("first")).has_value());

  BOOST_REQUIRE(one.publish(file("second")).has_value());
  BOOST_REQUIRE(one.append(" and more").has_value());
  BOOST_REQUIRE(one.publish(file("third")).has_value());
  BOOST_REQUIRE(one.publish(file("first"), PublishMode::replace).has_value());

  BOOST_TEST(content("first") == "content and more");
  BOOST_TEST(content("second") == "content");
  BOOST_TEST(content("third") == "content and more");
  BOOST_TEST((inode("first") != inode("second") && inode("first") != inode("third") && inode("second") != inode("third")));
  BOOST_TEST(one.stats().publish_copied == 7U + 16U + 16U);
}

BOOST_AUTO_TEST_CASE(a_reset_buffer_publishes_anew_without_a_copy) {
  auto one = buffer(0);
  BOOST_REQUIRE((one.append("first") && one.publish(file("first")) && one.reset()));

  BOOST_REQUIRE((one.append("second") && one.publish(file("second"))));

  BOOST_TEST(content("first") == "first");
  BOOST_TEST(content("second") == "second");
  BOOST_TEST(one.stats().publish_copied == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(where_the_storage_cannot_publish_it_is_unsupported_and_changes_nothing) {
  HybridBuffer one{SegmentedMemory<16>{}, SpillAt{100}, MemoryStorage{}};
  BOOST_REQUIRE(one.append("content").has_value());

  BOOST_TEST((one.publish("/tmp/never").error() == errc::unsupported));

  BOOST_TEST(!one.is_spilled());
  BOOST_TEST(*one.to_string() == "content");
}
