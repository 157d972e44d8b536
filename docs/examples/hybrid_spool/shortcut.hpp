#pragma once

#include <cstddef>

namespace spool {

/// The way from one pipe to another inside the kernel, by reference: cheaper than any copy, for as long as nothing has to be kept.
///
/// splice(2) can be asked not to wait in one call, so the pipes, which others share, stay blocking.
class Shortcut {
 public:
  Shortcut(int from, int to) noexcept : from_{from}, to_{to} {}

  /// Moves what is there and can be taken now. Does not wait.
  ///
  /// Returns: how many bytes; 0 when nothing is there, nothing can be taken, or there is no such way.
  [[nodiscard]] std::size_t move() noexcept;

 private:
  int from_;
  int to_;
  bool exists_ = true;
};

}  // namespace spool
