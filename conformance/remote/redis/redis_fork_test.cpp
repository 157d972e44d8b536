#include "../../support/forked_child.hpp"
#include "../../support/process_number.hpp"

#include <hybridbuffer/backend/redis_keep_alive.hpp>
#include <hybridbuffer/detail/redis_place.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What the locations of a Redis share is each process's own: a forked child, also one that has its parent's number, neither waits for a
// lock of it nor uses it. No server is needed.

namespace hybridbuffer::testing {
namespace {

/// Whether each of 40 children did all of `checks(holds)` that were forked while two threads did `work()` over and over.
template <class Work, class Checks>
[[nodiscard]] int first_failure_beside(Work&& work, Checks&& checks) {
  std::atomic<bool> stop{false};
  std::atomic<int> busy{0};
  std::vector<std::thread> threads;
  for (int i = 0; i != 2; ++i) {
    threads.emplace_back([&] {
      for (++busy; !stop.load();) work();
    });
  }
  while (busy.load() != 2) std::this_thread::yield();
  int failed_check = 0;
  for (int child = 0; child != 40 && failed_check == 0; ++child) failed_check = first_failure_in_forked_child(checks);
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  return failed_check;
}

const RedisAddress seed{.host = "seed", .port = 6379};
const RedisAddress owner{.host = "owner", .port = 6380};
constexpr std::uint16_t slot = 5;

[[nodiscard]] detail::RedisReply owner_of_all_slots() {
  const auto number = [](std::int64_t value) { return detail::RedisReply{.kind = detail::RedisReply::Kind::integer, .integer = value}; };
  detail::RedisReply node;
  node.elements.resize(1);
  node.elements[0].text = owner.host;
  node.elements.push_back(number(owner.port));
  detail::RedisReply range;
  range.elements = {number(0), number(16'383)};
  range.elements.push_back(std::move(node));
  detail::RedisReply slots;
  slots.elements.push_back(std::move(range));
  return slots;
}

BOOST_AUTO_TEST_CASE(a_child_learns_for_itself_who_has_which_slot) {
  detail::RedisPlace place{RedisOptions{.servers = {seed}}, nullptr};
  const detail::RedisReply slots = owner_of_all_slots();
  const auto asked = [&place] { return place.address_for(slot, detail::RedisClock::now()).value_or(RedisAddress{}); };
  place.learn(slots, seed);
  BOOST_TEST((asked() == owner));

  const int failed_check = first_failure_beside([&] { place.learn(slots, seed); },
                                                [&](auto holds) {
                                                  place.note_failed(slot, owner);
                                                  holds(asked() == seed);
                                                  holds(place.should_learn());
                                                  place.note_owner(slot, owner);
                                                  holds(asked() == owner);
                                                });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST((asked() == owner));
}

BOOST_AUTO_TEST_CASE(a_child_has_a_thread_of_its_own_that_keeps_locations_alive) {
  const RedisKeepAlive storage{RedisStorage{{.servers = {{.host = "127.0.0.1", .port = 1}}, .expiration = std::chrono::hours{1}}}};
  BOOST_TEST_REQUIRE(storage.create_backend().has_value());

  const int failed_check = first_failure_beside([&] { static_cast<void>(storage.create_backend()); },
                                                [&](auto holds) {
                                                  holds(storage.status().has_value());
                                                  holds(storage.create_backend().has_value());
                                                  holds(storage.status().has_value());
                                                });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(storage.status().has_value());
}

}  // namespace
}  // namespace hybridbuffer::testing
