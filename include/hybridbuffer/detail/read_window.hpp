#pragma once

#include <hybridbuffer/detail/copy_bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hybridbuffer::inline v0_1::detail {

/// A position in a buffer and the contiguous bytes shown there: what a read serves itself from before it asks for more.
class ReadWindow {
 public:
  [[nodiscard]] std::uint64_t position() const noexcept { return end_offset_ - size(); }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - cursor_); }
  [[nodiscard]] bool empty() const noexcept { return cursor_ == end_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {cursor_, end_}; }

  /// Moves the position over `count` bytes that were shown, also where they are shown no more.
  void consume(std::size_t count) noexcept {
    if (count <= size()) [[likely]]
      cursor_ += count;
    else move_to(position() + count);
  }
  /// Requires: not empty().
  [[nodiscard]] std::byte take() noexcept { return *cursor_++; }
  /// Requires: out is not empty and out.size() ≤ size().
  void take(std::span<std::byte> out) noexcept {
    copy_bytes(out.data(), cursor_, out.size());
    cursor_ += out.size();
  }

  /// Shows `bytes`, which stand at `position`.
  void show(std::span<const std::byte> bytes, std::uint64_t position) noexcept {
    cursor_ = bytes.data();
    end_ = cursor_ + bytes.size();
    end_offset_ = position + bytes.size();
  }
  /// Shows nothing, at `position`.
  void move_to(std::uint64_t position) noexcept { show({}, position); }
  /// Moves to `position`; goes on showing bytes when it lies ahead within them.
  void seek(std::uint64_t target) noexcept {
    if (target >= position() && target <= end_offset_) cursor_ += target - position();
    else move_to(target);
  }

 private:
  const std::byte* cursor_ = nullptr;
  const std::byte* end_ = nullptr;
  std::uint64_t end_offset_ = 0;
};

}  // namespace hybridbuffer::inline v0_1::detail
