#include "program.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

/// Both ends at work at once.
void passes_unchanged(std::vector<std::string> arguments, std::uint64_t size) {
  Program program{std::move(arguments)};
  std::uint64_t fed = 0;
  std::thread producer{[&] {
    fed = feed_pattern(program, 0, size);
    program.end_input();
  }};

  const std::uint64_t right = read_pattern(program, 0, size + 1);
  producer.join();

  BOOST_TEST(fed == size);
  BOOST_TEST(right == size);
  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_goes_in_comes_out_whatever_its_size) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{65535}, std::uint64_t{65536}, std::uint64_t{65537},
                                   mebibyte - 1, mebibyte, mebibyte + 1, 5 * mebibyte + 3}) {
    BOOST_TEST_CONTEXT(size << " bytes") {
      passes_unchanged({"--memory", "1M"}, size);
      passes_unchanged({"--memory", "1M", "--soak"}, size);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_mebibytes_come_out_as_they_went_in) {
  passes_unchanged({"--memory", "1M"}, 100 * mebibyte);
  passes_unchanged({"--memory", "16M"}, 100 * mebibyte);
}

BOOST_AUTO_TEST_CASE(a_producer_ends_before_its_consumer_has_begun) {
  const Directory directory;
  Program program{{"--memory", "2M", "--directory", directory.path(), "--stats"}};

  const std::uint64_t fed = feed_pattern(program, 0, 100 * mebibyte);
  program.end_input();
  BOOST_TEST(fed == 100 * mebibyte);  // nothing was read yet
  BOOST_TEST(directory.names().empty());
  const std::uint64_t right = read_pattern(program, 0, 100 * mebibyte + 1);
  const std::string stats = program.errors();

  BOOST_TEST(right == 100 * mebibyte);
  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST(stat_of(stats, "bytes in") == std::int64_t{100 * mebibyte});
  BOOST_TEST(stat_of(stats, "bytes out") == std::int64_t{100 * mebibyte});
  BOOST_TEST(stat_of(stats, "most spooled") > std::int64_t{98 * mebibyte});
  BOOST_TEST(stat_of(stats, "bytes spilled") > std::int64_t{96 * mebibyte});
  BOOST_TEST(stat_of(stats, "spills") > 0);
}

BOOST_AUTO_TEST_CASE(what_comes_in_goes_out_at_once) {
  Program program{{"--memory", "1M"}};

  for (int round = 0; round < 100; ++round) {
    program.feed("x");
    BOOST_TEST((program.read(10) == std::vector{std::byte{'x'}}));
  }
  program.end_input();

  BOOST_TEST(program.read(1).empty());
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_consumer_that_falls_behind_and_catches_up_again_sees_every_byte_in_order) {
  Program program{{"--memory", "1M"}};
  std::uint64_t fed = 0;
  std::uint64_t right = 0;

  for (int round = 0; round < 12; ++round) {  // behind by more than memory, by a little, by nothing
    const std::uint64_t more = round % 3 == 0 ? 5 * mebibyte + 11 : 70'001;
    fed += feed_pattern(program, fed, more);
    const std::uint64_t behind = round % 3 == 1 ? 2 * mebibyte : 0;
    right += read_pattern(program, right, fed - right - std::min(behind, fed - right));
  }
  program.end_input();
  right += read_pattern(program, right, fed + 1 - right);

  BOOST_TEST(fed == 4 * (5 * mebibyte + 11) + 8 * 70'001);
  BOOST_TEST(right == fed);
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(soaking_lets_nothing_out_before_all_is_in) {
  Program program{{"--memory", "1M", "--soak"}};

  feed_pattern(program, 0, 10 * mebibyte);
  const bool early = program.writes_within(milliseconds{300});
  program.end_input();
  const std::uint64_t right = read_pattern(program, 0, 10 * mebibyte + 1);

  BOOST_TEST(!early);
  BOOST_TEST(right == 10 * mebibyte);
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(storage_that_was_consumed_is_given_back_while_the_input_goes_on) {
  const Directory directory;
  Program program{{"--memory", "1M", "--directory", directory.path()}};
  const auto held = [&] {
    std::uint64_t bytes = 0;
    for (const AnonymousFile& file : anonymous_files(program.pid())) bytes += file.held_bytes;
    return bytes;
  };

  feed_pattern(program, 0, 64 * mebibyte);
  const std::uint64_t full = held();
  std::uint64_t right = read_pattern(program, 0, 32 * mebibyte);
  const std::uint64_t half = held();
  right += read_pattern(program, right, 32 * mebibyte);
  program.feed("");
  for (int waited = 0; held() != 0 && waited < 1000; ++waited) ::usleep(10'000);

  BOOST_TEST(right == 64 * mebibyte);
  BOOST_TEST(full > 60 * mebibyte);
  BOOST_TEST(half < 56 * mebibyte);
  BOOST_TEST(half > 0);
  BOOST_TEST(held() == 0);
  program.end_input();
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(files_pass_as_pipes_do) {
  const Directory directory;
  const auto content = Pattern::bytes(0, 7 * mebibyte + 5);
  write_file(directory.file("in"), {reinterpret_cast<const char*>(content.data()), content.size()});
  const Fd input{::open(directory.file("in").c_str(), O_RDONLY | O_CLOEXEC)};
  const Fd output{::open(directory.file("out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};

  Program program{Start{.arguments = {"--memory", "1M"}, .input = input.get(), .output = output.get()}};

  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST((content_of(directory.file("out")) == content_of(directory.file("in"))));
}

BOOST_AUTO_TEST_CASE(descriptors_that_others_share_stay_blocking_and_a_non_blocking_one_works_as_well) {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe input = make_pipe();
    std::array<int, 2> sockets{};
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
    const Fd ours{sockets[0]};
    Fd theirs{sockets[1]};
    BOOST_REQUIRE(::fcntl(input.read_end.get(), F_SETFL, flags) == 0);
    BOOST_REQUIRE(::fcntl(theirs.get(), F_SETFL, flags) == 0);
    const int input_before = ::fcntl(input.read_end.get(), F_GETFL);
    const int output_before = ::fcntl(theirs.get(), F_GETFL);
    Program program{Start{.arguments = {"--memory", "1M"}, .input = input.read_end.get(), .output = theirs.get()}};

    const auto content = Pattern::bytes(0, 3 * mebibyte);
    std::thread producer{[&] {
      for (std::size_t done = 0; done < content.size();) {
        const ssize_t count = ::write(input.write_end.get(), content.data() + done, content.size() - done);
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
        if (done % 5 == 0) ::usleep(1000);  // lets it meet an empty input
      }
      input.write_end.reset();
    }};
    BOOST_TEST(::fcntl(input.read_end.get(), F_GETFL) == input_before);
    BOOST_TEST(::fcntl(theirs.get(), F_GETFL) == output_before);
    std::vector<std::byte> received;
    std::vector<std::byte> block(100'000);
    while (received.size() < content.size()) {
      const ssize_t count = ::read(ours.get(), block.data(), block.size());
      if (count <= 0) break;
      received.insert(received.end(), block.begin(), block.begin() + count);
      if (received.size() < 500'000) ::usleep(2000);  // lets it meet a full output
    }
    producer.join();

    BOOST_TEST((received == content));
    BOOST_TEST(program.exit_code() == 0);
    BOOST_TEST(::fcntl(input.read_end.get(), F_GETFL) == input_before);
    BOOST_TEST(::fcntl(theirs.get(), F_GETFL) == output_before);
  }
}

BOOST_AUTO_TEST_CASE(progress_and_stats_are_told_on_standard_error_only) {
  const Finished shown = run({"--memory", "1M", "--progress=always", "--stats"}, "five\n");
  const Finished hidden = run({"--memory", "1M", "--progress"}, "five\n");  // standard error is no terminal

  BOOST_TEST(shown.output == "five\n");
  BOOST_TEST(shown.errors.find("in 5 B") != std::string::npos);
  BOOST_TEST(shown.errors.find("spooled 0 B") != std::string::npos);
  BOOST_TEST(stat_of(shown.errors, "bytes in") == 5);
  BOOST_TEST(stat_of(shown.errors, "bytes out") == 5);
  BOOST_TEST(stat_of(shown.errors, "peak memory") > 0);
  BOOST_TEST(shown.exit_code == 0);
  BOOST_TEST(hidden.output == "five\n");
  BOOST_TEST(hidden.errors == "");
}
