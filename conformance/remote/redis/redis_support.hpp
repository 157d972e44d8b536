#pragma once

#include "../objects.hpp"

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <servers/redis_connection.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What the tests of the Redis backend share.

namespace hybridbuffer::testing {

inline RedisOptions options_for(const servers::RedisEndpoint& endpoint) {
  RedisOptions options{.servers = {{endpoint.host, endpoint.port}}, .user = endpoint.user, .password = endpoint.password};
  options.database = static_cast<unsigned>(endpoint.database);
  return options;
}

/// No two stretches of it are alike.
inline Bytes content(std::size_t size, std::uint32_t seed = 12'345) {
  Bytes bytes(size);
  std::uint32_t state = seed;
  for (std::byte& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

inline std::string message_of(const auto& result) { return result ? std::string{"no error"} : result.error().message(); }

}  // namespace hybridbuffer::testing
