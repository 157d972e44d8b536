#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// The numbers of frames that were found damaged. Whoever damages a store may damage all of them.
///
/// Threads: as a vector.
class DamagedFrames {
 public:
  [[nodiscard]] bool contains(std::uint64_t number) const noexcept { return std::binary_search(numbers_.begin(), numbers_.end(), number); }

  /// Errors: std::bad_alloc.
  void add(std::uint64_t number) {
    const auto at = std::lower_bound(numbers_.begin(), numbers_.end(), number);
    if (at == numbers_.end() || *at != number) numbers_.insert(at, number);
  }

 private:
  std::vector<std::uint64_t> numbers_;  // in order
};

}  // namespace hybridbuffer::inline v0_1::detail
