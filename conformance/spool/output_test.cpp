#include "program.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
using Names = std::vector<std::string>;

struct stat status_of(const std::string& path) {
  struct stat status{};
  BOOST_REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}
unsigned mode_of(const std::string& path) { return status_of(path).st_mode & 07777U; }

/// The process's umask, for the time of a test.
class Umask {
 public:
  explicit Umask(mode_t mask) noexcept : before_{::umask(mask)} {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

bool holds_pattern(const std::string& path, std::uint64_t size) {
  const std::string content = content_of(path);
  return content.size() == size && Pattern::first_difference(0, std::as_bytes(std::span{content})) == -1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_file_appears_only_after_the_input_has_ended_and_whole) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, mebibyte, 10 * mebibyte + 7}) {
    BOOST_TEST_CONTEXT(size << " bytes") {
      const Directory directory;
      Program program{{"--memory", "1M", "--output", directory.file("result")}};

      feed_pattern(program, 0, size);
      ::usleep(50'000);
      const bool early = !directory.names().empty();
      program.end_input();

      BOOST_TEST(program.read_all_text() == "");
      BOOST_TEST(program.errors() == "");
      BOOST_TEST(program.exit_code() == 0);
      BOOST_TEST(!early);
      BOOST_TEST((directory.names() == Names{"result"}));
      BOOST_TEST(holds_pattern(directory.file("result"), size));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_exists_is_replaced_at_once) {
  const Directory directory;
  const std::string path = directory.file("result");
  write_file(path, "old");
  const ino_t old_inode = status_of(path).st_ino;
  Program program{{"--memory", "1M", "-o", path}};

  feed_pattern(program, 0, 5 * mebibyte);
  const std::string before = content_of(path);
  program.end_input();
  const int exit_code = program.exit_code();

  BOOST_TEST(before == "old");
  BOOST_TEST(exit_code == 0);
  BOOST_TEST((directory.names() == Names{"result"}));
  BOOST_TEST(holds_pattern(path, 5 * mebibyte));
  BOOST_TEST(status_of(path).st_ino != old_inode);
}

BOOST_AUTO_TEST_CASE(a_file_can_be_replaced_by_what_was_made_of_it) {
  const Directory directory;
  const std::string path = directory.file("list");
  write_file(path, "one\ntwo\n");
  const Fd input{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};

  Program program{Start{.arguments = {"--output", path}, .input = input.get()}};

  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST(content_of(path) == "one\ntwo\n");
}

BOOST_AUTO_TEST_CASE(what_was_spilled_gets_its_name_without_a_copy) {
  const Directory directory;
  Program program{{"--memory", "1M", "--output", directory.file("result")}};

  feed_pattern(program, 0, 8 * mebibyte);
  const auto files = anonymous_files(program.pid());
  program.end_input();
  const int exit_code = program.exit_code();

  BOOST_TEST(exit_code == 0);
  BOOST_REQUIRE(files.size() == 1);
  BOOST_TEST(status_of(directory.file("result")).st_ino == files.front().inode);
  BOOST_TEST(status_of(directory.file("result")).st_nlink == 1);
}

BOOST_AUTO_TEST_CASE(a_directory_of_its_own_for_the_spill_is_used) {
  const Directory directory;
  const Directory elsewhere{"/dev/shm"};
  Program program{{"--memory", "1M", "--directory", elsewhere.path(), "--output", directory.file("result")}};

  feed_pattern(program, 0, 8 * mebibyte);
  const auto files = anonymous_files(program.pid());
  program.end_input();

  BOOST_TEST(program.errors().find("memory") != std::string::npos);  // a warning: such a directory saves none
  BOOST_TEST(program.exit_code() == 0);
  BOOST_REQUIRE(!files.empty());
  BOOST_TEST(files.front().path.starts_with(elsewhere.path() + "/"));
  BOOST_TEST((directory.names() == Names{"result"}));
  BOOST_TEST(holds_pattern(directory.file("result"), 8 * mebibyte));
}

BOOST_AUTO_TEST_CASE(a_directory_that_everybody_may_write_gets_a_copy) {
  const Directory directory;
  BOOST_REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);

  const Finished finished = run({"--memory", "1M", "--output", directory.file("result")}, std::string(3 * mebibyte, 'x'));

  BOOST_TEST(finished.exit_code == 0);
  BOOST_TEST((directory.names() == Names{"result"}));
  BOOST_TEST((content_of(directory.file("result")) == std::string(3 * mebibyte, 'x')));
}

BOOST_AUTO_TEST_CASE(a_new_file_has_the_permissions_that_the_umask_gives) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{027}, mode_t{077}, mode_t{0777}}) {
    const Directory directory;
    const Umask umask{mask};

    const Finished finished = run({"--output", directory.file("result")}, "text");

    BOOST_TEST(finished.exit_code == 0);
    BOOST_TEST(mode_of(directory.file("result")) == (0666U & ~mask));
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_stays_encrypted_has_its_permissions_too) {
  const Directory directory;
  const Umask umask{022};
  write_file(directory.file("key"), std::string(32, 'k'));
  write_file(directory.file("old"), "old");
  BOOST_REQUIRE(::chmod(directory.file("key").c_str(), 0600) == 0);
  BOOST_REQUIRE(::chmod(directory.file("old").c_str(), 0640) == 0);
  const std::string url =
      "file://" + directory.path() + "?encrypt=auto&encrypt_publish=encrypted&encrypt_key_file=" + directory.file("key");

  for (const auto& [name, mode] : {std::pair{"new", 0644U}, {"old", 0640U}}) {
    const Finished finished = run({"--memory", "1M", "--storage", url, "--output", directory.file(name)}, std::string(3 * mebibyte, 'x'));

    BOOST_TEST(finished.exit_code == 0, finished.errors);
    BOOST_TEST(finished.errors == "");
    BOOST_TEST(mode_of(directory.file(name)) == mode);
    BOOST_TEST(content_of(directory.file(name)).size() > 3 * mebibyte);
  }
}

