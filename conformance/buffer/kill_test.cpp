#include "fault_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

// Programs that are killed at random moments leave nothing behind.

namespace hybridbuffer::testing {
namespace {

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("HYBRIDBUFFER_SEED");
    const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<std::uint64_t>(std::time(nullptr));
    BOOST_TEST_MESSAGE("HYBRIDBUFFER_SEED=" << chosen);
    return chosen;
  }();
  return value;
}

/// More than 10 000 in all in the long tier.
int rounds(int wanted) {
  constexpr int long_tier = 6;
  return sanitized ? wanted / 20 : runs_long_tier() ? wanted * long_tier : wanted;
}

/// As a global fixture: how many programs were killed, and how many files they left where nothing may stay.
struct KillCount {
  static inline int kills = 0;
  static inline std::size_t left = 0;

  KillCount() = default;
  KillCount(const KillCount&) = delete;
  KillCount& operator=(const KillCount&) = delete;
  ~KillCount() { std::printf("programs killed: %d, files left: %zu\n", kills, left); }
};
BOOST_TEST_GLOBAL_FIXTURE(KillCount);

/// Content that tells whether it is whole: its length, then bytes that follow from that.
Bytes sealed_content(std::uint32_t length) {
  Bytes bytes = stream_bytes(0, length, length);
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}
bool is_whole(const Bytes& bytes) {
  std::uint32_t length = 0;
  if (bytes.size() < sizeof length) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  return bytes.size() == length && bytes == sealed_content(length);
}

/// Spills, reads, shortens and gives back, over and over.
[[noreturn]] void spill_for_ever(const FileStorage& storage, auto&& ready) {
  std::minstd_rand random{static_cast<std::uint32_t>(::getpid())};
  const Bytes piece = stream_bytes(0, 20'000);
  Bytes out(15'000);
  for (;;) {
    HybridBuffer buffer{SpillAt{8_KiB}, storage};
    for (int i = 0; i < 12; ++i) {
      if (!buffer.append(std::span{piece}.first(random() % piece.size()))) ::_exit(3);
      ready();
      if (!buffer.read(std::span{out}.first(random() % out.size()))) ::_exit(3);
      if (i % 5 == 3 && (!buffer.truncate((buffer.tell() + buffer.size()) / 2) || !buffer.discard_read())) ::_exit(3);
    }
  }
}

/// Publishes whole contents, over and over: to one name, or each to a new one.
[[noreturn]] void publish_for_ever(const std::string& directory, PublishMode mode, auto&& ready) {
  std::minstd_rand random{static_cast<std::uint32_t>(::getpid())};
  const FileStorage storage{{.directory = directory}};
  for (unsigned i = 0;; ++i) {
    const Bytes content = sealed_content(static_cast<std::uint32_t>(30'000 + random() % 30'000));
    HybridBuffer buffer{SpillAt{8_KiB}, storage};
    const auto half = std::span{content}.first(content.size() / 2);
    if (!buffer.append(half) || !buffer.append(std::span{content}.subspan(half.size()))) ::_exit(3);
    ready();
    const std::string name = directory + (mode == PublishMode::replace ? "/result" : "/result" + std::to_string(i));
    if (!buffer.publish(name, mode)) ::_exit(3);
  }
}

/// True while the process has a nameless file of that directory open.
bool holds_file_in(const std::string& directory, pid_t process) {
  std::error_code gone;
  for (std::filesystem::directory_iterator entry{"/proc/" + std::to_string(process) + "/fd", gone}, end; !gone && entry != end;
       entry.increment(gone)) {
    const std::string target = std::filesystem::read_symlink(entry->path(), gone).string();
    if (target.starts_with(directory + "/") && target.ends_with("(deleted)")) return true;
  }
  return false;
}

/// Starts `program(ready)` in a child and kills it at a random moment after it called ready().
///
/// Returns: whether it had a nameless file in `directory` shortly before. Errors: a check, when it did not die of the kill.
template <class Program>
bool kill_at_random_moment(const std::string& directory, std::mt19937_64& random, Program&& program) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    bool told = false;
    program([&] {
      if (!told) told = ::write(ends[1], "r", 1) == 1;
    });
  }
  ::close(ends[1]);
  char byte = 0;
  const bool started = ::read(ends[0], &byte, 1) == 1;
  ::close(ends[0]);
  std::this_thread::sleep_for(std::chrono::microseconds{random() % (sanitized ? 20'000 : 4000)});
  const bool held = holds_file_in(directory, child);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_REQUIRE(started);
  BOOST_REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  ++KillCount::kills;
  return held;
}

void kill_spilling_programs(int count, std::size_t recycled_files) {
  const TemporaryDirectory directory;
  std::mt19937_64 random{seed() + recycled_files};
  int held = 0;
  for (int i = 0; i < count; ++i) {
    held += kill_at_random_moment(directory.path(), random, [&](auto&& ready) {
      spill_for_ever(FileStorage{{.directory = directory.path(), .recycled_files = recycled_files}}, ready);
    });
    KillCount::left += names_in(directory.path()).size();
    BOOST_REQUIRE(KillCount::left == 0U);
  }
  BOOST_TEST(held > count / 2, "only " << held << " of " << count << " had anything stored");
}

BOOST_AUTO_TEST_CASE(a_thousand_killed_programs_that_spilled_leave_no_file) { kill_spilling_programs(rounds(1000), 0); }

BOOST_AUTO_TEST_CASE(killed_programs_that_keep_files_for_reuse_leave_none) { kill_spilling_programs(rounds(300), 4); }

BOOST_AUTO_TEST_CASE(a_killed_publish_leaves_whole_files_under_their_names_and_no_other) {
  std::mt19937_64 random{seed() + 100};
  std::size_t published = 0;
  for (int i = 0; i < rounds(300); ++i) {
    const TemporaryDirectory directory{Medium::memory};
    kill_at_random_moment(directory.path(), random, [&](auto&& ready) { publish_for_ever(directory.path(), PublishMode::keep, ready); });
    for (const std::string& name : names_in(directory.path())) {
      BOOST_REQUIRE(name.starts_with("result"));
      BOOST_REQUIRE(is_whole(content_of(directory.file(name))));
      ++published;
    }
  }
  BOOST_TEST(published > 0U);
}

BOOST_AUTO_TEST_CASE(a_killed_replacing_publish_leaves_the_old_or_the_new_whole_and_at_most_one_temporary_name) {
  const TemporaryDirectory directory{Medium::memory};
  std::mt19937_64 random{seed() + 200};
  int temporaries = 0;
  bool published = false;
  for (int i = 0; i < rounds(300); ++i) {
    kill_at_random_moment(directory.path(), random, [&](auto&& ready) { publish_for_ever(directory.path(), PublishMode::replace, ready); });
    int in_this_round = 0;
    for (const std::string& name : names_in(directory.path())) {
      BOOST_REQUIRE(is_whole(content_of(directory.file(name))));
      if (name == "result") {
        published = true;
        continue;
      }
      BOOST_REQUIRE(name.starts_with("hybridbuffer-"));
      ++in_this_round;
      std::filesystem::remove(directory.file(name));
    }
    BOOST_REQUIRE(in_this_round <= 1);
    temporaries += in_this_round;
  }
  BOOST_TEST(published);
  BOOST_TEST_MESSAGE("temporary names that a kill in the middle of a replacing publish left: " << temporaries);
}

}  // namespace
}  // namespace hybridbuffer::testing
