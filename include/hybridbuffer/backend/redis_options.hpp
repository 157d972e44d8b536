#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// A server: a host name or address with a port, or with port 0 the path of a Unix socket.
struct RedisAddress {
  std::string host = "127.0.0.1";  ///< A name or an address.
  std::uint16_t port = 6379;       ///< The TCP port.

  friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

/// How long a Redis storage waits. All run on the steady clock, and only while a call of the caller's is under way.
struct RedisTimeouts {
  std::chrono::milliseconds connect{5'000};     ///< for a connection, TLS and AUTH included; not for the system's look-up of a host name
  std::chrono::milliseconds call{10'000};       ///< for one answer; then the connection is closed and the command sent again on another
  std::chrono::milliseconds operation{30'000};  ///< for one call of the caller's, retries and pauses included; one that sends or fetches
                                                ///< several chunks begins anew with each that is done
  std::chrono::milliseconds cleanup{5'000};     ///< for what a destructor, and a writer's close() beside its own time, removes
};

/// When a command is sent again: after a connection that failed, no answer in time, and what passes by itself (LOADING, CLUSTERDOWN,
/// TRYAGAIN, MASTERDOWN, READONLY, BUSY). Every command that is used may be repeated without harm.
///
/// After the n-th failure in a row (from 0) it waits for a random time between 0 and min(cap, base · 2^n). What ends the retries is
/// RedisTimeouts::operation, unless `attempts` does before.
struct RedisRetryOptions {
  unsigned attempts = 1'000;             ///< Attempts in all.
  std::chrono::milliseconds base{20};    ///< The first pause; each further one is longer.
  std::chrono::milliseconds cap{1'000};  ///< The longest pause.
};

/// TLS to every server, sentinels included.
struct RedisTls {
  bool enabled = false;            ///< Whether connections are encrypted.
  bool verify = true;              ///< certificate and host name
  std::string ca_file{};           ///< PEM; empty: the system's
  std::string certificate_file{};  ///< PEM, with its key in `key_file`, for servers that ask for one; empty: none
  std::string key_file{};          ///< The key of `certificate_file`, PEM.
};

/// Settings of a RedisStorage.
///
///     RedisOptions options{.servers = {{"redis.example", 6379}}, .user = "spill", .password = secret, .prefix = "app:"};
///
/// Memory of a writer and of a reader: at most window_bytes + chunk_bytes each, and no more than what was written or is there. What the
/// allocator keeps comes on top (glibc, of chunks of 64 MiB: 17 MiB).
struct RedisOptions {
  /// One server; or some of a cluster's nodes, which name the others; or, with `sentinel_master`, the sentinels.
  std::vector<RedisAddress> servers{RedisAddress{}};
  std::string sentinel_master{};  ///< the name under which the sentinels know the master; empty: there are none

  std::string user{};               ///< empty: the default one
  std::string password{};           ///< empty: no AUTH
  std::string sentinel_user{};      ///< For the sentinels themselves.
  std::string sentinel_password{};  ///< For the sentinels themselves.
  unsigned database = 0;            ///< The number of the database.
  RedisTls tls{};                   ///< Encryption of the connections.

  std::string prefix{};  ///< what all keys begin with; no braces
  /// How long keys live after the last operation on their location; 0: until they are removed. Keys that no commit has made part of an
  /// object always expire, after 24 h where this is 0.
  std::chrono::milliseconds expiration{std::chrono::hours{24}};
  std::size_t chunk_bytes = std::size_t{64} * 1024;         ///< of an object a key; 1 to 512 MiB
  std::size_t window_bytes = std::size_t{1} * 1024 * 1024;  ///< under way to or from the server at once, at least a chunk
  std::size_t pool_size = 8;                                ///< idle connections that are kept

  RedisTimeouts timeouts{};   ///< How long to wait for what.
  RedisRetryOptions retry{};  ///< How often to try again, and when.
};

}  // namespace hybridbuffer::inline v0_1
