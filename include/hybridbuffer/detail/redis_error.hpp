#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

/// \file
/// What the error replies of a Redis server mean here.

namespace hybridbuffer::inline v0_1::detail {

/// An error reply before it has a name.
struct RedisFailure {
  enum class Next : unsigned char {
    give_up,     // another try meets the same answer
    again,       // it passes by itself
    other_node,  // this node is not the one that can do it, or not now
    moved,       // the node that can is named
    asked,       // this once
    split,       // some keys of a command are here and some are already there
  };
  errc code = errc::io;
  Next next = Next::give_up;
};

// clang-format off: a table, a row a line

[[nodiscard]] constexpr RedisFailure failure_of_redis(std::string_view reply) noexcept {
  using enum RedisFailure::Next;
  struct Row { std::string_view beginning; RedisFailure failure; };
  constexpr Row rows[] = {
    {"MOVED ", {errc::unavailable, moved}},
    {"ASK ", {errc::unavailable, asked}},
    {"TRYAGAIN", {errc::unavailable, split}},
    {"CLUSTERDOWN", {errc::unavailable, other_node}},
    {"MASTERDOWN", {errc::unavailable, other_node}},
    {"READONLY", {errc::unavailable, other_node}},
    {"LOADING", {errc::unavailable, again}},
    {"BUSY ", {errc::unavailable, again}},          // a script runs
    {"UNBLOCKED", {errc::unavailable, other_node}},
    {"NOREPLICAS", {errc::unavailable, again}},
    {"MISCONF", {errc::unavailable, give_up}},      // it cannot save to its disk
    {"ERR max number of clients", {errc::unavailable, again}},
    {"OOM", {errc::no_space, give_up}},
    {"NOAUTH", {errc::permission, give_up}},
    {"WRONGPASS", {errc::permission, give_up}},
    {"NOPERM", {errc::permission, give_up}},
    {"DENIED", {errc::permission, give_up}},        // protected mode
    {"ERR AUTH", {errc::permission, give_up}},
    {"ERR Client sent AUTH", {errc::permission, give_up}},
    {"ERR invalid password", {errc::permission, give_up}},
    {"ERR DB index", {errc::invalid_argument, give_up}},
    {"ERR invalid DB index", {errc::invalid_argument, give_up}},
    {"ERR SELECT is not allowed in cluster mode", {errc::invalid_argument, give_up}},
    {"ERR unknown command", {errc::unsupported, give_up}},
    {"ERR unknown subcommand", {errc::unsupported, give_up}},
    {"ERR string exceeds maximum allowed size", {errc::limit_exceeded, give_up}},
    {"WRONGTYPE", {errc::corrupted, give_up}},      // somebody else's key
    {"CROSSSLOT", {errc::io, give_up}},
  };
  for (const Row& row : rows) {
    if (reply.starts_with(row.beginning)) return row.failure;
  }
  return {errc::io, give_up};
}

// clang-format on

/// The word that an error reply begins with, if it can stand in a message: what follows it may repeat what was sent.
[[nodiscard]] inline std::string_view redis_error_word(std::string_view reply) noexcept {
  constexpr std::size_t longest = 30;
  const std::string_view word = reply.substr(0, reply.find(' '));
  const bool is_word =
      !word.empty() && word.size() <= longest && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return is_word ? word : std::string_view{"an error"};
}

/// The error of a reply. Errors: std::bad_alloc.
[[nodiscard]] inline Error error_of_redis(std::string_view reply, OperationName operation) {
  return {failure_of_redis(reply).code, operation, "Redis answered " + std::string{redis_error_word(reply)}};
}

/// The server that an error reply names, as in "MOVED 3999 127.0.0.1:6381"; without a host it is the same as that of who says so.
/// Returns: nothing where it names none. Errors: std::bad_alloc.
[[nodiscard]] inline std::optional<RedisAddress> redirection_of_redis(std::string_view text, const RedisAddress& from) {
  const std::size_t space = text.rfind(' ');
  const std::size_t colon = text.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return {};
  RedisAddress address{.host = std::string{text.substr(space + 1, colon - space - 1)}, .port = 0};
  const std::string_view port = text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size() || address.port == 0) return {};
  if (address.host.empty() || address.host == "?") address.host = from.host;
  return address;
}

}  // namespace hybridbuffer::inline v0_1::detail
