// [quick_start]
#include <cstdio>
#include <hybridbuffer/hybrid_buffer.hpp>

using namespace hybridbuffer;

Result<void> run() {
  HybridBuffer buffer{SpillAt{1_MiB}};  // 1 MiB in memory, then an anonymous file that nothing can leave behind
  for (int i = 0; i != 200'000; ++i) {
    if (auto done = buffer.append("a line of text\n"); !done) return done;
  }
  std::printf("%zu bytes, %zu of them in storage\n", std::size_t{buffer.size()}, std::size_t{buffer.stats().stored});
  const auto line = buffer.read_line();  // bytes come back in the order in which they were appended
  if (line) std::printf("the first line: %s\n", line->value_or("none").c_str());
  return buffer.discard_read();  // gives back what was read, in memory and in storage
}

int main() {
  const auto done = run();
  if (!done) std::fputs(done.error().message().c_str(), stderr);
  return done ? 0 : 1;
}
// [quick_start]
