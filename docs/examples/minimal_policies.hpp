#pragma once

#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

namespace hybridbuffer::examples {

// [minimal_memory_policy]
/// Bytes in one vector: the content, and behind it the window.
class VectorMemory {
 public:
  VectorMemory() noexcept = default;
  VectorMemory(VectorMemory&& other) noexcept : bytes_{std::exchange(other.bytes_, {})}, size_{std::exchange(other.size_, 0)} {}
  VectorMemory& operator=(VectorMemory&& other) noexcept {
    VectorMemory taken{std::move(other)};  // by way of a third, so that assignment to itself keeps the content
    std::swap(bytes_, taken.bytes_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~VectorMemory() = default;

  std::span<std::byte> prepare(std::size_t n) {
    try {
      // Room that is there stays as it is: it may be the window that was given before, with bytes in it.
      if (bytes_.size() == size_) bytes_.resize(size_ + std::clamp<std::size_t>(n, 64, 65536));
    } catch (const std::exception&) {
      return {};  // no memory: a refusal, and nothing changed
    }
    return std::span{bytes_}.subspan(size_);
  }
  void commit(std::size_t n) noexcept { size_ += n; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] auto chunks() const noexcept { return std::views::single(std::span{bytes_}.first(size_)) | std::views::take(size_ == 0 ? 0 : 1); }
  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  void drop_front(std::size_t n) noexcept {
    n = std::min(n, size_);
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(n));
    size_ -= n;
  }
  void truncate(std::size_t n) noexcept { size_ = std::min(n, size_); }
  void clear() noexcept { *this = VectorMemory{}; }
  [[nodiscard]] std::size_t capacity() const noexcept { return bytes_.capacity(); }

 private:
  std::vector<std::byte> bytes_;
  std::size_t size_ = 0;
};
static_assert(explain_memory_policy<VectorMemory>() && memory_policy<VectorMemory>);
// [minimal_memory_policy]

// [minimal_spill_policy]
/// Keeps a thousand bytes, and spills what goes beyond.
struct SpillAboveThousand {
  [[nodiscard]] SpillAction decide(const SpillState& state) const noexcept {
    const bool fits = state.in_memory <= 1000 && state.incoming <= 1000 - state.in_memory;  // no sum that could wrap
    return fits && !state.memory_full ? SpillAction::keep : SpillAction::spill;
  }
  [[nodiscard]] std::uint64_t room(const SpillState& state) noexcept { return state.in_memory < 1000 ? 1000 - state.in_memory : 0; }
  void settle(const SpillState& /*state*/) noexcept {}  // it holds nothing that could return
};
static_assert(explain_spill_policy<SpillAboveThousand>() && spill_policy<SpillAboveThousand>);
// [minimal_spill_policy]

}  // namespace hybridbuffer::examples
