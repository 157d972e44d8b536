#pragma once

#include <hybridbuffer/detail/compression_engines.hpp>
#include <hybridbuffer/detail/frame_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hybridbuffer::inline v0_1::detail {

/// Whether a chunk is worth compressing, by a small part of it: asked once chunks of the object have been compressed in vain.
///
/// A sample is a sixteenth of the chunk, pieces from all over it. Where each piece stands within its part depends on the frame's number,
/// so that content of a regular shape does not hide behind it chunk after chunk. It sees what repeats nearby and what uses some bytes
/// more than others, not what repeats far away only: hence a chunk now and then is compressed whatever its sample says.
/// Which chunks are judged so, and what that can cost: docs/compression.md.
/// Threads: any number at once.
class CompressionSample {
 public:
  /// What a sample of `compressor`'s chunks is compressed with: the same, but zstd at level 1 where it would be 2 or 3. These differ in how
  /// far they look back, which shows nothing in a sample.
  [[nodiscard]] static constexpr Compressor judge_of(const Compressor& compressor) noexcept {
    const bool is_alike = compressor.codec == FrameCodec::zstd && (compressor.level == 2 || compressor.level == 3);
    return is_alike ? Compressor{FrameCodec::zstd, 1} : compressor;
  }

  /// Whether the sample of a chunk of `size` bytes says anything.
  [[nodiscard]] static constexpr bool suffices_for(std::size_t size) noexcept { return size >= part_bytes; }

  /// Whether it is asked first.
  [[nodiscard]] static bool comes_first(const EncodingHistory& history, std::size_t size) noexcept {
    constexpr std::uint32_t in_vain_before = 2;
    return suffices_for(size) && history.in_vain >= in_vain_before && history.untried < most_untried;
  }

  /// Whether the sample of `plain` shrinks by a thirty-second: what is random does not, and little else shrinks by an eighth as a whole.
  /// Requires:    suffices_for(plain.size()). `scratch` is as long as `plain`, and holds anything afterwards.
  /// Errors:      those of CompressionEngines::compress().
  [[nodiscard]] static Result<bool> shrinks(CompressionEngines& engines, const Compressor& judge, std::uint64_t number,
                                            std::span<const std::byte> plain, std::span<std::byte> scratch) {
    const auto sample = taken(number, plain, scratch);
    const auto size = engines.compress(judge, sample, scratch.subspan(sample.size(), sample.size() - sample.size() / 32));
    if (!size) return std::unexpected{size.error()};
    return *size != 0;
  }

 private:
  static constexpr std::size_t part_bytes = std::size_t{8} * 1024;
  static constexpr std::size_t piece_bytes = 512;
  static constexpr std::size_t most_pieces = 128;
  static constexpr std::uint32_t most_untried = 31;

  // A piece of each part, one behind the other.
  [[nodiscard]] static std::span<const std::byte> taken(std::uint64_t number, std::span<const std::byte> plain,
                                                        std::span<std::byte> scratch) noexcept {
    const std::size_t pieces = std::min(plain.size() / part_bytes, most_pieces);
    const std::size_t part = plain.size() / pieces;
    std::uint64_t random = number;
    for (std::size_t i = 0; i != pieces; ++i) {
      random = random * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;  // Knuth's MMIX; its high bits are the good ones
      const auto within = static_cast<std::size_t>(random >> 33U) % (part - piece_bytes + 1);
      std::memcpy(scratch.data() + i * piece_bytes, plain.data() + i * part + within, piece_bytes);
    }
    return scratch.first(pieces * piece_bytes);
  }
};

}  // namespace hybridbuffer::inline v0_1::detail
