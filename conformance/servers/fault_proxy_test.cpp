#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "fault_proxy.hpp"
#include "raw_client.hpp"
#include "redis_server.hpp"
#include "s3_connection.hpp"

#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>

// Each fault does on the wire what its name says, once, and then all is well again; and it counts.

namespace hybridbuffer::servers {
std::ostream& operator<<(std::ostream& out, RawClient::End end) { return out << static_cast<int>(end); }
}  // namespace hybridbuffer::servers

namespace {

using namespace hybridbuffer::servers;
using namespace std::chrono_literals;
using End = RawClient::End;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

RedisServer& redis() {
  static RedisServer server;
  return server;
}

// A proxy before a Redis server in which "key" is "0123456789".
struct BeforeRedis {
  BeforeRedis() { redis().connection().set("key", "0123456789"); }

  FaultProxy proxy{{.protocol = Protocol::redis, .server_socket_path = redis().endpoint().socket_path}};
  static constexpr std::string_view get = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
  static constexpr std::string_view reply = "$10\r\n0123456789\r\n";

  // That a new connection gets the right answer, whole.
  [[nodiscard]] bool is_well() const {
    RawClient client{proxy.port()};
    client.send(get);
    return client.read(reply.size()) == reply;
  }
};

BOOST_FIXTURE_TEST_SUITE(before_redis, BeforeRedis)

BOOST_AUTO_TEST_CASE(without_a_fault_bytes_pass_as_they_are_in_pipelines_too) {
  RawClient client{proxy.port()};
  std::string requests;
  std::string replies;
  for (int i = 0; i < 1'000; ++i) {
    requests += get;
    replies += reply;
  }
  const std::string value(3'000'000, 'v');

  client.send(requests);
  BOOST_TEST((client.read(replies.size()) == replies));
  client.send("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$3000000\r\n" + value + "\r\n*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n");
  BOOST_TEST((client.read(5) == "+OK\r\n"));
  BOOST_TEST((client.read(value.size() + 12) == "$3000000\r\n" + value + "\r\n"));

  BOOST_TEST(proxy.totals().requests == 1'002U);
  BOOST_TEST(proxy.totals().replies == 1'002U);
  BOOST_TEST(proxy.totals().connections == 1U);
}

BOOST_AUTO_TEST_CASE(refuse_closes_the_port_before_the_connection_it_names) {
  const auto fault = proxy.arm(faults::refuse().on_connection(2));
  BOOST_TEST(is_well());
  BOOST_TEST(proxy.fired(fault) == 1U);

  BOOST_TEST(RawClient{proxy.port()}.error() == ECONNREFUSED);
  BOOST_TEST(RawClient{proxy.port()}.error() == ECONNREFUSED);

  proxy.disarm();
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(reset_after_bytes_of_a_reply_lets_just_these_pass) {
  const auto fault = proxy.arm(faults::reset_after(7).on_reply(2));
  RawClient client{proxy.port()};
  client.send(std::string{get} + std::string{get});

  BOOST_TEST(client.read_all() == std::string{reply} + "$10\r\n01");

  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(reset_after_bytes_of_a_request_keeps_it_from_having_an_effect) {
  const auto fault = proxy.arm(faults::reset_after(20).on_request(1).matching("DEL"));
  BOOST_TEST(is_well());
  RawClient client{proxy.port()};
  client.send("*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n");

  BOOST_TEST(client.read_all().empty());

  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(a_dropped_reply_has_had_its_effect) {
  const auto fault = proxy.arm(faults::drop_reply().matching("DEL"));
  RawClient client{proxy.port()};
  client.send("*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n");

  BOOST_TEST(client.read_all().empty());

  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(!redis().connection().get("key").has_value());
}

BOOST_AUTO_TEST_CASE(half_close_ends_one_direction_only) {
  const auto fault = proxy.arm(faults::half_close_after(3));
  RawClient client{proxy.port()};
  client.send(get);
  BOOST_TEST(client.read_all() == "$10");
  BOOST_TEST(client.end() == End::ended);
  BOOST_TEST(proxy.fired(fault) == 1U);

  client.send("*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n");

  wait_until([] { return !redis().connection().get("key").has_value(); }, 5s, "the other direction does not carry", redis().workspace());
}

BOOST_AUTO_TEST_CASE(a_stall_lasts_until_it_is_released) {
  const auto fault = proxy.arm(faults::stall_after(4));
  RawClient client{proxy.port()};
  client.send(get);
  BOOST_TEST(client.read_all(100ms) == "$10\r");
  BOOST_TEST(client.end() == End::open);
  BOOST_TEST(proxy.fired(fault) == 1U);

  proxy.release();

  BOOST_TEST(client.read(reply.size() - 4) == reply.substr(4));
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(late_replies_and_stalls_for_a_time_come_after_that_time) {
  for (const Fault& kind : {faults::late_reply(150ms), faults::stall_after(0, 150ms)}) {
    const auto fault = proxy.arm(kind);
    RawClient client{proxy.port()};
    const auto begin = std::chrono::steady_clock::now();
    client.send(get);

    BOOST_TEST(client.read(reply.size()) == reply);

    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 150ms));
    BOOST_TEST(proxy.fired(fault) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(one_byte_per_interval) {
  const auto fault = proxy.arm(faults::one_byte_per(10ms));
  RawClient client{proxy.port()};
  const auto begin = std::chrono::steady_clock::now();
  client.send(get);

  BOOST_TEST(client.read(1).size() == 1U);
  BOOST_TEST(client.read(reply.size() - 1) == reply.substr(1));

  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 10ms * (reply.size() - 1)));
  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(a_duplicate_reply_comes_twice) {
  const auto fault = proxy.arm(faults::duplicate_reply());
  RawClient client{proxy.port()};
  client.send(get);

  BOOST_TEST(client.read_all(100ms) == std::string{reply} + std::string{reply});

  BOOST_TEST(proxy.fired(fault) == 1U);
}

BOOST_AUTO_TEST_CASE(a_flipped_byte_is_counted_from_the_value) {
  const auto fault = proxy.arm(faults::flip_byte(9, 0x08));
  const auto beyond = proxy.arm(faults::flip_byte(100).on_reply(2));
  RawClient client{proxy.port()};
  client.send(get);
  BOOST_TEST(client.read(reply.size()) == "$10\r\n0123456781\r\n");
  client.send(get);
  BOOST_TEST(client.read(reply.size()) == reply);

  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(proxy.seen(beyond) == 2U);
  BOOST_TEST(proxy.fired(beyond) == 0U);
}

BOOST_AUTO_TEST_CASE(a_truncated_value_keeps_its_announced_size) {
  const auto fault = proxy.arm(faults::truncate_body(4));
  RawClient client{proxy.port()};
  client.send(get);

  BOOST_TEST(client.read_all() == "$10\r\n0123");

  BOOST_TEST(client.end() == End::ended);
  BOOST_TEST(proxy.fired(fault) == 1U);
}

BOOST_AUTO_TEST_CASE(error_replies_come_in_the_order_of_the_requests_and_the_server_sees_none_of_theirs) {
  const auto moved = proxy.arm(faults::redis_moved().on_request(2));
  const auto busy = proxy.arm(faults::redis_error("TRYAGAIN later").matching("DEL").always());
  RawClient client{proxy.port()};
  client.send(std::string{get} + std::string{get} + "*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n" + std::string{get});

  BOOST_TEST(client.read_all(100ms) == std::string{reply} + "-MOVED 12539 127.0.0.1:" + std::to_string(proxy.port()) +
                                           "\r\n-TRYAGAIN later\r\n" + std::string{reply});

  BOOST_TEST(proxy.fired(moved) == 1U);
  BOOST_TEST(proxy.fired(busy) == 1U);
}

BOOST_AUTO_TEST_CASE(a_replaced_reply_has_had_its_effect) {
  const auto fault = proxy.arm(faults::replace_reply("-OOM no\r\n").matching("DEL"));
  RawClient client{proxy.port()};
  client.send("*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n");

  BOOST_TEST(client.read(9) == "-OOM no\r\n");

  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(!redis().connection().get("key").has_value());
}

BOOST_AUTO_TEST_CASE(a_restart_resets_all_refuses_for_a_time_and_is_well_again) {
  const auto fault = proxy.arm(faults::server_restart(500ms).on_request(2));
  RawClient bystander{proxy.port()};
  BOOST_TEST(is_well());
  RawClient client{proxy.port()};
  client.send(get);

  BOOST_TEST(client.read_all().empty());
  BOOST_TEST(bystander.read_all().empty());

  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(bystander.end() == End::reset);
  BOOST_TEST(RawClient{proxy.port()}.error() == ECONNREFUSED);
  BOOST_TEST(proxy.fired(fault) == 1U);
  wait_until([this] { return is_well(); }, 5s, "it does not come back", redis().workspace());
}

BOOST_AUTO_TEST_CASE(a_real_restart_at_a_certain_moment) {
  const auto fault = proxy.arm(faults::stall_after(0).on_request(1));
  RawClient client{proxy.port()};
  client.send(get);
  proxy.wait_until_fired(fault);

  redis().kill9();
  redis().restart();
  proxy.release();

  BOOST_TEST(client.read_all().empty());
  BOOST_TEST((client.end() != End::open));
  redis().connection().set("key", "0123456789");
  BOOST_TEST(is_well());
}

BOOST_AUTO_TEST_CASE(dropped_connections_are_reset) {
  RawClient client{proxy.port()};
  client.send(get);
  BOOST_TEST(client.read(reply.size()) == reply);
  BOOST_TEST(proxy.totals().open_connections == 1U);

  proxy.drop_connections();

  BOOST_TEST(client.read_all().empty());
  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(proxy.totals().open_connections == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

// Alone, over HTTP -------------------------------------------------------------------------------------------------------------------

struct AloneHttp {
  FaultProxy proxy{{.protocol = Protocol::http}};
  static constexpr std::string_view put = "PUT /b/k?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345";
};
BOOST_FIXTURE_TEST_SUITE(alone_http, AloneHttp)

BOOST_AUTO_TEST_CASE(what_no_fault_answers_is_reset) {
  RawClient client{proxy.port()};
  client.send(put);

  BOOST_TEST(client.read_all().empty());

  BOOST_TEST(client.end() == End::reset);
}

BOOST_AUTO_TEST_CASE(slow_down_says_when_to_come_again_and_the_connection_goes_on) {
  const auto fault = proxy.arm(faults::slow_down(7).always());
  RawClient client{proxy.port()};
  for (int i = 0; i < 2; ++i) {
    client.send(put);
    const std::string answer = client.read_all(50ms);
    BOOST_TEST(answer.starts_with("HTTP/1.1 503 Slow Down\r\n"));
    BOOST_TEST(answer.find("\r\nRetry-After: 7\r\n") != std::string::npos);
    BOOST_TEST(answer.ends_with("<Error><Code>SlowDown</Code></Error>"));
  }
  BOOST_TEST(proxy.fired(fault) == 2U);
}

BOOST_AUTO_TEST_CASE(a_redirect_leads_to_the_same_target_at_the_proxy) {
  const auto fault = proxy.arm(faults::http_redirect().always());
  RawClient client{proxy.port()};
  client.send(put);
  const std::string answer = client.read_all(50ms);

  BOOST_TEST(answer.starts_with("HTTP/1.1 307 Temporary Redirect\r\n"));
  BOOST_TEST(answer.find("\r\nLocation: http://127.0.0.1:" + std::to_string(proxy.port()) + "/b/k?x=1\r\n") != std::string::npos);
  BOOST_TEST(proxy.fired(fault) == 1U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_leave_to_send_a_body_is_answered_at_once) {
  const auto fault = proxy.arm(faults::slow_down(1));
  RawClient client{proxy.port()};
  client.send("PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");

  BOOST_TEST(client.read_all().starts_with("HTTP/1.1 503 Slow Down\r\n"));

  BOOST_TEST(client.end() == End::ended);
  BOOST_TEST(proxy.fired(fault) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(bad_certificates_are_shown_when_asked_and_a_client_that_verifies_finds_each_bad) {
  FaultProxy proxy{{.protocol = Protocol::http, .tls = true}};
  proxy.arm(faults::answer(faults::http("200 OK")).always());
  S3Endpoint endpoint;
  endpoint.port = proxy.port();
  endpoint.tls = true;
  endpoint.certificate_authority = proxy.certificate_authority();
  const auto failure = [&] {
    try {
      return std::to_string(S3Connection{endpoint}.request("GET", "/").status);
    } catch (const ServerFailure& error) {
      return std::string{error.what()};
    }
  };
  BOOST_TEST(failure() == "200");

  for (const char* flaw : {"wrong_host", "expired", "self_signed"}) {
    const auto fault = proxy.arm(faults::bad_certificate(flaw));
    const std::string seen = failure();
    BOOST_TEST(seen.find("SSL") != std::string::npos, flaw << ": " << seen);
    BOOST_TEST(proxy.fired(fault) == 1U);
  }
  BOOST_TEST(failure() == "200");
}

BOOST_AUTO_TEST_CASE(what_it_does_not_understand_it_counts_in_bytes_of_each_direction) {
  FaultProxy proxy{{.server_socket_path = redis().endpoint().socket_path}};
  const auto fault = proxy.arm(faults::reset_after(7).on_reply(2));
  const auto first = proxy.arm(faults::reset_after(0).on_connection(3));
  for (int connection = 1; connection <= 2; ++connection) {
    RawClient client{proxy.port()};
    client.send("PING\r\nPING\r\n");
    BOOST_TEST(client.read(14) == (connection == 1 ? "+PONG\r\n+PONG\r\n" : "+PONG\r\n"));
  }
  RawClient client{proxy.port()};
  BOOST_TEST(client.read_all().empty());
  BOOST_TEST(client.end() == End::reset);
  BOOST_TEST(proxy.fired(fault) == 1U);
  BOOST_TEST(proxy.fired(first) == 1U);
}

// A server of HTTP that says what it is told: another proxy, alone.
BOOST_AUTO_TEST_CASE(bodies_of_http_are_found_with_their_length_in_chunks_and_to_the_end_and_heads_have_none) {
  FaultProxy server{{.protocol = Protocol::http}};
  FaultProxy proxy{{.protocol = Protocol::http, .server_port = server.port()}};
  RawClient client{proxy.port()};
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  const std::string sized = faults::http("200 OK", "body");
  server.arm(faults::answer(chunked));
  server.arm(faults::answer(head).on_request(1).matching("HEAD "));
  server.arm(faults::answer(sized).on_request(2).matching("GET "));
  const auto truncated = proxy.arm(faults::truncate_body(3).on_reply(3));

  client.send("GET /1 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read(chunked.size()) == chunked);
  client.send("HEAD /2 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read(head.size()) == head);
  client.send("GET /3 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read_all() == sized.substr(0, sized.size() - 1));

  BOOST_TEST(client.end() == End::ended);
  BOOST_TEST(proxy.fired(truncated) == 1U);
  BOOST_TEST(proxy.totals().replies == 3U);
}

// OpenStack Swift ends the chunks of an answer to HEAD that has none.
BOOST_AUTO_TEST_CASE(bytes_of_http_that_answer_no_request_pass_and_count_as_nothing) {
  FaultProxy server{{.protocol = Protocol::http}};
  FaultProxy proxy{{.protocol = Protocol::http, .server_port = server.port()}};
  RawClient client{proxy.port()};
  const std::string head = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const std::string sized = faults::http("200 OK", "body");
  server.arm(faults::answer(sized).on_request(1).matching("GET "));
  server.arm(faults::answer(head).on_request(1).matching("HEAD "));

  client.send("HEAD /1 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read(head.size()) == head);
  client.send("GET /2 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read(sized.size()) == sized);
  BOOST_TEST(proxy.totals().replies == 2U);

  const auto fault = proxy.arm(faults::slow_down(1));
  client.send("GET /3 HTTP/1.1\r\n\r\n");
  BOOST_TEST(client.read_all(500ms).starts_with("HTTP/1.1 503 Slow Down\r\n"));
  BOOST_TEST(proxy.fired(fault) == 1U);
}

}  // namespace
