#pragma once

#include <hybridbuffer/detail/owned.hpp>

#include <cstddef>
#include <cstring>

namespace hybridbuffer::inline v0_1::detail {

/// A block of ordinary memory that content passes through on its way out of storage.
///
/// Where `wiped`, it is overwritten before it is given back: content that a memory policy overwrites must not stay in here.
template <std::size_t Bytes, bool wiped>
class ContentBlock {
 public:
  ContentBlock() noexcept = default;
  /// Takes over `Bytes` bytes that `new` made.
  explicit ContentBlock(std::byte* held) noexcept : bytes_{held} {}
  ContentBlock(ContentBlock&&) noexcept = default;
  ContentBlock& operator=(ContentBlock&& other) noexcept {
    reset(other.bytes_.release());
    return *this;
  }
  ~ContentBlock() { wipe(); }

  void reset(std::byte* held = nullptr) noexcept {
    wipe();
    bytes_.reset(held);
  }
  /// Overwrites all of it, where `wiped`.
  void wipe() noexcept {
    if constexpr (wiped) {
      if (bytes_) ::explicit_bzero(bytes_.get(), Bytes);
    }
  }
  [[nodiscard]] std::byte* get() const noexcept { return bytes_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(bytes_); }

 private:
  Owned<std::byte[]> bytes_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
