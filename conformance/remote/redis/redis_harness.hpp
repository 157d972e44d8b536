#pragma once

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <servers/fault_proxy.hpp>
#include <servers/redis_connection.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// \file
/// RedisBackend for the conformance kit: its store is the keys under a prefix in a real server, its primitives are commands, and all that
/// the backend sends goes through a fault proxy. The harness looks at the store past both.

namespace hybridbuffer::testing {

/// The server that the program's first process started, for the processes that it starts.
inline constexpr const char* server_variable = "HYBRIDBUFFER_TEST_REDIS";
inline constexpr const char* password = "not for messages";

/// The store, and every hook but those of the backend that is put on it.
class RedisStore {
 public:
  static constexpr conformance::CrashResidue crash_residue = conformance::CrashResidue::expires;
  static constexpr std::chrono::seconds max_lifetime{3600};
  RedisStore() : store_{*servers::RedisEndpoint::from_environment(server_variable)} {
    proxy_ = std::make_unique<servers::FaultProxy>(
        servers::FaultProxyOptions{.protocol = servers::Protocol::redis, .server_socket_path = store_.endpoint().socket_path});
    storage_ = RedisStorage{options()};
  }
  RedisStore(const RedisStore&) = delete;
  RedisStore& operator=(const RedisStore&) = delete;
  ~RedisStore() {
    try {
      for (const std::string& key : store_.keys(prefix_)) store_.remove(key);
    } catch (const std::exception&) {  // the server is gone
    }
  }

  std::size_t stored_objects() { return mine().size(); }
  std::uint64_t stored_bytes() {
    std::uint64_t total = 0;
    for (const std::string& key : mine()) total += static_cast<std::uint64_t>(store_.expect({"STRLEN", key}).integer);
    return total;
  }
  std::uint64_t primitive_calls() { return proxy_->totals().requests; }

  bool inject(const conformance::Fault& fault) {
    using enum conformance::FaultMode;
    proxy_->disarm();
    armed_.reset();
    if (fault.k == 0) return true;
    std::optional<servers::Fault> made;
    switch (fault.mode) {
      case error:
        if (const std::string answer = answer_of(fault.category); !answer.empty())
          made = servers::faults::redis_error(answer).on_request(fault.k);
        break;
      case error_after_effect:
        if (fault.category == errc::unavailable) made = servers::faults::drop_reply().on_reply(fault.k);
        if (fault.category == errc::io) made = servers::faults::replace_reply("-ERR something\r\n").on_reply(fault.k);
        // Each costs the time of the operation; what it shows, the lost reply above shows too, and `hang` that it ends.
        if (fault.category == errc::timeout && runs_long()) made = servers::faults::stall_after(0).on_reply(fault.k);
        break;
      // The reply is held back, not the request: nothing of the backend's is on its way when the harness looks.
      case hang: made = servers::faults::stall_after(0).on_reply(fault.k); break;
      case short_count: made = servers::faults::truncate_body(7).on_reply(fault.k); break;
      case interrupted: break;
    }
    if (!made) return false;
    if (fault.for_ever) made = std::move(*made).always();
    armed_ = proxy_->arm(*made);
    return true;
  }
  std::uint64_t faults_fired() { return armed_ ? proxy_->fired(*armed_) : 0; }

  bool damage(conformance::Damage kind) {
    using enum conformance::Damage;
    std::vector<std::string> chunks;
    std::vector<std::string> manifests;
    for (const std::string& key : mine()) (is_chunk(key) ? chunks : manifests).push_back(key);
    std::sort(chunks.begin(), chunks.end(), [](const std::string& a, const std::string& b) { return number_of(a) < number_of(b); });
    if (kind == flip_metadata) {
      for (const std::string& key : manifests) store_.flip(key, store_.get(key).value_or("").size() - 1);
      return !manifests.empty();
    }
    if (chunks.empty()) return false;
    switch (kind) {
      case truncate: {
        const std::string bytes = store_.get(chunks.back()).value_or("");
        store_.expect({"SET", chunks.back(), bytes.substr(0, bytes.size() / 2), "KEEPTTL"});
        return true;
      }
      case drop_first: store_.remove(chunks.front()); return true;
      case drop_middle: store_.remove(chunks[chunks.size() / 2]); return true;
      case drop_last: store_.remove(chunks.back()); return true;
      case flip_first: store_.flip(chunks.front(), 0); return true;
      case flip_middle: store_.flip(chunks[chunks.size() / 2], 0); return true;
      case flip_last: store_.flip(chunks.back(), store_.get(chunks.back()).value_or("").size() - 1); return true;
      default: return false;
    }
  }

  /// The server's clock cannot be set; what is left of the keys' time can.
  bool advance_clock(std::chrono::seconds d) {
    for (const std::string& key : mine()) {
      const std::int64_t left = store_.milliseconds_to_live(key) - std::chrono::milliseconds{d}.count();
      if (left > 0) store_.expect({"PEXPIRE", key, std::to_string(left)});
      else store_.remove(key);
    }
    return true;
  }

