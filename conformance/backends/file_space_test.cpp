#include <boost/test/unit_test.hpp>

#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

boost::test_tools::assertion_result long_tier(boost::unit_test::test_unit_id /*test*/) {
  boost::test_tools::assertion_result answer{std::getenv("HYBRIDBUFFER_FULL") != nullptr};
  answer.message() << "only with HYBRIDBUFFER_FULL=1";
  return answer;
}

struct Fixture {
  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);

  [[nodiscard]] std::uint64_t occupied() const { return occupied_by_only_file(directory.path()); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shrinking, Fixture)

BOOST_AUTO_TEST_CASE(a_shrunk_object_is_exactly_its_first_bytes_and_extensions_go_on_there) {
  constexpr std::size_t size = 12'289;
  for (const std::size_t n : {0U, 1U, 4'095U, 4'096U, 4'097U, 12'288U, 12'289U}) {
    BOOST_TEST_CONTEXT("to " << n) {
      BOOST_TEST_REQUIRE(store(backend.create(), pattern(size)).has_value());
      const auto reader = backend.open_reader_at();

      BOOST_TEST((code_of(backend.shrink(size + 1)) == errc::invalid_argument));
      BOOST_TEST_REQUIRE(backend.shrink(n).has_value());

      BOOST_TEST(shows(backend, pattern(n)));
      BOOST_TEST(reader->size().value() == n);
      Bytes block(size);
      BOOST_TEST(reader->read_at(0, block).value() == n);
      BOOST_TEST_REQUIRE(store(backend.append(), pattern(10'000, 2)).has_value());
      BOOST_TEST(shows(backend, joined(pattern(n), pattern(10'000, 2))));
    }
  }
}

BOOST_AUTO_TEST_CASE(shrinking_gives_storage_back_and_what_it_cut_off_never_returns) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(8 * mebi)).has_value());
  BOOST_TEST_REQUIRE(occupied() >= 8 * mebi);

  BOOST_TEST_REQUIRE(backend.shrink(5'000).has_value());

  BOOST_TEST(occupied() <= 64 * kibi);
  BOOST_TEST(shows(backend, pattern(5'000)));
}

BOOST_AUTO_TEST_CASE(a_failed_shrink_leaves_the_object_as_it_was) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  {
    const SystemFaults failing{SystemCall::truncate, EIO};
    BOOST_TEST((code_of(backend.shrink(5'000)) == errc::io));
    BOOST_TEST(failing.fired() == 1U);
  }
  BOOST_TEST(shows(backend, pattern(10'000)));
  BOOST_TEST(backend.shrink(5'000).has_value());
  BOOST_TEST(shows(backend, pattern(5'000)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(discarding, Fixture)

BOOST_AUTO_TEST_CASE(no_byte_outside_a_discarded_range_changes) {
  constexpr std::uint64_t size = 20'000;
  const Bytes bytes = pattern(size);
  const std::array<std::uint64_t, 9> places{0, 1, 4'095, 4'096, 4'097, 12'288, 16'384, 19'999, 20'000};
  for (const std::uint64_t from : places) {
    for (const std::uint64_t end : {from, from + 1, from + 4'096, from + 8'192, size, ~std::uint64_t{0}}) {
      BOOST_TEST_REQUIRE(store(backend.create(), bytes).has_value());

      BOOST_TEST_REQUIRE(backend.discard(from, end - from).has_value());

      const auto left = content_of(backend);
      BOOST_TEST_REQUIRE(left->size() == size);
      bool same = true;
      for (std::uint64_t i = 0; i < size; ++i) same = same && ((i >= from && i < end) || (*left)[i] == bytes[i]);
      BOOST_TEST(same, from << " to " << end);
    }
  }
}

BOOST_AUTO_TEST_CASE(discarding_frees_storage_and_in_portions_of_any_size_as_much_as_at_once) {
  for (const std::uint64_t portion : {std::uint64_t{1'000}, std::uint64_t{4'096}, std::uint64_t{100'001}, 8 * mebi}) {
    BOOST_TEST_REQUIRE(store(backend.create(), pattern(8 * mebi)).has_value());

    for (std::uint64_t at = 0; at < 8 * mebi; at += portion) BOOST_TEST_REQUIRE(backend.discard(at, portion).has_value());

    BOOST_TEST(occupied() <= 64 * kibi, portion);
  }
}

BOOST_AUTO_TEST_CASE(what_a_pipe_holds_costs_little_of_what_is_given_back) {
  std::array<int, 2> pipe{};
  BOOST_TEST_REQUIRE(::pipe(pipe.data()) == 0);
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(16 * mebi)).has_value());
  BOOST_TEST_REQUIRE(backend.transfer_to(pipe[1], 0, 10'000).value() == 10'000U);

  for (std::uint64_t at = 0; at < 16 * mebi; at += mebi + 77) BOOST_TEST_REQUIRE(backend.discard(at, mebi + 77).has_value());

  BOOST_TEST(occupied() <= 2 * mebi);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

BOOST_AUTO_TEST_CASE(a_queue_of_any_length_takes_bounded_storage) {
  std::uint64_t peak = 0;
  std::uint64_t size = 0;
  BOOST_TEST_REQUIRE(store(backend.create(), {}).has_value());
  for (int round = 0; round < 256; ++round) {
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(mebi, 1, size)).has_value());
    size += mebi;
    if (size > 4 * mebi) BOOST_TEST_REQUIRE(backend.discard(size - 5 * mebi, mebi).has_value());
    peak = std::max(peak, occupied());
  }
  BOOST_TEST(peak <= (4 + 1 + 16 + 1) * mebi);  // what is stored, what comes, what is claimed ahead
}

BOOST_AUTO_TEST_CASE(a_file_system_without_holes_says_unsupported) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10'000)).has_value());
  const SystemFaults lacking{SystemCall::allocate, EOPNOTSUPP};

  BOOST_TEST((code_of(backend.discard(0, 10'000)) == errc::unsupported));

  BOOST_TEST(lacking.fired() == 1U);
  BOOST_TEST(shows(backend, pattern(10'000)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(limits, Fixture)

// A hole stands for gigabytes.
BOOST_AUTO_TEST_CASE(offsets_beyond_2_and_4_gibibytes_are_exact) {
  const detail::PlaceRef place{new detail::FilePlace{{.directory = directory.path()}}};
  for (const std::uint64_t border : {std::uint64_t{1} << 31U, std::uint64_t{1} << 32U, std::uint64_t{1} << 40U}) {
    const auto file = place->make_file();
    BOOST_TEST_REQUIRE(file.has_value());
    BOOST_TEST_REQUIRE(::ftruncate((*file)->descriptor(), static_cast<off_t>(border - 3)) == 0);
    (*file)->commit(border - 3);
    LocationState<detail::FileRef> location{*file};
    FileWriter writer{*location.start_writer("append"), *file, place->max_object_size()};
    BOOST_TEST_REQUIRE(writer.write(pattern(10, 1, border - 3)).has_value());
    BOOST_TEST_REQUIRE(writer.close().has_value());

    const FileReaderAt at{*file};
    Bytes block(20);
    BOOST_TEST(at.size().value() == border + 7);
    BOOST_TEST(at.read_at(border - 3, block).value() == 10U);
    block.resize(10);
    BOOST_TEST((block == pattern(10, 1, border - 3)));
    FileReader seeker{at};
    BOOST_TEST(seeker.seek(-8, Whence::end).value() == border - 1);
    BOOST_TEST((drain(seeker) == pattern(8, 1, border - 1)));
    BOOST_TEST(std::ranges::equal(detail::map_window(*file, border - 1, 100)->bytes(), pattern(8, 1, border - 1)));
    write_file(directory / "target", {});
    const detail::Descriptor target{::open((directory / "target").c_str(), O_WRONLY | O_CLOEXEC)};
    BOOST_TEST(detail::transfer_out(**file, border - 2, target.number(), 100).value() == 9U);
    BOOST_TEST((file_content(directory / "target") == pattern(9, 1, border - 2)));
    BOOST_TEST_REQUIRE((*file)->discard(0, border - 1).has_value());
    BOOST_TEST_REQUIRE((*file)->shrink(border + 1).has_value());
    BOOST_TEST(at.read_at(border - 3, block).value() == 4U);
    BOOST_TEST(std::ranges::equal(std::span{block}.subspan(2, 2), pattern(2, 1, border - 1)));
  }
}

// The kernel moves 2 GiB less a page in one call.
BOOST_AUTO_TEST_CASE(one_span_above_2_gibibytes_is_written_and_read_whole, *boost::unit_test::precondition(long_tier)) {
  constexpr std::size_t size = (std::size_t{1} << 31U) + 4'099;
  void* zeros = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  BOOST_TEST_REQUIRE(zeros != MAP_FAILED);
  const std::span<std::byte> bytes{static_cast<std::byte*>(zeros), size};
  bytes.back() = std::byte{1};

  BOOST_TEST_REQUIRE(store(backend.create(), bytes).has_value());
  BOOST_TEST(backend.open_reader_at()->read_at(0, bytes).value() == size);

  BOOST_TEST((bytes.back() == std::byte{1}));
  ::munmap(zeros, size);
}

BOOST_AUTO_TEST_CASE(a_limit_on_file_sizes_is_limit_exceeded_and_the_object_stays) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(5'000)).has_value());
  rlimit old{};
  BOOST_TEST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low{10'000, old.rlim_max};
  BOOST_TEST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);

  const auto appended = code_of(store(backend.append(), pattern(5'001)));
  const auto replaced = code_of(store(backend.create(), pattern(10'001)));
  const auto fitting = code_of(store(backend.append(), pattern(5'000, 1, 5'000)));

  BOOST_TEST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, handler);
  BOOST_TEST((appended == errc::limit_exceeded));
  BOOST_TEST((replaced == errc::limit_exceeded));
  BOOST_TEST((fitting == errc{}));
  BOOST_TEST(shows(backend, pattern(10'000)));
}

BOOST_AUTO_TEST_CASE(a_write_that_takes_nothing_is_an_error_and_no_endless_loop) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(10)).has_value());
  {
    const SystemFaults stuck{SystemCall::write_at, SystemFault::moves_nothing, true};
    BOOST_TEST((code_of(store(backend.append(), pattern(10))) == errc::io));
    BOOST_TEST(stuck.fired() == 1U);
  }
  BOOST_TEST(shows(backend, pattern(10)));
}

BOOST_AUTO_TEST_SUITE_END()
