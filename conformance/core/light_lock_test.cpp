#include <boost/test/unit_test.hpp>

#include <hybridbuffer/detail/light_lock.hpp>

#include <chrono>
#include <future>
#include <thread>
#include <vector>

namespace {

using hybridbuffer::detail::LightGuard;
using hybridbuffer::detail::LightLock;

}  // namespace

BOOST_AUTO_TEST_SUITE(light_locks)

BOOST_AUTO_TEST_CASE(one_thread_at_a_time_is_inside_and_none_waits_for_ever) {
  constexpr int rounds = 5000;
  constexpr int threads = 4;
  LightLock lock;
  long entered = 0;  // under the lock
  const auto enter_often = [&] {
    for (int i = 0; i < rounds; ++i) {
      const LightGuard guard{lock};
      ++entered;
      if (i % 256 == 0) std::this_thread::yield();  // so that others meet the lock while it is held
    }
  };

  std::vector<std::future<void>> results;
  for (int i = 0; i < threads; ++i) results.push_back(std::async(std::launch::async, enter_often));
  for (auto& result : results) result.get();

  BOOST_TEST(entered == long{rounds} * threads);
}

BOOST_AUTO_TEST_CASE(who_waits_in_the_kernel_is_woken) {
  LightLock lock;
  lock.lock();
  auto waiter = std::async(std::launch::async, [&] { const LightGuard guard{lock}; });

  const bool waits = waiter.wait_for(std::chrono::milliseconds{50}) == std::future_status::timeout;
  lock.unlock();
  waiter.get();

  BOOST_TEST(waits);
}

BOOST_AUTO_TEST_SUITE_END()
