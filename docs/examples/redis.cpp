// The snippets of docs/redis.md. Needs the component `redis`. With the port of a server on this machine it uses that; without one it only
// makes the storages, which sends nothing.

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/backend/redis_keep_alive.hpp>
#include <hybridbuffer/backend/redis_url.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/storage_url.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace hybridbuffer;
using namespace std::chrono_literals;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "redis.cpp: does not hold: %s\n", what);
  std::exit(1);
}

Result<void> use_a_server(std::uint16_t port) {
  // [standalone]
  RedisStorage redis{{.servers = {{"127.0.0.1", port}}, .prefix = "app:", .expiration = 1h}};
  if (auto works = redis.check(); !works) return works;  // server, password and rights, before the first spill needs them

  HybridBuffer spill{SegmentedMemory<>{}, SpillAt{16_MiB}, redis};
  const std::string line = "a line of many\n";
  for (int i = 0; i != 2'000'000; ++i) {
    if (auto done = spill.append(line); !done) return done;  // permission, no_space, timeout, …: nothing is lost, append it again
  }
  auto first = spill.read_line();
  // [standalone]
  require(spill.is_spilled() && first.value_or("") == "a line of many", "what was stored is read back");
  return {};
}

Result<void> use_a_url(std::uint16_t port) {
  const std::string address = "127.0.0.1:" + std::to_string(port);
  // [url]
  StorageRegistry registry = default_registry();
  if (auto added = registry.add(redis_scheme()); !added) return added;
  auto storage = storage_from_url("redis://" + address + "/0?prefix=app:&ttl=1h&chunk=64KiB", registry);
  if (!storage) return std::unexpected{storage.error()};
  auto buffer = Builder{}.with_threshold(1_MiB).with_storage_factory(*storage).build();
  // [url]
  if (!buffer) return std::unexpected{buffer.error()};
  const std::string line(3'000'000, 'x');
  if (auto done = buffer->append(line); !done) return done;
  require(buffer->is_spilled(), "it spilled");
  return {};
}

void make_the_others() {
  // [cluster]
  // Some of the nodes name the others. Every location is one slot, so one node; thousands spread over all of them.
  RedisStorage cluster{{.servers = {{"node-1.example", 7000}, {"node-2.example", 7000}}, .user = "spill", .password = "…"}};

  // The master that the sentinels know, and the next one after it.
  RedisStorage watched{{.servers = {{"sentinel-1.example", 26379}, {"sentinel-2.example", 26379}}, .sentinel_master = "mymaster"}};

  // TLS, with a certificate authority of one's own; a Unix socket has port 0.
  RedisStorage secure{{.servers = {{"redis.example", 6380}}, .password = "…", .tls = {.enabled = true, .ca_file = "/etc/ssl/redis.pem"}}};
  RedisStorage local{{.servers = {{"/run/redis/redis.sock", 0}}}};
  // [cluster]
  // [keep_alive]
  RedisKeepAlive kept{RedisStorage{{.expiration = 10min}}};  // a thread touches its locations every 200 s
  HybridBuffer waiting{SegmentedMemory<>{}, SpillAt{16_MiB}, kept};
  // [keep_alive]
  require(secure.create_backend().error() == errc::invalid_argument, "the file of the authority is missed at once");
  require(cluster.create_backend() && watched.create_backend() && local.create_backend(), "making a location sends nothing");
  require(waiting.append("x").has_value(), "what fits into memory sends nothing");
}

}  // namespace

int main(int count, char** arguments) {
  make_the_others();
  if (count < 2) return EXIT_SUCCESS;
  const auto port = static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10));
  auto done = use_a_server(port);
  if (done) done = use_a_url(port);
  if (!done) std::fputs((done.error().message() + "\n").c_str(), stderr);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
