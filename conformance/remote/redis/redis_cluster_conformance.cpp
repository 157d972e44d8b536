#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/program.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <servers/redis_cluster.hpp>
#include <servers/redis_sentinel.hpp>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// The conformance clauses on RedisBackend, with a cluster of three masters whose slots move all the time; with
// HYBRIDBUFFER_TEST_REDIS_ENGINE=sentinel on the replica that sentinels have made the master, since its own was killed.

namespace {

using namespace hybridbuffer;

constexpr std::size_t nodes = 3;
std::string variable_of(std::size_t node) { return "HYBRIDBUFFER_TEST_REDIS_NODE_" + std::to_string(node); }
std::string sentinel_variable_of(std::size_t sentinel) { return "HYBRIDBUFFER_TEST_REDIS_SENTINEL_" + std::to_string(sentinel); }

/// Those that the program's first process started, for the processes that it starts.
template <class NameOf>
std::vector<servers::RedisEndpoint> endpoints(NameOf&& name_of) {
  std::vector<servers::RedisEndpoint> all;
  while (auto one = servers::RedisEndpoint::from_environment(name_of(all.size()).c_str())) all.push_back(*std::move(one));
  return all;
}

/// Looks at the store past the backend. Without a proxy, which a redirection would lead past, and so without faults.
class Harness {
 public:
  static constexpr std::string_view name = "RedisBackend on a cluster, or a master that sentinels know";
  std::uint64_t chunk_size = std::uint64_t{64} * 1024;
  static constexpr conformance::CrashResidue crash_residue = conformance::CrashResidue::expires;
  static constexpr std::chrono::seconds max_lifetime{3600};

