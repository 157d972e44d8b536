#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <snappy-c.h>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// Snappy, with room for its longest output: the library writes without a limit.
///
/// Threads: one at a time.
class SnappyEngine {
 public:
  /// `is_secret`: what was compressed is overwritten before its memory is given back.
  explicit SnappyEngine(bool is_secret) noexcept : is_secret_{is_secret} {}

  /// Returns how many bytes of `out` it took; 0 when they do not suffice. Errors: std::bad_alloc.
  [[nodiscard]] std::size_t compress(std::span<const std::byte> plain, std::span<std::byte> out) {
    std::size_t size = snappy_max_compressed_length(plain.size());
    if (size > room_bytes_) {
      ContentMemory larger = make_content_memory(size, is_secret_);
      if (larger == nullptr) throw std::bad_alloc{};
      room_ = std::move(larger);
      room_bytes_ = size;
    }
    const snappy_status status =
        snappy_compress(reinterpret_cast<const char*>(plain.data()), plain.size(), reinterpret_cast<char*>(room_.get()), &size);
    if (status != SNAPPY_OK || size > out.size()) return 0;
    std::memcpy(out.data(), room_.get(), size);
    return size;
  }

  /// Errors: `corrupted` when `stored` is not exactly plain.size() bytes of content.
  [[nodiscard]] static Result<void> decompress(std::span<const std::byte> stored, std::span<std::byte> plain) {
    std::size_t size = 0;
    const auto in = reinterpret_cast<const char*>(stored.data());
    // The length first: it says how much would be written.
    if (snappy_uncompressed_length(in, stored.size(), &size) != SNAPPY_OK || size != plain.size() ||
        snappy_uncompress(in, stored.size(), reinterpret_cast<char*>(plain.data()), &size) != SNAPPY_OK) {
      return failure(errc::corrupted, "decompress with snappy");
    }
    return {};
  }

 private:
  bool is_secret_;
  ContentMemory room_;
  std::size_t room_bytes_ = 0;
};

}  // namespace hybridbuffer::inline v0_1::detail
