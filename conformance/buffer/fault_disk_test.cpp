#include "../support/forked_child.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

// Disks that are really full and files that may really not grow.

namespace hybridbuffer::testing {
namespace {

/// A file system of its own, of `bytes` bytes, in memory. Needs the mount namespace that main() makes.
class SmallDisk {
 public:
  explicit SmallDisk(std::uint64_t bytes) {
    const std::string options = "mode=0700,size=" + std::to_string(bytes);
    if (::mount("hybridbuffer-test", directory_.path().c_str(), "tmpfs", 0, options.c_str()) != 0) {
      throw std::runtime_error{std::string{"cannot mount a tmpfs for this test: "} + std::strerror(errno)};
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { ::umount2(path().c_str(), MNT_DETACH); }

  [[nodiscard]] const std::string& path() const noexcept { return directory_.path(); }
  [[nodiscard]] std::uint64_t free_bytes() const {
    struct statvfs status{};
    return ::statvfs(path().c_str(), &status) == 0 ? status.f_bfree * status.f_bsize : 0;
  }
  [[nodiscard]] FileStorage storage() const { return FileStorage{{.directory = path()}}; }

 private:
  TemporaryDirectory directory_{Medium::memory};
};

using Buffer = HybridBuffer<>;

/// Appends pieces of the stream until one is refused. Returns: the refusal.
errc fill(Buffer& buffer, Bytes& content, std::size_t piece_bytes) {
  for (;;) {
    const Bytes piece = stream_bytes(content.size(), piece_bytes);
    const auto appended = buffer.append(piece);
    if (!appended) return appended.error().code();
    content.insert(content.end(), piece.begin(), piece.end());
  }
}

/// True when every route shows exactly `content`, of which the part before first_offset() is gone.
bool holds(Buffer& buffer, const Bytes& content) {
  const auto expected = std::span{content}.subspan(static_cast<std::size_t>(buffer.first_offset()));
  Bytes all(expected.size());
  const std::uint64_t position = buffer.tell();
  auto cursor = buffer.open_reader();
  return buffer.size() == content.size() && buffer.read_at(buffer.first_offset(), all).value_or(0) == all.size() &&
         std::ranges::equal(all, expected) && cursor.seek(static_cast<std::int64_t>(buffer.first_offset())) &&
         cursor.read(all).value_or(0) == all.size() && std::ranges::equal(all, expected) &&
         buffer.seek(static_cast<std::int64_t>(buffer.first_offset())) && buffer.read(all).value_or(0) == all.size() &&
         std::ranges::equal(all, expected) && buffer.seek(static_cast<std::int64_t>(position)).value_or(0) == position;
}

constexpr std::uint64_t disk_bytes = 1_MiB;

BOOST_AUTO_TEST_CASE(a_full_disk_is_no_space_and_every_earlier_byte_stays_readable) {
  const SmallDisk disk{disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;

  const errc first = fill(buffer, content, 10'000);
  const bool after_first = holds(buffer, content);
  const errc second = fill(buffer, content, 100'000);

  BOOST_TEST((first == errc::no_space));
  BOOST_TEST(after_first);
  BOOST_TEST((second == errc::no_space));
  BOOST_TEST(holds(buffer, content));
  BOOST_TEST(content.size() > disk_bytes - 64_KiB);  // no earlier than the disk is really full
  BOOST_TEST((buffer.spill().error() == errc::no_space));
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(an_append_that_exceeds_the_disk_changes_nothing) {
  const SmallDisk disk{disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  const Bytes content = stream_bytes(0, 300'000);
  BOOST_REQUIRE(buffer.append(content).has_value());

  const auto appended = buffer.append(stream_bytes(0, 2'000'000));

  BOOST_TEST((appended.error() == errc::no_space));
  BOOST_TEST(holds(buffer, content));
  BOOST_TEST(buffer.append(stream_bytes(0, 300'000)).has_value());
}

BOOST_AUTO_TEST_CASE(a_truncation_makes_room_for_the_retry) {
  const SmallDisk disk{disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;
  BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));

  content.resize(500'000);
  BOOST_REQUIRE(buffer.truncate(content.size()).has_value());
  const Bytes more = stream_bytes(0, 300'000);
  BOOST_TEST(buffer.append(more).has_value());

  content.insert(content.end(), more.begin(), more.end());
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(discard_read_makes_room_for_the_retry) {
  const SmallDisk disk{4 * disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;
  BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));

  BOOST_REQUIRE(buffer.seek(2'500'000).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());
  const Bytes more = stream_bytes(0, 2'000'000);
  BOOST_TEST(buffer.append(more).has_value());

  content.insert(content.end(), more.begin(), more.end());
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_queue_that_was_read_to_its_end_gives_the_whole_disk_back) {
  const SmallDisk disk{disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;
  BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));

  BOOST_REQUIRE(buffer.seek(0, Whence::end).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());
  const std::uint64_t free_bytes = disk.free_bytes();

  BOOST_TEST(free_bytes == disk_bytes);
  BOOST_TEST((fill(buffer, content, 10'000) == errc::no_space));
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(space_that_somebody_else_frees_makes_the_retry_succeed) {
  const SmallDisk disk{disk_bytes};
  const std::string ballast = disk.path() + "/ballast";
  const int file = ::open(ballast.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  BOOST_REQUIRE(::posix_fallocate(file, 0, 700'000) == 0);
  ::close(file);
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;
  BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));
  BOOST_REQUIRE(content.size() < 500'000U);

  BOOST_REQUIRE(::unlink(ballast.c_str()) == 0);
  const Bytes more = stream_bytes(0, 500'000);
  BOOST_TEST(buffer.append(more).has_value());

  content.insert(content.end(), more.begin(), more.end());
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_buffer_leaves_a_full_disk_empty) {
  const SmallDisk disk{disk_bytes};
  {
    Buffer buffer{SpillAt{64_KiB}, disk.storage()};
    Bytes content;
    BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));
  }

  BOOST_TEST(disk.free_bytes() == disk_bytes);
  BOOST_TEST(names_in(disk.path()).empty());
}

BOOST_AUTO_TEST_CASE(read_from_a_file_stops_at_a_full_disk_and_goes_on_where_it_stopped) {
  const SmallDisk disk{disk_bytes};
  const TemporaryDirectory elsewhere{Medium::memory};
  const Bytes content = stream_bytes(0, 1'500'000);
  const int source = ::open(elsewhere.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  BOOST_REQUIRE(::pwrite(source, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};

  const auto refused = buffer.read_from(source);
  const auto taken = static_cast<std::size_t>(::lseek(source, 0, SEEK_CUR));
  const std::uint64_t size = buffer.size();
  const bool exact = holds(buffer, Bytes{content.begin(), content.begin() + static_cast<std::ptrdiff_t>(taken)});
  BOOST_REQUIRE(buffer.seek(0, Whence::end).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());
  const auto rest = buffer.read_from(source);
  ::close(source);

  BOOST_TEST((!refused && refused.error() == errc::no_space));
  BOOST_TEST(size == taken);
  BOOST_TEST(taken > 900'000U);
  BOOST_TEST(exact);
  BOOST_TEST(rest.value_or(0) == content.size() - taken);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_publish_that_does_not_fit_leaves_no_name_and_the_buffer_as_it_was) {
  const SmallDisk disk{disk_bytes};
  Buffer buffer{SpillAt{64_KiB}, disk.storage()};
  Bytes content;
  BOOST_REQUIRE((fill(buffer, content, 10'000) == errc::no_space));
  BOOST_REQUIRE(buffer.seek(5).has_value());
  BOOST_REQUIRE(buffer.discard_read().has_value());  // what is left is no whole object: only a copy can be published

  const auto published = buffer.publish(disk.path() + "/result");

  BOOST_TEST((!published && published.error() == errc::no_space));
  BOOST_TEST(names_in(disk.path()).empty());
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_file_that_may_not_grow_is_limit_exceeded_and_every_earlier_byte_stays_readable) {
  const int failed = first_failure_in_forked_child([](auto&& check) {
    std::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit limit{500'000, 500'000};
    check(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    Buffer buffer{SpillAt{64_KiB}};
    Bytes content;

    check(fill(buffer, content, 10'000) == errc::limit_exceeded);
    check(holds(buffer, content));
    check(content.size() > 450'000);
    check(fill(buffer, content, 100'000) == errc::limit_exceeded);
    check(holds(buffer, content));
    content.resize(250'000);
    check(buffer.truncate(content.size()).has_value());
    const Bytes more = stream_bytes(0, 200'000);
    check(buffer.append(more).has_value());
    content.insert(content.end(), more.begin(), more.end());
    check(holds(buffer, content));
  });

  BOOST_TEST(failed == 0);
}

/// Makes a mount namespace for this program: itself where it may, else by starting again as root of a user namespace.
bool enter_mount_namespace(char* argv[]) {
  if (::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return true;
  if (std::getenv("HYBRIDBUFFER_IN_NAMESPACE") == nullptr) {
    ::setenv("HYBRIDBUFFER_IN_NAMESPACE", "1", 1);
    std::vector<char*> command;
    for (const char* word : {"unshare", "--user", "--map-root-user", "--mount", "--"}) command.push_back(const_cast<char*>(word));
    command.push_back(const_cast<char*>("/proc/self/exe"));
    for (char** argument = argv + 1; *argument != nullptr; ++argument) command.push_back(*argument);
    command.push_back(nullptr);
    std::string self(4096, '\0');
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (length > 0) command[5] = self.data();
    ::execvp("unshare", command.data());
    std::perror("unshare (package util-linux)");
  }
  std::fputs("this test mounts a file system: it needs root, or user namespaces (kernel.unprivileged_userns_clone=1) and `unshare`\n",
             stderr);
  return false;
}

}  // namespace
}  // namespace hybridbuffer::testing

int main(int argc, char* argv[]) {
  if (!hybridbuffer::testing::enter_mount_namespace(argv)) return 1;
  return boost::unit_test::unit_test_main([] { return true; }, argc, argv);
}
