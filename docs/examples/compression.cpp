// The snippet of docs/guide.md on compression. Needs the component `compression`.

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/compressed.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "compression.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// clang-format off
void compress() {
  // [compressed]
  HybridBuffer logs{SegmentedMemory<>{}, SpillAt{8_MiB}, compressed(FileStorage{}, Zstd{.level = 3})};
  HybridBuffer cold{SegmentedMemory<>{}, SpillAt{8_MiB}, compressed(FileStorage{}, Zstd{.level = CompressionLevel::best})};
  HybridBuffer warm{SegmentedMemory<>{}, SpillAt{8_MiB}, compressed(FileStorage{}, Lz4{}, {.chunk_bytes = 16_KiB})};  // for random reads
  HybridBuffer mixed{SegmentedMemory<>{}, SpillAt{8_MiB}, compressed(FileStorage{}, Auto{})};  // per chunk what costs least
  // [compressed]
  std::string line;
  for (int i = 0; i != 500'000; ++i) {
    line = "request " + std::to_string(i) + " took " + std::to_string(i % 83) + " ms\n";
    require(logs.append(line) && cold.append("cold\n") && warm.append("warm\n") && mixed.append("mixed\n"), "append");
  }
  require(logs.size() > 8_MiB && logs.read_line().value_or("") == "request 0 took 0 ms", "what was stored is read back");
}
// clang-format on

}  // namespace

int main() {
  compress();
  return 0;
}
