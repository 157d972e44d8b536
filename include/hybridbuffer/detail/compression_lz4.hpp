#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <lz4.h>
#include <lz4hc.h>
#include <new>
#include <span>

namespace hybridbuffer::inline v0_1::detail {

/// LZ4 blocks, with the compressors' state kept.
///
/// Threads: one at a time.
class Lz4Engine {
 public:
  /// `is_secret`: the state, which tells what repeats where, is overwritten before it is given back.
  explicit Lz4Engine(bool is_secret) noexcept : is_secret_{is_secret} {}

  [[nodiscard]] static bool has_level(int level) noexcept { return level >= -65536 && level <= LZ4HC_CLEVEL_MAX; }

  /// Returns how many bytes of `out` it took; 0 when they do not suffice. Errors: std::bad_alloc.
  [[nodiscard]] std::size_t compress(int level, std::span<const std::byte> plain, std::span<std::byte> out) {
    const auto in = reinterpret_cast<const char*>(plain.data());
    const auto to = reinterpret_cast<char*>(out.data());
    const auto size = static_cast<int>(plain.size());
    const auto room = static_cast<int>(out.size());
    int count = 0;
    if (level < first_high_level) {
      const int acceleration = level < 0 ? 1 - level : 1;  // as LZ4F_compressFrame() has it
      count = LZ4_compress_fast_extState(made(state_, LZ4_sizeofState()), in, to, size, room, acceleration);
    } else {
      count = LZ4_compress_HC_extStateHC(made(high_state_, LZ4_sizeofStateHC()), in, to, size, room, level);
    }
    return static_cast<std::size_t>(count);
  }

  /// Errors: `corrupted` when `stored` is not a block of exactly plain.size() bytes of content.
  [[nodiscard]] static Result<void> decompress(std::span<const std::byte> stored, std::span<std::byte> plain) noexcept {
    const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(plain.data()),
                                         static_cast<int>(stored.size()), static_cast<int>(plain.size()));
    if (size < 0 || static_cast<std::size_t>(size) != plain.size()) return failure(errc::corrupted, "decompress with lz4");
    return {};
  }

 private:
  static constexpr int first_high_level = 3;

  [[nodiscard]] void* made(ContentMemory& state, int size) const {
    if (state == nullptr) state = make_content_memory(static_cast<std::size_t>(size), is_secret_);
    if (state == nullptr) throw std::bad_alloc{};
    return state.get();
  }

  bool is_secret_;
  ContentMemory state_;
  ContentMemory high_state_;
};

}  // namespace hybridbuffer::inline v0_1::detail
