#include "program.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr milliseconds a_while{1500};

/// Starts this program again where it may mount: in a mount namespace of its own, and for others than root a user namespace as well.
/// What is mounted there goes with it.
struct MountNamespace {
  MountNamespace() {
    const char* variable = "HYBRIDBUFFER_IN_MOUNT_NAMESPACE";
    if (std::getenv(variable) != nullptr) return;
    ::setenv(variable, "1", 1);
    const auto& suite = boost::unit_test::framework::master_test_suite();
    std::vector<char*> words;
    std::string unshare = "unshare";
    std::string flags = ::geteuid() == 0 ? "-m" : "-Urm";
    std::array<char, 4096> self{};
    BOOST_REQUIRE(::readlink("/proc/self/exe", self.data(), self.size() - 1) > 0);
    words = {unshare.data(), flags.data(), self.data()};
    for (int i = 1; i < suite.argc; ++i) words.push_back(suite.argv[i]);
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    BOOST_FAIL("cannot start unshare");
  }
};

/// A file system of 4 MiB.
class SmallDisk {
 public:
  SmallDisk() {
    BOOST_REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    BOOST_REQUIRE(::mount("none", directory_.path().c_str(), "tmpfs", 0, "size=4m") == 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { ::umount(directory_.path().c_str()); }

  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  [[nodiscard]] const Directory& directory() const { return directory_; }
  [[nodiscard]] std::uint64_t used() const {
    struct statfs status{};
    BOOST_REQUIRE(::statfs(path().c_str(), &status) == 0);
    return (status.f_blocks - status.f_bfree) * static_cast<std::uint64_t>(status.f_bsize);
  }

 private:
  Directory directory_;
};

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(MountNamespace);

BOOST_AUTO_TEST_CASE(the_producer_waits_for_room_and_every_byte_arrives) {
  const SmallDisk disk;
  Program program{{"--memory", "1M", "--directory", disk.path()}};

  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  BOOST_TEST(fed < 6 * mebibyte);
  BOOST_TEST(disk.used() > 3 * mebibyte);
  std::uint64_t right = 0;
  for (int round = 0; round < 30; ++round) {
    right += read_pattern(program, right, mebibyte);
    fed += feed_pattern(program, fed, mebibyte, milliseconds{50});
  }
  BOOST_TEST(fed > 30 * mebibyte);
  program.end_input();
  right += read_pattern(program, right, 64 * mebibyte);
  const std::string errors = program.errors();

  BOOST_TEST(right == fed);
  BOOST_TEST(count_of(errors, "storage is full") == 1, errors);
  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST(disk.used() == 0);
}

BOOST_AUTO_TEST_CASE(room_that_somebody_else_makes_is_noticed) {
  const SmallDisk disk;
  write_file(disk.directory().file("ballast"), std::string(3 * mebibyte, 'x'));
  Program program{{"--memory", "1M", "--directory", disk.path()}};
  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  BOOST_TEST(fed < 3 * mebibyte);

  BOOST_REQUIRE(::unlink(disk.directory().file("ballast").c_str()) == 0);
  const std::uint64_t more = feed_pattern(program, fed, 64 * mebibyte, milliseconds{2500});
  fed += more;
  program.end_input();

  BOOST_TEST(more > mebibyte);
  BOOST_TEST(read_pattern(program, 0, 64 * mebibyte) == fed);
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk_ends_what_can_make_no_room_and_leaves_nothing) {
  const SmallDisk disk;
  const Directory results;
  for (const std::vector<std::string>& mode : {std::vector<std::string>{"--soak"}, std::vector<std::string>{"-o", results.file("result")},
                                               std::vector<std::string>{"-o", disk.directory().file("result")}}) {
    std::vector<std::string> arguments{"--memory", "1M", "--directory", disk.path()};
    arguments.insert(arguments.end(), mode.begin(), mode.end());
    Program program{arguments};

    const std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte);

    const std::string errors = program.errors();
    BOOST_TEST(fed < 6 * mebibyte);
    BOOST_TEST(errors.find("No space left") != std::string::npos, errors);
    BOOST_TEST(program.read(1).empty());
    BOOST_TEST(program.exit_code() == 3);
    BOOST_TEST(disk.used() == 0);
    BOOST_TEST(results.names().empty());
  }
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_from_the_start_matters_only_once_memory_is_full_too) {
  const SmallDisk disk;
  const std::string ballast = disk.directory().file("ballast");
  write_file(ballast, std::string(4 * mebibyte, 'x'));
  for (const char* mode : {"--memory=1M", "--soak"}) {
    const Finished passed = run({"--directory", disk.path(), mode}, "few bytes");
    BOOST_TEST(passed.exit_code == 0, passed.errors);
    BOOST_TEST(passed.output == "few bytes");
  }
  const Finished kept = run({"--output", disk.directory().file("result")}, "few bytes");
  BOOST_TEST(kept.exit_code == 3, kept.errors);
  BOOST_TEST(disk.directory().names().size() == 1U);
  Program program{{"--memory", "1M", "--directory", disk.path()}};
  std::uint64_t fed = feed_pattern(program, 0, 64 * mebibyte, a_while);
  BOOST_TEST(fed < 2 * mebibyte);

  BOOST_REQUIRE(::unlink(ballast.c_str()) == 0);
  fed += feed_pattern(program, fed, mebibyte, milliseconds{2500});
  program.end_input();

  BOOST_TEST(read_pattern(program, 0, 64 * mebibyte) == fed);
  BOOST_TEST(program.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_copy_that_does_not_fit_leaves_the_old_file) {
  const SmallDisk disk;
  const std::string path = disk.directory().file("result");
  write_file(path, "old");
  Program program{{"--memory", "1M", "--directory", "/var/tmp", "--output", path}};

  feed_pattern(program, 0, 8 * mebibyte);
  program.end_input();

  const std::string errors = program.errors();
  BOOST_TEST(errors.find("No space left") != std::string::npos, errors);
  BOOST_TEST(program.exit_code() == 3);
  BOOST_TEST((disk.directory().names() == std::vector<std::string>{"result"}));
  BOOST_TEST(content_of(path) == "old");
}
