// S, R, M, G: what goes to a file and comes back. The limits are the system calls that a C program would make for just that.

#include "pairs.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/view/chunks.hpp>
#include <hybridbuffer/view/lines.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace hybridbuffer;
using bench::block;
using bench::PlainFile;
using bench::volume;

constexpr std::size_t piece_bytes = 64_KiB;
constexpr std::size_t staged_bytes = 256_KiB;
// What mapped readers look at: with appends that divide the threshold each spill is a whole multiple of 2 MiB, and starts at one.
constexpr std::uint64_t mapped_threshold = 4_MiB;
constexpr std::size_t mapped_piece_bytes = 16_KiB;

FileStorage files(std::uint64_t reserve_ahead = 16_MiB, std::size_t recycled = 0) {
  return FileStorage{
      {.directory = bench::directory(), .reserve_ahead = reserve_ahead, .recycled_files = recycled, .recycled_bytes = 4_GiB}};
}

template <std::size_t size, class Target>
[[gnu::noinline]] bool append_pieces(Target& target, std::size_t bytes) {
  const auto piece = std::span<const std::byte>{block(size)}.first<size>();
  for (std::size_t done = 0; done != bytes; done += size) {
    if (!static_cast<bool>(target.append(piece))) return false;
  }
  return true;
}

// Spilling -----------------------------------------------------------------------------------------------------------------------

bench::Case plain_writes(std::string name, std::size_t piece) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(256_MiB);
            bench::measure(state, bytes, [&] { return PlainFile{}.fill(bytes, piece); });
          }};
}
template <std::size_t size>
bench::Case spilled_appends(std::string name, std::size_t most, std::uint64_t reserve_ahead, std::size_t recycled, SpillAt spill = {}) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(most);
            const FileStorage storage = files(reserve_ahead, recycled);
            bench::measure(state, bytes, [&] {
              HybridBuffer buffer{spill, storage};
              return append_pieces<size>(buffer, bytes) && buffer.spill();
            });
          }};
}
/// What is written next lies in the processor's caches.
constexpr SpillAt cached{.while_stored = 512_KiB};
const bool s1 = bench::add(
    "S1", 1,
    {plain_writes("limit", piece_bytes), plain_writes("write_1m", 1_MiB), spilled_appends<piece_bytes>("plain", 256_MiB, 0, 0),
     spilled_appends<piece_bytes>("less_while_stored", 256_MiB, 0, 0, cached), spilled_appends<piece_bytes>("reserved", 256_MiB, 16_MiB, 0),
     spilled_appends<piece_bytes>("recycled", 256_MiB, 16_MiB, 1)});

template <std::size_t size>
bench::Case staged_writes() {
  return {"limit", [](benchmark::State& state) {
            const std::size_t bytes = volume(64_MiB);
            const auto staged = std::make_unique<std::byte[]>(staged_bytes);
            bench::measure(state, bytes, [&] {
              const PlainFile file;
              for (std::size_t done = 0; done != bytes; done += staged_bytes) {
                bench::Bump bump{staged.get(), staged.get() + staged_bytes};
                if (!append_pieces<size>(bump, staged_bytes) || !file.write({staged.get(), staged_bytes})) return false;
              }
              return true;
            });
          }};
}
const bool s2_16 =
    bench::add("S2.16", 2,
               {staged_writes<16>(), spilled_appends<16>("buffer", 64_MiB, 16_MiB, 0), spilled_appends<16>("recycled", 64_MiB, 16_MiB, 1)});
const bool s2_512 =
    bench::add("S2.512", 2,
               {staged_writes<512>(), spilled_appends<512>("buffer", 64_MiB, 16_MiB, 0),
                spilled_appends<512>("less_while_stored", 64_MiB, 16_MiB, 0, cached), spilled_appends<512>("recycled", 64_MiB, 16_MiB, 1)});

// Reading back -------------------------------------------------------------------------------------------------------------------

/// 256 MiB, spilled by appends of `size`, kept for all repetitions; and a file of the same written in pieces of 64 KiB.
template <std::size_t size>
HybridBuffer<> made_spilled(std::uint64_t threshold) {
  HybridBuffer made{SpillAt{threshold}, files()};
  if (!append_pieces<size>(made, volume(256_MiB)) || !made.spill()) std::abort();
  return made;
}
HybridBuffer<>& spilled() {
  static auto buffer = made_spilled<piece_bytes>(SpillAt::default_threshold);
  return buffer;
}
const HybridBuffer<>& spilled_for_mapping() {
  static const auto buffer = made_spilled<mapped_piece_bytes>(mapped_threshold);
  return buffer;
}
const PlainFile& written() {
  static const PlainFile file = [] {
    PlainFile made;
    if (!made.fill(volume(256_MiB), piece_bytes)) std::abort();
    return made;
  }();
  return file;
}