BOOST_AUTO_TEST_CASE(a_replaced_file_keeps_its_permissions_but_no_set_user_id) {
  for (const mode_t mode : {mode_t{0600}, mode_t{0640}, mode_t{0755}, mode_t{04755}}) {
    const Directory directory;
    write_file(directory.file("result"), "old");
    BOOST_REQUIRE(::chmod(directory.file("result").c_str(), mode) == 0);

    const Finished finished = run({"--output", directory.file("result")}, "new");

    BOOST_TEST(finished.exit_code == 0);
    BOOST_TEST(mode_of(directory.file("result")) == (mode & 0777U));
    BOOST_TEST(content_of(directory.file("result")) == "new");
  }
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_is_followed) {
  const Directory directory;
  write_file(directory.file("target"), "old");
  BOOST_REQUIRE(::symlink("target", directory.file("link").c_str()) == 0);
  BOOST_REQUIRE(::symlink("missing", directory.file("dangling").c_str()) == 0);

  const Finished followed = run({"--output", directory.file("link")}, "new");
  const Finished refused = run({"--output", directory.file("dangling")}, "new");

  BOOST_TEST(followed.exit_code == 0);
  BOOST_TEST(S_ISLNK(status_of(directory.file("link")).st_mode));
  BOOST_TEST(content_of(directory.file("target")) == "new");
  BOOST_TEST(refused.exit_code == 1);
  BOOST_TEST((directory.names() == Names{"dangling", "link", "target"}));
}

BOOST_AUTO_TEST_CASE(a_file_that_exists_is_not_replaced_against_the_users_will) {
  const Directory directory;
  write_file(directory.file("result"), "old");

  const Finished early = run({"--no-replace", "--output", directory.file("result")}, "new");
  Program late{{"--no-replace", "--output", directory.file("other")}};
  late.feed("new");
  ::usleep(100'000);
  write_file(directory.file("other"), "somebody else's");
  late.end_input();
  const std::string late_errors = late.errors();
  const Finished created = run({"--no-replace", "--output", directory.file("third")}, "new");

  BOOST_TEST(early.exit_code == 4);
  BOOST_TEST(early.errors.find("result") != std::string::npos);
  BOOST_TEST(content_of(directory.file("result")) == "old");
  BOOST_TEST(late.exit_code() == 4);
  BOOST_TEST(late_errors.find("other") != std::string::npos);
  BOOST_TEST(content_of(directory.file("other")) == "somebody else's");
  BOOST_TEST(created.exit_code == 0);
  BOOST_TEST((directory.names() == Names{"other", "result", "third"}));
}

BOOST_AUTO_TEST_CASE(a_place_that_can_take_no_file_is_refused_before_anything_is_read) {
  const Directory directory;
  write_file(directory.file("file"), "old");

  for (const std::string& path : {directory.path(), directory.file("missing/result"), directory.file("file/result"),
                                  std::string{"/dev/null"}, directory.file("new/"), std::string{"/proc/result"}}) {
    BOOST_TEST_CONTEXT(path) {
      Program program{{"--output", path}};  // its input stays open
      const std::string errors = program.errors();
      BOOST_TEST(errors.find(path) != std::string::npos, errors);
      BOOST_TEST(program.exit_code() == 1);
    }
  }
  BOOST_TEST((directory.names() == Names{"file"}));
  BOOST_TEST(S_ISCHR(status_of("/dev/null").st_mode));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_or_changed_when_the_program_is_killed) {
  for (const int signal : {SIGKILL, SIGTERM, SIGINT}) {
    const Directory directory;
    write_file(directory.file("result"), "old");
    Program program{{"--memory", "1M", "--output", directory.file("result")}};
    feed_pattern(program, 0, 8 * mebibyte);

    BOOST_REQUIRE(::kill(program.pid(), signal) == 0);

    BOOST_TEST(program.exit_code() == Program::killed + signal);
    BOOST_TEST((directory.names() == Names{"result"}));
    BOOST_TEST(content_of(directory.file("result")) == "old");
  }
}
