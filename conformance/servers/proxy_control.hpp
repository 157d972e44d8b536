#pragma once

#include "fault.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

/// \file
/// What FaultProxy and the process that does its work say to each other: one record a packet, over a Unix socket.

namespace hybridbuffer::servers {

template <std::size_t Size>
struct ShortText {
  std::array<char, Size> characters{};  // up to the first zero

  ShortText& operator=(std::string_view text) {
    characters = {};
    std::copy_n(text.begin(), std::min(text.size(), Size - 1), characters.begin());
    return *this;
  }
  [[nodiscard]] std::string str() const { return {characters.data()}; }
};

struct ProxyRequest {
  enum class Command : std::uint32_t { arm, disarm, release, drop_connections, count, totals };
  Command command = Command::totals;
  std::uint32_t fault = 0;  // count: which
  Fault::Action action{};
  Fault::Event event{};
  std::uint64_t k = 0;
  std::uint64_t after = 0;
  std::int64_t milliseconds = 0;
  bool repeats = false;
  bool in_body = false;
  unsigned char mask = 0;
  ShortText<128> match{};
  ShortText<1024> text{};
};

struct ProxyReply {
  std::uint32_t fault = 0;  // arm: its number
  std::uint64_t seen = 0;   // count
  std::uint64_t fired = 0;
  std::uint64_t connections = 0;  // totals
  std::uint64_t open_connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
};
static_assert(std::is_trivially_copyable_v<ProxyRequest> && std::is_trivially_copyable_v<ProxyReply>);

}  // namespace hybridbuffer::servers
