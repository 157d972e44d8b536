#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <span>
#include <zlib.h>

namespace hybridbuffer::inline v0_1::detail {

/// What stands around a deflated stream, as zlib's windowBits say it: a window of 32 KiB, and the frame.
enum class DeflateWrapper : int { none = -15, zlib = 15, gzip = 31 };

/// zlib, with one stream each way, kept and made anew when another wrapper or level is wanted.
///
/// Threads: one at a time.
class DeflateEngine {
 public:
  /// `is_secret`: what the streams kept, their windows above all, is overwritten before it is given back.
  explicit DeflateEngine(bool is_secret) noexcept : is_secret_{is_secret} {}
  DeflateEngine(const DeflateEngine&) = delete;
  DeflateEngine& operator=(const DeflateEngine&) = delete;
  ~DeflateEngine() {
    if (has_deflater_) static_cast<void>(::deflateEnd(&deflater_));
    if (has_inflater_) static_cast<void>(::inflateEnd(&inflater_));
  }

  [[nodiscard]] static bool has_level(int level) noexcept { return level >= Z_BEST_SPEED && level <= Z_BEST_COMPRESSION; }

  /// Returns how many bytes of `out` it took; 0 when they do not suffice. Errors: `no_space` (memory).
  [[nodiscard]] Result<std::size_t> compress(DeflateWrapper wrapper, int level, std::span<const std::byte> plain,
                                             std::span<std::byte> out) noexcept {
    if (!prepare_deflater(wrapper, level)) return failure(errc::no_space, "compress with zlib", "out of memory");
    attach(deflater_, plain, out);
    if (::deflate(&deflater_, Z_FINISH) != Z_STREAM_END) return 0;
    return out.size() - deflater_.avail_out;
  }

  /// Errors: `corrupted` when `stored` is not one stream of exactly plain.size() bytes of content, `no_space` (memory).
  [[nodiscard]] Result<void> decompress(DeflateWrapper wrapper, std::span<const std::byte> stored, std::span<std::byte> plain) noexcept {
    if (!prepare_inflater(wrapper)) return failure(errc::no_space, "decompress with zlib", "out of memory");
    attach(inflater_, stored, plain);
    const int status = ::inflate(&inflater_, Z_FINISH);
    if (status == Z_MEM_ERROR) return failure(errc::no_space, "decompress with zlib", "out of memory");
    if (status != Z_STREAM_END || inflater_.avail_in != 0 || inflater_.avail_out != 0) {
      return failure(errc::corrupted, "decompress with zlib");
    }
    return {};
  }

 private:
  [[nodiscard]] bool prepare_deflater(DeflateWrapper wrapper, int level) noexcept {
    if (has_deflater_ && wrapper == wrapper_ && level == level_) return ::deflateReset(&deflater_) == Z_OK;
    if (has_deflater_) static_cast<void>(::deflateEnd(&deflater_));
    constexpr int standard_memory = 8;
    deflater_ = new_stream();
    has_deflater_ = ::deflateInit2(&deflater_, level, Z_DEFLATED, static_cast<int>(wrapper), standard_memory, Z_DEFAULT_STRATEGY) == Z_OK;
    wrapper_ = wrapper;
    level_ = level;
    return has_deflater_;
  }

  [[nodiscard]] bool prepare_inflater(DeflateWrapper wrapper) noexcept {
    if (has_inflater_) return ::inflateReset2(&inflater_, static_cast<int>(wrapper)) == Z_OK;
    inflater_ = new_stream();
    has_inflater_ = ::inflateInit2(&inflater_, static_cast<int>(wrapper)) == Z_OK;
    return has_inflater_;
  }

  [[nodiscard]] z_stream new_stream() const noexcept {
    z_stream stream{};
    if (!is_secret_) return stream;
    stream.zalloc = [](voidpf, uInt count, uInt bytes) -> voidpf { return SecretAllocation::make(std::size_t{count} * bytes); };
    stream.zfree = [](voidpf, voidpf made) { SecretAllocation::give_back(made); };
    return stream;
  }

  static void attach(z_stream& stream, std::span<const std::byte> in, std::span<std::byte> out) noexcept {
    // zlib's input is not const unless ZLIB_CONST is defined before its first inclusion, and it does not write to it.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
  }

  bool is_secret_;
  z_stream deflater_{};
  z_stream inflater_{};
  bool has_deflater_ = false;
  bool has_inflater_ = false;
  DeflateWrapper wrapper_ = DeflateWrapper::none;
  int level_ = 0;
};

}  // namespace hybridbuffer::inline v0_1::detail
