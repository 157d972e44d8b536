#include "redis_support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/redis_server.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Every fault of the proxy on every operation. Once: the operation goes on and is right. For ever: the documented category within the
// deadline. In both cases nothing is left in the store that does not expire.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk = std::size_t{16} * 1024;
constexpr RedisTimeouts timeouts{.connect = 200ms, .call = 100ms, .operation = 500ms, .cleanup = 200ms};

servers::RedisServer& server() {
  static servers::RedisServer running{{.password = "not for messages"}};
  return running;
}

/// What went wrong in the threads of a case: Boost.Test is for one.
class Problems {
 public:
  void expect(bool holds, const std::string& what) {
    if (holds) return;
    const std::lock_guard guard{lock_};
    all_.push_back(what);
  }
  void report() {
    for (const std::string& one : all_) BOOST_ERROR(one);
    BOOST_TEST(all_.empty());
  }

 private:
  std::mutex lock_;
  std::vector<std::string> all_;
};

/// A storage behind a proxy of its own, and what is under its prefix.
struct Place {
  explicit Place(RedisTimeouts times = timeouts) {
    options = options_for(server().endpoint());
    options.servers = {{"127.0.0.1", proxy.port()}};
    options.prefix = "fault-" + detail::redis_random_tag().value() + ":";
    options.chunk_bytes = chunk;
    options.window_bytes = 4 * chunk;
    options.timeouts = times;
    options.retry = {.base = 5ms, .cap = 20ms};
    storage = RedisStorage{options};
  }
  [[nodiscard]] std::vector<std::string> keys() { return raw.keys(options.prefix); }
  [[nodiscard]] std::size_t lasting() { return raw.lasting_keys(options.prefix).size(); }

  servers::FaultProxy proxy{{.protocol = servers::Protocol::redis, .server_socket_path = server().endpoint().socket_path}};
  servers::RedisConnection raw{server().endpoint()};
  RedisOptions options;
  RedisStorage storage;
};

const Bytes before = content(3 * chunk - 7);
const Bytes larger = content(9 * chunk + 1, 7);
const Bytes more = content(2 * chunk, 9);

struct Operation {
  std::string_view name;
  std::function<Result<void>(RedisBackend&)> run;  // on a location that holds an object of three chunks
  Clock::duration longest = timeouts.operation;
};

/// What must hold when an operation says to have succeeded.
Result<void> right_if(bool is_right) {
  if (!is_right) return failure(errc::invalid_argument, "look at what an operation did: it is wrong");
  return {};
}

Result<void> read_window(const RedisBackend& backend) {
  auto reader = backend.open_reader_at();
  if (!reader) return std::unexpected{reader.error()};
  Bytes window(chunk + 100);
  const auto count = reader->read_at(chunk / 2, window);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count == window.size() && std::equal(window.begin(), window.end(), before.begin() + chunk / 2));
}

Result<void> seek_and_read(const RedisBackend& backend) {
  auto reader = backend.open_seeker();
  if (!reader) return std::unexpected{reader.error()};
  Bytes last(10);
  if (auto at = reader->seek(-10, Whence::end); !at) return std::unexpected{at.error()};
  const auto count = reader->read(last);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count != 0 && std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(*count), before.end() - 10));
}

const std::vector<Operation>& operations() {
  // Closing waits for its chunks, then for the manifest, and then removes what it replaces or gives up.
  constexpr auto closing = timeouts.operation + timeouts.cleanup;
  static const std::vector<Operation> all{
      {"store an object",
       [](RedisBackend& backend) {
         auto stored = store(backend, larger);
         return stored ? right_if(holds(backend, larger)) : stored;
       },
       closing},
      {"store an empty object",
       [](RedisBackend& backend) {
         auto stored = store(backend, {});
         return stored ? right_if(holds(backend, {})) : stored;
       },
       closing},
      {"extend an object",
       [](RedisBackend& backend) {
         auto extended = finish(backend.append(), more);
         Bytes both = before;
         both.insert(both.end(), more.begin(), more.end());
         return extended ? right_if(holds(backend, both)) : extended;
       },
       closing},
      {"abandon a writer",
       [](RedisBackend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(larger);
       },
       closing},
      {"read in order",
       [](RedisBackend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         return right_if(*bytes == before);
       }},
      {"read a window", [](RedisBackend& backend) { return read_window(backend); }},
      {"seek and read", [](RedisBackend& backend) { return seek_and_read(backend); }},
      {"touch", [](RedisBackend& backend) { return backend.touch(); }},
      {"remove", [](RedisBackend& backend) { return backend.remove(); }},
  };
  return all;
}

struct Case {
  std::string_view name;
  servers::Fault fault;
  std::vector<errc> categories;  // of the failure, when it lasts
};

