#pragma once

#include <hybridbuffer/detail/framed_backend.hpp>
#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/compression_codec.hpp>
#include <hybridbuffer/transform/compression_options.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// A location whose object is stored compressed, in a location of `Inner`.
///
/// Chunks are compressed each on its own, so any of them can be read without those before it. What was damaged, moved or brought back in
/// the store reads as `corrupted`, and no decoder sees it. Memory that held content is overwritten where `Inner` encrypts. Keeps reader_at,
/// seeker, append, shrink, discard, publish (of the content, as it is) and max_object_size where `Inner` has them.
template <storage_backend Inner>
using CompressedBackend = detail::FramedBackend<CompressionCodec, Inner>;

/// Makes locations whose content is compressed, in the locations that `Inner` makes.
///
///     HybridBuffer logs{SegmentedMemory<>{}, SpillAt{8_MiB}, compressed(FileStorage{}, Zstd{.level = 3})};
///
/// Link HybridBuffer::compression (zstd, lz4, snappy, zlib, xxHash).
/// Copies share the codecs' memory: that of one codec for each thread that is at work, and at most as many kept as there are processors,
/// before backends that keep secrets only while there are locations.
template <storage_factory Inner>
class CompressedStorage {
 public:
  /// What is wrong with the options is said by create_backend(). Errors: std::bad_alloc.
  CompressedStorage(Inner inner, const CompressionMethod& method, const CompressionOptions& options = {})
      : inner_{std::make_shared<const Inner>(std::move(inner))},
        compressor_{detail::compressor_of(method)},
        options_{options},
        shared_{std::make_shared<detail::CompressionShared>(method, detail::may_keep_secrets<backend_of_t<Inner>>())} {}

  /// Errors: `invalid_argument` for options out of range, `closed` after a move, `no_space` (memory); those of the storage beneath.
  /// Threads: any number at once.
  [[nodiscard]] Result<CompressedBackend<backend_of_t<Inner>>> create_backend() const {
    if (inner_ == nullptr) return failure(errc::closed, "use a compressed storage that was moved from");
    if (options_.chunk_bytes < CompressionOptions::least_chunk || options_.chunk_bytes > CompressionOptions::most_chunk) {
      return failure(errc::invalid_argument, "make a compressed location", "chunk_bytes is not within 16 bytes and 16 MiB");
    }
    if (!detail::is_usable(compressor_))
      return failure(errc::invalid_argument, "make a compressed location", "the codec has no such level");
    try {
      auto inner = inner_->create_backend();
      if (!inner) return std::unexpected{std::move(inner).error()};
      return CompressedBackend<backend_of_t<Inner>>{
          std::make_shared<const CompressionCodec>(shared_, compressor_, options_.chunk_bytes, detail::secrecy_of(*inner)),
          std::move(*inner), [storage = inner_] { return storage->create_backend(); }};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "make a compressed location", "out of memory");
    }
  }

  /// What the storage beneath warns of; nothing after a move. Errors: std::bad_alloc. Threads: any number at once.
  [[nodiscard]] std::vector<std::string> warnings() const { return inner_ == nullptr ? std::vector<std::string>{} : warnings_of(*inner_); }

 private:
  std::shared_ptr<const Inner> inner_;  // which locations use to publish
  detail::Compressor compressor_;
  CompressionOptions options_;
  std::shared_ptr<detail::CompressionShared> shared_;
};

/// Compresses what `inner` stores. Errors: std::bad_alloc.
template <storage_factory Inner>
[[nodiscard]] CompressedStorage<Inner> compressed(Inner inner, const CompressionMethod& method, const CompressionOptions& options = {}) {
  return CompressedStorage<Inner>{std::move(inner), method, options};
}

}  // namespace hybridbuffer::inline v0_1
