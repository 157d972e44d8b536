#pragma once

#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/little_endian.hpp>
#include <hybridbuffer/detail/xxh3.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// What compressed() stores, without the codecs. Byte by byte: docs/compression.md.

namespace hybridbuffer::inline v0_1::detail {

/// What a frame's content went through; the numbers stand in stored frames.
enum class FrameCodec : std::uint8_t { raw = 0, zstd = 1, lz4 = 2, snappy = 3, gzip = 4, zlib = 5, deflate = 6 };
inline constexpr std::uint8_t frame_codec_count = 7;

/// What stands before a location's first frame.
class CompressedHeader {
 public:
  static constexpr std::size_t bytes = 40;

  /// `salt` is the location's own: frames of another one are none here.
  CompressedHeader(std::size_t chunk_bytes, std::uint64_t salt) noexcept {
    static constexpr std::array<unsigned char, 8> magic{'H', 'Y', 'B', 'U', 'F', 'C', 'M', 'P'};
    std::transform(magic.begin(), magic.end(), fixed_.begin(), [](unsigned char c) { return std::byte{c}; });
    fixed_[8] = std::byte{1};  // version of the format
    store_little_endian(static_cast<std::uint32_t>(chunk_bytes), std::span{fixed_}.subspan(12));
    store_little_endian(salt, std::span{fixed_}.subspan(16));
  }

  [[nodiscard]] std::uint64_t salt() const noexcept { return load_little_endian<std::uint64_t>(std::span{fixed_}.subspan(16)); }

  void write(std::uint64_t object, std::span<std::byte> out) const noexcept {
    std::copy(fixed_.begin(), fixed_.end(), out.begin());
    store_little_endian(object, out.subspan(fixed_.size()));
    store_little_endian(xxh3(out.first(hashed_bytes), 0), out.subspan(hashed_bytes));
  }

  /// The object's number. Errors: `corrupted` when it is not what write() wrote.
  [[nodiscard]] Result<std::uint64_t> read(std::span<const std::byte> in) const noexcept {
    if (in.size() < bytes || !std::equal(fixed_.begin(), fixed_.end(), in.begin()) ||
        load_little_endian<std::uint64_t>(in.subspan(hashed_bytes)) != xxh3(in.first(hashed_bytes), 0)) {
      return failure(errc::corrupted, "read the header of a compressed object");
    }
    return load_little_endian<std::uint64_t>(in.subspan(fixed_.size()));
  }

 private:
  static constexpr std::size_t hashed_bytes = 32;

  std::array<std::byte, 24> fixed_{};  // all but the object's number and the checksum
};

/// A frame: this header, then the payload.
struct CompressedFrame {
  static constexpr std::size_t header_bytes = 20;

  FrameCodec codec;
  std::span<const std::byte> payload;

  /// Writes the header of the frame that has this payload, wherever that stands.
  static void seal(std::uint64_t salt, FrameId id, FrameCodec codec, std::size_t content_bytes, std::span<const std::byte> payload,
                   std::span<std::byte> header) noexcept {
    store_little_endian(static_cast<std::uint32_t>(payload.size()), header);
    store_little_endian(static_cast<std::uint32_t>(content_bytes), header.subspan(4));
    store_little_endian(static_cast<std::uint32_t>(codec), header.subspan(8));
    store_little_endian(checksum(salt, id, header, payload), header.subspan(hashed_bytes));
  }

  /// Errors: `corrupted` when it is not what seal() made of `content_bytes` bytes at this id: nothing of the payload has been looked at.
  [[nodiscard]] static Result<CompressedFrame> open(std::uint64_t salt, FrameId id, std::size_t content_bytes,
                                                    std::span<const std::byte> frame) noexcept {
    if (frame.size() < header_bytes ||
        load_little_endian<std::uint64_t>(frame.subspan(hashed_bytes)) != checksum(salt, id, frame, frame.subspan(header_bytes))) {
      return failure(errc::corrupted, "decompress", "the checksum of a frame does not match");
    }
    const auto codec = load_little_endian<std::uint32_t>(frame.subspan(8));
    if (load_little_endian<std::uint32_t>(frame) != frame.size() - header_bytes ||
        load_little_endian<std::uint32_t>(frame.subspan(4)) != content_bytes || codec >= frame_codec_count) {
      return failure(errc::corrupted, "decompress", "a frame of another length or of no known codec");
    }
    return CompressedFrame{static_cast<FrameCodec>(codec), frame.subspan(header_bytes)};
  }

 private:
  static constexpr std::size_t hashed_bytes = 12;

  // Over the header and where the frame belongs, which seeds the one over the payload: a frame that was moved, repeated or kept from an
  // earlier object does not match.
  [[nodiscard]] static std::uint64_t checksum(std::uint64_t salt, FrameId id, std::span<const std::byte> header,
                                              std::span<const std::byte> payload) noexcept {
    std::array<std::byte, hashed_bytes + 16> bound;
    std::copy_n(header.begin(), hashed_bytes, bound.begin());
    store_little_endian(id.number, std::span{bound}.subspan(hashed_bytes));
    store_little_endian(id.offset, std::span{bound}.subspan(hashed_bytes + 8));
    return xxh3(payload, xxh3(bound, salt));
  }
};

}  // namespace hybridbuffer::inline v0_1::detail
