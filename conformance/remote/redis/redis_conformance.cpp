#include "redis_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>

#include <cstdlib>
#include <optional>
#include <servers/redis_server.hpp>

// The conformance clauses on RedisBackend, with one server.

int main(int count, char** arguments) {
  using namespace hybridbuffer;
  std::optional<servers::RedisServer> server;
  if (!servers::RedisEndpoint::from_environment(testing::server_variable)) {
    // Numbers in commands differ in length from cycle to cycle and fill the free lists of each thread bit by bit, which malloc counts as
    // memory in use (RES-1, RES-2). For the processes that the kit starts.
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);  // NOLINT(concurrency-mt-unsafe): no other thread yet
    server.emplace(servers::RedisServerOptions{.password = testing::password});
    server->endpoint().to_environment(testing::server_variable);
  }
  return conformance::run_program<testing::RedisHarness>(count, arguments);
}
