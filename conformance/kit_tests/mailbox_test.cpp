#include "../mutants/mailbox.hpp"

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using hybridbuffer::conformance::mutants::Mailbox;

namespace {

/// A counter that a child and its parent share.
class SharedCounter {
  using Value = std::atomic<std::uint64_t>;

 public:
  SharedCounter() {
    void* address = ::mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc{};
    value_ = new (address) Value{0};
  }
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  ~SharedCounter() { ::munmap(value_, sizeof(Value)); }

  Value& operator*() const noexcept { return *value_; }

 private:
  Value* value_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_killed_child_had_posted_is_there_at_once_and_in_order) {
  Mailbox mailbox;
  std::mt19937 random{1};
  std::array<std::byte, 1024> value{};
  std::uint64_t all = 0;
  for (int kill = 0; kill < 400; ++kill) {
    const SharedCounter posted;
    const ::pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      for (std::uint64_t i = 0; i < 1000; ++i) {
        mailbox.post(Mailbox::Kind::put, "key", i, value);
        ++*posted;
      }
      while (true) ::pause();
    }
    while (*posted == 0) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 200});
    ::kill(child, SIGKILL);
    BOOST_REQUIRE(::waitpid(child, nullptr, 0) == child);

    std::uint64_t seen = 0;
    mailbox.collect([&](Mailbox::Kind, std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes) {
      BOOST_REQUIRE(key == "key");
      BOOST_REQUIRE(bytes.size() == value.size());
      BOOST_REQUIRE(offset == seen);
      ++seen;
    });
    // The last one may have been posted and not yet counted.
    BOOST_REQUIRE((seen == *posted || seen == *posted + 1));
    all += seen;
  }
  BOOST_TEST(all > 400U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_lost_and_the_next_is_not) {
  Mailbox mailbox;
  std::array<std::byte, 8193> large{};
  mailbox.post(Mailbox::Kind::commit, "large", 0, large);
  for (std::uint64_t i = 0; i < 5000; ++i) mailbox.post(Mailbox::Kind::del, "key", i, {});

  std::uint64_t seen = 0;
  const auto count = [&](Mailbox::Kind kind, std::string_view, std::uint64_t offset, std::span<const std::byte>) {
    BOOST_REQUIRE((kind == Mailbox::Kind::del && offset == seen));
    ++seen;
  };
  mailbox.collect(count);
  BOOST_TEST(seen == 1024U);
  seen = 0;
  mailbox.post(Mailbox::Kind::del, "key", 0, {});
  mailbox.collect(count);
  BOOST_TEST(seen == 1U);
}
