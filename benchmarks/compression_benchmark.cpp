// compressed() over memory: spilling and reading back, each beside the codec's own block function on the same chunks, which stores
// nothing. What does not compress is also beside the same buffer without compressed(), which copies it. A case and its limit are called
// `name/buffer` and `name/limit`; scripts/bench prints their ratio.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <lz4.h>
#include <memory>
#include <random>
#include <snappy-c.h>
#include <span>
#include <string>
#include <utility>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::literals;

constexpr std::size_t chunk_bytes = 64_KiB;
constexpr std::size_t volume = 16_MiB;

using Bytes = std::vector<std::byte>;
using Block = std::span<const std::byte>;

void check(bool holds, benchmark::State& state, const char* what) {
  if (!holds) state.SkipWithError(what);
}

void count_bytes(benchmark::State& state) { state.SetBytesProcessed(static_cast<std::int64_t>(volume) * state.iterations()); }

/// Lines of a web server's log.
const Bytes& log_lines() {
  static const Bytes bytes = [] {
    std::mt19937_64 random{1};
    std::string text;
    const std::array<const char*, 6> paths{"/", "/index.html", "/api/v1/items", "/api/v1/users/me", "/static/main.css", "/favicon.ico"};
    while (text.size() < volume) {
      std::array<char, 200> line;
      std::snprintf(line.data(), line.size(), "192.168.%d.%d - - [12/May/2024:13:%02d:%02d +0000] \"GET %s?id=%llu HTTP/1.1\" %d %d\n",
                    static_cast<int>(random() % 8), static_cast<int>(random() % 250), static_cast<int>(random() % 60),
                    static_cast<int>(random() % 60), paths[random() % paths.size()], static_cast<unsigned long long>(random() % 1'000'000),
                    random() % 20 == 0 ? 404 : 200, static_cast<int>(random() % 50'000));
      text += line.data();
    }
    Bytes made(volume);
    std::memcpy(made.data(), text.data(), volume);
    return made;
  }();
  return bytes;
}

const Bytes& noise() {
  static const Bytes bytes = [] {
    std::mt19937_64 random{2};
    Bytes made(volume);
    std::generate(made.begin(), made.end(), [&] { return static_cast<std::byte>(random()); });
    return made;
  }();
  return bytes;
}

// The codecs by themselves: one chunk into `out`, one back into as much room as it had ----------------------------------------------

char* chars(std::span<std::byte> bytes) { return reinterpret_cast<char*>(bytes.data()); }
const char* chars(Block bytes) { return reinterpret_cast<const char*>(bytes.data()); }

struct ZstdBlocks {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressor{ZSTD_createCCtx(), &ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompressor{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  int level = 3;
  [[nodiscard]] static std::size_t bound() { return ZSTD_compressBound(chunk_bytes); }
  std::size_t compress(Block in, std::span<std::byte> out) {
    return ZSTD_compressCCtx(compressor.get(), out.data(), out.size(), in.data(), in.size(), level);
  }
  std::size_t decompress(Block in, std::span<std::byte> out) {
    return ZSTD_decompressDCtx(decompressor.get(), out.data(), out.size(), in.data(), in.size());
  }
};
struct FastZstdBlocks : ZstdBlocks {
  FastZstdBlocks() { level = 1; }
};

struct Lz4Blocks {
  [[nodiscard]] static std::size_t bound() { return static_cast<std::size_t>(LZ4_compressBound(chunk_bytes)); }
  static std::size_t compress(Block in, std::span<std::byte> out) {
    return static_cast<std::size_t>(LZ4_compress_default(chars(in), chars(out), static_cast<int>(in.size()), static_cast<int>(out.size())));
  }
  static std::size_t decompress(Block in, std::span<std::byte> out) {
    return static_cast<std::size_t>(LZ4_decompress_safe(chars(in), chars(out), static_cast<int>(in.size()), static_cast<int>(out.size())));
  }
};

struct SnappyBlocks {
  [[nodiscard]] static std::size_t bound() { return snappy_max_compressed_length(chunk_bytes); }
  static std::size_t compress(Block in, std::span<std::byte> out) {
    std::size_t size = out.size();
    return snappy_compress(chars(in), in.size(), chars(out), &size) == SNAPPY_OK ? size : 0;
  }
  static std::size_t decompress(Block in, std::span<std::byte> out) {
    std::size_t size = out.size();
    return snappy_uncompress(chars(in), in.size(), chars(out), &size) == SNAPPY_OK ? size : 0;
  }
};

struct ZlibBlocks {
  [[nodiscard]] static std::size_t bound() { return ::compressBound(chunk_bytes); }
  static std::size_t compress(Block in, std::span<std::byte> out) {
    uLongf size = out.size();
    return ::compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(in.data()), in.size()) == Z_OK ? size : 0;
  }
  static std::size_t decompress(Block in, std::span<std::byte> out) {
    uLongf size = out.size();
    return ::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(in.data()), in.size()) == Z_OK ? size
                                                                                                                                   : 0;
  }
};

template <class Blocks>
void compress_blocks(benchmark::State& state, const Bytes& content) {
  Blocks blocks;
  Bytes out(Blocks::bound());
  std::size_t stored = 0;
  for (auto _ : state) {
    stored = 0;
    for (std::size_t at = 0; at != volume; at += chunk_bytes) stored += blocks.compress(Block{content}.subspan(at, chunk_bytes), out);
    benchmark::DoNotOptimize(stored);
  }
  count_bytes(state);
  state.SetLabel(std::to_string(100 * stored / volume) + " % of the content");
}

template <class Blocks>
void decompress_blocks(benchmark::State& state, const Bytes& content) {
  Blocks blocks;
  std::vector<Bytes> stored;
  for (std::size_t at = 0; at != volume; at += chunk_bytes) {
    Bytes out(Blocks::bound());
    out.resize(blocks.compress(Block{content}.subspan(at, chunk_bytes), out));
    stored.push_back(std::move(out));
  }
  Bytes plain(chunk_bytes);
  for (auto _ : state) {
    for (const Bytes& block : stored) check(blocks.decompress(block, plain) == chunk_bytes, state, "decompress");
  }
  count_bytes(state);
}

// The same through a buffer that spills -------------------------------------------------------------------------------------------

template <class Storage>
void spill_to(benchmark::State& state, const Storage& storage, const Bytes& content) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{volume + 1}, storage};
  for (auto _ : state) {
    state.PauseTiming();
    check(buffer.reset().has_value() && buffer.append(content).has_value(), state, "append");
    state.ResumeTiming();
    check(buffer.spill().has_value(), state, "spill");
  }
  count_bytes(state);
}