  Harness() {
    for (servers::RedisEndpoint& node : endpoints(variable_of)) connections_.emplace_back(std::move(node));
    storage_ = RedisStorage{options()};
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;
  ~Harness() {
    try {
      for (const std::string& key : keys()) at_owner({"DEL", key});
    } catch (const std::exception&) {  // the cluster is gone
    }
  }

  Result<RedisBackend> make_backend() { return storage_.create_backend(); }
  Result<RedisStorage> make_storage() { return RedisStorage{options()}; }
  std::size_t stored_objects() { return mine().size(); }
  std::uint64_t stored_bytes() {
    std::uint64_t total = 0;
    for (const std::string& key : mine()) total += static_cast<std::uint64_t>(at_owner({"STRLEN", key}).integer);
    return total;
  }
  bool set_chunk_size(std::uint64_t n) {
    chunk_size = n;
    storage_ = RedisStorage{options()};
    return true;
  }
  bool advance_clock(std::chrono::seconds d) {
    for (const std::string& key : mine()) {
      const std::int64_t left = at_owner({"PTTL", key}).integer - std::chrono::milliseconds{d}.count();
      if (left > 0) at_owner({"PEXPIRE", key, std::to_string(left)});
      else at_owner({"DEL", key});
    }
    return true;
  }
  bool damage(conformance::Damage kind) {
    using enum conformance::Damage;
    const std::vector<std::string> all = mine();
    if (all.empty() || (kind != drop_last && kind != flip_metadata)) return false;
    // The manifest has the shortest name of its location, and the last chunk one of the longest.
    const auto shorter = [](const std::string& a, const std::string& b) { return std::pair{a.size(), a} < std::pair{b.size(), b}; };
    if (kind == flip_metadata) at_owner({"SETRANGE", *std::min_element(all.begin(), all.end(), shorter), "0", "H"});
    else at_owner({"DEL", *std::max_element(all.begin(), all.end(), shorter)});
    return true;
  }
  void plant_foreign() {
    for (const std::string_view one : foreign) at_owner({"SET", prefix_ + std::string{one}, one});
  }
  bool foreign_intact() {
    return std::all_of(foreign.begin(), foreign.end(),
                       [&](std::string_view one) { return at_owner({"GET", prefix_ + std::string{one}}).text == one; });
  }
  void trim() { storage_.trim(); }
  std::vector<std::string> roots() { return {}; }

 private:
  static constexpr std::array<std::string_view, 2> foreign{"hybridbuffer:{0123456789abcdef0123456789abcdef}:1:0", "somebody"};

  [[nodiscard]] RedisOptions options() const {
    const servers::RedisEndpoint& seed = connections_.front().endpoint();
    RedisOptions options{.servers = {{seed.host, seed.port}}, .prefix = prefix_};
    if (const auto sentinels = endpoints(sentinel_variable_of); !sentinels.empty()) {
      options.servers.clear();
      for (const servers::RedisEndpoint& one : sentinels) options.servers.push_back({one.host, one.port});
      options.sentinel_master = servers::RedisSentinel::master_name;
    }
    options.expiration = max_lifetime;
    options.chunk_bytes = static_cast<std::size_t>(chunk_size);
    options.window_bytes = std::max<std::size_t>(4 * options.chunk_bytes, 4096);
    return options;
  }
  /// The answer of the node that has the key now; on its way from one to the other it may be at neither for a moment.
  servers::RedisReply at_owner(const std::vector<std::string_view>& words) {
    for (int again = 0; again < 1'000; ++again) {
      for (servers::RedisConnection& node : connections_) {
        servers::RedisReply reply = node.run(words);
        if (reply.kind != servers::RedisReply::Kind::error) return reply;
        if (!reply.text.starts_with("ASK ")) continue;
        for (servers::RedisConnection& other : connections_) {
          other.expect({"ASKING"});
          reply = other.run(words);
          if (reply.kind != servers::RedisReply::Kind::error) return reply;
        }
      }
    }
    throw servers::ServerFailure{"no node has the key of " + std::string{words.front()}};
  }
  std::set<std::string> keys() {
    std::set<std::string> all;
    for (int look = 0; look < 2; ++look) {  // a key may go from where was not yet looked to where was
      for (servers::RedisConnection& node : connections_) {
        for (std::string& key : node.keys(prefix_)) all.insert(std::move(key));
      }
    }
    std::erase_if(all, [&](const std::string& key) { return at_owner({"EXISTS", key}).integer == 0; });
    return all;
  }
  std::vector<std::string> mine() {
    std::vector<std::string> all;
    for (const std::string& key : keys()) {
      if (std::none_of(foreign.begin(), foreign.end(), [&](std::string_view one) { return key == prefix_ + std::string{one}; }))
        all.push_back(key);
    }
    return all;
  }

  std::vector<servers::RedisConnection> connections_;
  std::string prefix_ = "conformance:" + detail::redis_random_tag().value() + ":";
  RedisStorage storage_;
};

}  // namespace

namespace {

bool is_sentinel() {
  const char* const engine = std::getenv("HYBRIDBUFFER_TEST_REDIS_ENGINE");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return engine != nullptr && std::string_view{engine} == "sentinel";
}

int run_behind_sentinels(int count, char** arguments) {
  servers::RedisSentinel setup;
  setup.wait_for_master_other_than(setup.kill_master());
  setup.connection().endpoint().to_environment(variable_of(0).c_str());
  for (std::size_t i = 0; i < setup.sentinels().size(); ++i) setup.sentinels()[i].to_environment(sentinel_variable_of(i).c_str());
  return conformance::run_program<Harness>(count, arguments);
}

}  // namespace

int main(int count, char** arguments) {
  if (servers::RedisEndpoint::from_environment(variable_of(0).c_str())) return conformance::run_program<Harness>(count, arguments);
  if (is_sentinel()) return run_behind_sentinels(count, arguments);
  servers::RedisCluster cluster;
  for (std::size_t node = 0; node < nodes; ++node) cluster.endpoint(node).to_environment(variable_of(node).c_str());
  std::string failed;
  int status = 0;
  {
    const std::jthread mover{[&](const std::stop_token& ends) {
      try {
        constexpr std::uint16_t slots = 16'384;
        constexpr std::uint16_t stride = 5'003;  // prime to the number of slots
        for (std::uint16_t i = 0; i < slots && !ends.stop_requested(); ++i) {
          const auto slot = static_cast<std::uint16_t>(i * stride % slots);
          if (cluster.owner_of(slot) != nodes - 1) cluster.move_slot(slot, nodes - 1);
        }
      } catch (const servers::ServerFailure& failure) {
        failed = failure.what();
      }
    }};
    status = conformance::run_program<Harness>(count, arguments);
  }
  if (failed.empty()) return status;
  std::fprintf(stderr, "the slots could not be moved: %s\n", failed.c_str());
  return 1;
}
