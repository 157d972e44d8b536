#pragma once

#include "redis_support.hpp"

#include <hybridbuffer/backend/redis.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <servers/redis_server.hpp>
#include <string>
#include <vector>

/// \file
/// A server, and places on it whose keys a test looks at past the code under test.

namespace hybridbuffer::testing {

/// The one that all tests of a program use.
inline servers::RedisServer& server() {
  static servers::RedisServer running;
  return running;
}

/// A prefix of its own on the server, in chunks of 64 bytes.
struct Place {
  explicit Place(std::chrono::milliseconds expiration = std::chrono::hours{1}) : options{options_for(server().endpoint())} {
    options.prefix = "test-" + detail::redis_random_tag().value() + ":";
    options.expiration = expiration;
    options.chunk_bytes = chunk;
    options.window_bytes = 8 * chunk;
    storage = RedisStorage{options};
  }
  [[nodiscard]] std::vector<std::string> keys() const { return server().connection().keys(options.prefix); }
  [[nodiscard]] std::vector<std::string> lasting_keys() const { return server().connection().lasting_keys(options.prefix); }
  [[nodiscard]] RedisBackend backend() const { return storage.create_backend().value(); }
  /// Every key of the place has a time to live in this range.
  [[nodiscard]] bool all_live_for(std::chrono::milliseconds least, std::chrono::milliseconds most) const {
    const auto all = keys();
    return !all.empty() && std::all_of(all.begin(), all.end(), [&](const std::string& key) {
      const std::int64_t left = server().connection().milliseconds_to_live(key);
      return left > least.count() && left <= most.count();
    });
  }
  void shorten_to(std::chrono::milliseconds left) const {
    for (const std::string& key : keys()) server().connection().expect({"PEXPIRE", key, std::to_string(left.count())});
  }

  static constexpr std::size_t chunk = 64;
  RedisOptions options;
  RedisStorage storage;
};

/// The key of the last chunk: with two colons behind the tag.
inline std::string last_of(const std::vector<std::string>& keys) {
  std::string found;
  for (const std::string& key : keys) {
    const std::size_t at = key.rfind("}:");
    if (key.find(':', at + 2) != std::string::npos && (found.size() < key.size() || found < key)) found = key;
  }
  return found;
}

}  // namespace hybridbuffer::testing
