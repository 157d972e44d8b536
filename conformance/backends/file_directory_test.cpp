#include <boost/test/unit_test.hpp>

#include "../support/forked_child.hpp"
#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

// Where a storage puts a new object's file.
std::string directory_in_use(const FileStorage& storage) {
  auto backend = make_backend(storage);
  auto writer = backend.create();
  if (!writer) throw std::runtime_error{writer.error().message()};
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.ends_with(" (deleted)")) newest = target.substr(0, target.rfind('/'));
  }
  return newest;
}

class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* old = std::getenv(name); old != nullptr) old_ = old;
    if (value != nullptr) ::setenv(name, value, 1);
    else ::unsetenv(name);
  }
  ~Environment() {
    if (old_.empty()) ::unsetenv(name);
    else ::setenv(name, old_.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static constexpr const char* name = "TMPDIR";
  std::string old_;
};

class Umask {
 public:
  explicit Umask(mode_t mask) : old_{::umask(mask)} {}
  ~Umask() { ::umask(old_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t old_;
};

errc answer_for(const std::string& directory) { return code_of(FileStorage{{.directory = directory}}.create_backend()); }

struct Fixture {
  TemporaryDirectory directory;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(choice, Fixture)

BOOST_AUTO_TEST_CASE(a_directory_that_is_not_an_absolute_path_is_an_error_at_once_that_names_it) {
  const auto refused = FileStorage{{.directory = "relative/place"}}.create_backend();

  BOOST_TEST((code_of(refused) == errc::invalid_argument));
  BOOST_TEST(refused.error().subject() == "relative/place");
  BOOST_TEST((answer_for(".") == errc::invalid_argument));
  BOOST_TEST((answer_for(std::string{"/var\0/tmp", 9}) == errc::invalid_argument));
  BOOST_TEST((code_of(FileStorage{{.directory = "relative/place"}}.check()) == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_prefix_that_cannot_begin_a_name_is_an_error_at_once) {
  for (const std::string& prefix : {std::string{"a/b"}, std::string(201, 'x'), std::string{"a\0b", 3}}) {
    BOOST_TEST((code_of(FileStorage{{.directory = directory.path(), .prefix = prefix}}.create_backend()) == errc::invalid_argument));
  }
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_missing_or_is_none_is_an_error_that_names_it) {
  write_file(directory / "file", pattern(1));

  BOOST_TEST((answer_for(directory / "missing") == errc::not_found));
  BOOST_TEST((answer_for(directory / "file") == errc::not_found));
  const auto refused = FileStorage{{.directory = directory / "missing"}}.create_backend();
  BOOST_TEST(refused.error().subject() == directory / "missing");
  BOOST_TEST(refused.error().native().value() == ENOENT);
}

BOOST_AUTO_TEST_CASE(a_failed_storage_works_once_its_directory_does) {
  const FileStorage storage{{.directory = directory / "later"}};
  BOOST_TEST((code_of(storage.create_backend()) == errc::not_found));

  std::filesystem::create_directory(directory / "later");

  BOOST_TEST(storage.check().has_value());
}

BOOST_AUTO_TEST_CASE(a_world_writable_directory_needs_the_sticky_bit) {
  BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  BOOST_TEST((answer_for(directory.path()) == errc::permission));

  BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  BOOST_TEST((answer_for(directory.path()) == errc{}));
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_written_is_refused_at_once) {
  BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    constexpr uid_t nobody = 65'534;
    holds(::geteuid() != 0 || ::setresuid(nobody, nobody, nobody) == 0);
    holds(answer_for(directory.path()) == errc::permission);
  });

  BOOST_TEST(first_failure == 0);
}

BOOST_AUTO_TEST_CASE(without_an_option_the_environment_decides_then_var_tmp) {
  const FileStorage explicit_place{{.directory = directory.path()}};
  {
    const Environment other{"/tmp"};
    BOOST_TEST(directory_in_use(explicit_place) == directory.path());
    BOOST_TEST(directory_in_use(FileStorage{}) == "/tmp");
  }
  {
    const Environment ours{directory.path().c_str()};
    BOOST_TEST(directory_in_use(FileStorage{}) == directory.path());
  }
  for (const char* useless : {static_cast<const char*>(nullptr), "", "/no/such/place"}) {
    const Environment none{useless};
    BOOST_TEST(directory_in_use(FileStorage{}) == "/var/tmp");
  }
}

BOOST_AUTO_TEST_CASE(an_unsafe_directory_in_the_environment_is_passed_by_and_a_relative_one_is_an_error) {
  BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  {
    const Environment unsafe{directory.path().c_str()};
    BOOST_TEST(directory_in_use(FileStorage{}) == "/var/tmp");
  }
  const Environment relative{"some/place"};
  const auto refused = FileStorage{}.create_backend();
  BOOST_TEST((code_of(refused) == errc::invalid_argument));
  BOOST_TEST(refused.error().subject() == "some/place");
}

BOOST_AUTO_TEST_CASE(a_storage_stays_in_its_directory_when_the_name_of_that_changes) {
  std::filesystem::create_directory(directory / "old");
  const FileStorage storage{{.directory = directory / "old"}};
  auto backend = make_backend(storage);
  std::filesystem::rename(directory / "old", directory / "new");
  std::filesystem::create_directory(directory / "old");

  BOOST_TEST_REQUIRE(store(backend.create(), pattern(100)).has_value());

  BOOST_TEST(only_unnamed_file(directory / "new").size() != 0);
}

BOOST_AUTO_TEST_CASE(a_directory_in_memory_is_a_warning_and_one_on_a_disk_is_none) {
  const TemporaryDirectory memory{"/dev/shm"};

  const auto warnings = FileStorage{{.directory = memory.path()}}.warnings();

  BOOST_TEST_REQUIRE(warnings.size() == 1);
  BOOST_TEST(warnings[0].find(memory.path()) != std::string::npos);
  BOOST_TEST((FileStorage{{.directory = directory.path()}}.warnings().empty()));
  BOOST_TEST((FileStorage{{.directory = directory / "missing"}}.warnings().empty()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(files, Fixture)

BOOST_AUTO_TEST_CASE(a_file_has_no_name_mode_0600_whatever_the_umask_and_is_closed_on_exec) {
  for (const int refusal : {0, EOPNOTSUPP}) {
    for (const mode_t mask : {0777U, 0000U, 0022U, 0277U}) {
      const FileStorage storage{{.directory = directory.path()}};
      auto backend = make_backend(storage);
      const Umask umask{mask};
      {
        const SystemFaults lacking{SystemFault{.k = refusal == 0 ? 0U : 1U, .error = refusal}};
        BOOST_TEST_REQUIRE(store(backend.create(), pattern(10)).has_value());
        BOOST_TEST(lacking.fired() == (refusal == 0 ? 0U : 1U));
      }
      const std::string file = only_unnamed_file(directory.path());
      struct stat status{};
      BOOST_TEST_REQUIRE(::stat(file.c_str(), &status) == 0);
      BOOST_TEST((status.st_mode & 07777U) == 0600U);
      BOOST_TEST(status.st_nlink == 0U);
      BOOST_TEST((::fcntl(std::stoi(file.substr(file.rfind('/') + 1)), F_GETFD) & FD_CLOEXEC) != 0);
      BOOST_TEST(directory.names().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_directory_is_held_by_a_descriptor_that_is_closed_on_exec) {
  const std::size_t before = open_descriptors();
  const FileStorage storage{{.directory = directory.path()}};
  const auto backend = make_backend(storage);
  BOOST_TEST_REQUIRE(open_descriptors() == before + 1);

  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != directory.path()) continue;
    found = true;
    BOOST_TEST((::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC) != 0);
  }
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(where_there_is_no_tmpfile_a_file_is_created_and_unlinked_at_once_and_tmpfile_not_tried_again) {
  for (const int refusal : {EOPNOTSUPP, EISDIR, ENOENT, EINVAL, ENOSYS}) {
    const FileStorage storage{{.directory = directory.path()}};
    auto backend = make_backend(storage);
    {
      const SystemFaults lacking{SystemCall::open_at, refusal};

      BOOST_TEST(store(backend.create(), pattern(10)).has_value());

      BOOST_TEST(lacking.fired() == 1U);
      BOOST_TEST(lacking.count(SystemCall::open_at) == 2U);
      BOOST_TEST(lacking.count(SystemCall::unlink_at) == 1U);
    }
    BOOST_TEST(shows(backend, pattern(10)));
    BOOST_TEST(directory.names().empty());
    BOOST_TEST(storage.warnings().size() == 1);
    const SystemFaults watch;
    BOOST_TEST(store(backend.create(), pattern(20)).has_value());
    BOOST_TEST(watch.count(SystemCall::open_at) == 1U);
    BOOST_TEST(watch.count(SystemCall::unlink_at) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(other_refusals_of_tmpfile_are_errors_and_do_not_lead_to_a_name) {
  for (const auto& [number, code] : {std::pair{EMFILE, errc::unavailable}, {EACCES, errc::permission}, {EIO, errc::io}}) {
    const FileStorage storage{{.directory = directory.path()}};
    auto backend = make_backend(storage);
    const SystemFaults refusing{SystemCall::open_at, number};

    const auto writer = backend.create();

    BOOST_TEST((code_of(writer) == code));
    BOOST_TEST(writer.error().native().value() == number);
    BOOST_TEST(writer.error().subject() == directory.path());
    BOOST_TEST(refusing.fired() == 1U);
    BOOST_TEST(refusing.calls().size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(an_unlink_that_fails_is_tried_again_before_the_file_is_given_up) {
  const FileStorage storage{{.directory = directory.path()}};
  auto backend = make_backend(storage);
  {
    const SystemFaults lacking{SystemCall::open_at, EOPNOTSUPP};
    BOOST_TEST_REQUIRE(backend.create().has_value());
  }
  {
    const SystemFaults once{SystemCall::unlink_at, EIO};
    BOOST_TEST(store(backend.create(), pattern(10)).has_value());
    BOOST_TEST(once.fired() == 1U);
  }
  BOOST_TEST(directory.names().empty());
  {
    const SystemFaults never{SystemCall::unlink_at, EIO, true};
    BOOST_TEST((code_of(backend.create()) == errc::io));
    BOOST_TEST(never.fired() == 2U);
  }
  BOOST_TEST(directory.names().size() == 1U);
  BOOST_TEST(directory.names().front().starts_with("hybridbuffer-"));
  BOOST_TEST(directory.names().front().size() == std::string_view{"hybridbuffer-"}.size() + 32);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_is_drawn_again) {
  const FileStorage storage{{.directory = directory.path(), .prefix = "mine-"}};
  auto backend = make_backend(storage);
  {
    const SystemFaults lacking{SystemCall::open_at, EOPNOTSUPP};
    BOOST_TEST_REQUIRE(backend.create().has_value());
  }
  const SystemFaults taken{SystemCall::open_at, EEXIST};
  BOOST_TEST(backend.create().has_value());
  BOOST_TEST(taken.fired() == 1U);
  BOOST_TEST(taken.count(SystemCall::random) == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
