#include "redis_server.hpp"

#include "tls_certificates.hpp"

#include <initializer_list>

namespace hybridbuffer::servers {
namespace {

RedisEndpoint endpoint_of(const RedisServerOptions& options, const Workspace& workspace) {
  require_programs({"redis-server"}, "redis-server");
  RedisEndpoint endpoint;
  endpoint.port = workspace.port(0);
  endpoint.user = options.user;
  endpoint.password = options.password;
  endpoint.database = options.database;
  if (options.tls) {
    endpoint.tls_port = workspace.port(1);
    endpoint.certificate_authority = make_certificates(workspace).authority;
  }
  return endpoint;
}

std::vector<std::string> arguments_of(const RedisServerOptions& options, const Workspace& workspace) {
  std::vector<std::string> all{"--databases", std::to_string(options.databases), "--appendonly", options.append_only ? "yes" : "no"};
  const auto add = [&](std::initializer_list<std::string> words) { all.insert(all.end(), words); };
  if (options.max_memory != 0) add({"--maxmemory", std::to_string(options.max_memory), "--maxmemory-policy", "noeviction"});
  if (options.tls) {
    add({"--tls-port", std::to_string(workspace.port(1)), "--tls-cert-file", workspace.path("server.pem"), "--tls-key-file",
         workspace.path("server.key"), "--tls-ca-cert-file", workspace.path("authority.pem"), "--tls-auth-clients", "no"});
  }
  if (!options.user.empty()) {
    const std::string secret = ">" + options.password;
    add({"--user", options.user, "on", secret, "~*", "&*", "+@all", "--user", "default", "off"});
  } else if (!options.password.empty()) add({"--requirepass", options.password});
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  return all;
}

}  // namespace

RedisServer::RedisServer(const RedisServerOptions& options)
    : node_{workspace_, "redis", endpoint_of(options, workspace_), arguments_of(options, workspace_)} {
  node_.start();
}

}  // namespace hybridbuffer::servers
