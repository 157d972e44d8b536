#include "swift_gateway.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <pwd.h>
#include <sstream>
#include <string_view>
#include <sys/xattr.h>
#include <unistd.h>

namespace hybridbuffer::servers {
namespace {

// tempauth's "account:user" and its password.
constexpr const char* user_key = "test:tester";
constexpr const char* user_secret = "testing/secret+0123456789";

struct Part {
  const char* name;
  std::uint16_t port;
};
constexpr std::uint16_t proxy_port = 0;
constexpr std::uint16_t memcached_port = 1;
constexpr std::array<Part, 3> parts{{{"account", 2}, {"container", 3}, {"object", 4}}};

constexpr std::uint16_t last_port = 4;

// Debian's: the packages of Swift are modules of this one.
constexpr const char* python = "/usr/bin/python3";

// Of one device and 2⁴ partitions each.
constexpr const char* ring_builder = R"(
import sys
from swift.common.ring import RingBuilder
directory = sys.argv[1]
for part in sys.argv[2:]:
    name, port = part.split(':')
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'device': 'disk', 'weight': 1})
    builder.rebalance()
    builder.get_ring().save(directory + '/' + name + '.ring.gz')
)";

// Starts a server with its swift.conf in our directory instead of /etc/swift.
constexpr const char* launcher = R"(
import runpy, sys
from swift.common import utils
utils.set_swift_dir(sys.argv.pop(1))
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name='__main__')
)";

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): before any thread
  if (entry == nullptr) throw ServerFailure{"Swift needs a user that has a name"};
  return entry->pw_name;
}

S3Endpoint endpoint_of(const SwiftGatewayOptions& options, const Workspace& workspace) {
  require_programs({"swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached"},
                   "swift-proxy swift-account swift-container swift-object memcached");
  if (::setxattr(workspace.directory().c_str(), "user.hybridbuffer", "1", 1, 0) != 0) {
    throw ServerFailure{"Swift needs extended attributes, which the temporary directory lacks (set TMPDIR): " +
                        std::string{std::strerror(errno)}};
  }
  S3Endpoint endpoint;
  endpoint.port = workspace.port(proxy_port);
  endpoint.region = options.region;
  endpoint.access_key = user_key;
  endpoint.secret_key = user_secret;
  endpoint.bucket = options.bucket;
  return endpoint;
}

}  // namespace

SwiftGateway::SwiftGateway(const SwiftGatewayOptions& options) : connection_{endpoint_of(options, workspace_)} {
  write_configuration(options.region);
  const std::string directory = workspace_.directory();
  std::vector<std::string> rings{python, "-c", ring_builder, directory};
  for (const Part& part : parts) rings.push_back(part.name + (":" + std::to_string(workspace_.port(part.port))));
  run_program(workspace_, rings);

  processes_.emplace_back(
      workspace_, "memcached",
      std::vector<std::string>{"memcached", "-u", user_name(), "-l", "127.0.0.1", "-p", std::to_string(workspace_.port(memcached_port))});
  const auto add = [&](const std::string& name) {
    const std::string server = name + "-server";
    processes_.emplace_back(
        workspace_, server,
        std::vector<std::string>{python, "-c", launcher, directory, "/usr/bin/swift-" + server, workspace_.path(server + ".conf"), "-v"});
  };
  for (const Part& part : parts) add(part.name);
  add("proxy");
  restart();
  connection_.create_bucket();
}

void SwiftGateway::write_configuration(const std::string& region) const {
  const std::string directory = workspace_.directory();
  const auto common = [&](std::uint16_t port) {
    std::ostringstream text;
    text << "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = " << workspace_.port(port) << "\nworkers = 0\nuser = " << user_name()
         << "\nswift_dir = " << directory << "\n";
    return text.str();
  };
  std::filesystem::create_directories(workspace_.path("devices/disk"));
  write_file(workspace_.path("swift.conf"),
             "[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = only\ndefault = yes\n");
  for (const Part& part : parts) {
    std::ostringstream text;
    text << common(part.port) << "devices = " << directory << "/devices\nmount_check = false\ndisable_fallocate = true\n"
         << "[pipeline:main]\npipeline = " << part.name << "-server\n"
         << "[app:" << part.name << "-server]\nuse = egg:swift#" << part.name << "\n";
    write_file(workspace_.path(std::string{part.name} + "-server.conf"), text.str());
  }
  // The limit: no server is shunned for a minute because it was killed.
  std::ostringstream text;
  text << common(proxy_port)
       << "[pipeline:main]\npipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo "
          "versioned_writes "
          "symlink proxy-server\n"
       << "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nerror_suppression_limit = 1000000\n"
       << "[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:" << workspace_.port(memcached_port) << "\n"
       << "[filter:s3api]\nuse = egg:swift#s3api\nmin_segment_size = 1\nlocation = " << region << "\n"
       << "[filter:tempauth]\nuse = egg:swift#tempauth\nuser_test_tester = " << user_secret << " .admin\n";
  for (const char* filter :
       {"catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "copy", "slo", "dlo", "versioned_writes", "symlink"}) {
    text << "[filter:" << filter << "]\nuse = egg:swift#" << filter << "\n";
  }
  write_file(workspace_.path("proxy-server.conf"), text.str());
}

void SwiftGateway::kill9_with_store() {
  for (ServerProcess& one : processes_) one.kill9();
}

void SwiftGateway::restart() {
  for (ServerProcess& one : processes_) {
    if (!one.is_running()) one.start();
  }
  constexpr milliseconds limit{60'000};
  const auto all_listen = [&] {
    for (std::uint16_t port = proxy_port; port <= last_port; ++port) {
      if (!is_listening(workspace_.port(port))) return false;
    }
    return true;
  };
  process().wait_until_ready(all_listen, limit);
  process().wait_until_ready([&] { return connection_.answers(); }, limit);
}

}  // namespace hybridbuffer::servers
