#pragma once

#include "fault.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hybridbuffer::servers {

/// Finds where the messages of one direction of a connection end.
/// Sources: RFC 9112 sections 6 and 7 (HTTP/1.1), "Redis serialization protocol specification" (RESP2).
class MessageFraming {
 public:
  enum class Side { request, reply };
  MessageFraming(Protocol protocol, Side side) : protocol_{protocol}, side_{side} {}

  struct Step {
    std::size_t taken;  // these bytes belong to the message
    bool ends;          // with the last of them
  };
  /// Requires: bytes not empty. Takes bytes of one message at most; after its end the next call begins another.
  [[nodiscard]] Step feed(std::string_view bytes);

  /// Of a reply that is about to begin: it has no body, whatever its head says (HEAD).
  void expect_no_body(bool none) noexcept { no_body_ = none; }

  /// Of the message that ended last: an interim reply (100 Continue), which the one that counts follows.
  [[nodiscard]] bool is_interim() const noexcept { return is_interim_; }

  /// Whether enough of the message is known to say what it is: the head of HTTP, the first 1024 bytes or all of Redis.
  [[nodiscard]] bool is_recognised() const noexcept;
  /// The beginning of the message, as far as it is kept: the head of HTTP, 1024 bytes of Redis.
  [[nodiscard]] const std::string& head() const noexcept { return head_; }
  /// Where the body begins, in bytes of the message; nothing while not known, or when there is none.
  [[nodiscard]] std::optional<std::uint64_t> body() const noexcept { return body_; }
  /// Bytes of the message that were taken; 0 between messages.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  enum class State { line, bytes, chunk, until_close };
  void begin();
  void take_http_line();
  void end_http_head();
  void take_redis_line();

  static constexpr std::size_t kept = 1024;

  Protocol protocol_;
  Side side_;
  bool no_body_ = false;
  bool ended_ = true;  // the next byte begins a message
  State state_ = State::line;
  std::string line_;
  std::string head_;
  bool in_head_ = true;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;     // bytes: until the state changes
  std::int64_t elements_ = 0;  // redis: still to come
  bool is_chunked_ = false;
  bool in_trailer_ = false;
  bool is_interim_ = false;
  std::optional<std::uint64_t> body_;
};

}  // namespace hybridbuffer::servers
