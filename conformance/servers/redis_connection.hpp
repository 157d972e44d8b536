#pragma once

#include "redis_slot.hpp"
#include "workspace.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisContext;  // NOLINT(readability-identifier-naming): hiredis'

namespace hybridbuffer::servers {

/// What a Redis server answered.
struct RedisReply {
  enum class Kind { text, status, integer, nil, array, error };
  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;  // of a bulk string, a status or an error
  std::vector<RedisReply> elements;
};

/// How a client reaches a Redis server, and what it has to say there. Plain data.
struct RedisEndpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;             // without TLS; 0: none
  std::uint16_t tls_port = 0;         // 0: none
  std::string socket_path;            // of the Unix socket, which every server of these fixtures has but sentinels
  std::string certificate_authority;  // a PEM file to verify the server with; empty without TLS
  std::string user;                   // empty: the default one
  std::string password;               // empty: none
  int database = 0;

  /// For messages.
  [[nodiscard]] std::string name() const;

  /// For a process that this one starts: sets the environment variable `name`, from which from_environment() makes it again.
  void to_environment(const char* name) const;
  /// Returns: nothing when the variable is not set.
  [[nodiscard]] static std::optional<RedisEndpoint> from_environment(const char* name);
};

/// Raw commands to a server, past the code under test: hiredis over the Unix socket (or TCP when there is none), which no proxy stands
/// before. Connects when needed, and once more when the server was restarted meanwhile.
///
/// Errors: throws ServerFailure when the server is not reached or does not answer within five seconds, and where said so.
/// Threads: one object needs external locking.
class RedisConnection {
 public:
  explicit RedisConnection(RedisEndpoint endpoint);
  RedisConnection(RedisConnection&&) noexcept;
  RedisConnection& operator=(RedisConnection&&) noexcept;
  ~RedisConnection();

  [[nodiscard]] const RedisEndpoint& endpoint() const noexcept { return endpoint_; }

  /// One command; the words may hold any bytes. An error reply is returned, not thrown.
  [[nodiscard]] RedisReply run(const std::vector<std::string_view>& words);
  /// The same, for commands that must succeed. Throws: also for an error reply.
  RedisReply expect(const std::vector<std::string_view>& words);
  /// Whether it answers PING now.
  [[nodiscard]] bool answers() noexcept;

  /// The names, sorted, that begin with `prefix` (which has no glob characters). On one node, by SCAN.
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix = {});
  /// Time to live in milliseconds; −1: it never expires; −2: there is no such key.
  [[nodiscard]] std::int64_t milliseconds_to_live(std::string_view key);
  /// Those of keys(prefix) that never expire.
  [[nodiscard]] std::vector<std::string> lasting_keys(std::string_view prefix = {});
  [[nodiscard]] std::optional<std::string> get(std::string_view key);
  void set(std::string_view key, std::string_view bytes);
  /// Keeps the time to live. Throws: also when there is no such key, or it ends before.
  void overwrite(std::string_view key, std::uint64_t offset, std::string_view bytes);
  /// XOR of one byte, the time to live kept. Throws: also when there is no such byte.
  void flip(std::string_view key, std::uint64_t offset, unsigned char mask = 1);
  /// Returns: whether it was there.
  bool remove(std::string_view key);
  /// The number behind `field:` in INFO; −1 when it is not there.
  [[nodiscard]] std::int64_t info(std::string_view field);

 private:
  struct Disconnect {
    void operator()(redisContext* context) const noexcept;
  };
  void connect();

  RedisEndpoint endpoint_;
  std::unique_ptr<redisContext, Disconnect> context_;
};

}  // namespace hybridbuffer::servers
