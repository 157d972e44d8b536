#include <boost/test/unit_test.hpp>

#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using detail::Descriptor;

struct Pipe {
  explicit Pipe(int flags = 0) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | flags) != 0) throw std::runtime_error{"no pipe"};
    out = Descriptor{ends[0]};
    in = Descriptor{ends[1]};
  }
  Descriptor out;
  Descriptor in;
};

struct Sockets {
  Sockets() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error{"no socket"};
    out = Descriptor{ends[0]};
    in = Descriptor{ends[1]};
  }
  Descriptor out;
  Descriptor in;
};

// What can be read from a descriptor until its end, or `most` bytes.
Bytes read_all(int descriptor, std::size_t most = SIZE_MAX) {
  Bytes all;
  Bytes block(10'007);
  while (all.size() < most) {
    const ssize_t count = ::read(descriptor, block.data(), std::min(block.size(), most - all.size()));
    if (count <= 0) break;
    all.insert(all.end(), block.begin(), block.begin() + count);
  }
  return all;
}

Descriptor open_file(const std::string& path, int flags) { return Descriptor{::open(path.c_str(), flags | O_CLOEXEC, 0600)}; }

off_t position_of(const Descriptor& file) { return ::lseek(file.number(), 0, SEEK_CUR); }

struct Fixture {
  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);

  void fill(std::size_t n) { BOOST_TEST_REQUIRE(store(backend.create(), pattern(n)).has_value()); }
};

constexpr std::size_t large = 3'000'001;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(transfer_out, Fixture)

