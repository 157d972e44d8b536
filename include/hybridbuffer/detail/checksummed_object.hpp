#pragma once

#include <hybridbuffer/detail/checksum_table.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// What a checksummed location knows of its object.
struct ChecksummedObject {
  using TableRef = std::shared_ptr<ChecksumTable>;

  TableRef table{};                 ///< null when there is no object
  std::vector<TableRef> or_else{};  ///< what it may be instead, after a change whose effect is unknown; null: no object

  /// Notes that the object may have become what `make_other()` gives. Without memory for that, it would be found to be damaged.
  /// That it may be gone is noted once, however often a removal fails.
  template <class MakeOther>
  void may_be(MakeOther&& make_other) noexcept {
    try {
      TableRef other = make_other();
      const bool is_known = other == nullptr && std::find(or_else.begin(), or_else.end(), nullptr) != or_else.end();
      if (!is_known) or_else.push_back(std::move(other));
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): as it says above
    }
  }
  void is(TableRef certain) noexcept {
    table = std::move(certain);
    or_else.clear();
  }
};

}  // namespace hybridbuffer::inline v0_1::detail
