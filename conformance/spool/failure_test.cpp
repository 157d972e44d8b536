#include "program.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr milliseconds a_while{1500};  // without any byte taken: the producer has to wait

/// A terminal: what is written to `ours` can be read from `theirs`, which fails with EIO once `ours` is closed.
struct Terminal {
  Fd theirs;
  Fd ours;
};
Terminal make_terminal() {
  Terminal terminal{Fd{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)}, Fd{}};
  BOOST_REQUIRE(::grantpt(terminal.theirs.get()) == 0);
  BOOST_REQUIRE(::unlockpt(terminal.theirs.get()) == 0);
  terminal.ours = Fd{::open(::ptsname(terminal.theirs.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  termios settings{};
  BOOST_REQUIRE(::tcgetattr(terminal.ours.get(), &settings) == 0);
  ::cfmakeraw(&settings);
  BOOST_REQUIRE(::tcsetattr(terminal.ours.get(), TCSANOW, &settings) == 0);
  return terminal;
}

std::uint64_t held_by(const Program& program) {
  std::uint64_t bytes = 0;
  for (const AnonymousFile& file : anonymous_files(program.pid())) bytes += file.held_bytes;
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_consumer_that_leaves_ends_the_program_quietly) {
  const Directory directory;
  Program program{{"--memory", "1M", "--directory", directory.path()}};
  feed_pattern(program, 0, 8 * mebibyte);

  program.leave_output();

  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 141);
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(a_consumer_that_leaves_is_noticed_while_the_producer_is_silent) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{}, std::vector<std::string>{"--soak"}}) {
    Program program{arguments};
    program.feed("text");
    if (arguments.empty()) BOOST_TEST(program.read(10).size() == 4);

    program.leave_output();  // the input stays open

    BOOST_TEST(program.errors() == "");
    BOOST_TEST(program.exit_code() == 141);
  }
}