std::uint64_t sum(std::span<const std::byte> bytes) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    total += word;
  }
  return total;
}

/// Calls `use(bytes)` for the file's content, read by read(2) in pieces.
template <class Use>
bool read_plain(std::size_t piece, Use&& use) {
  if (::lseek(written().descriptor(), 0, SEEK_SET) != 0) return false;
  for (;;) {
    const ssize_t count = ::read(written().descriptor(), block(piece).data(), piece);
    if (count <= 0) return count == 0;
    use(block(static_cast<std::size_t>(count)));
  }
}

const bool r1_read = bench::add(
    "R1.read", 2,
    {{"limit",
      [](benchmark::State& state) { bench::measure(state, volume(256_MiB), [] { return read_plain(piece_bytes, [](auto) {}); }); }},
     {"buffer", [](benchmark::State& state) {
        auto& buffer = spilled();
        bench::measure(state, volume(256_MiB), [&] {
          if (!buffer.seek(0)) return false;
          while (buffer.read(block(piece_bytes)).value_or(0) != 0) {}
          return buffer.unread() == 0;
        });
      }}});

const bool r1_chunks = bench::add("R1.chunks", 2,
                                  {{"limit",
                                    [](benchmark::State& state) {
                                      bench::measure(state, volume(256_MiB), [] {
                                        return read_plain(piece_bytes, [](auto bytes) { benchmark::DoNotOptimize(sum(bytes)); });
                                      });
                                    }},
                                   {"buffer",
                                    [](benchmark::State& state) {
                                      auto& buffer = spilled();
                                      bench::measure(state, volume(256_MiB), [&] {
                                        if (!buffer.seek(0)) return false;
                                        auto view = chunks(buffer);
                                        for (const auto chunk : view) benchmark::DoNotOptimize(sum(chunk));
                                        return view.status().has_value();
                                      });
                                    }},
                                   {"mapped", [](benchmark::State& state) {
                                      const auto& buffer = spilled_for_mapping();
                                      bench::measure(state, volume(256_MiB), [&] {
                                        auto view = chunks(MappedReader{buffer});
                                        for (const auto chunk : view) benchmark::DoNotOptimize(sum(chunk));
                                        return view.status().has_value();
                                      });
                                    }}});

// Byte by byte and line by line, over 16 MiB: the limits keep a window of 64 KiB, the C library's for bytes.
constexpr std::size_t text_bytes = 16_MiB;

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};

class Window {
 public:
  explicit Window(int descriptor) : descriptor_{descriptor} {}
  [[nodiscard, gnu::noinline]] bool fill() {
    const ssize_t count = ::pread(descriptor_, bytes_.get(), piece_bytes, offset_);
    if (count <= 0) return false;
    offset_ += count;
    cursor_ = bytes_.get();
    end_ = cursor_ + count;
    return true;
  }
  [[nodiscard]] std::span<const char> bytes() const { return {cursor_, end_}; }
  void consume(std::size_t count) { cursor_ += count; }

 private:
  int descriptor_;
  off_t offset_ = 0;
  std::unique_ptr<char[]> bytes_ = std::make_unique<char[]>(piece_bytes);
  const char* cursor_ = nullptr;
  const char* end_ = nullptr;
};

constexpr std::size_t text_line = 80;
std::span<const std::byte> text_piece() {
  static const auto text = [] {
    std::string all(piece_bytes, 'x');
    for (std::size_t i = text_line - 1; i < all.size(); i += text_line) all[i] = '\n';
    return all;
  }();
  return std::as_bytes(std::span{text});
}
HybridBuffer<> made_spilled_text(std::size_t piece, std::uint64_t threshold) {
  HybridBuffer made{SpillAt{threshold}, files()};
  for (std::size_t done = 0; done != text_bytes; done += piece) {
    if (!made.append(text_piece().subspan(done % piece_bytes, piece))) std::abort();
  }
  if (!made.spill()) std::abort();
  return made;
}
HybridBuffer<>& spilled_text() {
  static auto buffer = made_spilled_text(piece_bytes, SpillAt::default_threshold);
  return buffer;
}
const HybridBuffer<>& spilled_text_for_mapping() {
  static const auto buffer = made_spilled_text(mapped_piece_bytes, mapped_threshold);
  return buffer;
}
const PlainFile& written_text() {
  static const PlainFile file = [] {
    PlainFile made;
    for (std::size_t done = 0; done != text_bytes; done += piece_bytes) {
      if (!made.write(text_piece())) std::abort();
    }
    return made;
  }();
  return file;
}

