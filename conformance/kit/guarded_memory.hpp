#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

/// \file
/// Memory that shows what is written outside a span: known bytes beside it, and beyond them pages that cannot be touched.

namespace hybridbuffer::conformance {

/// Room for a span between two untouchable pages.
class GuardedMemory {
 public:
  /// Errors: std::bad_alloc.
  explicit GuardedMemory(std::size_t capacity) : page_{static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))} {
    inner_ = (capacity + 2 * margin + page_ - 1) / page_ * page_;
    void* address = ::mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc{};
    base_ = static_cast<std::byte*>(address);
    if (::mprotect(base_ + page_, inner_, PROT_READ | PROT_WRITE) != 0) {
      ::munmap(base_, inner_ + 2 * page_);
      throw std::bad_alloc{};
    }
  }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() { ::munmap(base_, inner_ + 2 * page_); }

  /// `n` bytes, `gap` bytes before the page behind. Known bytes stand on both sides, where there is room.
  [[nodiscard]] std::span<std::byte> before_the_end(std::size_t n, std::size_t gap, std::byte known) {
    return prepared(inner_ - gap - n, n, known);
  }
  /// `n` bytes, `gap` bytes after the page before.
  [[nodiscard]] std::span<std::byte> after_the_start(std::size_t n, std::size_t gap, std::byte known) { return prepared(gap, n, known); }

  /// Where bytes outside the span that was handed out last were changed, in words; nothing when all are as they were.
  [[nodiscard]] std::optional<std::string> overrun() const {
    const auto changed = [&](std::byte b) { return b != known_; };
    const auto inner = std::span{base_ + page_, inner_};
    const auto behind = inner.subspan(at_ + n_, std::min(margin, inner_ - at_ - n_));
    if (const auto found = std::find_if(behind.begin(), behind.end(), changed); found != behind.end()) {
      return std::to_string(found - behind.begin()) + " bytes behind the span of " + std::to_string(n_);
    }
    const auto before = inner.first(at_).last(std::min(margin, at_));
    if (const auto found = std::find_if(before.begin(), before.end(), changed); found != before.end()) {
      return std::to_string(before.end() - found) + " bytes before the span of " + std::to_string(n_);
    }
    return {};
  }

  static constexpr std::size_t margin = 256;

 private:
  [[nodiscard]] std::span<std::byte> prepared(std::size_t at, std::size_t n, std::byte known) {
    at_ = at;
    n_ = n;
    known_ = known;
    const std::size_t from = at - std::min(at, margin);
    const std::size_t to = std::min(inner_, at + n + margin);
    std::fill(base_ + page_ + from, base_ + page_ + to, known);
    return {base_ + page_ + at, n};
  }

  std::size_t page_;
  std::size_t inner_ = 0;
  std::byte* base_ = nullptr;
  std::size_t at_ = 0;
  std::size_t n_ = 0;
  std::byte known_{};
};

}  // namespace hybridbuffer::conformance
