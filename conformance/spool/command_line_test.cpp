#include "program.hpp"

#include "../../docs/examples/hybrid_spool/sizes.hpp"

#include <boost/test/unit_test.hpp>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

using namespace spool_test;

namespace {

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_are_read_as_people_write_them) {
  const auto is = [](std::string_view text, std::uint64_t bytes) { return spool::parse_size(text) == std::optional{bytes}; };

  BOOST_TEST(is("0", 0));
  BOOST_TEST(is("4096", 4096));
  BOOST_TEST(is("7B", 7));
  BOOST_TEST(is("1K", 1024));
  BOOST_TEST(is("1k", 1024));
  BOOST_TEST(is("1KiB", 1024));
  BOOST_TEST(is("1KB", 1000));
  BOOST_TEST(is("64M", 64ULL << 20U));
  BOOST_TEST(is("64mb", 0) == false);
  BOOST_TEST(is("64mB", 64'000'000));
  BOOST_TEST(is("1.5G", 3ULL << 29U));
  BOOST_TEST(is("0.5K", 512));
  BOOST_TEST(is("2.25T", 9ULL << 38U));
  BOOST_TEST(is("3P", 3ULL << 50U));
  BOOST_TEST(is("18446744073709551615", std::numeric_limits<std::uint64_t>::max()));
  BOOST_TEST(is("16383P", 16383ULL << 50U));
}

BOOST_AUTO_TEST_CASE(what_is_no_size_is_refused) {
  std::istringstream words{
      "M -1 +1 1X 1.M .5M 1.5 1.5B 1,5M 0x10 1MiBi 1MM 1e3 nan 1.5.5M 16384P 18446744073709551616 99999999999999999999"};
  std::vector<std::string> texts{std::istream_iterator<std::string>{words}, {}};
  texts.insert(texts.end(), {"", " ", " 1", "1 "});
  BOOST_TEST(texts.size() == 22U);

  for (const std::string& text : texts) {
    BOOST_TEST_CONTEXT("'" << text << "'") { BOOST_TEST(!spool::parse_size(text).has_value()); }
  }
}

BOOST_AUTO_TEST_CASE(sizes_are_shown_as_people_read_them) {
  BOOST_TEST(spool::format_size(0) == "0 B");
  BOOST_TEST(spool::format_size(1023) == "1023 B");
  BOOST_TEST(spool::format_size(1024) == "1.0 KiB");
  BOOST_TEST(spool::format_size(1536) == "1.5 KiB");
  BOOST_TEST(spool::format_size((1ULL << 20U) - 1) == "1.0 MiB");
  BOOST_TEST(spool::format_size(5ULL << 30U) == "5.0 GiB");
  BOOST_TEST(spool::format_size(std::numeric_limits<std::uint64_t>::max()) == "16384.0 PiB");
}

BOOST_AUTO_TEST_CASE(help_and_version_are_answered_on_standard_output) {
  for (const char* option : {"--help", "-h"}) {
    const Finished help = run({option});
    BOOST_TEST(help.exit_code == 0);
    BOOST_TEST(help.errors == "");
    for (const char* name :
         {"--memory", "--directory", "--storage", "--max-storage", "--soak", "--output", "--no-replace", "--progress", "--stats", "141"}) {
      BOOST_TEST(mentions(help.output, name), name << " is in the help");
    }
  }
  const Finished version = run({"--version"});
  BOOST_TEST(version.exit_code == 0);
  BOOST_TEST(version.output.starts_with("hybrid-spool "));
}

BOOST_AUTO_TEST_CASE(a_wrong_command_line_is_refused_with_a_message_that_names_the_wrong_part) {
  struct Case {
    std::vector<std::string> arguments;
    std::string_view named;
  };
  const std::vector<Case> cases{{{"--memroy", "64M"}, "--memroy"},
                                {{"-x"}, "'x'"},
                                {{"--memory"}, "--memory"},
                                {{"--memory", "much"}, "'much'"},
                                {{"--memory", "1048575"}, "--memory"},
                                {{"--max-storage", "1.5"}, "'1.5'"},
                                {{"--directory", "/no/such/place"}, "'/no/such/place': No such file or directory"},
                                {{"--directory", "/dev/null/place"}, "'/dev/null/place': Not a directory"},
                                {{"--directory", "/proc"}, "/proc"},
                                {{"--storage", "/var/tmp"}, "--storage: read the storage URL: scheme"},
                                {{"--storage", "gopher://host"}, "--storage: read the storage URL: scheme: unknown"},
                                {{"--storage", "file:tmp"}, "path: not absolute"},
                                {{"--storage", "file:///no/such/place"}, "/no/such/place"},
                                {{"--storage", "file:///var/tmp?recycled=4"}, "parameter 'recycled': unknown"},
                                {{"--storage", "memory:?max_bytes=all"}, "parameter 'max_bytes'"},
                                {{"--storage", "memory:", "--directory", "/var/tmp"}, "not together with --directory"},
                                {{"--storage", "memory:", "--output", "/var/tmp/x"}, "only file: together with --output"},
                                {{"--progress=often"}, "'often'"},
                                {{"--soak=1"}, "--soak"},
                                {{"--output", ""}, "--output"},
                                {{"--no-replace"}, "--no-replace"},
                                {{"file"}, "'file'"}};
  for (const Case& wrong : cases) {
    BOOST_TEST_CONTEXT(wrong.arguments.front()) {
      const Finished finished = run(wrong.arguments, "input");
      BOOST_TEST(finished.exit_code == 2);
      BOOST_TEST(finished.output == "");
      BOOST_TEST(mentions(finished.errors, wrong.named), finished.errors);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_relative_directory_counts_from_where_the_program_was_started) {
  const Directory directory;
  Program program{Start{.arguments = {"--memory", "1M", "--directory", "."}, .working_directory = directory.path()}};

  feed_pattern(program, 0, 4U << 20U);
  const auto files = anonymous_files(program.pid());
  program.end_input();

  BOOST_REQUIRE(!files.empty());
  BOOST_TEST(files.front().path.starts_with(directory.path() + "/"), files.front().path);
  BOOST_TEST(read_pattern(program, 0, 5U << 20U) == 4U << 20U);
  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 0);
}
