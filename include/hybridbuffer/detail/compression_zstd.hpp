#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/detail/little_endian.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <zstd_errors.h>

// Where a context's memory comes from can be said only by what the header shows to who asks for it.
#ifdef ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#else
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#undef ZSTD_STATIC_LINKING_ONLY
#endif

namespace hybridbuffer::inline v0_1::detail {

/// Zstandard, with contexts that are made at the first use and kept: making one takes longer than compressing a chunk.
///
/// Threads: one at a time.
class ZstdEngine {
 public:
  /// `is_secret`: what the contexts kept, literals above all, is overwritten before it is given back.
  explicit ZstdEngine(bool is_secret) noexcept : is_secret_{is_secret} {}

  [[nodiscard]] static bool has_level(int level) noexcept { return level >= ZSTD_minCLevel() && level <= ZSTD_maxCLevel(); }

  /// Returns how many bytes of `out` it took; 0 when they do not suffice. Errors: `no_space` (memory), `io`.
  [[nodiscard]] Result<std::size_t> compress(int level, std::span<const std::byte> plain, std::span<std::byte> out) {
    if (compressor_ == nullptr) compressor_.reset(is_secret_ ? ZSTD_createCCtx_advanced(secret_memory) : ZSTD_createCCtx());
    if (compressor_ == nullptr) return failure(errc::no_space, "compress with zstd", "out of memory");
    const std::size_t size = ZSTD_compressCCtx(compressor_.get(), out.data(), out.size(), plain.data(), plain.size(), level);
    if (ZSTD_isError(size) == 0) return size;
    switch (ZSTD_getErrorCode(size)) {
      case ZSTD_error_dstSize_tooSmall: return 0;
      case ZSTD_error_memory_allocation: return failure(errc::no_space, "compress with zstd", "out of memory");
      default: return failure(errc::io, "compress with zstd", ZSTD_getErrorName(size));
    }
  }

  /// Errors: `corrupted` when `stored` is not one frame of exactly plain.size() bytes of content, `no_space` (memory).
  [[nodiscard]] Result<void> decompress(std::span<const std::byte> stored, std::span<std::byte> plain) {
    if (!is_one_frame_of(stored, plain.size())) return failure(errc::corrupted, "decompress with zstd");
    if (decompressor_ == nullptr) decompressor_.reset(is_secret_ ? ZSTD_createDCtx_advanced(secret_memory) : ZSTD_createDCtx());
    if (decompressor_ == nullptr) return failure(errc::no_space, "decompress with zstd", "out of memory");
    const std::size_t size = ZSTD_decompressDCtx(decompressor_.get(), plain.data(), plain.size(), stored.data(), stored.size());
    if (size == plain.size()) return {};
    if (ZSTD_isError(size) != 0 && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation) {
      return failure(errc::no_space, "decompress with zstd", "out of memory");
    }
    return failure(errc::corrupted, "decompress with zstd");
  }

 private:
  // One frame of the format that is written here. The decoder by itself would take any number of them, frames to skip, windows of any
  // size, and the formats of versions before 1.0.
  [[nodiscard]] static bool is_one_frame_of(std::span<const std::byte> stored, std::size_t content) noexcept {
    constexpr std::size_t least_bytes = 6;  // magic number, descriptor, window or content size
    if (stored.size() < least_bytes || load_little_endian<std::uint32_t>(stored) != ZSTD_MAGICNUMBER) return false;
    const auto descriptor = std::to_integer<unsigned>(stored[4]);
    const bool is_single_segment = (descriptor & 0x20U) != 0;
    const auto window_log = 10U + std::to_integer<unsigned>(stored[5] >> 3U);
    constexpr unsigned most_window_log = 27;  // that of the highest level
    return (is_single_segment || window_log <= most_window_log) && ZSTD_getFrameContentSize(stored.data(), stored.size()) == content &&
           ZSTD_findFrameCompressedSize(stored.data(), stored.size()) == stored.size();
  }

  static constexpr ZSTD_customMem secret_memory{[](void*, std::size_t bytes) { return SecretAllocation::make(bytes); },
                                                [](void*, void* made) { SecretAllocation::give_back(made); }, nullptr};

  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  };
  bool is_secret_;
  std::unique_ptr<ZSTD_CCtx, Free> compressor_;
  std::unique_ptr<ZSTD_DCtx, Free> decompressor_;
};

}  // namespace hybridbuffer::inline v0_1::detail
