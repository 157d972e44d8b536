#include "redis_sentinel.hpp"

#include <cstdint>
#include <string_view>

namespace hybridbuffer::servers {
namespace {

constexpr std::size_t sentinel_count = 3;
constexpr milliseconds patience{30'000};

// The value behind a name in an answer that is a list of both in turn.
std::string field_of(const RedisReply& reply, std::string_view name) {
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == name) return reply.elements[i + 1].text;
  }
  return {};
}

}  // namespace

RedisSentinel::RedisSentinel() {
  require_programs({"redis-server"}, "redis-server");
  for (std::uint16_t i = 0; i < 2; ++i) {
    RedisEndpoint endpoint;
    endpoint.port = workspace_.port(i);
    std::vector<std::string> arguments{"--appendonly", "no"};
    if (i == 1) arguments.insert(arguments.end(), {"--replicaof", "127.0.0.1 " + std::to_string(workspace_.port(0))});
    nodes_.emplace_back(workspace_, "node" + std::to_string(i), endpoint, arguments).start();
  }
  const auto is_linked = [&] {
    return node(1).connection().expect({"INFO", "replication"}).text.find("master_link_status:up") != std::string::npos;
  };
  wait_until(is_linked, patience, "the replica does not replicate", workspace_);
  for (std::uint16_t i = 0; i < sentinel_count; ++i) {
    const std::string name = "sentinel" + std::to_string(i);
    RedisEndpoint& endpoint = sentinel_endpoints_.emplace_back();
    endpoint.port = workspace_.port(static_cast<std::uint16_t>(2 + i));
    const std::string port = std::to_string(endpoint.port);
    const std::string monitored = std::string{master_name} + " ";
    std::string text = "bind 127.0.0.1\nport ";
    text.append(port).append("\ndir ").append(workspace_.directory()).append("\nsentinel monitor ").append(monitored).append("127.0.0.1 ");
    text.append(std::to_string(workspace_.port(0))).append(" 2\nsentinel down-after-milliseconds ").append(monitored);
    text.append("500\nsentinel failover-timeout ").append(monitored).append("3000\n");
    const std::string file = workspace_.path(name + ".conf");
    write_file(file, text);
    ServerProcess& process =
        sentinel_processes_.emplace_back(workspace_, name, std::vector<std::string>{"redis-server", file, "--sentinel"});
    RedisConnection& connection = sentinel_connections_.emplace_back(endpoint);
    process.start();
    process.wait_until_ready([&] { return connection.answers(); }, patience);
  }
  for (RedisConnection& sentinel : sentinel_connections_) {
    const auto knows_all = [&] {
      const RedisReply known = sentinel.expect({"SENTINEL", "MASTER", master_name});
      return field_of(known, "num-other-sentinels") == std::to_string(sentinel_count - 1) && field_of(known, "num-slaves") == "1" &&
             field_of(known, "flags") == "master";
    };
    wait_until(knows_all, patience, "the sentinels do not meet", workspace_);
  }
}

std::size_t RedisSentinel::master() {
  const RedisReply address = sentinel_connections_.front().expect({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name});
  return address.elements.at(1).text == std::to_string(workspace_.port(0)) ? 0 : 1;
}

void RedisSentinel::wait_for_master_other_than(std::size_t old, milliseconds limit) {
  const auto has_changed = [&] {
    for (RedisConnection& sentinel : sentinel_connections_) {
      const RedisReply address = sentinel.expect({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name});
      if (address.elements.at(1).text == std::to_string(node(old).endpoint().port)) return false;
    }
    return node(1 - old).connection().expect({"ROLE"}).elements.at(0).text == "master";
  };
  wait_until(has_changed, limit, "no failover", workspace_);
}

void RedisSentinel::fail_over() {
  const std::size_t old = master();
  const auto begins = [&] { return sentinel_connections_.front().run({"SENTINEL", "FAILOVER", master_name}).text == "OK"; };
  wait_until(begins, patience, "the sentinel does not begin a failover", workspace_);
  wait_for_master_other_than(old);
}

std::size_t RedisSentinel::kill_master() {
  const std::size_t old = master();
  node(old).kill9();
  return old;
}

}  // namespace hybridbuffer::servers
