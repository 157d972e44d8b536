// The curves of the report: throughput against write size, threshold, chunk size and read size; cost a byte against the content's size; how
// long single appends take. Cases are called `series:x`.

#include "pairs.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/mapped.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using bench::block;
using bench::PlainFile;
using bench::volume;

constexpr std::size_t piece_bytes = 64_KiB;

FileStorage files(std::size_t recycled = 0) {
  return FileStorage{{.directory = bench::directory(), .recycled_files = recycled, .recycled_bytes = 1_GiB}};
}
std::string label(std::string series, std::size_t x) { return std::move(series.append(":").append(std::to_string(x))); }

template <class Buffer>
bool append_all(Buffer& buffer, std::size_t piece, std::size_t bytes) {
  const std::span<const std::byte> from = block(piece);
  for (std::size_t done = 0; done < bytes; done += piece) {
    if (!buffer.append(from)) return false;
  }
  return true;
}

// Curves -------------------------------------------------------------------------------------------------------------------------

bench::Case spilling(std::string name, std::size_t piece, std::size_t most, std::uint64_t threshold, std::size_t recycled) {
  return {std::move(name), [=](benchmark::State& state) {
            const FileStorage storage = files(recycled);
            const std::size_t bytes = volume(most);
            bench::measure(state, bytes, [&] {
              HybridBuffer buffer{SpillAt{threshold}, storage};
              return append_all(buffer, piece, bytes) && buffer.spill();
            });
          }};
}
bench::Case in_memory(std::string name, std::size_t piece) {
  return {std::move(name), [=](benchmark::State& state) {
            HybridBuffer buffer{SpillAt{64_MiB}};
            bench::measure(state, 1_MiB, [&] { return append_all(buffer, piece, 1_MiB) && buffer.reset(); });
          }};
}
bench::Case by_hand(std::string name, std::size_t piece) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(64_MiB);
            bench::measure(state, bytes, [&] { return PlainFile{}.fill(bytes, piece); });
          }};
}

const bool write_size = bench::add("curve.write_size", 1, [] {
  std::vector<bench::Case> cases;
  for (std::size_t piece = 16; piece <= 1_MiB; piece *= 4) {
    cases.push_back(in_memory(label("in memory", piece), piece));
    cases.push_back(spilling(label("spilling", piece), piece, 64_MiB, 2_MiB, 0));
    cases.push_back(spilling(label("spilling, recycled file", piece), piece, 64_MiB, 2_MiB, 1));
    if (piece >= 256) cases.push_back(by_hand(label("write(2)", piece), piece));
  }
  return cases;
}());

const bool threshold = bench::add("curve.threshold", 1, [] {
  std::vector<bench::Case> cases;
  for (std::uint64_t at = 64_KiB; at <= 64_MiB; at *= 4) {
    cases.push_back(spilling(label("appends of 512 bytes", at), 512, 256_MiB, at, 0));
    cases.push_back(spilling(label("appends of 64 KiB", at), piece_bytes, 256_MiB, at, 0));
  }
  return cases;
}());

bench::Case chunked(std::string name, std::size_t chunk, std::size_t most) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(most);
            bench::measure(state, bytes, [&] {
              HybridBuffer buffer{MappedMemory{{.chunk_bytes = chunk}}, SpillAt{16_MiB}, files()};
              return append_all(buffer, 4_KiB, bytes);
            });
          }};
}
const bool chunk_size = bench::add("curve.chunk_size", 1, [] {
  std::vector<bench::Case> cases;
  for (std::size_t chunk = 4_KiB; chunk <= 8_MiB; chunk *= 4) {
    cases.push_back(chunked(label("MappedMemory, in memory", chunk), chunk, 8_MiB));
    cases.push_back(chunked(label("MappedMemory, spilling", chunk), chunk, 64_MiB));
  }
  return cases;
}());

