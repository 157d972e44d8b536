#pragma once

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

using Bytes = std::vector<std::byte>;

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

inline Result<void> finish(Result<RedisWriter> writer, std::span<const std::byte> bytes) {
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}
inline Result<void> store(RedisBackend& backend, std::span<const std::byte> bytes) { return finish(backend.create(), bytes); }

inline Result<Bytes> read_all(const RedisBackend& backend) {
  auto reader = backend.open();
  if (!reader) return std::unexpected{reader.error()};
  Bytes all;
  Bytes piece(10'000);
  for (;;) {
    auto count = reader->read(piece);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}
inline bool holds(const RedisBackend& backend, const Bytes& bytes) {
  const auto all = read_all(backend);
  return all && *all == bytes;
}

inline std::string message_of(const auto& result) { return result ? std::string{"no error"} : result.error().message(); }

}  // namespace hybridbuffer::testing
