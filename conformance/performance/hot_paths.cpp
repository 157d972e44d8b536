// The calls that must cost next to nothing, each in a loop of its own that hot_paths.py counts the instructions of.
//
//     hot_paths CALL COUNT        one of the calls below, COUNT times, or until COUNT bytes are read

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
  for (std::size_t left = count; left != 0; --left) {
    if (!buffer.append(std::span<const std::byte>{piece, 16})) return false;
  }
  return true;
}

[[gnu::noinline]] bool hot_append_byte(HybridBuffer<>& buffer, const std::byte* piece, std::size_t count) {
  for (std::size_t left = count; left != 0; --left) {
    if (!buffer.append(*piece)) return false;
  }
  return true;
}

[[gnu::noinline]] bool hot_get(HybridBuffer<>& buffer) {
  std::uint64_t sum = 0;
  for (;;) {
    const auto byte = buffer.get();
    if (!byte || !*byte) break;
    sum += std::to_integer<unsigned>(**byte);
  }
  seen = sum;
  return true;
}

/// A byte at a time: look, use, move on.
[[gnu::noinline]] bool hot_peek(HybridBuffer<>& buffer) {
  std::uint64_t sum = 0;
  for (;;) {
    const auto window = buffer.peek();
    if (!window || window->empty()) break;
    sum += std::to_integer<unsigned>(window->front());
    buffer.consume(1);
  }
  seen = sum;
  return true;
}

/// All bytes that a window shows, then the next window.
[[gnu::noinline]] bool hot_window(HybridBuffer<>& buffer) {
  std::uint64_t hash = 0;
  for (;;) {
    const auto window = buffer.next_chunk();
    if (!window || window->empty()) break;
    for (const std::byte byte : *window)
      hash = (hash ^ std::to_integer<unsigned>(byte)) * 0x100000001B3U;  // a byte depends on the one before
  }
  seen = hash;
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
  if (call == "get") return !hot_get(buffer) || seen != times * 'y';
  if (call == "peek") return !hot_peek(buffer) || seen != times * 'y';
  if (call == "window") return !hot_window(buffer) || seen == 0;
  return 2;
}