bench::Case read_back(std::string name, std::size_t piece, std::uint64_t at) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(64_MiB);
            HybridBuffer buffer{SpillAt{at}, files()};
            if (!append_all(buffer, piece_bytes, bytes)) return state.SkipWithError("an append failed");
            bench::measure(state, bytes, [&] {
              if (!buffer.seek(0)) return false;
              while (buffer.read(block(piece)).value_or(0) != 0) {}
              return buffer.unread() == 0;
            });
          }};
}
bench::Case read_by_hand(std::string name, std::size_t piece) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(64_MiB);
            const PlainFile file;
            if (!file.fill(bytes, piece_bytes)) return state.SkipWithError("a write failed");
            bench::measure(state, bytes, [&] {
              if (::lseek(file.descriptor(), 0, SEEK_SET) != 0) return false;
              ssize_t count = 1;
              while (count > 0) count = ::read(file.descriptor(), block(piece).data(), piece);
              return count == 0;
            });
          }};
}
const bool read_size = bench::add("curve.read_size", 1, [] {
  std::vector<bench::Case> cases;
  for (std::size_t piece = 16; piece <= 1_MiB; piece *= 4) {
    cases.push_back(read_back(label("from memory", piece), piece, 128_MiB));
    cases.push_back(read_back(label("from a file", piece), piece, 2_MiB));
    if (piece >= 256) cases.push_back(read_by_hand(label("read(2)", piece), piece));
  }
  return cases;
}());

bench::Case content(std::string name, std::size_t bytes_wanted, bool reads) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(bytes_wanted);
            const FileStorage storage = files();
            HybridBuffer kept{SpillAt{}, storage};
            if (reads && !append_all(kept, piece_bytes, bytes)) return state.SkipWithError("an append failed");
            bench::measure(state, bytes, [&] {
              if (!reads) {
                HybridBuffer buffer{SpillAt{}, storage};
                return append_all(buffer, piece_bytes, bytes);
              }
              if (!kept.seek(0)) return false;
              while (kept.read(block(piece_bytes)).value_or(0) != 0) {}
              return kept.unread() == 0;
            });
          }};
}
const bool content_size = bench::add("curve.content_size", 1, [] {
  std::vector<bench::Case> cases;
  for (std::size_t bytes = 1_MiB; bytes <= 1_GiB; bytes *= 4) {
    cases.push_back(content(label("append", bytes), bytes, false));
    cases.push_back(content(label("read", bytes), bytes, true));
  }
  return cases;
}());

// Latencies ----------------------------------------------------------------------------------------------------------------------

constexpr std::array<std::pair<const char*, double>, 5> quantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};

/// The time on the clock of each append, as quantiles in nanoseconds. Clock readings are part of it, 20 to 50 ns.
bench::Case latency(std::string name, std::size_t piece, std::uint64_t at, std::size_t recycled) {
  return {std::move(name), [=](benchmark::State& state) {
            using Clock = std::chrono::steady_clock;
            const std::size_t count = std::max<std::size_t>(volume(64_MiB) / piece / (piece < 512 ? 16 : 1), 16);
            std::vector<double> times;
            const FileStorage storage = files(recycled);
            for (auto _ : state) {
              HybridBuffer buffer{SpillAt{at}, storage};
              times.clear();
              times.reserve(count);
              for (std::size_t i = 0; i != count; ++i) {
                const auto begin = Clock::now();
                if (!buffer.append(block(piece))) state.SkipWithError("an append failed");
                times.push_back(std::chrono::duration<double, std::nano>{Clock::now() - begin}.count());
              }
            }
            std::ranges::sort(times);
            for (const auto& [counter, quantile] : quantiles) {
              state.counters[counter] = times[static_cast<std::size_t>(quantile * static_cast<double>(times.size() - 1))];
            }
            state.counters["max"] = times.back();
          }};
}
const bool latencies = bench::add("latency.append", 2,
                                  {latency("16 bytes, in memory", 16, 64_MiB, 0), latency("16 bytes, spilling", 16, 256_KiB, 0),
                                   latency("4 KiB, spilling", 4_KiB, 2_MiB, 0), latency("64 KiB, spilling", 64_KiB, 2_MiB, 0),
                                   latency("64 KiB, recycled file", 64_KiB, 2_MiB, 1)});

}  // namespace
