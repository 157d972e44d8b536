#pragma once

#include <cstddef>
#include <span>

namespace hybridbuffer::conformance::clauses {

/// Bytes on pages of their own, between pages that nobody may touch: reading beyond them, writing to them, and using them once they are
/// gone ends the process.
class ReadOnlyBytes {
 public:
  /// Copies `bytes`, so that they end where the page ends or begin where it begins.
  /// Errors: std::bad_alloc.
  ReadOnlyBytes(std::span<const std::byte> bytes, bool at_end);
  ReadOnlyBytes(const ReadOnlyBytes&) = delete;
  ReadOnlyBytes& operator=(const ReadOnlyBytes&) = delete;
  ~ReadOnlyBytes() { unmap(); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Overwrites them.
  void scribble() noexcept;
  /// Takes the pages away.
  void unmap() noexcept;

 private:
  void* address_ = nullptr;
  std::size_t length_ = 0;  // of the whole mapping
  std::span<std::byte> bytes_;
};

}  // namespace hybridbuffer::conformance::clauses
