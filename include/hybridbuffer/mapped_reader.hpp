#pragma once

#include <hybridbuffer/detail/content_block.hpp>
#include <hybridbuffer/detail/copy_bytes.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/read_window.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// An independent cursor over a buffer that shows stored bytes where the backend keeps them, through its `map`, instead of copying them.
/// A Reader and a Seeker.
///
///     MappedReader reader{buffer};                        // at buffer.tell(); a window of 8 MiB at most
///     for (;;) {
///       auto chunk = reader.next_chunk();
///       if (!chunk || chunk->empty()) break;              // an error, or the end
///       hash.update(*chunk);
///     }
///
///     stored object   [ · · · | window | · · · ]         one at a time, aligned to its size; what is in memory is shown there
///
/// Worth it for content that is read more than once or at random, or was spilled in pieces of 2 MiB and more; else page faults cost more
/// than the copy of HybridBuffer::open_reader(). Where the backend cannot map, bytes are copied, through a block of 64 KiB for peek().
/// An error of the disk below a mapped file is no Error: the kernel raises SIGBUS, as it does when somebody else makes the file shorter.
///
/// Sees what was appended since, in memory or spilled; a part that was discarded answers `invalid_argument`, a truncated one is the end.
/// Refers to the buffer: valid until that is moved from or destroyed; `closed` once it was closed. One that was moved from may only be
/// assigned to and destroyed.
/// Invalidates: spans live until the next call of this reader other than consume() and tell(), and until the buffer's next call that is
///              not const: to touch one after a truncate() or discard_read() may raise SIGBUS. The reader itself looks again in each call.
/// Holds:       its window, until another one is needed or it is destroyed; a location removed meanwhile keeps its file until then.
/// Threads:     one at a time each; several cursors at once while nobody changes the buffer.
template <class Buffer>
class MappedReader {
  using Backend = typename Buffer::backend_type;
  using Bytes = std::span<const std::byte>;
  using Window = detail::window_of<Backend>;
  static constexpr bool may_map = may_have<Backend>(Capability::map);

 public:
  static constexpr std::size_t default_window_bytes = std::size_t{8} << 20U;  ///< The size of a window unless it is given.

  /// At the buffer's position. `window_bytes` is rounded up to whole pages, from 2 MiB on to whole 2 MiB, which the kernel maps at once
  /// where the file is kept in such pieces.
  explicit MappedReader(const Buffer& buffer, std::size_t window_bytes = default_window_bytes) noexcept
      : buffer_{&buffer}, window_bytes_{rounded(window_bytes)} {
    shown_.move_to(buffer.tell());
  }
  explicit MappedReader(const Buffer&& buffer, std::size_t window_bytes = default_window_bytes) = delete;

  MappedReader(MappedReader&& other) noexcept
      : buffer_{other.buffer_},
        window_bytes_{other.window_bytes_},
        window_{std::move(other.window_)},
        block_{std::move(other.block_)},
        held_{std::exchange(other.held_, {})},
        stored_position_{std::move(other.stored_position_)} {
    shown_.move_to(other.tell());
  }
  MappedReader& operator=(MappedReader&& other) noexcept {
    if (this == &other) return *this;
    this->~MappedReader();
    return *new (this) MappedReader{std::move(other)};
  }
  ~MappedReader() = default;

  /// Contiguous bytes at the position, without consuming them; empty at the end.
  ///
  /// Errors: those of the backend's map; `corrupted` when stored bytes are missing; as HybridBuffer::read_at(). std::bad_alloc.
  /// Cost:   nothing is copied where the backend can map; one map a window.
  [[nodiscard]] Result<Bytes> peek() {
    if (is_shown()) return shown_.bytes();
    return look();
  }
  /// What peek() shows, where that is in the window already; else nothing.
  [[nodiscard]] Bytes shown() const noexcept { return is_shown() ? shown_.bytes() : Bytes{}; }
  /// Moves the position over bytes that peek() showed. Requires: `count` ≤ the size of the last peek().
  void consume(std::size_t count) noexcept { shown_.consume(count); }
  /// Contiguous bytes at the position, consumed; empty at the end. Errors: as peek().
  [[nodiscard]] Result<Bytes> next_chunk() {
    auto chunk = peek();
    if (chunk) consume(chunk->size());
    return chunk;
  }

