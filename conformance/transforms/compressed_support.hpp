#pragma once

#include "open_storage.hpp"

#include <hybridbuffer/transform/compressed.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What the tests of compressed() share: codecs with names, content that compresses in different ways, single frames.

namespace hybridbuffer::testing {

struct NamedMethod {
  std::string_view name;
  CompressionMethod method;
};

/// Every codec at each of its named levels.
[[nodiscard]] inline std::vector<NamedMethod> all_methods() {
  std::vector<NamedMethod> all{{"snappy", Snappy{}}, {"auto", Auto{}}};
  for (const auto level : {CompressionLevel::fastest, CompressionLevel::standard, CompressionLevel::better, CompressionLevel::best}) {
    all.insert(all.end(),
               {{"zstd", Zstd{level}}, {"lz4", Lz4{level}}, {"gzip", Gzip{level}}, {"zlib", Zlib{level}}, {"deflate", Deflate{level}}});
  }
  return all;
}

/// Every codec once, Auto not among them.
[[nodiscard]] inline std::array<NamedMethod, 6> each_codec() {
  return {{{"zstd", Zstd{}}, {"lz4", Lz4{}}, {"snappy", Snappy{}}, {"gzip", Gzip{}}, {"zlib", Zlib{}}, {"deflate", Deflate{}}}};
}

[[nodiscard]] inline Bytes zeros(std::size_t size) { return Bytes(size); }

/// Lines of a log.
[[nodiscard]] inline Bytes text(std::size_t size) {
  std::string lines;
  for (std::size_t i = 0; lines.size() < size; ++i) {
    lines += "2024-05-0" + std::to_string(1 + i % 9) + " request " + std::to_string(i * 7919 % 10'007) + " took " + std::to_string(i % 83) +
             " ms\n";
  }
  Bytes bytes(size);
  std::transform(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(size), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

/// Pieces that compress and pieces that do not, by turns.
[[nodiscard]] inline Bytes alternating(std::size_t size) {
  Bytes bytes = pattern(size);
  for (std::size_t i = 0; i != size; ++i) {
    if (i / 512 % 2 == 0) bytes[i] = std::byte{'a'};
  }
  return bytes;
}

/// The codecs of the frames that stand in the store.
[[nodiscard]] inline std::vector<detail::FrameCodec> codecs_of(const OpenObject& object) {
  const std::span<const std::byte> stored{*object.bytes};
  std::vector<detail::FrameCodec> codecs;
  for (std::size_t at = detail::CompressedHeader::bytes; at < stored.size();) {
    codecs.push_back(static_cast<detail::FrameCodec>(stored[at + 8]));
    at += detail::CompressedFrame::header_bytes + detail::load_little_endian<std::uint32_t>(stored.subspan(at));
  }
  return codecs;
}

/// A codec by itself, and frames that it takes for its own: what somebody could store who knows the format.
class FrameForge {
 public:
  static constexpr detail::FrameId id{2, 0};

  explicit FrameForge(const CompressionMethod& method, std::size_t chunk_bytes = std::size_t{64} * 1024)
      : codec_{std::make_shared<detail::CompressionShared>(method), detail::compressor_of(method), chunk_bytes} {}

  [[nodiscard]] const CompressionCodec& codec() const { return codec_; }

  [[nodiscard]] Bytes encode(std::span<const std::byte> plain, detail::FrameId at = id) const {
    Bytes stored(plain.size() + codec_.shape().overhead_bytes);
    detail::EncodingHistory of_new_object;
    const auto frame = codec_.encode(of_new_object, at, plain, stored).value();
    stored.resize(frame.bytes);
    if (frame.content_follows) stored.insert(stored.end(), plain.begin(), plain.end());
    return stored;
  }
  /// The frame has the right checksum, whatever it says.
  [[nodiscard]] Bytes forge(detail::FrameCodec codec, std::span<const std::byte> payload, std::size_t content_bytes) const {
    Bytes frame(detail::CompressedFrame::header_bytes + payload.size());
    std::copy(payload.begin(), payload.end(), frame.begin() + detail::CompressedFrame::header_bytes);
    detail::CompressedFrame::seal(salt(), id, codec, content_bytes, payload, frame);
    return frame;
  }
  [[nodiscard]] Result<Bytes> decode(std::span<const std::byte> stored, std::size_t content_bytes, detail::FrameId at = id) const {
    Bytes plain(content_bytes);
    auto decoded = codec_.decode(at, stored, plain);
    if (!decoded) return std::unexpected{std::move(decoded).error()};
    return plain;
  }

 private:
  [[nodiscard]] std::uint64_t salt() const {
    std::array<std::byte, detail::CompressedHeader::bytes> header;
    codec_.write_header(1, header);
    return detail::load_little_endian<std::uint64_t>(std::span{header}.subspan(16));
  }

  CompressionCodec codec_;
};

}  // namespace hybridbuffer::testing
