#pragma once

#include <hybridbuffer/detail/system_calls.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <sys/uio.h>

namespace hybridbuffer::inline v0_1::detail {

/// Pieces that one write gathers. (Not a span of spans: each further element type of one adds 2 % to what the core takes to compile.)
struct PieceList {
  const std::span<const std::byte>* first;
  std::size_t count;

  [[nodiscard]] const std::span<const std::byte>* begin() const noexcept { return first; }
  [[nodiscard]] const std::span<const std::byte>* end() const noexcept { return first + count; }
};

/// The pieces that are still to be written, in portions that fit one system call.
class PieceCursor {
 public:
  explicit PieceCursor(PieceList pieces) noexcept : pieces_{pieces} {}

  /// The next portion; empty when all is written.
  [[nodiscard]] system_calls::Pieces next() noexcept {
    std::size_t count = 0;
    std::size_t skip = within_;
    for (std::size_t index = first_; index < pieces_.count && count < portion_.size(); ++index, skip = 0) {
      const auto rest = pieces_.first[index].subspan(skip);
      if (!rest.empty()) portion_[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};  // NOLINT: iovec serves reads too
    }
    return {portion_.data(), count};
  }
  /// `written` bytes of the last portion are done.
  void advance(std::size_t written) noexcept {
    while (written != 0) {
      const std::size_t rest = pieces_.first[first_].size() - within_;
      if (written < rest) {
        within_ += written;
        return;
      }
      written -= rest;
      ++first_;
      within_ = 0;
    }
  }

 private:
  PieceList pieces_;
  std::size_t first_ = 0;
  std::size_t within_ = 0;
  std::array<iovec, 64> portion_;
};

}  // namespace hybridbuffer::inline v0_1::detail