const std::vector<Case>& cases() {
  using enum errc;
  static const std::vector<Case> all{
      {"refused connections", faults::refuse(30ms), {unavailable, timeout}},
      {"a reset request", faults::reset_after(10).on_request(1), {unavailable, timeout}},
      {"a lost reply", faults::drop_reply(), {unavailable, timeout}},
      {"a reset in a reply", faults::reset_after(3), {unavailable, timeout}},
      {"a half-closed reply", faults::half_close_after(2), {unavailable, timeout}},
      {"a half-closed request", faults::half_close_after(9).on_request(1), {unavailable, timeout}},
      {"a stalled request", faults::stall_after(5).on_request(1), {timeout}},
      {"a stalled reply", faults::stall_after(0), {timeout}},
      {"one byte a second", faults::one_byte_per(), {timeout}},
      {"a late reply", faults::late_reply(250ms), {timeout}},
      {"a reply that comes twice", faults::duplicate_reply(), {io, unavailable, timeout}},
      {"a reply of another kind", faults::replace_reply("*1\r\n$3\r\nfoo\r\n"), {io, unavailable, timeout}},
      {"a reply of no kind", faults::replace_reply("HTTP/1.1 400 Bad Request\r\n\r\n"), {io, unavailable, timeout}},
      {"a reply without an end", faults::replace_reply("$900000000000\r\nfoo"), {io, unavailable, timeout}},
      {"a restart of the server", faults::server_restart(30ms), {unavailable, timeout}},
      {"a redirection in circles", faults::redis_moved(), {unavailable, timeout}},
      {"a redirection to nowhere", faults::answer("-MOVED 1 127.0.0.1:1\r\n"), {unavailable, timeout}},
      {"a server that loads", faults::redis_error("LOADING Redis is loading the dataset in memory"), {unavailable, timeout}},
      {"a cluster that is down", faults::redis_error("CLUSTERDOWN The cluster is down"), {unavailable, timeout}},
      {"a slot that moves", faults::redis_error("TRYAGAIN Multiple keys request during rehashing of slot"), {unavailable, timeout}},
      {"a replica", faults::redis_error("READONLY You can't write against a read only replica."), {unavailable, timeout}},
  };
  return all;
}

/// Faults that are answers of a server: that of its own category at once, however often it comes.
const std::vector<Case>& refusals() {
  using enum errc;
  static const std::vector<Case> all{
      {"a full server", faults::redis_error("OOM command not allowed when used memory > 'maxmemory'."), {no_space}},
      {"a right that is missing", faults::redis_error("NOPERM this user has no permissions"), {permission}},
      {"another kind of server", faults::redis_error("ERR unknown command"), {unsupported}},
      {"a disk that is full", faults::redis_error("MISCONF Redis is configured to save RDB snapshots"), {unavailable}},
      {"a key of somebody else", faults::redis_error("WRONGTYPE Operation against a key"), {corrupted}},
      {"an error without a name", faults::redis_error("ERR something"), {io}},
  };
  return all;
}

bool is_refusal_of_connections(const Case& one) { return one.name == "refused connections"; }

/// Before and after a fault: the short times of this test may pass on a busy machine although nothing is wrong.
template <class Function>
bool in_the_end(Function&& succeeds) {
  for (int again = 0; again < 50; ++again) {
    if (succeeds()) return true;
  }
  return false;
}

/// Once: the operation does not notice.
void meet_once(const Case& one, const Operation& operation, const std::string& what, Problems& problems) {
  Place place{{.connect = 5s, .call = timeouts.call, .operation = 20s, .cleanup = 5s}};
  {
    RedisBackend backend = place.storage.create_backend().value();
    problems.expect(store(backend, before).has_value(), what + ": the object before it");
    if (one.name == "a redirection to nowhere" || is_refusal_of_connections(one)) place.storage.trim();
    const auto armed = place.proxy.arm(one.fault);

    const auto done = operation.run(backend);

    problems.expect(done.has_value(), what + ": " + message_of(done));
    problems.expect(place.proxy.fired(armed) == 1, what + ": the fault did not happen");
    place.proxy.drop_connections();  // what is held back must not arrive later
    place.proxy.disarm();
  }
  problems.expect(place.lasting() == 0, what + ": keys without an expiry are left");
}

