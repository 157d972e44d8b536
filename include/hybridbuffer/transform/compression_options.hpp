#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

namespace hybridbuffer::inline v0_1 {

/// How much time a codec spends on being small. Which number of its own that is: docs/compression.md.
enum class CompressionLevel : std::uint8_t { fastest, standard, better, best };

/// A level by name, or by the codec's own number: `Zstd{.level = CompressionLevel::best}`, `Zstd{.level = 3}`.
class CodecLevel {
 public:
  /// A level that every codec has.
  constexpr CodecLevel(CompressionLevel name) noexcept : name_{name} {}  // NOLINT(google-explicit-constructor): it is one or the other
  /// The codec's own number.
  constexpr CodecLevel(int number) noexcept : number_{number}, is_number_{true} {}  // NOLINT(google-explicit-constructor)

  /// The number, where the names mean these.
  [[nodiscard]] constexpr int number(int fastest, int standard, int better, int best) const noexcept {
    if (is_number_) return number_;
    switch (name_) {
      case CompressionLevel::fastest: return fastest;
      case CompressionLevel::standard: return standard;
      case CompressionLevel::better: return better;
      case CompressionLevel::best: return best;
    }
    return standard;
  }

 private:
  CompressionLevel name_ = CompressionLevel::standard;
  int number_ = 0;
  bool is_number_ = false;
};

/// Zstandard (RFC 8878). Numbers: those of ZSTD_compress(), below 0 to 22.
struct Zstd {
  CodecLevel level = CompressionLevel::standard;
};

/// LZ4 blocks. Numbers: those of LZ4F_preferences_t, −65536 (fastest) to 12; from 3 on the high compressor.
struct Lz4 {
  CodecLevel level = CompressionLevel::standard;
};

/// Snappy, which has no levels.
struct Snappy {};

/// gzip (RFC 1952), 18 bytes of its own in each chunk. Numbers: 1 to 9.
struct Gzip {
  CodecLevel level = CompressionLevel::standard;
};

/// zlib (RFC 1950), 6 bytes of its own in each chunk. Numbers: 1 to 9.
struct Zlib {
  CodecLevel level = CompressionLevel::standard;
};

/// Deflate without a frame (RFC 1951): the smallest of the three, for the chunk has a checksum already. Numbers: 1 to 9.
struct Deflate {
  CodecLevel level = CompressionLevel::standard;
};

/// Raw, LZ4, or Zstandard at its level 1 or 3: for each chunk what costs the writer least time, by what they took on earlier chunks.
struct Auto {
  /// How much the storage beneath takes in a second, as far as the writer waits for it: what a byte that is not stored is worth.
  std::uint64_t store_bytes_per_second = 250'000'000;
  /// The clock that the codecs are measured by, in nanoseconds; none: the steady one. Any number of threads call it at once.
  std::uint64_t (*clock)() noexcept = nullptr;
};

/// What compressed() compresses with.
using CompressionMethod = std::variant<Zstd, Lz4, Snappy, Gzip, Zlib, Deflate, Auto>;

/// Settings of compressed().
struct CompressionOptions {
  static constexpr std::size_t least_chunk = 16;
  static constexpr std::size_t most_chunk = std::size_t{16} << 20U;

  /// Bytes of content that are compressed together, 16 to 16 MiB. A read of any of them decompresses all; more of them compress better.
  std::size_t chunk_bytes = std::size_t{64} * 1024;
};

}  // namespace hybridbuffer::inline v0_1