BOOST_AUTO_TEST_CASE(what_came_before_the_input_failed_is_passed_on_and_the_failure_told) {
  Terminal terminal = make_terminal();
  Program program{Start{.input = terminal.theirs.get()}};
  BOOST_REQUIRE(::write(terminal.ours.get(), "text", 4) == 4);
  BOOST_TEST(program.read(10).size() == 4);

  terminal.ours.reset();

  const std::string errors = program.errors();
  BOOST_TEST(errors.find("read standard input") != std::string::npos, errors);
  BOOST_TEST(program.exit_code() == 1);
  BOOST_TEST(program.read(1).empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_written_or_published_when_the_input_fails) {
  const Directory directory;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--soak"}, std::vector<std::string>{"--output", directory.file("result")}}) {
    Terminal terminal = make_terminal();
    Program program{Start{.arguments = arguments, .input = terminal.theirs.get()}};
    BOOST_REQUIRE(::write(terminal.ours.get(), "text", 4) == 4);
    ::usleep(100'000);

    terminal.ours.reset();

    BOOST_TEST(program.errors().find("read standard input") != std::string::npos);
    BOOST_TEST(program.exit_code() == 1);
    BOOST_TEST(program.read(1).empty());
    BOOST_TEST(directory.names().empty());
  }
}

BOOST_AUTO_TEST_CASE(an_output_that_takes_no_more_is_a_failure_and_ends_the_program_while_the_producer_is_silent) {
  const Fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  Program program{Start{.output = full.get()}};

  program.feed("text");  // the input stays open

  const std::string errors = program.errors();
  BOOST_TEST(errors.find("standard output") != std::string::npos, errors);
  BOOST_TEST(errors.find("No space left") != std::string::npos, errors);
  BOOST_TEST(program.exit_code() == 1);
}

BOOST_AUTO_TEST_CASE(a_standard_descriptor_that_is_closed_is_told_and_no_data_goes_astray) {
  const auto run_shell = [](const std::string& redirection) {
    const std::string command = "printf text 2>/dev/null | \"$HYBRID_SPOOL\" --memory 1M " + redirection;
    return WEXITSTATUS(std::system(command.c_str()));
  };
  const Directory directory;

  BOOST_TEST(run_shell("<&- 2>'" + directory.file("in") + "'") == 1);
  BOOST_TEST(content_of(directory.file("in")).find("standard input is closed") != std::string::npos);
  BOOST_TEST(run_shell(">&- 2>'" + directory.file("out") + "'") == 1);
  BOOST_TEST(content_of(directory.file("out")).find("standard output is closed") != std::string::npos);
  BOOST_TEST(run_shell(">'" + directory.file("text") + "' 2>&-") == 0);
  BOOST_TEST(content_of(directory.file("text")) == "text");
  BOOST_TEST(run_shell("--output '" + directory.file("result") + "' >&-") == 0);
  BOOST_TEST(content_of(directory.file("result")) == "text");
}

BOOST_AUTO_TEST_CASE(a_file_that_would_be_read_while_it_grows_is_refused_and_soaked_up_first_it_is_not) {
  const Directory directory;
  const std::string path = directory.file("both");
  const std::string text(3 * mebibyte, 'x');
  const auto run_on = [&](std::vector<std::string> arguments, int flags, off_t input_at, off_t output_at) {
    write_file(path, text);
    const Fd input{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const Fd output{::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags)};
    BOOST_REQUIRE(::lseek(input.get(), input_at, SEEK_SET) == input_at);
    BOOST_REQUIRE(::lseek(output.get(), output_at, SEEK_SET) == output_at);
    Program program{{.arguments = std::move(arguments), .input = input.get(), .output = output.get()}};
    const rlimit limit{16 * mebibyte, 16 * mebibyte};
    BOOST_REQUIRE(::prlimit(program.pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
    const std::string errors = program.errors();
    const int code = program.exit_code();
    BOOST_TEST((code == 0) == errors.empty(), errors);
    return code;
  };

  BOOST_TEST(run_on({}, O_APPEND, 0, 0) == 1);
  BOOST_TEST(content_of(path).size() == text.size());
  BOOST_TEST(run_on({}, 0, 0, 1) == 1);
  BOOST_TEST((content_of(path) == text));
  BOOST_TEST(run_on({"--soak"}, O_APPEND, 0, 0) == 0);
  BOOST_TEST(content_of(path).size() == 2 * text.size());
  BOOST_TEST(run_on({}, 0, 1, 0) == 0);
  BOOST_TEST((content_of(path) == text));
}

BOOST_AUTO_TEST_CASE(storage_is_used_up_to_its_limit_and_the_producer_waits_from_there_on) {
  const Directory directory;
  constexpr std::uint64_t limit = 4 * mebibyte;
  Program program{{"--memory", "1M", "--max-storage", "4M", "--directory", directory.path()}};

  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  const std::uint64_t held = held_by(program);
  BOOST_TEST(fed > 3 * mebibyte);
  BOOST_TEST(fed < 6 * mebibyte);
  BOOST_TEST(held > 2 * mebibyte);
  BOOST_TEST(held <= limit);
  std::uint64_t right = read_pattern(program, 0, 3 * mebibyte);
  const std::uint64_t more = feed_pattern(program, fed, 64 * mebibyte, a_while);
  fed += more;
  BOOST_TEST(more > mebibyte);
  BOOST_TEST(held_by(program) <= limit + mebibyte);  // what was consumed goes in mebibytes
  program.end_input();
  right += read_pattern(program, right, 64 * mebibyte);

  BOOST_TEST(right == fed);
  const std::string errors = program.errors();
  const std::size_t told = errors.find("the producer waits");
  BOOST_TEST(told != std::string::npos, errors);
  BOOST_TEST(errors.find("the producer waits", told + 1) == std::string::npos, "told once");
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(without_storage_memory_alone_is_a_queue) {
  Program program{{"--memory", "2M", "--max-storage", "0"}};

  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  BOOST_TEST(fed > mebibyte);
  BOOST_TEST(fed < 3 * mebibyte);
  std::uint64_t right = 0;
  for (int round = 0; round < 50; ++round) {
    right += read_pattern(program, right, 400'000);
    fed += feed_pattern(program, fed, 400'000, milliseconds{50});  // room is made in larger pieces
  }
  program.end_input();
  right += read_pattern(program, right, 64 * mebibyte);

  BOOST_TEST(fed > 45 * 400'000);
  BOOST_TEST(right == fed);
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(what_must_be_kept_and_cannot_is_an_error_that_lets_nothing_out) {
  const Directory directory;
  for (const std::vector<std::string>& mode :
       {std::vector<std::string>{"--soak"}, std::vector<std::string>{"--output", directory.file("result")}}) {
    std::vector<std::string> arguments{"--memory", "1M", "--max-storage", "2M"};
    arguments.insert(arguments.end(), mode.begin(), mode.end());
    Program program{arguments};

    feed_pattern(program, 0, 64 * mebibyte);

    const std::string errors = program.errors();
    BOOST_TEST(errors.find("storage is full") != std::string::npos, errors);
    BOOST_TEST(program.read(1).empty());
    BOOST_TEST(program.exit_code() == 3);
    BOOST_TEST(directory.names().empty());
  }
}

BOOST_AUTO_TEST_CASE(the_systems_limit_on_file_sizes_is_waited_out_like_a_full_disk) {
  const Directory directory;
  Program program{{"--memory", "1M", "--directory", directory.path()}};
  program.feed("");
  const rlimit limit{4 * mebibyte, 4 * mebibyte};
  BOOST_REQUIRE(::prlimit(program.pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);

  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  BOOST_TEST(fed < 16 * mebibyte);
  std::uint64_t right = 0;
  for (int round = 0; round < 20; ++round) {
    right += read_pattern(program, right, mebibyte);
    fed += feed_pattern(program, fed, mebibyte, a_while);
  }
  program.end_input();
  right += read_pattern(program, right, 64 * mebibyte);

  BOOST_TEST(right == fed);
  BOOST_TEST(program.errors().find("the producer waits") != std::string::npos);
  BOOST_TEST(program.exit_code() == 0);
}
