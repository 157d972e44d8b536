#include <boost/test/unit_test.hpp>

#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

// A file system that really lacks O_TMPFILE: bindfs, by FUSE.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }  // NOLINT(cert-env33-c): fixed commands

// The exit status that the test runner shows as a skip.
struct SkipWhenAsked {
  SkipWhenAsked() {
    if (std::getenv("HYBRIDBUFFER_SKIP_FUSE") == nullptr) return;
    std::cout << "skipped: HYBRIDBUFFER_SKIP_FUSE is set; files without O_TMPFILE were not tested on a real file system\n" << std::flush;
    std::_Exit(77);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(SkipWhenAsked);

// FUSE keeps an unlinked file under a name of its own, .fuse_hidden…, until it is closed.
class FuseMount {
 public:
  FuseMount() {
    if (!run("command -v bindfs fusermount3 >/dev/null")) throw std::runtime_error{"no bindfs: apt-get install bindfs fuse3"};
    std::filesystem::create_directory(beneath);
    std::filesystem::create_directory(mounted);
    if (!run("bindfs " + beneath + " " + mounted)) {
      throw std::runtime_error{"bindfs cannot mount here; HYBRIDBUFFER_SKIP_FUSE=1 leaves this test out"};
    }
  }
  ~FuseMount() { run("fusermount3 -u -z " + mounted); }
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;

  TemporaryDirectory directory;
  std::string beneath = directory / "beneath";
  std::string mounted = directory / "mounted";

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{beneath}) found.push_back(entry.path().filename().string());
    std::erase_if(found, [](const std::string& name) { return name.starts_with(".fuse_hidden"); });
    return found;
  }
  [[nodiscard]] bool is_empty_soon() const {
    for (int i = 0; i < 200 && !std::filesystem::is_empty(beneath); ++i) ::usleep(10'000);  // FUSE learns of a close a moment later
    return std::filesystem::is_empty(beneath);
  }
};

struct Fixture {
  FuseMount mount;
  FileStorage storage{{.directory = mount.mounted}};
  FileBackend backend = make_backend(storage);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(without_tmpfile, Fixture)

BOOST_AUTO_TEST_CASE(this_file_system_has_no_tmpfile) {
  BOOST_TEST(::open(mount.mounted.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) == -1);
  BOOST_TEST(storage.check().has_value());
  BOOST_TEST(storage.warnings().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_is_unlinked_at_once_and_everything_works_on_it) {
  for (const mode_t mask : {0777U, 0000U}) {
    const mode_t old = ::umask(mask);
    BOOST_TEST_REQUIRE(store(backend.create(), pattern(300'000)).has_value());
    ::umask(old);
    BOOST_TEST(mount.names().empty());
    struct stat status{};
    const auto file = std::filesystem::directory_iterator { mount.beneath } -> path().string();
    BOOST_TEST_REQUIRE(::stat(file.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777U) == 0600U);
    BOOST_TEST(shows(backend, pattern(300'000)));
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(10'000, 1, 300'000)).has_value());
    { auto abandoned = backend.append()->write(pattern(5)); }
    BOOST_TEST(shows(backend, pattern(310'000)));
    BOOST_TEST_REQUIRE(backend.shrink(4'097).has_value());
    BOOST_TEST(shows(backend, pattern(4'097)));
  }
  const auto discarded = backend.discard(0, 4'096);
  BOOST_TEST((discarded || discarded.error() == errc::unsupported));
  BOOST_TEST(backend.remove().has_value());
  BOOST_TEST(mount.is_empty_soon());
}

BOOST_AUTO_TEST_CASE(publish_copies_and_leaves_no_other_name) {
  const std::string target = mount.mounted + "/result";
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(300'000)).has_value());

  BOOST_TEST_REQUIRE(backend.publish(target, PublishMode::keep).has_value());
  BOOST_TEST((code_of(backend.publish(target, PublishMode::keep)) == errc::already_exists));
  BOOST_TEST((file_content(target) == pattern(300'000)));
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(1'000, 2)).has_value());
  BOOST_TEST_REQUIRE(backend.publish(target, PublishMode::replace).has_value());
  BOOST_TEST((file_content(target) == pattern(1'000, 2)));

  struct stat status{};
  BOOST_TEST_REQUIRE(::stat(target.c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777U) == 0600U);
  std::filesystem::remove(target);
  BOOST_TEST(backend.remove().has_value());
  BOOST_TEST(mount.is_empty_soon());
}

BOOST_AUTO_TEST_CASE(a_failed_copy_leaves_no_name_and_the_destination_as_it_was) {
  const std::string target = mount.mounted + "/result";
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(300'000)).has_value());
  const auto fails = [&](SystemCall call, PublishMode mode) {
    const SystemFaults failing{call, EIO};
    const auto published = backend.publish(target, mode);
    return failing.fired() == 1 && code_of(published) == errc::io;
  };

  for (const SystemCall call : {SystemCall::rename_at2, SystemCall::close, SystemCall::status, SystemCall::truncate, SystemCall::random}) {
    BOOST_TEST(fails(call, PublishMode::keep), name_of(call));
    BOOST_TEST(mount.names().empty());
  }
  write_file(target, pattern(7, 9));
  for (const SystemCall call : {SystemCall::rename_at, SystemCall::close, SystemCall::status, SystemCall::truncate, SystemCall::random}) {
    BOOST_TEST(fails(call, PublishMode::replace), name_of(call));
    BOOST_TEST((file_content(target) == pattern(7, 9)));
    BOOST_TEST((mount.names() == std::vector<std::string>{"result"}));
  }
  BOOST_TEST(shows(backend, pattern(300'000)));
  std::filesystem::remove(target);
  BOOST_TEST(backend.remove().has_value());
  BOOST_TEST(mount.is_empty_soon());
}

BOOST_AUTO_TEST_CASE(an_object_from_elsewhere_is_published_here_and_the_other_way_round) {
  const TemporaryDirectory elsewhere;
  const FileStorage other{{.directory = elsewhere.path()}};
  auto object = make_backend(other);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(100'000)).has_value());
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(100'000, 2)).has_value());

  BOOST_TEST_REQUIRE(object.publish(mount.mounted + "/from-elsewhere", PublishMode::keep).has_value());
  BOOST_TEST_REQUIRE(backend.publish(elsewhere / "from-here", PublishMode::keep).has_value());

  BOOST_TEST((file_content(mount.mounted + "/from-elsewhere") == pattern(100'000)));
  BOOST_TEST((file_content(elsewhere / "from-here") == pattern(100'000, 2)));
  BOOST_TEST((elsewhere.names() == std::vector<std::string>{"from-here"}));
}

BOOST_AUTO_TEST_SUITE_END()