  /// Reads until `out` is full or the end is reached. Errors: as peek(); the position then stays, and `out` is unspecified.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    auto count = read_at(tell(), out);
    if (count) consume(*count);
    return count;
  }

  /// Reads `out.size()` bytes from `offset` on; short only at the end, 0 at and beyond it. The position stays. Errors: as peek().
  /// Cost: one copy; a map where the window has to move, which for reads at random in a content larger than the window is each time.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto shown = shown_at(offset + done, false);
      if (!shown) return std::unexpected{shown.error()};
      if (shown->empty()) break;
      const std::size_t count = std::min(shown->size(), out.size() - done);
      detail::copy_bytes(out.data() + done, shown->data(), count);
      done += count;
    }
    if (done != 0 && done == out.size()) return done;
    const auto rest = buffer_->read_at(stored_position_, offset + done, out.subspan(done));  // the end, or nothing that can be mapped
    if (!rest) return rest;
    return done + *rest;
  }

  /// Returns: the new position. Errors: `invalid_argument` before the buffer's first_offset() and for an unknown whence; beyond the end is
  /// legal and reads nothing.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::begin) {
    if (!buffer_->is_open()) return failure(errc::closed, "seek");
    const auto target = detail::seek_target(offset, whence, tell(), buffer_->size());
    if (!target) return target;
    if (*target < buffer_->first_offset()) return failure(errc::invalid_argument, "seek", "below the buffer's first offset");
    shown_.seek(*target);
    return target;
  }

  /// The offset that the next read starts from.
  [[nodiscard]] std::uint64_t tell() const noexcept { return shown_.position(); }

  /// How large a window is at most: what it may take of the address space and keep in the page cache.
  [[nodiscard]] std::size_t window_bytes() const noexcept { return window_bytes_; }

 private:
  // The bytes of a location that the window shows, or the block has a copy of: the ones that the extents mean as long as the location
  // has this id.
  struct Held {
    std::uint64_t id = 0;
    std::uint64_t begin = 0;  // in the stored object
    std::size_t length = 0;
  };

  [[nodiscard]] static constexpr std::size_t rounded(std::size_t bytes) noexcept {
    constexpr std::size_t page = 4096;
    constexpr std::size_t large_page = std::size_t{2} << 20U;
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
    const std::size_t unit = bytes < large_page ? page : large_page;
    const std::size_t units = (std::min(bytes, most) + unit - 1) / unit;
    return std::max<std::size_t>(units, 1) * unit;
  }

  // Whether shown_ may be touched: it has bytes, the buffer was not changed since, and this is not a forked child.
  [[nodiscard]] bool is_shown() const noexcept {
    return !shown_.empty() && seen_changes_ == buffer_->changes_ && process_ == detail::process_identity();
  }
  [[nodiscard, gnu::noinline]] Result<Bytes> look() {
    const std::uint64_t position = tell();
    auto shown = shown_at(position, true);
    shown_.show(shown.value_or(Bytes{}), position);
    seen_changes_ = buffer_->changes_;
    return shown;
  }

  // Contiguous bytes from `offset` on. None at the end; and, unless it `may_copy`, where the backend cannot map.
  [[nodiscard]] Result<Bytes> shown_at(std::uint64_t offset, bool may_copy) {
    if (!buffer_->is_open()) return failure(errc::closed, "read");
    if (offset < buffer_->first_offset()) return failure(errc::invalid_argument, "read", "below the buffer's first offset");
    if (offset >= buffer_->size()) return Bytes{};
    if (const detail::ProcessIdentity process = detail::process_identity(); process != process_) {
      let_go();
      process_ = process;
    }
    const auto& content = buffer_->content_;
    if (const Bytes in_memory = content.chunk_in_memory(offset); !in_memory.empty()) return in_memory;
    const auto range = content.stored().range_at(offset);
    if (range.backend == nullptr) return failure(errc::closed, "read", "a forked child does not use its parent's worker");
    if (!holds(range)) {
      if (auto filled = fill(range, offset, may_copy); !filled) return std::unexpected{std::move(filled).error()};
      if (!holds(range)) return Bytes{};
    }
    const auto inside = static_cast<std::size_t>(range.offset - held_.begin);
    return Bytes{held_bytes() + inside, static_cast<std::size_t>(std::min<std::uint64_t>(held_.length - inside, range.length))};
  }

  [[nodiscard]] bool holds(const auto& range) const noexcept { return range.id == held_.id && range.offset - held_.begin < held_.length; }
  [[nodiscard]] const std::byte* held_bytes() const noexcept {
    if constexpr (may_map) {
      if (window_) return window_->bytes().data();
    }
    return block_.get();
  }
  void let_go() noexcept {
    shown_.move_to(tell());
    held_ = {};
    window_.reset();
  }

  [[nodiscard]] Result<void> fill(const auto& range, std::uint64_t offset, bool may_copy) {
    if constexpr (may_map) {
      if (capabilities_of(*range.backend).has(Capability::map)) {
        auto mapped = map(range);
        if (mapped || mapped.error() != errc::unsupported) return mapped;
      }
    }
    return may_copy ? copy(range, offset) : Result<void>{};
  }

  // Moves the window to where it is aligned to its size; a backend that lends less in one piece is asked for the bytes themselves. What
  // was discarded, and what nobody committed, is not asked for.
  [[nodiscard]] Result<void> map(const auto& range) {
    const std::uint64_t aligned = range.offset - range.offset % window_bytes_;
    const std::uint64_t begin = std::max(aligned, range.object_begin);
    const std::uint64_t end = aligned + std::min<std::uint64_t>(window_bytes_, range.object_end - aligned);
    auto mapped = map_part(range, begin, end);
    if (mapped && !holds(range) && begin != range.offset) mapped = map_part(range, range.offset, end);
    if (!mapped || holds(range)) return mapped;
    let_go();
    return failure(errc::corrupted, "map stored bytes", "the object ends before its committed size");
  }
  [[nodiscard]] Result<void> map_part(const auto& range, std::uint64_t begin, std::uint64_t end) {
    let_go();
    const auto length = static_cast<std::size_t>(end - begin);
    auto window = range.backend->map(begin, length);
    if (!window && window.error() == errc::not_found) {
      return failure(errc::corrupted, "map a committed object", "it is gone from the store");
    }
    if (!window) return std::unexpected{std::move(window).error()};
    window_.emplace(std::move(*window));
    held_ = {range.id, begin, std::min(window_->bytes().size(), length)};
    return {};
  }

  [[nodiscard]] Result<void> copy(const auto& range, std::uint64_t offset) {
    let_go();
    if (!block_) block_.reset(new (std::nothrow) std::byte[block_bytes]);
    if (!block_) return failure(errc::no_space, "read", "no memory to read ahead");
    const std::span block{block_.get(), static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, range.length))};
    auto count = buffer_->read_at(stored_position_, offset, block);
    if (!count) return std::unexpected{std::move(count).error()};
    held_ = {range.id, range.offset, block.size()};
    return {};
  }

  static constexpr std::size_t block_bytes = std::size_t{64} << 10U;

  const Buffer* buffer_;
  std::size_t window_bytes_;
  std::optional<Window> window_{};
  detail::ContentBlock<block_bytes, is_wiping_memory<typename Buffer::memory_type>>
      block_{};  // where bytes are copied that cannot be mapped
  Held held_{};
  detail::ReadWindow shown_{};           // the position, and what peek() showed there
  std::uint64_t seen_changes_ = 0;       // the buffer's, when it was shown
  detail::ProcessIdentity process_ = 0;  // whose all of this is: a forked child must not touch its parent's files
  typename Buffer::stored_position stored_position_{};
};

}  // namespace hybridbuffer::inline v0_1