// Both passed by reference, as a reader is in a program that has more than one loop. Each begins at a cache line, so that it is not chance
// whether its loop, which is shorter than one, crosses into the next: it takes 1.4 times as long then.
[[gnu::noinline, gnu::aligned(64)]] std::uint64_t sum_bytes(std::FILE* file) {
  std::uint64_t total = 0;
  for (;;) {
    const int unit = ::getc_unlocked(file);
    if (unit == EOF) return total;
    total += static_cast<unsigned>(unit);
  }
}
[[gnu::noinline, gnu::aligned(64)]] std::uint64_t sum_bytes(HybridBuffer<>& buffer) {
  std::uint64_t total = 0;
  for (;;) {
    const auto byte = buffer.get();
    if (!byte || !*byte) return total;
    total += std::to_integer<unsigned>(**byte);
  }
}
[[gnu::noinline, gnu::aligned(64)]] std::uint64_t sum_bytes(MappedReader<HybridBuffer<>>& reader) {
  std::uint64_t total = 0;
  for (;;) {
    const auto chunk = reader.next_chunk();
    if (!chunk || chunk->empty()) return total;
    for (const std::byte byte : *chunk) total += std::to_integer<unsigned>(byte);
  }
}
std::uint64_t text_sum() {
  static const std::uint64_t sum = [] {
    std::uint64_t total = 0;
    for (const std::byte byte : text_piece()) total += std::to_integer<unsigned>(byte);
    return total * (text_bytes / piece_bytes);
  }();
  return sum;
}

const bool r2_bytes = bench::add("R2.bytes", 2,
                                 {{"limit",
                                   [](benchmark::State& state) {
                                     const auto window = std::make_unique<char[]>(piece_bytes);
                                     const std::unique_ptr<std::FILE, CloseFile> stream{::fdopen(::dup(written_text().descriptor()), "r")};
                                     if (!stream || std::setvbuf(stream.get(), window.get(), _IOFBF, piece_bytes) != 0)
                                       return state.SkipWithError("no stream");
                                     bench::measure(state, text_bytes, [&] {
                                       std::rewind(stream.get());
                                       return sum_bytes(stream.get()) == text_sum();
                                     });
                                   }},
                                  {"buffer",
                                   [](benchmark::State& state) {
                                     auto& buffer = spilled_text();
                                     bench::measure(state, text_bytes, [&] { return buffer.seek(0) && sum_bytes(buffer) == text_sum(); });
                                   }},
                                  {"mapped", [](benchmark::State& state) {
                                     bench::measure(state, text_bytes, [&] {
                                       MappedReader reader{spilled_text_for_mapping()};
                                       return sum_bytes(reader) == text_sum();
                                     });
                                   }}});

template <class View>
bool count_lines(View view) {
  std::size_t lines_seen = 0;
  for (const auto line : view) {
    benchmark::DoNotOptimize(line.size());
    ++lines_seen;
  }
  return view.status() && lines_seen != 0;
}
const bool r2_lines =
    bench::add("R2.lines", 4,
               {{"limit",
                 [](benchmark::State& state) {
                   bench::measure(state, text_bytes, [] {
                     Window window{written_text().descriptor()};
                     std::size_t lines_seen = 0;
                     std::size_t rest = 0;  // of a line that goes on in the next window
                     while (window.fill()) {
                       for (;;) {
                         const auto bytes = window.bytes();
                         const void* end = std::memchr(bytes.data(), '\n', bytes.size());
                         if (end == nullptr) break;
                         const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data());
                         benchmark::DoNotOptimize(length + rest);
                         rest = 0;
                         window.consume(length + 1);
                         ++lines_seen;
                       }
                       rest += window.bytes().size();
                     }
                     return lines_seen != 0;
                   });
                 }},
                {"buffer",
                 [](benchmark::State& state) {
                   auto& buffer = spilled_text();
                   bench::measure(state, text_bytes, [&] { return buffer.seek(0) && count_lines(lines(buffer)); });
                 }},
                {"mapped", [](benchmark::State& state) {
                   bench::measure(state, text_bytes, [] { return count_lines(lines(MappedReader{spilled_text_for_mapping()})); });
                 }}});

