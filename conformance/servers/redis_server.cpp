#include "redis_server.hpp"

#include "tls_certificates.hpp"

#include <utility>

namespace hybridbuffer::servers {
namespace {

RedisEndpoint endpoint_of(const RedisServerOptions& options, const Workspace& workspace) {
  require_programs({"redis-server"}, "redis-server");
  RedisEndpoint endpoint;
  endpoint.port = workspace.port(0);
  endpoint.socket_path = workspace.path("redis.sock");
  endpoint.user = options.user;
  endpoint.password = options.password;
  endpoint.database = options.database;
  if (options.tls) {
    endpoint.tls_port = workspace.port(1);
    endpoint.certificate_authority = make_certificates(workspace).authority;
  }
  return endpoint;
}

}  // namespace

RedisServer::RedisServer(RedisServerOptions options)
    : options_{std::move(options)},
      endpoint_{endpoint_of(options_, workspace_)},
      connection_{endpoint_},
      process_{workspace_, "redis", command()} {
  start();
}

std::vector<std::string> RedisServer::command() const {
  std::vector<std::string> all{"redis-server",
                               "--bind",
                               endpoint_.host,
                               "--port",
                               std::to_string(endpoint_.port),
                               "--unixsocket",
                               endpoint_.socket_path,
                               "--unixsocketperm",
                               "700",
                               "--dir",
                               workspace_.directory(),
                               "--save",
                               "",
                               "--databases",
                               std::to_string(options_.databases),
                               "--appendonly",
                               options_.append_only ? "yes" : "no",
                               "--appendfsync",
                               "always",
                               "--repl-diskless-sync-delay",
                               "0"};
  const auto add = [&](std::initializer_list<std::string> words) { all.insert(all.end(), words); };
  if (options_.max_memory != 0) add({"--maxmemory", std::to_string(options_.max_memory), "--maxmemory-policy", "noeviction"});
  if (options_.tls) {
    add({"--tls-port", std::to_string(endpoint_.tls_port), "--tls-cert-file", workspace_.path("server.pem"), "--tls-key-file",
         workspace_.path("server.key"), "--tls-ca-cert-file", workspace_.path("authority.pem"), "--tls-auth-clients", "no"});
  }
  if (!options_.user.empty()) add({"--user", options_.user + " on >" + options_.password + " ~* &* +@all", "--user", "default off"});
  else if (!options_.password.empty()) add({"--requirepass", options_.password});
  all.insert(all.end(), options_.arguments.begin(), options_.arguments.end());
  return all;
}

void RedisServer::start() {
  process_.start();
  constexpr milliseconds limit{20'000};
  process_.wait_until_ready([&] { return connection_.answers(); }, limit);
}

void RedisServer::restart() {
  process_.stop();
  start();
}

}  // namespace hybridbuffer::servers
