#include "../../servers/loopback.hpp"

#include <hybridbuffer/detail/redis_link.hpp>
#include <hybridbuffer/detail/redis_pipeline.hpp>
#include <hybridbuffer/detail/redis_place.hpp>
#include <hybridbuffer/detail/redis_socket.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// One connection and what is told over it, with a peer that the test plays itself: it says what no server should, or nothing.

namespace {

using namespace hybridbuffer;
using namespace std::chrono_literals;
using detail::RedisClock;
using detail::RedisCommand;
using detail::RedisLink;
using detail::RedisReply;

/// A port of 127.0.0.1 to which one can connect; nobody reads what comes.
class Peer {
 public:
  explicit Peer(int backlog = 16) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    address_ = servers::loopback(0);
    socklen_t size = sizeof address_;
    BOOST_REQUIRE(::bind(socket_, address(), size) == 0);
    BOOST_REQUIRE(::listen(socket_, backlog) == 0);
    BOOST_REQUIRE(::getsockname(socket_, address(), &size) == 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    for (const int one : accepted_) ::close(one);
    ::close(socket_);
  }

  [[nodiscard]] sockaddr* address() noexcept { return reinterpret_cast<sockaddr*>(&address_); }
  [[nodiscard]] RedisAddress name() const { return {"127.0.0.1", ntohs(address_.sin_port)}; }
  /// To the next that has connected.
  void say(std::string_view bytes) {
    accepted_.push_back(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
    BOOST_REQUIRE(::send(accepted_.back(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  int socket_;
  sockaddr_in address_{};
  std::vector<int> accepted_;
};

RedisOptions options_of(const RedisAddress& address) {
  RedisOptions options{.servers = {address}};
  options.retry.attempts = 1;
  return options;
}

/// More than the sockets between two processes hold.
RedisCommand long_command() {
  RedisCommand command;
  const std::string text(std::size_t{32} << 20U, 'x');
  command.restart("store", detail::RedisText{"SET", "key", text}, RedisReply::Kind::status);
  return command;
}

RedisReply text_reply(std::string text) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::text;
  reply.text = std::move(text);
  return reply;
}
RedisReply integer_reply(std::int64_t value) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::integer;
  reply.integer = value;
  return reply;
}
RedisReply array_reply(std::vector<RedisReply> elements) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::array;
  reply.elements = std::move(elements);
  return reply;
}
/// An answer to CLUSTER SLOTS.
RedisReply slots_reply(RedisReply first, RedisReply last, std::string host) {
  RedisReply node = array_reply({text_reply(std::move(host)), integer_reply(7'000)});
  return array_reply({array_reply({std::move(first), std::move(last), std::move(node)})});
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_said_of_slots_that_do_not_exist_is_not_learnt) {
  const RedisAddress first{"first", 1};
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::pair<std::int64_t, std::int64_t>> wrong{
      {0, -1}, {5, -1}, {5, 4}, {16'384, 16'384}, {16'384, 100}, {-1, 16'383}, {0, 16'384}, {70'000, 70'001}, {65'535, 0}, {least, least}};
  for (const auto& [from, to] : wrong) {
    BOOST_TEST_CONTEXT(from << " to " << to) {
      detail::RedisPlace place{options_of(first), nullptr};
      place.learn(slots_reply(integer_reply(from), integer_reply(to), "other"), first);
      for (const std::uint16_t slot : std::initializer_list<std::uint16_t>{0, 4, 5, 16'383})
        BOOST_TEST((place.address_for(slot, {}).value() == first));
    }
  }

  detail::RedisPlace place{options_of(first), nullptr};
  place.learn(slots_reply(text_reply("0"), integer_reply(3), "other"), first);
  BOOST_TEST((place.address_for(3, {}).value() == first));
  place.learn(slots_reply(integer_reply(3), integer_reply(3), "other"), first);
  place.learn(slots_reply(integer_reply(16'383), integer_reply(16'383), "last"), first);
  BOOST_TEST((place.address_for(3, {}).value() == RedisAddress{"other", 7'000}));
  BOOST_TEST((place.address_for(16'383, {}).value() == RedisAddress{"last", 7'000}));
}

BOOST_AUTO_TEST_CASE(a_node_without_a_name_is_where_the_one_is_that_says_so) {
  const RedisAddress first{"first", 1};
  for (const char* nameless : {"", "?"}) {
    detail::RedisPlace place{options_of(first), nullptr};
    place.learn(slots_reply(integer_reply(0), integer_reply(16'383), nameless), first);
    BOOST_TEST((place.address_for(9, {}).value() == RedisAddress{"first", 7'000}));
  }
}

BOOST_AUTO_TEST_CASE(an_answer_to_what_has_not_left_ends_the_link) {
  for (const bool is_refusal : {false, true}) {
    Peer peer;
    const auto link = RedisLink::open(options_of(peer.name()), peer.name(), nullptr, RedisClock::now() + 5s).value();
    RedisCommand command = long_command();
    BOOST_REQUIRE(link->enqueue(command));
    peer.say(is_refusal ? "-ERR max number of clients reached\r\n" : "+OK\r\n");

    int taken = 0;
    const auto move = [&] {
      return link->move([&](const RedisLink::Expected&, const RedisReply&) {
        ++taken;
        return true;
      });
    };
    const auto end = RedisClock::now() + 5s;
    auto moved = move();
    while (moved != RedisLink::Moved::failed && taken == 0 && RedisClock::now() < end) moved = move();

    BOOST_TEST((moved == RedisLink::Moved::failed));
    BOOST_TEST(taken == 0);
    BOOST_TEST(link->is_confused() == !is_refusal);
  }
}

BOOST_AUTO_TEST_CASE(time_in_which_nobody_waits_does_not_count_for_an_answer) {
  Peer peer;
  RedisOptions options = options_of(peer.name());
  options.timeouts.call = 100ms;
  RedisCommand command = long_command();
  detail::RedisPipeline pipeline{std::make_shared<detail::RedisPlace>(options, nullptr), 0};
  pipeline.submit(command);
  pipeline.poll(RedisClock::now() + 5s);
  std::this_thread::sleep_for(300ms);

  pipeline.poll(RedisClock::now() + 5s);

  BOOST_TEST((command.phase == RedisCommand::Phase::sent));
  pipeline.drive(RedisClock::now() + 5s, [&] { return command.phase == RedisCommand::Phase::done; });
  BOOST_REQUIRE(!command.result);
  BOOST_TEST((command.result.error() == errc::timeout));
}

BOOST_AUTO_TEST_CASE(an_address_that_says_nothing_leaves_time_for_the_next_one) {
  Peer silent{0};
  std::vector<detail::RedisSocket> filling;  // of what waits to be accepted
  addrinfo first{};
  first.ai_family = AF_INET;
  first.ai_addr = silent.address();
  first.ai_addrlen = sizeof(sockaddr_in);
  const auto connect = [&](RedisClock::duration time) {
    return detail::RedisSocket::connect_to_one_of(&first, silent.name(), RedisClock::now() + time);
  };
  for (auto one = connect(100ms); one; one = connect(100ms)) filling.push_back(*std::move(one));
  Peer peer;
  addrinfo second = first;
  second.ai_addr = peer.address();
  first.ai_next = &second;

  const auto begin = RedisClock::now();
  BOOST_TEST(connect(2s).has_value());
  BOOST_TEST((RedisClock::now() - begin >= 900ms));
  first.ai_next = nullptr;
  BOOST_TEST((connect(100ms).error() == errc::timeout));
}
