#include <boost/test/unit_test.hpp>

#include "../policies/process_memory.hpp"
#include "../support/forked_child.hpp"
#include "../support/process_number.hpp"

#include <hybridbuffer/detail/background_worker.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/process_noise.hpp>
#include <hybridbuffer/handle_state.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <latch>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// A process is told from every one that it was forked from, whatever its number is, however it was made, and without waiting for anybody.

namespace {

/// How the kernel answers when it is asked to wipe memory on a fork.
enum class Wiping { granted, refused, held };
std::atomic<Wiping> wiping{Wiping::granted};
std::atomic<int> asked_to_wipe{0};

}  // namespace

/// Stands in for libc's.
extern "C" int madvise(void* address, std::size_t size, int advice) noexcept {
  if (advice == MADV_WIPEONFORK) {
    asked_to_wipe.fetch_add(1);
    wiping.wait(Wiping::held);
    if (wiping.load() == Wiping::refused) {
      errno = EINVAL;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_madvise, address, size, advice));
}

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using detail::process_identity;
using detail::process_noise;
using detail::ProcessIdentity;

/// What a value is in another process.
class Shared {
 public:
  Shared() : words_{static_cast<std::uint64_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {
    BOOST_REQUIRE(words_ != MAP_FAILED);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(words_, size); }
  [[nodiscard]] std::uint64_t& operator[](std::size_t i) const noexcept { return words_[i]; }

 private:
  static constexpr std::size_t size = 4096;
  std::uint64_t* words_;
};

/// As in a process in which nobody has asked yet. For a child only: the page that there was is lost.
void forget_page() { detail::process_words.store(&detail::process_words_not_made, detail::Order::release); }

[[nodiscard]] int wiped_mappings() {
  std::ifstream smaps{"/proc/self/smaps"};
  int count = 0;
  for (std::string line; std::getline(smaps, line);)
    count += static_cast<int>(line.starts_with("VmFlags:") && line.find(" wf") != std::string::npos);
  return count;
}

BOOST_AUTO_TEST_CASE(a_process_is_always_the_same_in_all_of_its_threads) {
  const ProcessIdentity own = process_identity();
  std::array<ProcessIdentity, 4> of_threads{};

  std::vector<std::thread> threads;
  for (auto& of_thread : of_threads) threads.emplace_back([&of_thread] { of_thread = process_identity(); });
  for (auto& thread : threads) thread.join();

  BOOST_TEST(own != 0U);
  for (const ProcessIdentity of_thread : of_threads) BOOST_TEST(of_thread == own);
}

BOOST_AUTO_TEST_CASE(a_child_is_another_process_though_it_has_its_parents_number) {
  const ProcessIdentity own = process_identity();

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    const ProcessIdentity child = process_identity();
    holds(child != 0 && child != own && child == process_identity());
    holds(first_failure_in_forked_child(
              [&](auto again) { again(process_identity() != 0 && process_identity() != own && process_identity() != child); }) == 0);
    holds(child == process_identity());
  });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(own == process_identity());
}

BOOST_AUTO_TEST_CASE(so_is_one_that_was_made_by_the_system_call_alone) {
  const ProcessIdentity own = process_identity();

  const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child == 0) ::_exit(process_identity() != 0 && process_identity() != own ? 0 : 1);
  int status = -1;
  BOOST_TEST(::waitpid(child, &status, 0) == child);

  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(who_shares_the_memory_is_the_same_process) {
  static ProcessIdentity seen;
  const ProcessIdentity own = process_identity();
  std::vector<std::byte> stack(65'536);

  const auto look = [](void*) {
    seen = process_identity();
    return 0;
  };
  const pid_t child = ::clone(look, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
  BOOST_REQUIRE(child > 0);
  BOOST_TEST(::waitpid(child, nullptr, 0) == child);

  BOOST_TEST(seen == own);
  BOOST_TEST(process_identity() == own);
}

BOOST_AUTO_TEST_CASE(the_first_process_of_a_namespace_in_a_namespace_is_another_than_the_first_outside) {
  const TrueNumbers true_numbers;
  constexpr int no_namespaces = 254;
  // The child makes a namespace; its child, number 1 there, makes another one, and a child that has the number 1 as well.
  const int failed_check = first_failure_in_forked_child([](auto holds) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) ::_exit(no_namespaces);
    const int failed_inside = first_failure_in_forked_child([](auto inside) {
      LocationState<int> location{7};
      const ReaderState reader;
      const ProcessIdentity outer = process_identity();
      inside(::getpid() == 1);
      if (::unshare(CLONE_NEWPID) != 0) ::_exit(no_namespaces);
      inside(first_failure_in_forked_child([&](auto innermost) {
               innermost(::getpid() == 1);
               innermost(process_identity() != outer);
               innermost(!location.check("use").has_value());
               innermost(!reader.check("read").has_value());
             }) == 0);
      inside(location.check("use").has_value() && reader.check("read").has_value());
    });
    if (failed_inside == no_namespaces) ::_exit(no_namespaces);
    holds(failed_inside == 0);
  });
  if (failed_check == no_namespaces) std::puts("skipped a case: this system lets nobody make a PID namespace");
  else BOOST_TEST(failed_check == 0);
}

