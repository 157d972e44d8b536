#pragma once

#include <hybridbuffer/detail/copy_bytes.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// The newest bytes of a buffer: a memory policy and the window that it handed out.
///
///     [ committed in the policy | window_begin_ … cursor_ … window_end_ ]
///                                 content         writable
///
/// What stands before the cursor is content; the policy is told of it when the window ends, so that an append is a copy and an add.
/// Const members read that part from the window and never commit it.
/// Threads: const members from any number at once; the rest one at a time.
template <memory_policy MemoryPolicy>
class MemoryTail {
 public:
  MemoryTail() = default;
  explicit MemoryTail(MemoryPolicy memory) noexcept : memory_{std::move(memory)} {}
  MemoryTail(MemoryTail&& other) noexcept : memory_{std::move(other.committed())} {}
  MemoryTail& operator=(MemoryTail&& other) noexcept {
    if (this != &other) {
      end_window();
      memory_ = std::move(other.committed());
    }
    return *this;
  }
  ~MemoryTail() = default;

  [[nodiscard]] std::uint64_t size() const noexcept { return memory_.size() + uncommitted(); }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return memory_.capacity(); }

  /// How many bytes the open window still takes.
  [[nodiscard]] std::size_t window_room() const noexcept { return static_cast<std::size_t>(window_end_ - cursor_); }
  /// The writable bytes behind the content. What was written there becomes content with add().
  [[nodiscard]] std::span<std::byte> window() noexcept { return {cursor_, window_end_}; }
  /// Requires: count ≤ window_room().
  void add(std::size_t count) noexcept { cursor_ += count; }
  /// Requires: bytes is not empty and bytes.size() ≤ window_room().
  void add(std::span<const std::byte> bytes) noexcept {
    std::byte* const at = cursor_;  // the copy may alias cursor_: one load less
    detail::copy_bytes(at, bytes.data(), bytes.size());
    cursor_ = at + bytes.size();
  }

  /// Asks the policy for a window; never so large that size() could pass `limit`.
  ///
  /// Returns:     false when the policy refuses, or nothing is left below `limit`.
  /// Invalidates: spans of content, unless the policy is stable.
  [[nodiscard]] bool open_window(std::size_t wanted, std::uint64_t limit) {
    const std::uint64_t size = committed().size();
    if (size >= limit) return false;
    const std::uint64_t room = limit - size;
    const std::span<std::byte> window = prepare(static_cast<std::size_t>(std::min<std::uint64_t>(std::max<std::size_t>(wanted, 1), room)),
                                                static_cast<std::size_t>(std::min<std::uint64_t>(room, SIZE_MAX)));
    if (window.empty()) return false;
    window_begin_ = cursor_ = window.data();
    window_end_ = window_begin_ + static_cast<std::size_t>(std::min<std::uint64_t>(window.size(), room));
    return true;
  }

  /// Appends all of `bytes`, or nothing. Requires: bytes is not empty.
  ///
  /// Returns: false when the policy refuses a part or size() would pass `limit`; the content is then as before, as it is when the policy
  ///          throws.
  [[nodiscard]] bool append(std::span<const std::byte> bytes, std::uint64_t limit) {
    if (window_room() == 0 && !open_window(bytes.size(), limit)) {
      truncate(size());
      return false;
    }
    if (bytes.size() > window_room()) return append_in_pieces(bytes, limit);
    add(bytes);
    return true;
  }

  /// The contiguous content from `offset` on, across what is committed and what is not yet. Requires: offset < size().
  [[nodiscard]] std::span<const std::byte> chunk_at(std::uint64_t offset) const noexcept {
    const auto inside = static_cast<std::size_t>(offset);
    const std::size_t in_policy = memory_.size();
    if (inside >= in_policy) return std::span<const std::byte>{window_begin_, cursor_}.subspan(inside - in_policy);
    const std::span<const std::byte> chunk = hybridbuffer::chunk_at(memory_, inside);
    // Only the last one: an earlier chunk may end where the window's begins, with others between them in the content.
    const bool goes_on = inside + chunk.size() == in_policy && chunk.data() + chunk.size() == window_begin_;
    return goes_on ? std::span<const std::byte>{chunk.data(), cursor_} : chunk;
  }

  /// Copies content. Requires: offset + out.size() ≤ size().
  void copy_out(std::uint64_t offset, std::span<std::byte> out) const noexcept {
    const std::uint64_t in_policy = memory_.size();
    if (offset < in_policy) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), in_policy - offset));
      memory_.copy_out(static_cast<std::size_t>(offset), out.first(part));
      out = out.subspan(part);
      offset += part;
    }
    if (!out.empty()) detail::copy_bytes(out.data(), window_begin_ + (offset - in_policy), out.size());
  }

  /// The policy with all content committed. Ends the window.
  [[nodiscard]] MemoryPolicy& committed() noexcept {
    if (window_begin_ != nullptr) memory_.commit(uncommitted());  // also of nothing: the policy may hold memory still for the window
    end_window();
    return memory_;
  }
  void drop_front(std::uint64_t count) noexcept { committed().drop_front(static_cast<std::size_t>(count)); }
  void truncate(std::uint64_t size) noexcept { committed().truncate(static_cast<std::size_t>(size)); }
  void clear() noexcept {
    end_window();
    memory_.clear();
  }

 private:
  [[nodiscard]] std::span<std::byte> prepare(std::size_t wanted, std::size_t most) {
    if constexpr (requires { memory_.prepare(wanted, most); }) return memory_.prepare(wanted, most);
    else return memory_.prepare(wanted);
  }
  // Out of line: mostly one window takes all of it, and nothing has to be taken back.
  [[nodiscard, gnu::noinline]] bool append_in_pieces(std::span<const std::byte> bytes, std::uint64_t limit) {
    const std::uint64_t before = size();
    bool done = false;
    try {
      done = append_until_refused(bytes, limit);
    } catch (...) {
      truncate(before);
      throw;
    }
    if (!done) truncate(before);
    return done;
  }
  [[nodiscard]] bool append_until_refused(std::span<const std::byte> bytes, std::uint64_t limit) {
    while (!bytes.empty()) {
      if (window_room() == 0 && !open_window(bytes.size(), limit)) return false;
      const auto part = bytes.first(std::min(bytes.size(), window_room()));
      add(part);
      bytes = bytes.subspan(part.size());
    }
    return true;
  }
  [[nodiscard]] std::size_t uncommitted() const noexcept { return static_cast<std::size_t>(cursor_ - window_begin_); }
  void end_window() noexcept { window_begin_ = cursor_ = window_end_ = nullptr; }

  std::byte* cursor_ = nullptr;
  std::byte* window_end_ = nullptr;
  std::byte* window_begin_ = nullptr;
  [[no_unique_address]] MemoryPolicy memory_{};
};

}  // namespace hybridbuffer::inline v0_1
