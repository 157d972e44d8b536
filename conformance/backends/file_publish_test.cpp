#include <boost/test/unit_test.hpp>

#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using enum PublishMode;

struct stat status_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw std::runtime_error{"no " + path};
  return status;
}

struct Fixture {
  TemporaryDirectory directory;
  TemporaryDirectory place;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);
  std::string target = place / "result";

  // The object, in two extensions; storage is claimed beyond its end.
  void fill(std::size_t n = 10'000) {
    BOOST_TEST_REQUIRE(store(backend.create(), pattern(n / 2)).has_value());
    BOOST_TEST_REQUIRE(store(backend.append(), pattern(n - n / 2, 1, n / 2)).has_value());
  }
};

// What a link is refused with where a copy works.
constexpr std::array<int, 9> link_refusals{EXDEV, ENOENT, EPERM, EACCES, EMLINK, ELOOP, EINVAL, ENOSYS, EOPNOTSUPP};

using Names = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(publish, Fixture)

BOOST_AUTO_TEST_CASE(the_destination_is_the_very_file_exactly_the_object_mode_0600_and_survives_the_backend) {
  fill(3'000'000);
  const auto before = status_of(only_unnamed_file(directory.path()));
  {
    BOOST_TEST_REQUIRE(before.st_blocks * 512 > 4'000'000);
    const SystemFaults watch;
    BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());
    BOOST_TEST(watch.count(SystemCall::copy_range) + watch.count(SystemCall::read_at) + watch.count(SystemCall::write_at) == 0U);
    BOOST_TEST(watch.count(SystemCall::random) == 0U);  // no temporary name
  }

  const auto after = status_of(target);
  BOOST_TEST(after.st_ino == before.st_ino);
  BOOST_TEST((after.st_mode & 07777U) == 0600U);
  BOOST_TEST(after.st_size == 3'000'000);
  BOOST_TEST(after.st_blocks * 512 < 3'000'000 + 64 * 1'024);  // nothing claimed ahead is left
  BOOST_TEST(shows(backend, pattern(3'000'000)));
  { const FileBackend dropped = std::move(backend); }
  BOOST_TEST((file_content(target) == pattern(3'000'000)));
  BOOST_TEST((place.names() == Names{"result"}));
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(bytes_beyond_the_committed_end_are_not_published) {
  fill();
  {
    auto abandoned = backend.append();
    BOOST_TEST_REQUIRE(abandoned->write(pattern(50'000, 2)).has_value());
    const SystemFaults stuck{SystemCall::truncate, EIO};
    { const FileWriter dropped = *std::move(abandoned); }
    BOOST_TEST(stuck.fired() == 1U);
  }
  BOOST_TEST_REQUIRE(status_of(only_unnamed_file(directory.path())).st_size == 60'000);

  BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());

  BOOST_TEST((file_content(target) == pattern(10'000)));
}

BOOST_AUTO_TEST_CASE(an_empty_object_is_published_as_an_empty_file) {
  BOOST_TEST_REQUIRE(store(backend.create(), {}).has_value());

  BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());

  BOOST_TEST(status_of(target).st_size == 0);
}

BOOST_AUTO_TEST_CASE(keep_leaves_an_existing_destination_and_replace_replaces_it_whole) {
  fill();
  write_file(target, pattern(20'000, 9));
  const int old_reader = ::open(target.c_str(), O_RDONLY | O_CLOEXEC);

  BOOST_TEST((code_of(backend.publish(target, keep)) == errc::already_exists));
  BOOST_TEST((file_content(target) == pattern(20'000, 9)));
  BOOST_TEST(store(backend.append(), {}).has_value());  // not sealed by a failure

  BOOST_TEST_REQUIRE(backend.publish(target, replace).has_value());
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST((place.names() == Names{"result"}));
  Bytes old(20'001);
  BOOST_TEST(::pread(old_reader, old.data(), old.size(), 0) == 20'000);
  ::close(old_reader);
}

BOOST_AUTO_TEST_CASE(a_destination_that_appears_meanwhile_is_kept_or_replaced_as_asked) {
  for (const bool copies : {false, true}) {
    for (const PublishMode mode : {keep, replace}) {
      fill();
      if (copies) BOOST_TEST_REQUIRE(backend.publish(place / "linked", replace).has_value());  // from here on it copies
      write_file(target, pattern(5, 9));
      const SystemFaults unseen{SystemCall::status_at, ENOENT};

      const auto published = backend.publish(target, mode);

      BOOST_TEST(unseen.fired() == 1U);
      BOOST_TEST((code_of(published) == (mode == keep ? errc::already_exists : errc{})));
      BOOST_TEST((file_content(target) == (mode == keep ? pattern(5, 9) : pattern(10'000))));
      std::filesystem::remove(target);
      std::filesystem::remove(place / "linked");
      BOOST_TEST(place.names().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_name_a_file_is_refused_and_what_is_there_stays) {
  fill();
  std::filesystem::create_directory(place / "directory");
  std::filesystem::create_directory_symlink(place / "directory", place / "link");

  for (const PublishMode mode : {keep, replace}) {
    for (const std::string& name : {std::string{}, std::string{"/"}, std::string{"."}, place.path() + "/", place / "..",
                                    place / "directory", place / std::string_view{"a\0b", 3}}) {
      BOOST_TEST((code_of(backend.publish(name, mode)) == errc::invalid_argument), name);
    }
    const auto orphan = backend.publish(place / "missing/result", mode);
    BOOST_TEST((code_of(orphan) == errc::not_found));
    BOOST_TEST(orphan.error().subject() == place / "missing");
  }
  BOOST_TEST((place.names() == Names{"directory", "link"}));
  BOOST_TEST_REQUIRE(backend.publish(place / "link", replace).has_value());  // the link goes, what it points to stays
  BOOST_TEST(std::filesystem::is_regular_file(std::filesystem::symlink_status(place / "link")));
  BOOST_TEST(std::filesystem::is_empty(place / "directory"));
}

BOOST_AUTO_TEST_CASE(a_relative_destination_counts_from_the_working_directory) {
  fill();
  const auto home = std::filesystem::current_path();
  std::filesystem::current_path(place.path());

  const auto published = backend.publish("result", keep);

  std::filesystem::current_path(home);
  BOOST_TEST(published.has_value());
  BOOST_TEST((file_content(target) == pattern(10'000)));
}

BOOST_AUTO_TEST_CASE(a_published_object_is_sealed_readable_and_leaves_its_name_when_removed) {
  fill();
  BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());

  BOOST_TEST((code_of(backend.append()) == errc::unsupported));
  BOOST_TEST((code_of(backend.shrink(0)) == errc::unsupported));
  BOOST_TEST((code_of(backend.discard(0, 8'192)) == errc::unsupported));
  BOOST_TEST((code_of(backend.transfer_from(0, 1)) == errc::unsupported));
  BOOST_TEST(shows(backend, pattern(10'000)));
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(100, 2)).has_value());
  BOOST_TEST_REQUIRE(store(backend.append(), pattern(100, 2, 100)).has_value());
  BOOST_TEST(shows(backend, pattern(200, 2)));
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST_REQUIRE(backend.publish(place / "second", keep).has_value());
  BOOST_TEST_REQUIRE(backend.remove().has_value());
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST((file_content(place / "second") == pattern(200, 2)));
}

BOOST_AUTO_TEST_CASE(a_second_publish_gives_a_copy_that_does_not_follow_changes_of_the_first) {
  fill();
  BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());

  BOOST_TEST_REQUIRE(backend.publish(place / "second", keep).has_value());
  BOOST_TEST_REQUIRE(backend.publish(target, replace).has_value());  // onto its own name

  BOOST_TEST(status_of(target).st_ino != status_of(place / "second").st_ino);
  BOOST_TEST(status_of(target).st_nlink == 1U);
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST((file_content(place / "second") == pattern(10'000)));
  BOOST_TEST((place.names() == Names{"result", "second"}));
}

BOOST_AUTO_TEST_CASE(where_no_link_can_be_made_a_copy_is_published) {
  for (const int refusal : link_refusals) {
    for (const PublishMode mode : {keep, replace}) {
      fill(300'000);
      if (mode == replace) write_file(target, pattern(7, 9));
      const auto inode = status_of(only_unnamed_file(directory.path())).st_ino;
      const SystemFaults refusing{SystemCall::link_at, refusal};

      BOOST_TEST(backend.publish(target, mode).has_value());

      BOOST_TEST(refusing.fired() == 1U);
      BOOST_TEST(status_of(target).st_ino != inode);
      BOOST_TEST((status_of(target).st_mode & 07777U) == 0600U);
      BOOST_TEST((file_content(target) == pattern(300'000)));
      BOOST_TEST((code_of(backend.append()) == errc::unsupported));
      std::filesystem::remove(target);
      BOOST_TEST(place.names().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(where_no_link_ever_works_the_copy_gets_its_name_by_renaming) {
  fill();
  const SystemFaults refusing{SystemCall::link_at, EPERM, true};

  BOOST_TEST(backend.publish(target, keep).has_value());
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST((code_of(backend.publish(target, keep)) == errc::already_exists));
  write_file(target, pattern(5, 9));
  BOOST_TEST(backend.publish(target, replace).has_value());

  BOOST_TEST(refusing.fired() >= 2U);
  BOOST_TEST((file_content(target) == pattern(10'000)));
  BOOST_TEST((place.names() == Names{"result"}));
}

BOOST_AUTO_TEST_CASE(across_file_systems_the_object_is_copied_both_ways) {
  const TemporaryDirectory memory{"/dev/shm"};
  for (const auto& [from, to] : {std::pair{memory.path(), place.path()}, std::pair{directory.path(), memory.path()}}) {
    const FileStorage here{{.directory = from, .sync_on_publish = true}};
    for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 3'000'000U}) {
      auto object = make_backend(here);
      BOOST_TEST_REQUIRE(store(object.create(), pattern(size)).has_value());

      BOOST_TEST_REQUIRE(object.publish(to + "/kept", keep).has_value());
      BOOST_TEST((code_of(object.publish(to + "/kept", keep)) == errc::already_exists));
      BOOST_TEST_REQUIRE(object.publish(to + "/replaced", replace).has_value());

      BOOST_TEST((file_content(to + "/kept") == pattern(size)));
      BOOST_TEST((file_content(to + "/replaced") == pattern(size)));
      std::filesystem::remove(to + "/kept");
    }
    std::filesystem::remove(to + "/replaced");
  }
  BOOST_TEST(memory.names().empty());
  BOOST_TEST(place.names().empty());
}

BOOST_AUTO_TEST_CASE(synchronising_finds_late_errors_before_the_destination_appears) {
  const FileStorage durable{{.directory = directory.path(), .sync_on_publish = true}};
  auto object = make_backend(durable);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(100)).has_value());
  {
    const SystemFaults late{SystemCall::sync, EIO};
    BOOST_TEST((code_of(object.publish(target, keep)) == errc::io));
    BOOST_TEST(late.fired() == 1U);
  }
  BOOST_TEST(place.names().empty());
  BOOST_TEST(object.publish(target, keep).has_value());
  BOOST_TEST((file_content(target) == pattern(100)));
}

BOOST_AUTO_TEST_CASE(a_name_that_may_not_last_is_no_definite_failure) {
  const FileStorage durable{{.directory = directory.path(), .sync_on_publish = true}};
  auto object = make_backend(durable);
  BOOST_TEST_REQUIRE(store(object.create(), pattern(100)).has_value());

  const SystemFaults directory_fails{SystemCall::sync, EIO, false, 2};  // the first is that of the file
  const auto published = object.publish(target, keep);

  BOOST_TEST(directory_fails.fired() == 1U);
  BOOST_TEST((code_of(published) == errc::unavailable));
  BOOST_TEST((file_content(target) == pattern(100)));
}

BOOST_AUTO_TEST_CASE(without_the_option_nothing_is_synchronised) {
  fill();
  const SystemFaults watch;
  BOOST_TEST_REQUIRE(backend.publish(target, keep).has_value());
  BOOST_TEST(watch.count(SystemCall::sync) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