BOOST_AUTO_TEST_CASE(a_job_of_the_parents_is_lost_to_a_child_that_has_its_number) {
  std::latch may_end{1};
  detail::BackgroundWorker worker;
  worker.start([](void* latch) noexcept { static_cast<std::latch*>(latch)->wait(); }, &may_end);

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    holds(worker.is_lost());
    worker.wait();
    holds(!worker.has_ended());
  });
  may_end.count_down();
  worker.wait();

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(!worker.is_lost());
}

BOOST_AUTO_TEST_CASE(a_child_waits_for_no_thread_that_was_about_to_make_the_page) {
  const int failed_check = first_failure_in_forked_child([](auto holds) {
    forget_page();
    asked_to_wipe.store(0);
    wiping.store(Wiping::held);
    std::thread maker{[] { static_cast<void>(process_identity()); }};
    while (asked_to_wipe.load() == 0) std::this_thread::yield();

    holds(first_failure_in_forked_child([](auto again) {
            wiping.store(Wiping::granted);
            again(process_identity() != 0);
          }) == 0);

    wiping.store(Wiping::granted);
    wiping.notify_all();
    maker.join();
  });
  BOOST_TEST(failed_check == 0);
}

BOOST_AUTO_TEST_CASE(there_is_one_page_whoever_asks_first_and_children_go_on_with_it) {
  const int failed_check = first_failure_in_forked_child([](auto holds) {
    const int before = wiped_mappings();
    forget_page();
    asked_to_wipe.store(0);
    wiping.store(Wiping::held);
    std::array<ProcessIdentity, 4> found{};
    std::vector<std::thread> threads;
    for (auto& identity : found) threads.emplace_back([&identity] { identity = process_identity(); });
    while (asked_to_wipe.load() != 4) std::this_thread::yield();  // all of them are at it
    wiping.store(Wiping::granted);
    wiping.notify_all();
    for (auto& thread : threads) thread.join();

    for (const ProcessIdentity identity : found) holds(identity == process_identity());
    holds(mapping_flags(detail::process_words.load(detail::Order::acquire)).find(" wf ") != std::string::npos);
    holds(wiped_mappings() <= before + 1);  // neighbours are one mapping
    const int one = wiped_mappings();
    holds(first_failure_in_forked_child([&](auto again) { again(process_identity() != 0 && wiped_mappings() == one); }) == 0);
  });
  BOOST_TEST(failed_check == 0);
}

BOOST_AUTO_TEST_CASE(where_the_kernel_wipes_nothing_the_number_has_to_do) {
  const int failed_check = first_failure_in_forked_child([](auto holds) {
    const TrueNumbers true_numbers;
    forget_page();
    wiping.store(Wiping::refused);
    const ProcessIdentity own = process_identity();
    wiping.store(Wiping::granted);
    holds(own == static_cast<ProcessIdentity>(::getpid()) << 32U);
    holds(process_noise() != 0 && process_noise() == process_noise());
    holds(process_identity() == own);  // whatever would be granted by now: handles were made
    holds(first_failure_in_forked_child([&](auto again) { again(process_identity() != own && process_identity() != 0); }) == 0);
  });
  BOOST_TEST(failed_check == 0);
}

BOOST_AUTO_TEST_CASE(two_children_that_have_the_same_number_make_different_noise) {
  const Shared noise;
  for (const std::size_t child : {0U, 1U}) {
    BOOST_TEST(first_failure_in_forked_child([&](auto holds) { holds((noise[child] = process_noise()) == process_noise()); }) == 0);
  }

  BOOST_TEST(process_noise() == process_noise());
  BOOST_TEST(noise[0] != noise[1]);
  BOOST_TEST(noise[0] != process_noise());
  BOOST_TEST(noise[1] != process_noise());
}

}  // namespace
