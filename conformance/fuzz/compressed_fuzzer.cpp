#include <hybridbuffer/transform/compressed.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

// Any bytes as a frame of compressed(), of every codec: as they are, where the checksum stands before the decoder, and with a right
// checksum, where it does not. The first byte chooses the codec, the next two the length of the content. Beside what the sanitizers see:
// a failure is `corrupted`, and what is accepted is compressed and read back.

namespace {

using namespace hybridbuffer;
using detail::FrameCodec;

constexpr detail::FrameId id{2, 0};
constexpr std::size_t chunk_bytes = std::size_t{64} * 1024;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

struct Subject {
  FrameCodec number;
  CompressionCodec codec;
  std::uint64_t salt = 0;

  Subject(FrameCodec frame_codec, const CompressionMethod& method)
      : number{frame_codec},
        codec{std::make_shared<detail::CompressionShared>(method), detail::compressor_of(method), chunk_bytes},
        salt{0} {
    std::array<std::byte, detail::CompressedHeader::bytes> header;
    codec.write_header(1, header);
    salt = detail::load_little_endian<std::uint64_t>(std::span{header}.subspan(16));
  }
};

const Subject& subject(std::size_t index) {
  static const std::array<Subject, 6> all{{{FrameCodec::zstd, Zstd{}},
                                           {FrameCodec::lz4, Lz4{}},
                                           {FrameCodec::snappy, Snappy{}},
                                           {FrameCodec::gzip, Gzip{}},
                                           {FrameCodec::zlib, Zlib{}},
                                           {FrameCodec::deflate, Deflate{}}}};
  return all[index % all.size()];
}

bool is_decoded(const Subject& of, std::span<const std::byte> frame, std::span<std::byte> plain) {
  const auto decoded = of.codec.decode(id, frame, plain);
  require(decoded.has_value() || decoded.error() == errc::corrupted, "a frame is accepted or corrupted");
  return decoded.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Subject& of = subject(data[0]);
  const std::size_t content_bytes = 1 + data[1] + std::size_t{256} * data[2];
  const auto input = std::as_bytes(std::span{data, size}).subspan(3);
  const auto plain = std::make_unique<std::byte[]>(content_bytes);  // of exactly that size, for the address sanitizer
  static_cast<void>(is_decoded(of, input, {plain.get(), content_bytes}));

  std::vector<std::byte> frame(detail::CompressedFrame::header_bytes + input.size());
  std::copy(input.begin(), input.end(), frame.begin() + detail::CompressedFrame::header_bytes);
  detail::CompressedFrame::seal(of.salt, id, of.number, content_bytes, input, frame);
  if (!is_decoded(of, frame, {plain.get(), content_bytes})) return 0;

  std::vector<std::byte> again(content_bytes + detail::CompressedFrame::header_bytes);
  detail::EncodingHistory history{.in_vain = data[1]};  // from some number on a sample comes first
  const auto encoded = of.codec.encode(history, id, {plain.get(), content_bytes}, again);
  require(encoded.has_value(), "what was decoded can be encoded");
  if (encoded->content_follows) std::memcpy(again.data() + encoded->bytes, plain.get(), content_bytes);
  const std::size_t frame_bytes = encoded->bytes + (encoded->content_follows ? content_bytes : 0);
  const auto decoded = std::make_unique<std::byte[]>(content_bytes);
  require(is_decoded(of, std::span{again}.first(frame_bytes), {decoded.get(), content_bytes}), "what was encoded can be decoded");
  require(std::memcmp(decoded.get(), plain.get(), content_bytes) == 0, "and is the same");
  return 0;
}
