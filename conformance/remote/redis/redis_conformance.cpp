#include "redis_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>
#ifdef HYBRIDBUFFER_CODED
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#endif

#include <chrono>
#include <cstdlib>
#include <optional>
#include <servers/redis_server.hpp>
#include <string_view>
#include <utility>

// The conformance clauses on RedisBackend, with one server; with HYBRIDBUFFER_CODED beneath encrypted(compressed()).

namespace {

#ifdef HYBRIDBUFFER_CODED
struct Harness : hybridbuffer::testing::RedisStore {
  static constexpr std::string_view name = "encrypted over compressed over RedisBackend";
  static constexpr hybridbuffer::conformance::Integrity integrity = hybridbuffer::conformance::Integrity::checksum;
  static constexpr std::chrono::milliseconds op_deadline{5'000};

  static auto coded(hybridbuffer::RedisStorage storage) {
    return hybridbuffer::encrypted(hybridbuffer::compressed(std::move(storage), hybridbuffer::Lz4{}, {.chunk_bytes = 5'000}),
                                   {.chunk_bytes = 4'096});
  }
  auto make_backend() { return coded(storage()).create_backend(); }
  auto make_storage() { return hybridbuffer::Result<decltype(coded(storage()))>{coded(hybridbuffer::RedisStorage{options()})}; }
};
#else
using Harness = hybridbuffer::testing::RedisHarness;
#endif

}  // namespace

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
  return conformance::run_program<Harness>(count, arguments);
}
