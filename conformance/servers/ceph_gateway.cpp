#include "ceph_gateway.hpp"

#include "tls_certificates.hpp"

#include <array>
#include <filesystem>
#include <random>
#include <sstream>
#include <utility>

namespace hybridbuffer::servers {
namespace {

constexpr const char* user_key = "TESTACCESSKEY0000000";
constexpr const char* user_secret = "a+secret/of+the+test/0123456789abcdefghij";

// The ports of the workspace: the gateway, the monitor, then those that the object store's messengers choose from.
constexpr std::uint16_t gateway_port = 0;
constexpr std::uint16_t monitor_port = 1;

std::string random_uuid() { return content_of("/proc/sys/kernel/random/uuid").substr(0, 36); }

std::string configuration(const CephGatewayOptions& options, const Workspace& workspace, const std::string& cluster) {
  const std::string& directory = workspace.directory();
  const auto port = [&](std::uint16_t index) { return std::to_string(workspace.port(index)); };
  std::ostringstream text;
  text << "[global]\n"
       << "fsid = " << cluster << "\n"
       << "mon host = [v2:127.0.0.1:" << port(monitor_port) << "/0]\n"
       << "public addr = 127.0.0.1\ncluster addr = 127.0.0.1\n"
       << "ms bind msgr1 = false\n"
       << "ms bind port min = " << port(monitor_port + 1) << "\nms bind port max = " << port(Workspace::port_count - 1) << "\n"
       << "keyring = " << directory << "/keyring\n"
       << "run dir = " << directory << "/run\ncrash dir = " << directory << "/run\npid file =\n"
       << "admin socket = " << directory << "/run/$name.$pid.asok\n"
       << "log file = " << directory << "/$name.log\nmon cluster log file = " << directory << "/cluster.log\n"
       << "mon data = " << directory << "/mon\nosd data = " << directory << "/osd\nrgw data = " << directory << "/rgw\n"
       << "client mount timeout = 30\n"
       << "auth allow insecure global id reclaim = false\n"
       // One monitor waits for nobody: each change of the map costs nothing.
       << "paxos propose interval = 0.05\npaxos min wait = 0.01\nmon tick interval = 1\n"
       << "mon data avail warn = 1\nmon data avail crit = 0\n"
       << "mon allow pool size one = true\nosd pool default size = 1\nosd pool default min size = 1\n"
       << "osd pool default pg num = 1\nosd pool default pg autoscale mode = off\nosd crush chooseleaf type = 0\n"
       << "osd objectstore = " << (options.durable ? "bluestore" : "memstore") << "\n"
       << "memstore device bytes = 4294967296\n"
       << "bluestore block size = 8589934592\n"  // sparse
       << "[client.rgw.a]\n"
       << (options.dns_name.empty() ? "" : "rgw dns name = " + options.dns_name + "\n")
       << "rgw frontends = beast tcp_nodelay=1 ";  // else the end of an answer may wait for an acknowledgement, 40 ms
  if (options.tls) text << "ssl_endpoint=127.0.0.1:" << port(gateway_port) << " ssl_certificate=" << directory << "/server-both.pem\n";
  else text << "endpoint=127.0.0.1:" << port(gateway_port) << "\n";
  return text.str();
}

S3Endpoint endpoint_of(const CephGatewayOptions& options, const Workspace& workspace) {
  require_programs({"radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool"},
                   "radosgw ceph-mon ceph-osd");
  S3Endpoint endpoint;
  endpoint.port = workspace.port(gateway_port);
  endpoint.tls = options.tls;
  if (options.tls) endpoint.certificate_authority = make_certificates(workspace).authority;
  endpoint.access_key = user_key;
  endpoint.secret_key = user_secret;
  endpoint.bucket = options.bucket;
  return endpoint;
}

// Run by root, a Ceph daemon would change to the user "ceph" only when told so; nothing here does.
std::vector<std::string> daemon(const Workspace& workspace, std::vector<std::string> command) {
  command.insert(command.end(), {"-f", "--conf", workspace.path("ceph.conf")});
  return command;
}

}  // namespace

CephGateway::CephGateway(CephGatewayOptions options)
    : options_{std::move(options)},
      endpoint_{endpoint_of(options_, workspace_)},
      connection_{endpoint_},
      monitor_{workspace_, "mon-output", daemon(workspace_, {"ceph-mon", "-i", "a"})},
      store_{workspace_, "osd-output", daemon(workspace_, {"ceph-osd", "-i", "0"})},
      gateway_{workspace_, "rgw-output", daemon(workspace_, {"radosgw", "-n", "client.rgw.a"})} {
  create_store();
  start();
  connection_.create_bucket();
}

void CephGateway::create_store() {
  const std::string cluster = random_uuid();
  const std::string store = random_uuid();
  const std::string keyring = workspace_.path("keyring");
  const std::vector<std::string> environment{"CEPH_CONF=" + workspace_.path("ceph.conf")};
  const auto run = [&](const std::vector<std::string>& command) { return run_program(workspace_, command, environment); };
  const auto key = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ceph-authtool", keyring, "--gen-key", "-n"});
    run(words);
  };
  for (const char* name : {"run", "mon", "osd", "rgw"}) std::filesystem::create_directory(workspace_.path(name));
  write_file(workspace_.path("ceph.conf"), configuration(options_, workspace_, cluster));
  run({"ceph-authtool", "--create-keyring", keyring});
  key({"mon.", "--cap", "mon", "allow *"});
  key({"client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *"});
  key({"osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"});
  key({"client.rgw.a", "--cap", "mon", "allow rw", "--cap", "osd", "allow rwx"});
  const std::string map = workspace_.path("monmap");
  run({"monmaptool", "--create", "--fsid", cluster, "--addv", "a", "[v2:127.0.0.1:" + std::to_string(workspace_.port(monitor_port)) + "/0]",
       map});
  run({"ceph-mon", "--mkfs", "-i", "a", "--monmap", map, "--keyring", keyring});
  monitor_.start();
  run({"ceph", "osd", "new", store});
  run({"ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store});
  store_.start();
  constexpr milliseconds limit{60'000};
  store_.wait_until_ready([&] { return run({"ceph", "osd", "stat"}).find("1 up") != std::string::npos; }, limit);
  // One after the other: both make the same pools.
  gateway_.start();
  gateway_.wait_until_ready([&] { return connection_.is_reached(); }, limit);
  run({"radosgw-admin", "-n", "client.admin", "user", "create", "--uid=test", "--display-name=test",
       std::string{"--access-key="} + user_key, std::string{"--secret-key="} + user_secret});
}

void CephGateway::start() {
  constexpr milliseconds limit{60'000};
  for (ServerProcess* process : {&monitor_, &store_, &gateway_}) {
    if (!process->is_running()) process->start();
  }
  gateway_.wait_until_ready([&] { return connection_.answers(); }, limit);
}

void CephGateway::kill9_with_store() {
  if (!options_.durable) throw ServerFailure{"a store in memory does not outlive its daemon"};
  for (ServerProcess* process : {&gateway_, &store_, &monitor_}) process->kill9();
}

void CephGateway::restart() { start(); }

}  // namespace hybridbuffer::servers
