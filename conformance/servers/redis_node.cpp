#include "redis_node.hpp"

#include <filesystem>
#include <utility>

namespace hybridbuffer::servers {
namespace {

RedisEndpoint with_socket(RedisEndpoint endpoint, const std::string& directory) {
  endpoint.socket_path = directory + "/redis.sock";
  return endpoint;
}

std::vector<std::string> command(const RedisEndpoint& endpoint, const std::string& directory, const std::vector<std::string>& arguments) {
  std::filesystem::create_directory(directory);
  std::vector<std::string> all{"redis-server",
                               "--bind",
                               endpoint.host,
                               "--port",
                               std::to_string(endpoint.port),
                               "--unixsocket",
                               endpoint.socket_path,
                               "--unixsocketperm",
                               "700",
                               "--dir",
                               directory,
                               "--save",
                               "",
                               "--appendfsync",
                               "always",
                               "--repl-diskless-sync-delay",
                               "0"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace

RedisNode::RedisNode(const Workspace& workspace, std::string_view name, RedisEndpoint endpoint, const std::vector<std::string>& arguments)
    : connection_{with_socket(std::move(endpoint), workspace.path(name))},
      process_{workspace, std::string{name}, command(connection_.endpoint(), workspace.path(name), arguments)} {}

void RedisNode::start() {
  process_.start();
  constexpr milliseconds limit{20'000};
  process_.wait_until_ready([&] { return connection_.answers(); }, limit);
}

void RedisNode::restart() {
  process_.stop();
  start();
}

}  // namespace hybridbuffer::servers
