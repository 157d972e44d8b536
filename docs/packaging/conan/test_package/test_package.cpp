#include <hybridbuffer/hybrid_buffer.hpp>

#include <cstdio>

int main() {
  hybridbuffer::HybridBuffer buffer{hybridbuffer::SpillAt{4}};
  if (const auto appended = buffer.append("more than four bytes\n"); !appended) return 1;
  const auto line = buffer.read_line();
  if (!line || !*line) return 1;
  std::puts((*line)->c_str());
  return buffer.is_spilled() ? 0 : 1;
}