constexpr std::size_t random_reads = 4096;
const std::vector<std::uint64_t>& random_offsets() {
  static const auto offsets = [] {
    std::mt19937_64 random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same reads in every run
    std::vector<std::uint64_t> all(random_reads);
    for (auto& offset : all) offset = random() % (volume(256_MiB) - bench::page_bytes);
    return all;
  }();
  return offsets;
}
const bool r3 = bench::add("R3", 6,
                           {{"limit",
                             [](benchmark::State& state) {
                               bench::measure(state, random_reads * bench::page_bytes, [] {
                                 for (const auto offset : random_offsets()) {
                                   if (::pread(written().descriptor(), block(bench::page_bytes).data(), bench::page_bytes,
                                               static_cast<off_t>(offset)) != bench::page_bytes)
                                     return false;
                                 }
                                 return true;
                               });
                             }},
                            {"buffer",
                             [](benchmark::State& state) {
                               auto& buffer = spilled();
                               bench::measure(state, random_reads * bench::page_bytes, [&] {
                                 for (const auto offset : random_offsets()) {
                                   if (buffer.read_at(offset, block(bench::page_bytes)).value_or(0) != bench::page_bytes) return false;
                                 }
                                 return true;
                               });
                             }},
                            {"mapped", [](benchmark::State& state) {
                               MappedReader reader{spilled_for_mapping(), volume(256_MiB)};
                               bench::measure(state, random_reads * bench::page_bytes, [&] {
                                 for (const auto offset : random_offsets()) {
                                   if (reader.read_at(offset, block(bench::page_bytes)).value_or(0) != bench::page_bytes) return false;
                                 }
                                 return true;
                               });
                             }}});

// Bounded memory -----------------------------------------------------------------------------------------------------------------

/// The most that this process held since the last call of reset(), beyond what it held then. Linux counts it.
class PeakMemory {
 public:
  bool reset() {
    std::ofstream{"/proc/self/clear_refs"} << "5";
    base_ = field("VmHWM:");
    return base_ != 0;
  }
  [[nodiscard]] double mebibytes() const { return static_cast<double>(field("VmHWM:") - base_) / 1024; }

 private:
  static std::uint64_t field(const std::string& name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
      if (word != name) continue;
      std::uint64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes;
    }
    return 0;
  }
  std::uint64_t base_ = 0;
};

bool through_a_buffer(std::size_t bytes, SpillAt spill) {
  HybridBuffer buffer{spill, files()};
  if (!append_pieces<piece_bytes>(buffer, bytes)) return false;
  std::size_t seen = 0;
  for (;;) {
    const std::size_t count = buffer.read(block(piece_bytes)).value_or(0);
    if (count == 0) return seen == bytes;
    seen += count;
  }
}
bool through_a_file(std::size_t bytes) {
  const PlainFile file;
  if (!file.fill(bytes, piece_bytes) || ::lseek(file.descriptor(), 0, SEEK_SET) != 0) return false;
  std::size_t seen = 0;
  for (;;) {
    const ssize_t count = ::read(file.descriptor(), block(piece_bytes).data(), piece_bytes);
    if (count <= 0) return seen == bytes;
    seen += static_cast<std::size_t>(count);
  }
}
// What is measured as memory begins without warm chunks.
bench::Case bounded(std::string name, SpillAt spill) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(2_GiB);
            ChunkPool::trim();
            static_cast<void>(block(piece_bytes));
            PeakMemory peak;
            if (!peak.reset()) state.SkipWithError("the kernel does not tell the peak of memory");
            bench::measure(state, bytes, [&] { return through_a_buffer(bytes, spill); });
            state.counters["memory_MiB"] = peak.mebibytes();
          }};
}
const bool m1 = bench::add("M1", 1,
                           {{"limit",
                             [](benchmark::State& state) {
                               const std::size_t bytes = volume(2_GiB);
                               bench::measure(state, bytes, [&] { return through_a_file(bytes); });
                             }},
                            bounded("buffer", SpillAt{16_MiB}),
                            bounded("less_while_stored", SpillAt{.threshold = 16_MiB, .while_stored = 1_MiB})});

// Growth -------------------------------------------------------------------------------------------------------------------------

/// Appends, reads back and truncates in ten steps. HYBRIDBUFFER_GROWTH_GIB makes the largest larger than 2 GiB.
std::size_t largest_growth() {
  const char* const text = std::getenv("HYBRIDBUFFER_GROWTH_GIB");  // NOLINT(concurrency-mt-unsafe)
  const unsigned long gibibytes = text != nullptr ? std::strtoul(text, nullptr, 10) : 2;
  return gibibytes == 0 ? 2_GiB : gibibytes * 1_GiB;
}
bench::Case grown(std::string name, std::size_t most) {
  return {std::move(name), [=](benchmark::State& state) {
            const std::size_t bytes = volume(most);
            const FileStorage storage = files();
            for (auto _ : state) {
              HybridBuffer buffer{SpillAt{}, storage};
              bool works = append_pieces<piece_bytes>(buffer, bytes);
              std::size_t seen = 0;
              while (const std::size_t count = buffer.read(block(piece_bytes)).value_or(0)) seen += count;
              for (std::size_t step = 9; step != 0; --step) works = buffer.truncate(bytes / 10 * step) && works;
              if (!works || seen != bytes) state.SkipWithError("a call failed");
            }
            state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
          }};
}
const bool g1 = bench::add("G1", 1, {grown("64m", 64_MiB), grown("256m", 256_MiB), grown("1g", 1_GiB), grown("largest", largest_growth())});

}  // namespace