void spill(benchmark::State& state, const CompressionMethod& method, const Bytes& content) {
  spill_to(state, compressed(MemoryStorage{}, method, {.chunk_bytes = chunk_bytes}), content);
}

void read_back(benchmark::State& state, const CompressionMethod& method, const Bytes& content) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{0}, compressed(MemoryStorage{}, method, {.chunk_bytes = chunk_bytes})};
  check(buffer.append(content).has_value() && buffer.spill().has_value(), state, "append");
  Bytes plain(chunk_bytes);
  for (auto _ : state) {
    check(buffer.seek(0, Whence::begin).has_value(), state, "seek");
    for (std::size_t at = 0; at != volume;) {
      const auto count = buffer.read(plain);
      if (!count || *count == 0) return state.SkipWithError("read");
      at += *count;
    }
  }
  count_bytes(state);
}

void add_copy(const std::string& codec, const CompressionMethod& method) {
  const std::string name = "copy_" + codec + "_noise";
  benchmark::RegisterBenchmark((name + "/limit").c_str(), [](benchmark::State& s) { spill_to(s, MemoryStorage{}, noise()); });
  benchmark::RegisterBenchmark((name + "/buffer").c_str(), [=](benchmark::State& s) { spill(s, method, noise()); });
}

template <class Blocks>
void add(const std::string& codec, const CompressionMethod& method) {
  add_copy(codec, method);
  for (const auto& [kind, content] : {std::pair{"log", &log_lines}, std::pair{"noise", &noise}}) {
    const std::string name = codec + "_" + kind;
    const auto made = content;
    benchmark::RegisterBenchmark(("spill_" + name + "/limit").c_str(), [=](benchmark::State& s) { compress_blocks<Blocks>(s, made()); });
    benchmark::RegisterBenchmark(("spill_" + name + "/buffer").c_str(), [=](benchmark::State& s) { spill(s, method, made()); });
    benchmark::RegisterBenchmark(("read_" + name + "/limit").c_str(), [=](benchmark::State& s) { decompress_blocks<Blocks>(s, made()); });
    benchmark::RegisterBenchmark(("read_" + name + "/buffer").c_str(), [=](benchmark::State& s) { read_back(s, method, made()); });
  }
}

const bool are_added = [] {
  add<Lz4Blocks>("lz4", Lz4{});
  add<ZstdBlocks>("zstd", Zstd{});
  add<FastZstdBlocks>("zstd_fastest", Zstd{CompressionLevel::fastest});
  add<SnappyBlocks>("snappy", Snappy{});
  add<ZlibBlocks>("zlib", Zlib{});
  add_copy("auto", Auto{});
  return true;
}();

}  // namespace
