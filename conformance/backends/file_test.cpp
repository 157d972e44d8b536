#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "file_support.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

static_assert(explain_storage_backend<FileBackend>() && storage_backend<FileBackend> && storage_factory<FileStorage>);
static_assert(std::is_same_v<default_storage_t<FileBackend>, FileStorage> && std::is_same_v<backend_of_t<FileStorage>, FileBackend>);

struct Fixture {
  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);
};

constexpr std::array<std::size_t, 16> sizes{0,    1,    2,    7,      511,    512,    513,       4095,
                                            4096, 4097, 8191, 65'535, 65'536, 65'537, 1'000'003, 2'097'153};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(location, Fixture)

BOOST_AUTO_TEST_CASE(a_fresh_location_holds_nothing_and_can_be_removed_any_number_of_times) {
  BOOST_TEST((code_of(backend.open()) == errc::not_found));
  BOOST_TEST((code_of(backend.open_seeker()) == errc::not_found));
  BOOST_TEST((code_of(backend.open_reader_at()) == errc::not_found));
  BOOST_TEST((code_of(backend.map(0, 1)) == errc::not_found));
  BOOST_TEST((code_of(backend.transfer_to(1, 0, 1)) == errc::not_found));
  BOOST_TEST((code_of(backend.shrink(0)) == errc::not_found));
  BOOST_TEST((code_of(backend.discard(0, 1)) == errc::not_found));
  BOOST_TEST((code_of(backend.publish(directory / "name", PublishMode::keep)) == errc::not_found));

  BOOST_TEST(backend.remove().has_value());
  BOOST_TEST(backend.remove().has_value());
  BOOST_TEST((code_of(backend.open()) == errc::not_found));
}

BOOST_AUTO_TEST_CASE(an_object_of_every_size_is_read_back_identical_by_every_route) {
  for (const std::size_t size : sizes) {
    BOOST_TEST_CONTEXT("size " << size) {
      const Bytes bytes = pattern(size, size);

      BOOST_TEST_REQUIRE(store(backend.create(), bytes).has_value());

      BOOST_TEST(shows(backend, bytes));
    }
  }
}

BOOST_AUTO_TEST_CASE(extensions_of_every_size_are_exact_at_every_committed_size) {
  for (const std::size_t before : sizes) {
    for (const std::size_t more : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{70'001}}) {
      BOOST_TEST_CONTEXT(before << " + " << more) {
        BOOST_TEST_REQUIRE(backend.remove().has_value());
        BOOST_TEST_REQUIRE(store(backend.append(), pattern(before)).has_value());
        BOOST_TEST_REQUIRE(store(backend.append(), pattern(more, 1, before)).has_value());

        BOOST_TEST(shows(backend, pattern(before + more)));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(any_segmentation_of_the_same_bytes_gives_the_same_object) {
  const Bytes bytes = pattern(20'000);

  for (const std::size_t piece : {1U, 7U, 4095U, 4096U, 4097U, 20'000U}) {
    auto writer = backend.create();
    BOOST_TEST_REQUIRE(writer.has_value());
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      BOOST_TEST_REQUIRE(writer->write(std::span{bytes}.subspan(at, std::min(piece, bytes.size() - at))).has_value());
      BOOST_TEST_REQUIRE(writer->write(std::span<const std::byte>{}).has_value());
    }
    BOOST_TEST_REQUIRE(writer->close().has_value());

    BOOST_TEST(shows(backend, bytes), "pieces of " << piece);
  }
}

BOOST_AUTO_TEST_CASE(a_list_of_spans_is_written_as_if_one_after_the_other) {
  const Bytes bytes = pattern(100'000);
  for (const std::size_t count : {0U, 1U, 2U, 63U, 64U, 65U, 200U, 1'025U}) {  // 64 go into one system call
    std::vector<std::span<const std::byte>> pieces;
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = i * 37 % 101;  // some are empty
      pieces.push_back(std::span{bytes}.subspan(at, length));
      at += length;
    }
    pieces.emplace_back();
    auto writer = backend.create();

    BOOST_TEST_REQUIRE(writer->write(std::span<const std::span<const std::byte>>{pieces}).has_value());
    BOOST_TEST_REQUIRE(writer->close().has_value());

    BOOST_TEST(shows(backend, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at))), count << " pieces");
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_visible_before_close_and_a_dropped_writer_leaves_the_object_as_it_was) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{300'000}}) {
    BOOST_TEST_REQUIRE(backend.remove().has_value());
    {
      auto first = backend.create();
      BOOST_TEST_REQUIRE(first->write(pattern(size)).has_value());
      BOOST_TEST((code_of(backend.open()) == errc::not_found));
    }
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST_REQUIRE(store(backend.create(), pattern(5'000)).has_value());

    for (const bool extend : {false, true}) {
      auto writer = extend ? backend.append() : backend.create();
      BOOST_TEST_REQUIRE(writer->write(pattern(size, 2)).has_value());
      BOOST_TEST(shows(backend, pattern(5'000)));
      { const FileWriter dropped = *std::move(writer); }
      BOOST_TEST(shows(backend, pattern(5'000)));
    }
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(10, 1, 5'000)).has_value());
    BOOST_TEST(shows(backend, pattern(5'010)));
  }
}

BOOST_AUTO_TEST_CASE(a_replacement_is_exact_whatever_the_two_lengths_and_open_readers_keep_the_old_bytes) {
  for (const std::size_t before : {0U, 1U, 5'000U, 100'000U}) {
    for (const std::size_t after : {0U, 1U, 5'000U, 100'000U}) {
      BOOST_TEST_REQUIRE(store(backend.create(), pattern(before, 1)).has_value());
      auto old_reader = backend.open();

      BOOST_TEST_REQUIRE(store(backend.create(), pattern(after, 2)).has_value());

      BOOST_TEST(shows(backend, pattern(after, 2)));
      BOOST_TEST((drain(*old_reader) == pattern(before, 1)));
    }
  }
}

BOOST_AUTO_TEST_CASE(readers_show_extensions_and_never_uncommitted_bytes) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(1'000)).has_value());
  auto reader = backend.open();
  auto at = backend.open_reader_at();
  Bytes block(5'000);
  BOOST_TEST(reader->read(block).value() == 1'000);
  auto writer = backend.append();
  BOOST_TEST_REQUIRE(writer->write(pattern(2'000, 1, 1'000)).has_value());
  BOOST_TEST(reader->read(block).value() == 0);
  BOOST_TEST(at->read_at(999, block).value() == 1);

  BOOST_TEST_REQUIRE(writer->close().has_value());

  BOOST_TEST(at->size().value() == 3'000);
  BOOST_TEST((drain(*reader) == pattern(2'000, 1, 1'000)));
  BOOST_TEST(at->read_at(2'999, block).value() == 1);
}

BOOST_AUTO_TEST_CASE(windows_at_and_beyond_the_end_are_short_or_empty_however_large_the_offset) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(1'000)).has_value());
  auto at = backend.open_reader_at();
  Bytes block(600, std::byte{0xEE});

  BOOST_TEST(at->read_at(500, block).value() == 500);
  BOOST_TEST((block[499] == pattern(1, 1, 999)[0]));
  BOOST_TEST((block[500] == std::byte{0xEE}));
  for (const std::uint64_t offset : {std::uint64_t{1'000}, std::uint64_t{1} << 32U, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    BOOST_TEST(at->read_at(offset, block).value() == 0);
    BOOST_TEST(backend.map(offset, 10)->bytes().size() == 0);
    BOOST_TEST(backend.transfer_to(2, offset, ~std::uint64_t{0}).value() == 0);
  }
  BOOST_TEST(at->read_at(5, std::span<std::byte>{}).value() == 0);
}

BOOST_AUTO_TEST_CASE(a_second_writer_is_busy_until_the_first_is_closed_or_dropped) {
  auto first = backend.create();

  BOOST_TEST((code_of(backend.create()) == errc::busy));
  BOOST_TEST((code_of(backend.append()) == errc::busy));
  BOOST_TEST((code_of(backend.shrink(0)) == errc::busy));
  BOOST_TEST((code_of(backend.discard(0, 1)) == errc::busy));
  BOOST_TEST((code_of(backend.transfer_from(0, 1)) == errc::busy));
  BOOST_TEST((code_of(backend.publish(directory / "name", PublishMode::keep)) == errc::busy));
  BOOST_TEST_REQUIRE(first->close().has_value());
  { auto second = backend.append(); }
  BOOST_TEST(backend.create().has_value());
}

BOOST_AUTO_TEST_CASE(a_writer_repeats_its_first_verdict_and_takes_nothing_after_it) {
  auto writer = backend.create();
  BOOST_TEST_REQUIRE(writer->write(pattern(10)).has_value());

  BOOST_TEST(writer->close().has_value());
  BOOST_TEST(writer->close().has_value());
  BOOST_TEST((code_of(writer->write(pattern(5))) == errc::closed));

  BOOST_TEST(shows(backend, pattern(10)));
}

BOOST_AUTO_TEST_CASE(a_writer_whose_object_was_removed_can_never_bring_it_back) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  for (const bool extend : {false, true}) {
    auto writer = extend ? backend.append() : backend.create();
    auto reader = backend.open();

    BOOST_TEST_REQUIRE(backend.remove().has_value());

    (void)writer->write(pattern(20'000, 2));
    BOOST_TEST((code_of(writer->close()) == errc::not_found));
    BOOST_TEST((code_of(writer->close()) == errc::not_found));
    BOOST_TEST((code_of(backend.open()) == errc::not_found));
    BOOST_TEST((drain(*reader) == pattern(10'000)));
    BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(handles_outlive_the_backend_and_the_storage_and_a_writer_then_commits_nothing) {
  const std::size_t descriptors = open_descriptors();
  {
    auto place = std::make_unique<FileStorage>(FileOptions{.directory = directory.path()});
    auto short_lived = std::make_unique<FileBackend>(make_backend(*place));
    place.reset();
    BOOST_TEST_REQUIRE(store(short_lived->create(), pattern(5'000)).has_value());
    auto reader = short_lived->open();
    auto window = short_lived->map(100, 4'000);
    auto writer = short_lived->append();

    short_lived.reset();

    BOOST_TEST(writer->write(pattern(1)).has_value());
    BOOST_TEST((code_of(writer->close()) == errc::not_found));
    BOOST_TEST((drain(*reader) == pattern(5'000)));
    BOOST_TEST(std::ranges::equal(window->bytes(), pattern(4'000, 1, 100)));
  }
  BOOST_TEST(open_descriptors() == descriptors);
}

BOOST_AUTO_TEST_CASE(what_was_moved_from_answers_closed_and_what_was_moved_to_goes_on) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(100)).has_value());
  auto writer = *backend.append();
  auto reader = *backend.open();
  auto at = *backend.open_reader_at();
  auto window = *backend.map(0, 50);
  BOOST_TEST_REQUIRE(writer.write(pattern(50, 1, 100)).has_value());
  Bytes block(40);
  BOOST_TEST(reader.read(block).value() == 40);

  FileBackend new_backend = std::move(backend);
  FileWriter new_writer = std::move(writer);
  FileReader new_reader = std::move(reader);
  const FileReaderAt new_at = std::move(at);
  const FileWindow new_window = std::move(window);
  const FileStorage new_storage = std::move(storage);

  BOOST_TEST((code_of(backend.create()) == errc::closed));                         // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.append()) == errc::closed));                         // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.open()) == errc::closed));                           // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.map(0, 1)) == errc::closed));                        // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.shrink(0)) == errc::closed));                        // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.discard(0, 1)) == errc::closed));                    // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.transfer_to(1, 0, 1)) == errc::closed));             // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.transfer_from(0, 1)) == errc::closed));              // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.publish("x", PublishMode::keep)) == errc::closed));  // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(backend.remove()) == errc::closed));                         // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(writer.write(block)) == errc::closed));                      // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(writer.close()) == errc::closed));                           // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(reader.read(block)) == errc::closed));                       // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(reader.seek(0, Whence::begin)) == errc::closed));            // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(at.read_at(0, block)) == errc::closed));                     // NOLINT(bugprone-use-after-move)
  BOOST_TEST(window.bytes().empty());                                              // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(storage.create_backend()) == errc::closed));                 // NOLINT(bugprone-use-after-move)
  BOOST_TEST(new_writer.close().has_value());
  BOOST_TEST(shows(new_backend, pattern(150)));
  BOOST_TEST((drain(new_reader) == pattern(110, 1, 40)));
  BOOST_TEST(new_at.size().value() == 150);
  BOOST_TEST(std::ranges::equal(new_window.bytes(), pattern(50)));
  BOOST_TEST(new_storage.create_backend().has_value());
}

BOOST_AUTO_TEST_CASE(assigning_to_an_open_handle_releases_what_it_held_and_to_itself_nothing) {
  auto other = make_backend(storage);
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10)).has_value());
  BOOST_TEST_REQUIRE(store(other.create(), pattern(20, 2)).has_value());
  const std::size_t descriptors = open_descriptors();
  auto writer = *backend.append();
  BOOST_TEST_REQUIRE(writer.write(pattern(5)).has_value());

  writer = *other.append();
  auto& same = writer;
  writer = std::move(same);

  BOOST_TEST(store(backend.append(), pattern(5, 1, 10)).has_value());
  BOOST_TEST_REQUIRE(writer.write(pattern(5, 2, 20)).has_value());
  BOOST_TEST_REQUIRE(writer.close().has_value());
  BOOST_TEST(shows(backend, pattern(15)));
  BOOST_TEST(shows(other, pattern(25, 2)));
  backend = std::move(other);
  BOOST_TEST(shows(backend, pattern(25, 2)));
  BOOST_TEST(open_descriptors() == descriptors - 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(limits_and_processes, Fixture)

BOOST_AUTO_TEST_CASE(what_would_exceed_max_bytes_is_refused_whole_and_nothing_of_it_is_visible) {
  const FileStorage limited{{.directory = directory.path(), .max_bytes = 1'000}};
  auto small = make_backend(limited);
  BOOST_TEST(small.max_object_size() == 1'000);
  BOOST_TEST_REQUIRE(store(small.create(), pattern(1'000)).has_value());

  BOOST_TEST((code_of(store(small.append(), pattern(1))) == errc::limit_exceeded));
  BOOST_TEST((code_of(store(small.create(), pattern(1'001))) == errc::limit_exceeded));
  BOOST_TEST(shows(small, pattern(1'000)));

  BOOST_TEST_REQUIRE(small.shrink(990).has_value());
  auto writer = small.append();
  BOOST_TEST(writer->write(pattern(10, 1, 990)).has_value());
  BOOST_TEST((code_of(writer->write(pattern(1))) == errc::limit_exceeded));
  BOOST_TEST((code_of(writer->write(pattern(1))) == errc::limit_exceeded));
  BOOST_TEST((code_of(writer->close()) == errc::limit_exceeded));
  BOOST_TEST(shows(small, pattern(990)));
}

BOOST_AUTO_TEST_CASE(a_forked_child_is_answered_closed_and_changes_nothing_by_letting_go) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  auto reader = *backend.open();
  auto at = *backend.open_reader_at();
  auto writer = *backend.append();
  BOOST_TEST_REQUIRE(writer.write(pattern(5'000, 1, 10'000)).has_value());

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    Bytes block(10);
    holds(code_of(backend.create()) == errc::closed);
    holds(code_of(backend.append()) == errc::closed);
    holds(code_of(backend.open()) == errc::closed);
    holds(code_of(backend.remove()) == errc::closed);
    holds(code_of(backend.shrink(0)) == errc::closed);
    holds(code_of(backend.discard(0, 8'192)) == errc::closed);
    holds(code_of(backend.map(0, 1)) == errc::closed);
    holds(code_of(backend.transfer_to(1, 0, 1)) == errc::closed);
    holds(code_of(backend.publish(directory / "child", PublishMode::keep)) == errc::closed);
    holds(code_of(writer.write(block)) == errc::closed);
    holds(code_of(reader.read(block)) == errc::closed);
    holds(code_of(at.read_at(0, block)) == errc::closed);
    { const FileWriter dropped = std::move(writer); }
    { const FileBackend dropped = std::move(backend); }
    auto own = storage.create_backend();  // a child may make locations of its own
    holds(own && store(own->create(), block) && content_of(*own) == block);
  });

  BOOST_TEST(first_failure == 0);
  BOOST_TEST(writer.close().has_value());
  BOOST_TEST(shows(backend, pattern(15'000)));
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(what_is_printed_to_a_standard_descriptor_that_was_closed_never_becomes_content) {
  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(standard);
    const FileStorage elsewhere{{.directory = directory.path()}};  // whose directory is held by nobody yet
    auto own = elsewhere.create_backend();
    holds(own && store(own->create(), pattern(10'000)));
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) holds(::write(standard, "a message", 9) == -1);
    holds(content_of(*own) == pattern(10'000));
    holds(own->publish(directory / "named", PublishMode::keep) && file_content(directory / "named") == pattern(10'000));
  });

  BOOST_TEST(first_failure == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_somebody_made_shorter_is_corrupted_and_never_a_clean_end) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  const std::string outside = only_unnamed_file(directory.path());
  auto reader = backend.open();
  auto at = backend.open_reader_at();

  BOOST_TEST_REQUIRE(::truncate(outside.c_str(), 5'000) == 0);

  Bytes block(10'000);
  BOOST_TEST((code_of(drain(*reader, 10'000)) == errc::corrupted));
  BOOST_TEST((code_of(at->read_at(4'999, std::span{block}.first(2))) == errc::corrupted));
  BOOST_TEST((code_of(at->read_at(9'999, block)) == errc::corrupted));
  BOOST_TEST(at->read_at(4'999, std::span{block}.first(1)).value() == 1);
  BOOST_TEST((code_of(backend.map(0, 10'000)) == errc::corrupted));
  const detail::Descriptor sink{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  BOOST_TEST((code_of(backend.transfer_to(sink.number(), 5'000, 1)) == errc::corrupted));
  BOOST_TEST((code_of(backend.publish(directory / "name", PublishMode::keep)) == errc::corrupted));
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_SUITE_END()
