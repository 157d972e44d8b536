#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Memory policies that are strange and legal: the kit has to pass them.

namespace hybridbuffer::testing {

enum class MemoryOddity : std::uint8_t {
  one_byte_windows,      ///< a window is never more than a byte
  huge_windows,          ///< a window is a mebibyte, whatever was asked
  refuses_at_once,       ///< never any memory
  refuses_now_and_then,  ///< every third prepare() on a used-up window is refused, the next one is not
  throws_when_full,      ///< std::bad_alloc instead of an empty window
  over_reports,          ///< capacity() is more than is held
  takes_a_random_part,   ///< windows of changing size
};

/// A vector with room behind what is committed.
template <MemoryOddity oddity>
class OddMemory {
 public:
  OddMemory() noexcept = default;
  OddMemory(OddMemory&& other) noexcept
      : bytes_{std::exchange(other.bytes_, {})},
        size_{std::exchange(other.size_, 0)},
        calls_{other.calls_},
        open_{std::exchange(other.open_, 0)} {}
  OddMemory& operator=(OddMemory&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = std::exchange(other.bytes_, {});
    size_ = std::exchange(other.size_, 0);
    open_ = std::exchange(other.open_, 0);
    return *this;
  }
  ~OddMemory() = default;

  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) {
    if (open_ == 0) {
      const std::size_t wanted = window_for(n);
      if (wanted == 0) return {};
      bytes_.resize(size_ + wanted);
      open_ = wanted;
    }
    return std::span{bytes_}.subspan(size_, open_);
  }
  void commit(std::size_t n) noexcept {
    size_ += n;
    open_ = 0;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::vector<std::span<const std::byte>> chunks() const {
    // In two spans, to be strange.
    std::vector<std::span<const std::byte>> list;
    const std::span<const std::byte> all{bytes_.data(), size_};
    for (const auto part : {all.first(size_ / 3), all.subspan(size_ / 3)}) {
      if (!part.empty()) list.push_back(part);
    }
    return list;
  }
  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  void drop_front(std::size_t n) noexcept {
    n = std::min(n, size_);
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(n));
    size_ -= n;
    open_ = 0;
  }
  void truncate(std::size_t n) noexcept {
    size_ = std::min(n, size_);
    open_ = 0;
  }
  void clear() noexcept {
    bytes_ = std::vector<std::byte>{};  // an empty list in braces would keep the memory
    size_ = 0;
    open_ = 0;
  }
  [[nodiscard]] std::size_t capacity() const noexcept {
    return oddity == MemoryOddity::over_reports ? 3 * bytes_.capacity() + 1000 : bytes_.capacity();
  }

 private:
  [[nodiscard]] std::size_t window_for(std::size_t n) {
    constexpr std::size_t full = 300;
    switch (oddity) {
      case MemoryOddity::one_byte_windows: return 1;
      case MemoryOddity::huge_windows: return std::size_t{1} << 20U;
      case MemoryOddity::refuses_at_once: return 0;
      case MemoryOddity::refuses_now_and_then: return ++calls_ % 3 == 0 ? 0 : 100;
      case MemoryOddity::throws_when_full:
        if (size_ == full) throw std::bad_alloc{};
        return full - size_;
      case MemoryOddity::over_reports: return std::clamp<std::size_t>(n, 1, 4096);
      case MemoryOddity::takes_a_random_part: return (++calls_ * 2654435761U >> 7U) % 61 + 1;
    }
    return 1;
  }

  std::vector<std::byte> bytes_;
  std::size_t size_ = 0;
  std::size_t calls_ = 0;
  std::size_t open_ = 0;  // the size of the window
};

template <MemoryOddity oddity>
struct OddMemoryHarness {
  static constexpr std::string_view name = "a strange policy";
  static OddMemory<oddity> make() { return {}; }
};

}  // namespace hybridbuffer::testing
