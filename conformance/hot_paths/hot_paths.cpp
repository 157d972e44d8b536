// The calls that must cost next to nothing, each in a loop of its own that hot_paths.py counts the instructions of.
//
//     hot_paths CALL COUNT        one of the calls below, COUNT times

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <string>
#include <string_view>
#include <vector>

using namespace hybridbuffer;

namespace {
std::uint64_t seen = 0;
}

// With C names, so that they are found in the compiled program; each false when a call failed.
extern "C" {

[[gnu::noinline]] bool hot_append_16(HybridBuffer<>& buffer, const std::byte* piece, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    if (!buffer.append(std::span<const std::byte>{piece, 16})) return false;
  }
  return true;
}

[[gnu::noinline]] bool hot_append_byte(HybridBuffer<>& buffer, const std::byte* piece, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    if (!buffer.append(*piece)) return false;
  }
  return true;
}

[[gnu::noinline]] bool hot_get(HybridBuffer<>& buffer, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i != count; ++i) {
    const auto byte = buffer.get();
    if (!byte || !*byte) return false;
    sum += std::to_integer<unsigned>(**byte);
  }
  seen = sum;
  return true;
}

/// A byte at a time: look, use, move on.
[[gnu::noinline]] bool hot_peek(HybridBuffer<>& buffer, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i != count; ++i) {
    const auto window = buffer.peek();
    if (!window || window->empty()) return false;
    sum += std::to_integer<unsigned>(window->front());
    buffer.consume(1);
  }
  seen = sum;
  return true;
}

/// All that a window shows, then the next.
[[gnu::noinline]] bool hot_window(HybridBuffer<>& buffer, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t left = count; left != 0;) {
    const auto window = buffer.next_chunk();
    if (!window || window->empty()) return false;
    for (const std::byte byte : *window)
      sum = (sum ^ std::to_integer<unsigned>(byte)) * 0x100000001B3U;  // as a parser, one after the other
    left -= window->size();
  }
  seen = sum;
  return true;
}
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const std::string_view call = arguments[1];
  const std::size_t times = std::strtoull(arguments[2], nullptr, 10);
  const std::vector<std::byte> piece(16, std::byte{'x'});
  HybridBuffer buffer{SpillAt{64_MiB}};
  if (call == "append_16") return !hot_append_16(buffer, piece.data(), times);
  if (call == "append_byte") return !hot_append_byte(buffer, piece.data(), times);
  if (!buffer.append(std::string(times, 'y'))) return 1;
  if (call == "get") return !hot_get(buffer, times) || seen != times * 'y';
  if (call == "peek") return !hot_peek(buffer, times) || seen != times * 'y';
  if (call == "window") return !hot_window(buffer, times) || seen == 0;
  return 2;
}
