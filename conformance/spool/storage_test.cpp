#include "program.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string>
#include <sys/stat.h>

// --storage: where the data goes that memory cannot hold, named by a URL.

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

/// Keeps 8 MiB back in `url` with 1 MiB of memory, and lets them out. Returns: the files that were open meanwhile.
std::vector<AnonymousFile> files_of_a_relay(const std::string& url) {
  Program program{{"--memory", "1M", "--storage", url}};
  feed_pattern(program, 0, 8 * mebibyte);
  const auto files = anonymous_files(program.pid());
  program.end_input();
  BOOST_TEST(read_pattern(program, 0, 9 * mebibyte) == 8 * mebibyte);
  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 0);
  return files;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_url_names_the_directory) {
  const Directory directory;
  const auto files = files_of_a_relay("file://" + directory.path() + "?recycled_files=2");
  BOOST_REQUIRE(!files.empty());
  BOOST_TEST(files.front().path.starts_with(directory.path() + "/"), files.front().path);
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(a_file_url_that_names_a_directory_in_memory_is_warned_of) {
  Program program{{"--memory", "1M", "--storage", "file:///dev/shm?compress=lz4"}};
  program.end_input();
  BOOST_TEST(program.errors() == "hybrid-spool: warning: /dev/shm is held in memory: what is spilled there frees none\n");
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_memory_url_keeps_everything_in_the_process) { BOOST_TEST(files_of_a_relay("memory:").empty()); }

BOOST_AUTO_TEST_CASE(transforms_stand_before_the_files) {
  const Directory directory;
  const auto files = files_of_a_relay("file://" + directory.path() + "?retry=2&compress=lz4&level=fast&encrypt=auto&checksum=crc32c");
  BOOST_REQUIRE(!files.empty());
  BOOST_TEST(files.front().path.starts_with(directory.path() + "/"), files.front().path);
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(a_store_with_small_objects_is_filled_one_after_the_other) {
  BOOST_TEST(files_of_a_relay("memory:?max_bytes=100K").empty());
}

BOOST_AUTO_TEST_CASE(what_was_spilled_beside_the_output_gets_its_name_without_a_copy) {
  const Directory directory;
  Program program{{"--memory", "1M", "--storage", "file://" + directory.path(), "--output", directory.file("result")}};

  feed_pattern(program, 0, 8 * mebibyte);
  const auto files = anonymous_files(program.pid());
  program.end_input();

  BOOST_TEST(program.errors() == "");
  BOOST_TEST(program.exit_code() == 0);
  BOOST_REQUIRE(files.size() == 1);
  struct stat status{};
  BOOST_REQUIRE(::stat(directory.file("result").c_str(), &status) == 0);
  BOOST_TEST(status.st_ino == files.front().inode);
}

BOOST_AUTO_TEST_CASE(the_limit_on_storage_holds_for_every_store) {
  const Finished finished =
      run({"--memory", "1M", "--storage", "memory:", "--max-storage", "1M", "--soak"}, std::string(8 * mebibyte, 'x'));
  BOOST_TEST(finished.exit_code == 3);
  BOOST_TEST(finished.output == "");
  BOOST_TEST(finished.errors.find("--max-storage") != std::string::npos, finished.errors);
}

BOOST_AUTO_TEST_CASE(a_limit_of_the_store_itself_is_told_as_its_own) {
  const std::string input(4 * mebibyte, 'x');

  const Finished other = run({"--memory", "1M", "--storage", "memory:?max_bytes=0", "--soak"}, input);
  const Finished also = run({"--memory", "1M", "--storage", "memory:?max_bytes=0", "--max-storage", "1G", "--soak"}, input);

  for (const Finished& finished : {other, also}) {
    BOOST_TEST(finished.exit_code == 3);
    BOOST_TEST(finished.errors.find("--max-storage") == std::string::npos, finished.errors);
    BOOST_TEST(finished.errors.find("objects hold no bytes") != std::string::npos, finished.errors);
  }
}

BOOST_AUTO_TEST_CASE(a_password_in_a_wrong_url_is_not_repeated) {
  for (const char* url : {"nowhere://me:hidden@host", "file://me:hidden@/var/tmp", "file:///var/tmp?key=hidden", "me:hidden",
                          "redis://me:hidden@127.0.0.1:1?operation_timeout=100ms"}) {
    const Finished finished = run({"--storage", url}, "input");
    BOOST_TEST(finished.exit_code == 2);
    BOOST_TEST(finished.output == "");
    BOOST_TEST(finished.errors.find("hidden") == std::string::npos, finished.errors);
  }
}