  /// Names beside the backend's, and such as it could have made.
  void plant_foreign() {
    for (const std::string_view one : foreign) store_.set(prefix_ + std::string{one}, one);
  }
  bool foreign_intact() {
    for (const std::string_view one : foreign) {
      if (store_.get(prefix_ + std::string{one}) != one) return false;
    }
    return true;
  }

  void trim() { storage_.trim(); }
  std::vector<std::string> roots() { return {}; }
  std::vector<std::string> secrets() { return {password}; }

 protected:
  [[nodiscard]] RedisOptions options() const {
    RedisOptions options{.servers = {{.host = "127.0.0.1", .port = proxy_->port()}}, .password = password, .prefix = prefix_};
    options.expiration = max_lifetime;
    options.chunk_bytes = chunk_bytes_;
    options.window_bytes = std::max<std::size_t>(4 * options.chunk_bytes, 4096);
    options.retry.attempts = 1;  // each failure is to be seen; redis_fault_test.cpp has the retries
    using std::chrono::milliseconds;
    // A server beside busy programs may not run for a second, and eight threads ask at once; the kit takes a deadline of at most 5 s.
    options.timeouts = {
        .connect = milliseconds{2500}, .call = milliseconds{2500}, .operation = milliseconds{3000}, .cleanup = milliseconds{1500}};
    return options;
  }
  [[nodiscard]] const RedisStorage& storage() const noexcept { return storage_; }
  void set_chunk_bytes(std::size_t n) {
    chunk_bytes_ = n;
    storage_ = RedisStorage{options()};
  }

 private:
  static constexpr std::array<std::string_view, 3> foreign{"hybridbuffer:{0123456789abcdef0123456789abcdef}:1:0",
                                                           "hybridbuffer:", "somebody"};

  static bool is_chunk(const std::string& key) { return key.find(':', key.rfind("}:") + 2) != std::string::npos; }
  static std::uint64_t number_of(const std::string& key) { return std::stoull(key.substr(key.rfind(':') + 1)); }

  /// What a server says that fails like that; empty: none does.
  static std::string answer_of(errc category) {
    switch (category) {
      case errc::no_space: return "OOM command not allowed when used memory > 'maxmemory'.";
      case errc::permission: return "NOPERM this user has no permissions to access one of the keys used as arguments";
      case errc::unavailable: return "LOADING Redis is loading the dataset in memory";
      case errc::unsupported: return "ERR unknown command";
      case errc::io: return "ERR something";
      default: return {};
    }
  }

  static bool runs_long() { return std::getenv("HYBRIDBUFFER_FULL") != nullptr; }  // NOLINT(concurrency-mt-unsafe)

  /// What was sent before is done: a writer does not wait for the answer to each chunk. (Not for one that is held back.)
  void wait_until_quiet() {
    const auto open = [](const servers::FaultProxyTotals& totals) { return static_cast<std::int64_t>(totals.requests - totals.replies); };
    // What lies before the proxy when it is asked it has taken when it is asked again.
    static_cast<void>(proxy_->totals());
    static_cast<void>(proxy_->totals());
    servers::FaultProxyTotals seen = proxy_->totals();
    for (int same = 0; open(seen) != unanswered_ && same < 4;) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
      const servers::FaultProxyTotals now = proxy_->totals();
      same = now.requests == seen.requests && now.replies == seen.replies ? same + 1 : 0;
      seen = now;
    }
    unanswered_ = open(seen);  // what the proxy answered itself, and what it dropped
  }

  std::vector<std::string> mine() {
    wait_until_quiet();
    std::vector<std::string> all = store_.keys(prefix_);
    std::erase_if(all, [&](const std::string& key) {
      return std::any_of(foreign.begin(), foreign.end(), [&](std::string_view one) { return key == prefix_ + std::string{one}; });
    });
    return all;
  }

  servers::RedisConnection store_;
  std::unique_ptr<servers::FaultProxy> proxy_;
  std::string prefix_ = "conformance:" + detail::redis_random_tag().value() + ":";
  std::size_t chunk_bytes_ = std::size_t{64} * 1024;
  RedisStorage storage_;
  std::optional<servers::FaultProxy::Armed> armed_;
  std::int64_t unanswered_ = 0;
};

class RedisHarness : public RedisStore {
 public:
  static constexpr std::string_view name = "RedisBackend";
  std::uint64_t chunk_size = std::uint64_t{64} * 1024;
  static constexpr std::chrono::milliseconds op_deadline{5'000};

  Result<RedisBackend> make_backend() { return storage().create_backend(); }
  Result<RedisStorage> make_storage() { return RedisStorage{options()}; }
  bool set_chunk_size(std::uint64_t n) {
    chunk_size = n;
    set_chunk_bytes(static_cast<std::size_t>(n));
    return true;
  }
};

}  // namespace hybridbuffer::testing
