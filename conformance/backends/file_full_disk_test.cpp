#include <boost/test/unit_test.hpp>

#include "file_support.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>
#include <vector>

// A file system of 1 MiB that is really full. The program executes itself again in a mount namespace of its own, and in a user
// namespace when it may not mount, so that the mount goes with it however it ends.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct OwnNamespace {
  OwnNamespace() {
    if (std::getenv("HYBRIDBUFFER_OWN_NAMESPACE") != nullptr) return;
    ::setenv("HYBRIDBUFFER_OWN_NAMESPACE", "1", 1);
    auto& suite = boost::unit_test::framework::master_test_suite();
    std::vector<std::string> words{"unshare", ::geteuid() == 0 ? "-m" : "-Urm", "--", "/proc/self/exe"};
    for (int i = 1; i < suite.argc; ++i) words.emplace_back(suite.argv[i]);
    std::array<char, 4096> self{};
    if (::readlink("/proc/self/exe", self.data(), self.size() - 1) > 0) words[3] = self.data();
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp("unshare", arguments.data());
    std::cerr << "no unshare (util-linux): " << std::strerror(errno) << '\n';
    std::_Exit(1);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(OwnNamespace);

struct Fixture {
  Fixture() {
    if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=1m,mode=700") != 0) throw std::runtime_error{"no tmpfs of 1 MiB"};
  }
  ~Fixture() { ::umount2(directory.path().c_str(), MNT_DETACH); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] std::uint64_t free_bytes() const {
    struct statvfs status{};
    if (::statvfs(directory.path().c_str(), &status) != 0) throw std::runtime_error{"no status"};
    return status.f_bavail * status.f_frsize;
  }

  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path()}};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(full_disk, Fixture)

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_no_space_nothing_of_it_is_visible_and_its_storage_is_free_again) {
  auto backend = make_backend(storage);
  const std::uint64_t all = free_bytes();
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(600 * kibi)).has_value());
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST((code_of(store(backend.append(), pattern(500 * kibi))) == errc::no_space));
    BOOST_TEST((code_of(store(backend.create(), pattern(500 * kibi))) == errc::no_space));
    BOOST_TEST(shows(backend, pattern(600 * kibi)));
    BOOST_TEST(free_bytes() == all - 600 * kibi);
  }
  BOOST_TEST(store(backend.append(), pattern(all - 600 * kibi, 1, 600 * kibi)).has_value());  // to the last byte
  BOOST_TEST(shows(backend, pattern(all)));
  BOOST_TEST_REQUIRE(backend.remove().has_value());
  BOOST_TEST(free_bytes() == all);
}

BOOST_AUTO_TEST_CASE(the_last_byte_can_be_used_by_small_extensions) {
  auto backend = make_backend(storage);
  const std::uint64_t all = free_bytes();
  std::uint64_t size = 0;
  while (size < all) {
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(4 * kibi, 1, size)).has_value());
    size += 4 * kibi;
  }
  BOOST_TEST((code_of(store(backend.append(), pattern(1))) == errc::no_space));
  BOOST_TEST(shows(backend, pattern(all)));
}

BOOST_AUTO_TEST_CASE(files_kept_for_reuse_are_released_before_a_full_disk_is_reported) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 4}};
  {
    auto first = make_backend(keeping);
    auto second = make_backend(keeping);
    BOOST_TEST_REQUIRE(store(first.create(), pattern(400 * kibi)).has_value());
    BOOST_TEST_REQUIRE(store(second.create(), pattern(400 * kibi)).has_value());
  }
  BOOST_TEST_REQUIRE(keeping.recycled().files == 2U);
  auto backend = make_backend(keeping);

  BOOST_TEST(store(backend.create(), pattern(900 * kibi)).has_value());

  BOOST_TEST(keeping.recycled().files == 0U);
  BOOST_TEST(shows(backend, pattern(900 * kibi)));
}

BOOST_AUTO_TEST_CASE(files_kept_for_reuse_are_released_before_a_cut_that_has_to_copy_finds_the_disk_full) {
  const FileStorage keeping{{.directory = directory.path(), .recycled_files = 4}};
  auto backend = make_backend(keeping);
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(400 * kibi)).has_value());
  {
    auto first = make_backend(keeping);
    auto second = make_backend(keeping);
    BOOST_TEST_REQUIRE(store(first.create(), pattern(300 * kibi)).has_value());
    BOOST_TEST_REQUIRE(store(second.create(), pattern(300 * kibi)).has_value());
  }
  BOOST_TEST_REQUIRE(keeping.recycled().files == 2U);
  std::array<int, 2> pipe{};
  BOOST_TEST_REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  BOOST_TEST_REQUIRE(backend.transfer_to(pipe[1], 350 * kibi, 50 * kibi).value() == 50 * kibi);

  const auto shrunk = backend.shrink(360 * kibi);

  BOOST_TEST((code_of(shrunk) == errc{}));
  BOOST_TEST(keeping.recycled().files == 0U);
  BOOST_TEST(shows(backend, pattern(360 * kibi)));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

BOOST_AUTO_TEST_CASE(a_transfer_takes_what_fits_and_then_says_no_space) {
  auto backend = make_backend(storage);
  const TemporaryDirectory elsewhere;
  write_file(elsewhere / "source", pattern(2'000 * kibi));
  std::array<int, 2> pipe{};
  BOOST_TEST_REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  std::uint64_t size = 0;
  for (;;) {
    const Bytes some = pattern(16 * kibi, 1, size);
    BOOST_TEST_REQUIRE(::write(pipe[1], some.data(), some.size()) == static_cast<ssize_t>(some.size()));
    const auto taken = backend.transfer_from(pipe[0], some.size());
    if (!taken) {
      BOOST_TEST((taken.error() == errc::no_space));
      break;
    }
    size += *taken;
    if (*taken < some.size()) {
      const auto next = backend.transfer_from(pipe[0], some.size());
      BOOST_TEST((code_of(next) == errc::no_space));
      break;
    }
    BOOST_TEST_REQUIRE(size <= 1'024 * kibi);
  }
  BOOST_TEST(size > 900 * kibi);
  BOOST_TEST(shows(backend, pattern(size)));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

BOOST_AUTO_TEST_CASE(a_copy_that_does_not_fit_leaves_the_destination_as_it_was_and_no_name) {
  const TemporaryDirectory elsewhere;
  const FileStorage large{{.directory = elsewhere.path()}};
  auto backend = make_backend(large);
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(2'000 * kibi)).has_value());
  write_file(directory / "result", pattern(100, 9));
  const std::uint64_t before = free_bytes();

  BOOST_TEST((code_of(backend.publish(directory / "result", PublishMode::replace)) == errc::no_space));
  BOOST_TEST((code_of(backend.publish(directory / "other", PublishMode::keep)) == errc::no_space));

  BOOST_TEST((file_content(directory / "result") == pattern(100, 9)));
  BOOST_TEST((directory.names() == std::vector<std::string>{"result"}));
  BOOST_TEST(free_bytes() == before);
  BOOST_TEST(backend.shrink(100).has_value());  // not sealed
}

BOOST_AUTO_TEST_SUITE_END()
