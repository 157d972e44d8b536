#pragma once

#include <hybridbuffer/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hybridbuffer::inline v0_1 {

/// The calls of a storage, a backend and its handles.
enum class Operation : std::uint8_t {
  create_backend,
  create,
  append,
  write,
  close,
  open,
  open_reader_at,
  open_seeker,
  read,
  read_at,
  seek,
  remove,
  shrink,
  discard,
  map,
  transfer_to,
  transfer_from,
  publish,
};

inline constexpr std::size_t operation_count = static_cast<std::size_t>(Operation::publish) + 1;  ///< How many enumerators Operation has.

/// The name of the member.
[[nodiscard]] constexpr std::string_view name_of(Operation operation) noexcept {
  constexpr std::array<std::string_view, operation_count> names{
      "create_backend", "create", "append", "write",  "close",   "open", "open_reader_at", "open_seeker",   "read",
      "read_at",        "seek",   "remove", "shrink", "discard", "map",  "transfer_to",    "transfer_from", "publish"};
  const auto index = static_cast<std::size_t>(operation);
  return index < names.size() ? names[index] : "unknown";
}

/// One call that has returned.
struct Observation {
  Operation operation;                ///< What was called.
  std::uint64_t bytes;                ///< moved or lent; 0 for a failure and for calls that move none
  std::chrono::nanoseconds duration;  ///< by the steady clock
  std::optional<errc> error;          ///< nothing: it succeeded. An exception that passed is `io`
};

/// Whoever is told of each call. It is called on the thread of the call, after it and before its result is returned: from as many
/// threads at once as use the storage.
template <class S>
concept observation_sink = requires(S& sink, const Observation& observation) {
  { sink(observation) } noexcept;
};

}  // namespace hybridbuffer::inline v0_1