/// For ever: it ends in time, with the documented category. Returns: how long it took.
Clock::duration meet_for_ever(const Case& one, const Operation& operation, const std::string& what, Problems& problems) {
  Place place;
  RedisBackend backend = place.storage.create_backend().value();
  problems.expect(in_the_end([&] { return store(backend, before).has_value(); }), what + ": the object before it");
  servers::Fault fault = one.fault;
  if (is_refusal_of_connections(one)) {
    fault.time = servers::for_ever;
    place.storage.trim();
  }
  const auto armed = place.proxy.arm(std::move(fault).always());

  const auto begin = Clock::now();
  const auto done = operation.run(backend);
  const auto took = Clock::now() - begin;

  problems.expect(place.proxy.fired(armed) >= 1, what + ": the fault did not happen");
  place.proxy.drop_connections();  // what is held back must not arrive later
  place.proxy.disarm();
  problems.expect(!done, what + ": succeeded");
  if (!done) {
    const std::string message = done.error().message();
    const bool is_documented = std::find(one.categories.begin(), one.categories.end(), done.error().code()) != one.categories.end();
    problems.expect(is_documented, what + ": " + message);
    problems.expect(message.find("not for messages") == std::string::npos, what + ": the password in " + message);
  }
  if (operation.name != "remove")
    problems.expect(in_the_end([&] { return holds(backend, before); }), what + ": the object is not what it was");
  problems.expect(place.lasting() == 0, what + ": keys without an expiry are left");
  problems.expect(in_the_end([&] { return backend.remove().has_value(); }), what + ": remove() afterwards");
  return took;
}

/// Each of the cases with each operation, some side by side: they mostly wait.
template <class Meet>
void meet_all(const std::vector<const Case*>& all, std::string_view how, Meet&& meet) {
  Problems problems;
  server();
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < all.size() * operations().size(); i = next++) {
      const Case& one = *all[i / operations().size()];
      const Operation& operation = operations()[i % operations().size()];
      const std::string what = std::string{one.name} + " " + std::string{how} + " while it should " + std::string{operation.name};
      try {
        meet(one, operation, what, problems);
      } catch (const std::exception& error) {
        problems.expect(false, what + ": " + error.what());
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  problems.report();
}

std::vector<const Case*> pointers_to(const std::vector<Case>& some) {
  std::vector<const Case*> all;
  for (const Case& one : some) all.push_back(&one);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) { meet_all(pointers_to(cases()), "once", meet_once); }

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_leaves_nothing_that_lasts) {
  auto all = pointers_to(cases());
  for (const Case* refusal : pointers_to(refusals())) all.push_back(refusal);
  meet_all(all, "for ever", [](const Case& one, const Operation& operation, const std::string& what, Problems& problems) {
    // Anything may hold up a process on a busy machine: a call that took too long is to be in time when it is made again.
    const Clock::duration most = operation.longest + operation.longest / 10;
    Clock::duration took = meet_for_ever(one, operation, what, problems);
    for (int again = 0; again < 4 && took > most; ++again) took = meet_for_ever(one, operation, what, problems);
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    problems.expect(took <= most, what + ": took " + std::to_string(milliseconds) + " ms");
  });
}

BOOST_AUTO_TEST_CASE(a_reply_that_comes_twice_never_gives_a_chunk_the_bytes_of_another) {
  for (std::uint64_t k = 1; k < 24; ++k) {
    Place place;
    RedisBackend backend = place.storage.create_backend().value();
    BOOST_REQUIRE(store(backend, larger));
    const auto armed = place.proxy.arm(faults::duplicate_reply().on_reply(k).matching("GET"));

    const auto bytes = read_all(backend);

    BOOST_TEST_REQUIRE(bytes.has_value());
    BOOST_TEST((*bytes == larger));
    BOOST_TEST(place.proxy.fired(armed) == (place.proxy.seen(armed) >= k ? 1U : 0U));
    if (place.proxy.seen(armed) < k) break;
  }
}

BOOST_AUTO_TEST_CASE(a_commit_whose_answer_is_lost_is_made_again_and_not_twice) {
  Place place;
  RedisBackend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, before));
  auto writer = backend.append().value();
  BOOST_REQUIRE(writer.write(more));
  const auto armed = place.proxy.arm(faults::drop_reply().matching("hybridbuffer 1 "));

  BOOST_REQUIRE(writer.close());

  BOOST_TEST(place.proxy.fired(armed) == 1U);
  Bytes both = before;
  both.insert(both.end(), more.begin(), more.end());
  BOOST_TEST(holds(backend, both));
  BOOST_TEST(place.keys().size() == (both.size() + chunk - 1) / chunk + 1);
}

BOOST_AUTO_TEST_CASE(a_dead_server_does_not_hold_up_every_destructor) {
  Place place;
  std::vector<RedisBackend> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(place.storage.create_backend().value());
    BOOST_REQUIRE(store(many.back(), content(100)));
  }
  place.proxy.arm(faults::refuse().always());
  place.proxy.drop_connections();

  const auto begin = Clock::now();
  many.clear();

  BOOST_TEST((Clock::now() - begin < 200 * timeouts.cleanup / 4));
  BOOST_TEST(place.lasting() == 0U);
}