BOOST_AUTO_TEST_CASE(a_file_gets_exactly_the_bytes_at_its_position_and_is_left_behind_them) {
  fill(100'000);
  for (const std::uint64_t offset : {0U, 1U, 4'096U, 99'999U, 100'000U, 200'000U}) {
    for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5'000}, ~std::uint64_t{0}}) {
      BOOST_TEST_CONTEXT("offset " << offset << ", " << n << " bytes") {
        const std::uint64_t expected = offset < 100'000 ? std::min(n, 100'000 - offset) : 0;
        const auto target = open_file(directory / "target", O_RDWR | O_CREAT | O_TRUNC);
        BOOST_TEST_REQUIRE(::lseek(target.number(), 10, SEEK_SET) == 10);

        BOOST_TEST(backend.transfer_to(target.number(), offset, n).value() == expected);

        BOOST_TEST(position_of(target) == static_cast<off_t>(10 + expected));
        const Bytes written = file_content(directory / "target");
        BOOST_TEST((written == (expected == 0 ? Bytes{} : joined(Bytes(10), pattern(expected, 1, offset)))));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(pipes_and_sockets_get_the_bytes_in_order_while_somebody_reads) {
  fill(large);
  const auto check = [&](auto&& channel) {
    Bytes received;
    std::thread consumer{[&] { received = read_all(channel.out.number()); }};

    BOOST_TEST(backend.transfer_to(channel.in.number(), 1, large).value() == large - 1);

    channel.in.close();
    consumer.join();
    BOOST_TEST((received == pattern(large - 1, 1, 1)));
  };
  check(Pipe{});
  check(Sockets{});
}

BOOST_AUTO_TEST_CASE(a_full_pipe_that_does_not_block_takes_what_fits_and_then_is_unavailable) {
  fill(large);
  const Pipe pipe{O_NONBLOCK};

  const auto first = backend.transfer_to(pipe.in.number(), 0, large);

  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST(*first > 0U);
  BOOST_TEST(*first < large);
  BOOST_TEST((code_of(backend.transfer_to(pipe.in.number(), *first, large)) == errc::unavailable));
  BOOST_TEST((read_all(pipe.out.number(), *first) == pattern(*first)));
  const auto second = backend.transfer_to(pipe.in.number(), *first, 5'000);
  BOOST_TEST(second.value() == 5'000U);
  BOOST_TEST((read_all(pipe.out.number(), 5'000) == pattern(5'000, 1, *first)));
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_cannot_take_them_is_an_error_and_nothing_moved) {
  fill(100);
  const auto read_only = open_file(directory / "readable", O_RDONLY | O_CREAT);
  BOOST_TEST((code_of(backend.transfer_to(-1, 0, 100)) == errc::invalid_argument));
  BOOST_TEST((code_of(backend.transfer_to(read_only.number(), 0, 100)) == errc::invalid_argument));
  Pipe pipe;
  pipe.out.close();
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  BOOST_TEST((code_of(backend.transfer_to(pipe.in.number(), 0, 100)) == errc::unavailable));
  std::signal(SIGPIPE, old);
}

BOOST_AUTO_TEST_CASE(a_target_in_append_mode_is_unsupported_so_that_the_caller_copies_by_hand) {
  fill(100);
  const auto target = open_file(directory / "log", O_WRONLY | O_CREAT | O_APPEND);

  BOOST_TEST((code_of(backend.transfer_to(target.number(), 0, 100)) == errc::unsupported));

  BOOST_TEST(file_content(directory / "log").empty());
}

BOOST_AUTO_TEST_CASE(where_one_way_is_refused_the_next_one_moves_the_bytes) {
  fill(50'000);
  for (const int refusal : {EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EPERM}) {
    const auto target = open_file(directory / "target", O_RDWR | O_CREAT | O_TRUNC);
    const SystemFaults refusing{SystemCall::copy_range, refusal, true};
    BOOST_TEST(backend.transfer_to(target.number(), 0, 50'000).value() == 50'000U);
    BOOST_TEST(refusing.fired() == 1U);
    BOOST_TEST((file_content(directory / "target") == pattern(50'000)));
  }
  const Pipe pipe;
  const SystemFaults refusing{SystemCall::send_file, EINVAL, true};
  BOOST_TEST(backend.transfer_to(pipe.in.number(), 0, 50'000).value() == 50'000U);
  BOOST_TEST(refusing.fired() == 1U);
  BOOST_TEST((read_all(pipe.out.number(), 50'000) == pattern(50'000)));
}

// A pipe that was given pages of the file shows what becomes of these pages until somebody reads them.
BOOST_AUTO_TEST_CASE(bytes_in_a_pipe_stay_what_they_were_whatever_becomes_of_the_object) {
  constexpr std::size_t size = std::size_t{6} << 20U;
  constexpr std::size_t lent = std::size_t{256} << 10U;
  const auto changes = std::to_array<std::pair<const char*, Result<void> (*)(FileBackend&)>>({
      {"discard of a part", [](FileBackend& b) { return b.discard(0, lent / 2); }},
      {"discard of all", [](FileBackend& b) { return b.discard(0, size); }},
      {"discard in portions",
       [](FileBackend& b) {
         Result<void> done;
         for (std::size_t at = 0; done && at < size; at += 10'000) done = b.discard(at, 10'000);
         return done;
       }},
      {"shrink and append",
       [](FileBackend& b) {
         auto done = b.shrink(20'580);
         return done ? store(b.append(), pattern(size, 7)) : done;
       }},
      {"shrink beyond them", [](FileBackend& b) { return b.shrink(lent + 1); }},
      {"replacement", [](FileBackend& b) { return store(b.create(), pattern(size, 7)); }},
      {"removal and a new object",
       [](FileBackend& b) {
         auto done = b.remove();
         return done ? store(b.create(), pattern(size, 7)) : done;
       }},
  });
  const FileStorage recycling{{.directory = directory.path(), .recycled_files = 8}};
  for (const auto& [what, change] : changes) {
    BOOST_TEST_CONTEXT(what) {
      auto object = make_backend(recycling);
      BOOST_TEST_REQUIRE(store(object.create(), pattern(size)).has_value());
      const Pipe pipe;
      BOOST_TEST_REQUIRE(::fcntl(pipe.in.number(), F_SETPIPE_SZ, static_cast<int>(lent)) >= static_cast<int>(lent));
      BOOST_TEST_REQUIRE(object.transfer_to(pipe.in.number(), 0, lent).value() == lent);

      BOOST_TEST(change(object).has_value());

      BOOST_TEST((read_all(pipe.out.number(), lent) == pattern(lent)));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_object_cut_while_a_pipe_holds_its_bytes_is_exact_and_goes_on) {
  fill(100'000);
  const Pipe pipe;
  BOOST_TEST_REQUIRE(backend.transfer_to(pipe.in.number(), 0, 50'000).value() == 50'000U);
  auto reader = backend.open().value();

  BOOST_TEST_REQUIRE(backend.shrink(10'001).has_value());
  BOOST_TEST(shows(backend, pattern(10'001)));
  BOOST_TEST(reader.size().value() == 10'001U);
  BOOST_TEST((drain(reader).value() == pattern(10'001)));
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(60'000, 1, 10'001)).has_value());
  BOOST_TEST(shows(backend, pattern(70'001)));

  BOOST_TEST((read_all(pipe.out.number(), 50'000) == pattern(50'000)));
}

// It is copied then, but for what was given back: that would take storage again, and for ever.
BOOST_AUTO_TEST_CASE(an_object_cut_while_a_pipe_holds_its_bytes_takes_no_storage_for_what_was_discarded) {
  constexpr std::size_t size = 16 * mebi;
  constexpr std::size_t discarded = 12 * mebi;
  fill(size);
  const Pipe pipe;
  BOOST_TEST_REQUIRE(backend.transfer_to(pipe.in.number(), size - 8'192, 4'096).value() == 4'096U);
  for (std::size_t at = 0; at < discarded; at += discarded / 3) BOOST_TEST_REQUIRE(backend.discard(at, discarded / 3).has_value());

  BOOST_TEST_REQUIRE(backend.shrink(size - 5'000).has_value());
  const std::uint64_t kept = occupied_by_only_file(directory.path());
  BOOST_TEST(kept <= size - discarded);
  Bytes rest(size - 5'000 - discarded);
  BOOST_TEST(backend.open_reader_at().value().read_at(discarded, rest).value_or(0) == rest.size());
  BOOST_TEST((rest == pattern(rest.size(), 1, discarded)));

  BOOST_TEST_REQUIRE(backend.discard(discarded, mebi).has_value());  // goes on where the last one ended
  BOOST_TEST(occupied_by_only_file(directory.path()) + mebi <= kept);
  BOOST_TEST((read_all(pipe.out.number(), 4'096) == pattern(4'096, 1, size - 8'192)));
}

BOOST_AUTO_TEST_CASE(what_was_discarded_of_an_object_that_is_copied_shows_no_other_object) {
  const FileStorage recycling{{.directory = directory.path(), .recycled_files = 8}};
  auto object = make_backend(recycling);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(3 * mebi)).has_value());
  BOOST_TEST_REQUIRE(store(make_backend(recycling).create(), pattern(3 * mebi, 7)).has_value());
  BOOST_TEST_REQUIRE(recycling.recycled().files == 1U);
  const Pipe pipe;
  BOOST_TEST_REQUIRE(object.transfer_to(pipe.in.number(), 3 * mebi - 4'100, 4'096).value() == 4'096U);
  BOOST_TEST_REQUIRE(object.discard(0, 2 * mebi + 5).has_value());

  BOOST_TEST_REQUIRE(object.shrink(3 * mebi - 10).has_value());
  Bytes all(3 * mebi - 10);
  BOOST_TEST(object.open_reader_at().value().read_at(0, all).value_or(0) == all.size());
  const Bytes other = pattern(2 * mebi, 7);
  BOOST_TEST((std::search(all.begin(), all.end(), other.begin(), other.begin() + 64) == all.end()));
  BOOST_TEST((std::search(all.begin(), all.end(), other.end() - 64, other.end()) == all.end()));
  BOOST_TEST((Bytes(all.begin() + 2 * mebi + 5, all.end()) == pattern(mebi - 15, 1, 2 * mebi + 5)));
  BOOST_TEST((read_all(pipe.out.number(), 4'096) == pattern(4'096, 1, 3 * mebi - 4'100)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(transfer_in, Fixture)

BOOST_AUTO_TEST_CASE(a_file_is_taken_from_its_position_and_left_behind_what_was_taken) {
  write_file(directory / "source", pattern(large, 3));
  const auto source = open_file(directory / "source", O_RDONLY);
  BOOST_TEST_REQUIRE(::lseek(source.number(), 5, SEEK_SET) == 5);

  BOOST_TEST(backend.transfer_from(source.number(), 10'000).value() == 10'000U);  // no object yet: as create()
  BOOST_TEST(position_of(source) == 10'005);
  BOOST_TEST(shows(backend, pattern(10'000, 3, 5)));
  BOOST_TEST(backend.transfer_from(source.number(), 0).value() == 0U);
  BOOST_TEST(backend.transfer_from(source.number(), ~std::uint64_t{0}).value() == large - 10'005);
  BOOST_TEST(position_of(source) == static_cast<off_t>(large));
  BOOST_TEST(backend.transfer_from(source.number(), 1).value() == 0U);

  BOOST_TEST(shows(backend, pattern(large - 5, 3, 5)));
}

BOOST_AUTO_TEST_CASE(an_empty_source_changes_nothing) {
  const auto empty = open_file(directory / "source", O_RDONLY | O_CREAT);
  Pipe pipe;
  pipe.in.close();

  BOOST_TEST(backend.transfer_from(empty.number(), 100).value() == 0U);
  BOOST_TEST(backend.transfer_from(pipe.out.number(), 100).value() == 0U);

  BOOST_TEST((code_of(backend.open()) == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_taken_as_far_as_asked_and_to_its_end) {
  fill(1'000);
  Pipe pipe;
  const Bytes sent = pattern(large, 1, 1'000);
  std::thread producer{[&] {
    for (std::size_t at = 0; at < sent.size();) {
      const ssize_t count = ::write(pipe.in.number(), sent.data() + at, std::min<std::size_t>(12'345, sent.size() - at));
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    pipe.in.close();
  }};

  BOOST_TEST(backend.transfer_from(pipe.out.number(), 100'001).value() == 100'001U);
  BOOST_TEST(shows(backend, pattern(101'001)));
  BOOST_TEST(backend.transfer_from(pipe.out.number(), large).value() == large - 100'001);
  producer.join();
  BOOST_TEST(backend.transfer_from(pipe.out.number(), 1).value() == 0U);

  BOOST_TEST(shows(backend, pattern(large + 1'000)));
}

BOOST_AUTO_TEST_CASE(a_pipe_that_does_not_block_gives_what_it_has_and_then_is_unavailable) {
  fill(10);
  const Pipe pipe{O_NONBLOCK};
  BOOST_TEST((code_of(backend.transfer_from(pipe.out.number(), 100)) == errc::unavailable));
  BOOST_TEST_REQUIRE(::write(pipe.in.number(), pattern(50, 1, 10).data(), 50) == 50);

  BOOST_TEST(backend.transfer_from(pipe.out.number(), 100).value() == 50U);

  BOOST_TEST(shows(backend, pattern(60)));
}

BOOST_AUTO_TEST_CASE(sources_that_the_kernel_cannot_move_from_are_unsupported_and_untouched) {
  fill(10);
  const Sockets sockets;
  BOOST_TEST_REQUIRE(::write(sockets.in.number(), "0123456789", 10) == 10);
  const auto zero = open_file("/dev/zero", O_RDONLY);
  const auto generated = open_file("/proc/self/status", O_RDONLY);

  BOOST_TEST((code_of(backend.transfer_from(sockets.out.number(), 10)) == errc::unsupported));
  BOOST_TEST((code_of(backend.transfer_from(zero.number(), 10)) == errc::unsupported));
  BOOST_TEST((code_of(backend.transfer_from(generated.number(), 10)) == errc::unsupported));  // never a false end
  BOOST_TEST((code_of(backend.transfer_from(-1, 10)) == errc::invalid_argument));

  BOOST_TEST(position_of(generated) == 0);
  BOOST_TEST(read_all(sockets.out.number(), 10).size() == 10U);
  BOOST_TEST(shows(backend, pattern(10)));
}

BOOST_AUTO_TEST_CASE(no_more_is_taken_than_max_bytes_leaves_room_for) {
  const FileStorage limited{{.directory = directory.path(), .max_bytes = 100}};
  auto object = make_backend(limited);
  write_file(directory / "source", pattern(1'000));
  const auto source = open_file(directory / "source", O_RDONLY);

  BOOST_TEST(object.transfer_from(source.number(), 1'000).value() == 100U);
  BOOST_TEST((code_of(object.transfer_from(source.number(), 1'000)) == errc::limit_exceeded));

  BOOST_TEST(position_of(source) == 100);
  BOOST_TEST(shows(object, pattern(100)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(windows, Fixture)

BOOST_AUTO_TEST_CASE(every_window_is_what_read_at_shows) {
  fill(12'289);
  for (const std::uint64_t offset : {0U, 1U, 4'095U, 4'096U, 4'097U, 12'287U, 12'288U, 12'289U, 20'000U}) {
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{4'096}, std::size_t{8'193}, SIZE_MAX}) {
      const std::size_t expected = offset < 12'289 ? std::min<std::size_t>(n, 12'289 - offset) : 0;

      const auto window = backend.map(offset, n);

      BOOST_TEST_REQUIRE(window.has_value());
      BOOST_TEST(std::ranges::equal(window->bytes(), pattern(expected, 1, offset)), offset << ", " << n);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_window_stays_what_it_was_over_everything_but_a_cut) {
  const FileStorage recycling{{.directory = directory.path(), .recycled_files = 4}};
  auto object = make_backend(recycling);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(10'000)).has_value());
  auto window = object.map(100, 9'900);

  BOOST_TEST_REQUIRE(store(object.append(), pattern(100'000, 2)).has_value());
  BOOST_TEST(std::ranges::equal(window->bytes(), pattern(9'900, 1, 100)));
  BOOST_TEST_REQUIRE(store(object.create(), pattern(50'000, 3)).has_value());
  BOOST_TEST_REQUIRE(object.remove().has_value());
  std::vector<FileBackend> others;
  for (std::uint64_t key = 4; key < 8; ++key) {  // none of them may be given the file that is looked at
    others.push_back(make_backend(recycling));
    BOOST_TEST_REQUIRE(store(others.back().create(), pattern(50'000, key)).has_value());
  }
  BOOST_TEST(recycling.recycled().reused > 0U);
  BOOST_TEST(std::ranges::equal(window->bytes(), pattern(9'900, 1, 100)));
  { const FileBackend dropped = std::move(object); }
  BOOST_TEST(std::ranges::equal(window->bytes(), pattern(9'900, 1, 100)));
}

BOOST_AUTO_TEST_CASE(a_cut_that_runs_beside_is_an_end_and_no_damage) {
  static FileBackend* cut = nullptr;
  cut = &backend;
  const SystemFault cut_meanwhile{
      .k = 1, .only = SystemCall::status, .meanwhile = [] { BOOST_TEST_REQUIRE(cut->shrink(10'000).has_value()); }};
  const auto target = open_file(directory / "target", O_RDWR | O_CREAT);
  for (const std::uint64_t offset : {5'000U, 50'000U}) {
    const std::size_t left = offset < 10'000 ? 10'000 - offset : 0;
    fill(100'000);
    {
      const SystemFaults cutting{cut_meanwhile};
      BOOST_TEST(std::ranges::equal(backend.map(offset, 20'000).value().bytes(), pattern(left, 1, offset)));
      BOOST_TEST(cutting.fired() == 1U);
    }
    fill(100'000);
    const SystemFaults cutting{cut_meanwhile};
    BOOST_TEST(backend.transfer_to(target.number(), offset, 20'000).value() == left);
    BOOST_TEST(cutting.fired() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(assigning_to_a_window_lets_go_of_what_it_showed_and_empties_the_other) {
  fill(100'000);
  const std::size_t descriptors = open_descriptors();
  auto window = backend.map(10, 20).value();
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(50'000, 2)).has_value());
  BOOST_TEST_REQUIRE(open_descriptors() == descriptors + 1);
  auto other = backend.map(30, 40).value();

  window = std::move(other);

  BOOST_TEST(std::ranges::equal(window.bytes(), pattern(40, 2, 30)));
  BOOST_TEST(other.bytes().empty());
  BOOST_TEST(open_descriptors() == descriptors);
  auto& same = window;
  window = std::move(same);
  BOOST_TEST(std::ranges::equal(window.bytes(), pattern(40, 2, 30)));
}

BOOST_AUTO_TEST_CASE(a_mapping_that_the_system_refuses_is_an_error) {
  fill(10'000);
  const SystemFaults full{SystemCall::map, ENOMEM};
  BOOST_TEST((code_of(backend.map(0, 10'000)) == errc::no_space));
  BOOST_TEST(full.fired() == 1U);
}

BOOST_AUTO_TEST_CASE(only_a_bad_descriptor_is_called_one) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(100)).has_value());

  for (const auto& [error, category] : {std::pair{EBADF, errc::invalid_argument}, {EIO, errc::io}}) {
    const SystemFaults faults{SystemCall::status, error, true};
    BOOST_TEST((code_of(backend.transfer_to(1, 0, 10)) == category));
    BOOST_TEST((code_of(backend.transfer_from(0, 10)) == category));
  }
}

BOOST_AUTO_TEST_SUITE_END()
