#pragma once

#include <hybridbuffer/buffer_content.hpp>
#include <hybridbuffer/buffer_reader.hpp>
#include <hybridbuffer/buffer_stats.hpp>
#include <hybridbuffer/defaults.hpp>
#include <hybridbuffer/detail/buffer_parts.hpp>
#include <hybridbuffer/detail/content_block.hpp>
#include <hybridbuffer/detail/descriptor.hpp>
#include <hybridbuffer/detail/read_window.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/detail/text_reading.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/version.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// Satisfied by all types; a wrong one stops the compilation with the signatures that it lacks.
template <class Memory, class Spill, class Backend, class Storage>
concept explained_composition = explain_memory_policy<Memory>() && explain_spill_policy<Spill>() && explain_storage_backend<Backend>() &&
                                explain_storage_of<Storage, Backend>();

/// A byte buffer that lives in memory and moves to storage when its spill policy says so.
///
///     HybridBuffer<> buffer;                                    // 2 MiB in memory, then an anonymous file
///     buffer.append("any number of bytes").value();
///     std::array<std::byte, 64> block;
///     std::size_t count = buffer.read(block).value();           // in the order of their appending
///     buffer.discard_read().value();                            // gives back what was read, in memory and in storage
///
/// Bytes flow one way: appended to memory, spilled to the end of storage.
///
///     [ extent | extent | … ] [ memory, uncommitted window ]      first_offset() ≤ tell() ≤ size(), absolute for the buffer's life
///       committed in storage    append here
///
/// A call that fails changes nothing that can be observed and can be retried, except read_from and write_to, which are resumable. Every
/// call on a closed or moved-from buffer answers `closed`, but for close(), which succeeds.
/// Invalidates: spans from peek() and next_chunk() live until the next call that is not const.
/// Threads:     const members from any number at once; the rest needs external locking; distinct buffers are independent.
template <class MemoryPolicy = DefaultMemoryPolicy, class SpillPolicy = DefaultSpillPolicy, class Backend = DefaultBackend,
          class Storage = default_storage_t<Backend>>
  requires explained_composition<MemoryPolicy, SpillPolicy, Backend, Storage> && memory_policy<MemoryPolicy> && spill_policy<SpillPolicy> &&
           storage_backend<Backend> && storage_factory<Storage>
class HybridBuffer {
  using Content = BufferContent<MemoryPolicy, SpillPolicy, Backend, Storage>;
  // Keeps a constructor's parameters out of deduction, which is the guides' alone.
  template <class Part>
  using Given = std::type_identity_t<Part>;
  // Result<Value>, but as a type that depends on the class: an include does not pay for what members return that nobody calls.
  template <class Value>
  using Answer = Result<typename std::conditional_t<true, std::type_identity<Value>, MemoryPolicy>::type>;

 public:
  using memory_type = MemoryPolicy;  ///< The memory policy.
  using spill_type = SpillPolicy;    ///< The spill policy.
  using backend_type = Backend;      ///< The backend.
  using storage_type = Storage;
  using reader_type = BufferReader<HybridBuffer>;                  ///< What open_reader() returns.
  using stored_position = typename Content::Position;              ///< Where a reader stands in storage.
  static constexpr std::uint64_t everything = Content::unlimited;  ///< As a limit: none.

  // Construction -----------------------------------------------------------------------------------------------------------------

  /// An empty buffer. Touches neither the heap nor the storage.
  HybridBuffer()
    requires std::default_initializable<MemoryPolicy> && std::default_initializable<SpillPolicy> && std::default_initializable<Storage>
  = default;
  /// From any of its parts, in this order; what is left out is the default.
  explicit HybridBuffer(Given<MemoryPolicy> memory, Given<SpillPolicy> spill = SpillPolicy{}, Given<Storage> storage = Storage{})
      : content_{std::move(memory), std::move(spill), std::move(storage)} {}
  /// With the default spill policy.
  explicit HybridBuffer(Given<MemoryPolicy> memory, Given<Storage> storage)
      : HybridBuffer{std::move(memory), SpillPolicy{}, std::move(storage)} {}
  /// With the default memory policy.
  explicit HybridBuffer(Given<SpillPolicy> spill, Given<Storage> storage = Storage{})
      : HybridBuffer{MemoryPolicy{}, std::move(spill), std::move(storage)} {}
  /// With the default policies.
  explicit HybridBuffer(Given<Storage> storage) : HybridBuffer{MemoryPolicy{}, SpillPolicy{}, std::move(storage)} {}

  /// A buffer that holds a copy of `bytes`. Errors: as append().
  [[nodiscard]] static Result<HybridBuffer> from(std::span<const std::byte> bytes) {
    HybridBuffer buffer;
    if (auto done = buffer.append(bytes); !done) return std::unexpected{std::move(done).error()};
    return buffer;
  }
  /// The same for text.
  [[nodiscard]] static Result<HybridBuffer> from(std::string_view text) { return from(detail::bytes_of(text)); }

  /// Takes content, position and policies; `other` is empty and closed afterwards.
  /// Invalidates: readers, spans and iterators of both.
  HybridBuffer(HybridBuffer&& other) noexcept : content_{std::move(other.content_)} { take_position(other); }
  HybridBuffer& operator=(HybridBuffer&& other) noexcept {
    if (this == &other) return *this;
    read_position_.reset();
    content_ = std::move(other.content_);
    take_position(other);
    return *this;
  }
  /// Removes everything that was stored, best effort; close() reports.
  ~HybridBuffer() = default;

  // Appending --------------------------------------------------------------------------------------------------------------------

  /// Appends `bytes` at the end, spilling first if the spill policy asks for it. Large spans that go to storage are not copied.
  ///
  /// Requires:    `bytes` does not lie in this buffer's own memory, which peek(), a MappedReader or a view shows.
  /// Errors:      `limit_exceeded` from the spill policy, `no_space` when memory is full and may not spill, those of the storage.
  /// Invalidates: spans from peek().
  /// Cost:        a compare, a copy and an add while the granted window lasts; else at most one chunk, and one commit when it spills.
  [[nodiscard]] Result<void> append(std::span<const std::byte> bytes) {
    // Wraps for an empty span, so that one comparison sends it, the full window and the closed buffer the same way.
    if (bytes.size() - 1 < content_.window_room()) [[likely]] {
      content_.add(bytes);
      return {};
    }
    return append_beyond_window(bytes);
  }
  /// The same for text.
  [[nodiscard]] Result<void> append(std::string_view text) { return append(detail::bytes_of(text)); }
  /// The same for one byte.
  [[nodiscard]] Result<void> append(std::byte byte) { return append(std::span<const std::byte>{&byte, 1}); }
  /// The same for one byte of text.
  [[nodiscard]] Result<void> append(char unit) { return append(static_cast<std::byte>(unit)); }
  /// Appends the code point as UTF-8. Errors: `invalid_argument` for a surrogate or a value above U+10FFFF.
  [[nodiscard]] Result<void> append(char32_t code_point) {
    const auto encoded = detail::encode_code_point(code_point);
    if (encoded.length == 0 && open_) return failure(errc::invalid_argument, "append a code point", "not a Unicode scalar value");
    return append(encoded.text());
  }

  /// Appends what `source` delivers, up to `limit` bytes, read straight into the buffer's memory.
  ///
  /// Returns: how many bytes were taken; less than `limit` when the source ended.
  /// Errors:  those of the source and of append(); size() tells what was taken, all of which is in the buffer. `no_space` where the memory
  ///          policy gives no memory at all: what a source gave must have a place while it is stored. A spill policy that rejects is
  ///          asked before the source: that a source ends just at a `Capped` limit shows only to a caller who passes `limit`.
  ///
  /// The source may be this buffer, or a cursor over it; as each byte taken is then one more to come, only `limit` ends it.
  template <reader Source>
  [[nodiscard]] Result<std::uint64_t> read_from(Source& source, std::uint64_t limit = everything) {
    if (!open_) return failure(errc::closed, "read_from");
    const auto read_some = [&](std::span<std::byte> out) {
      Result<std::size_t> count = source.read(out);
      forget_memory_window();  // a source that reads this buffer has shown memory, which may be spilled next
      return count;
    };
    forget_memory_window();
    return content_.take_from(read_some, limit);
  }
  /// The same from a descriptor's current position; files go to storage inside the kernel once they exceed what memory may keep.
  [[nodiscard]] Result<std::uint64_t> read_from(int descriptor, std::uint64_t limit = everything) {
    if (!open_) return failure(errc::closed, "read_from");
    forget_memory_window();
    std::uint64_t moved = 0;
    const std::uint64_t ahead = std::min(limit, detail::known_bytes_ahead(descriptor));
    while (moved < ahead) {
      const auto taken = content_.store_from(descriptor, ahead - moved);
      if (!taken) return taken;
      if (*taken == 0) break;
      moved += *taken;
    }
    auto copied = content_.take_from([&](std::span<std::byte> out) { return detail::read_some(descriptor, out); }, limit - moved);
    if (copied) *copied += moved;
    return copied;
  }

  // Reading at the position ------------------------------------------------------------------------------------------------------

  /// Reads until `out` is full or the end is reached, and moves the position behind what was read.
  ///
  /// Returns: how many bytes were read; 0 only at the end or for an empty span.
  /// Errors:  those of the storage; `corrupted` when stored bytes are missing. The position then stays; `out` is unspecified.
  /// Cost:    one copy; pieces of 16 KiB and more come straight from storage, smaller ones through a read-ahead of 64 KiB.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
    if (out.size() - 1 < window_.size()) {
      window_.take(out);
      return out.size();
    }
    return read_beyond_window(out);
  }

  /// The next byte, or nothing at the end. Errors: as read().
  [[nodiscard]] Answer<std::optional<std::byte>> get() {
    if (window_.empty()) [[unlikely]] {
      if (auto filled = fill_read_window(); !filled) return std::unexpected{std::move(filled).error()};
      if (window_.empty()) return std::nullopt;
    }
    return window_.take();
  }

  /// Contiguous bytes at the position, without consuming them; empty at the end. What was appended since the last peek() may show only
  /// once that was consumed, but for memory policies that are not stable: of ContiguousMemory it is always all that is in memory.
  /// Errors: as read().
  [[nodiscard]] Result<std::span<const std::byte>> peek() {
    if constexpr (!is_stable_memory<MemoryPolicy>) static_cast<void>(show_memory());
    if (window_.empty()) {
      if (auto filled = fill_read_window(); !filled) return std::unexpected{std::move(filled).error()};
    }
    return window_.bytes();
  }
  /// Moves the position over bytes that peek() showed, also after appends; never beyond the end. Requires: `count` ≤ the size of the last
  /// peek(), and only appends and spills since.
  void consume(std::size_t count) noexcept {
    if (count <= window_.size()) [[likely]]
      window_.consume(count);
    else window_.move_to(tell() + std::min<std::uint64_t>(count, unread()));
  }

  /// Contiguous bytes at the position, consumed; empty at the end. Errors: as read().
  [[nodiscard]] Result<std::span<const std::byte>> next_chunk() {
    auto chunk = peek();
    if (chunk) window_.consume(chunk->size());
    return chunk;
  }

  /// The next `count` bytes, or what is left of them, as a copy. Errors: as read(); std::bad_alloc.
  [[nodiscard]] Answer<std::vector<std::byte>> next(std::uint64_t count) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(count, unread())));
    if (auto done = read(bytes); !done) return std::unexpected{std::move(done).error()};
    return bytes;
  }

  /// The next code point of UTF-8 text, or nothing at the end; U+FFFD for each byte that is not well-formed. Errors: as read().
  [[nodiscard]] Answer<std::optional<char32_t>> read_code_point() {
    std::array<std::byte, 4> units{};
    const auto window = peek();
    if (!window) return std::unexpected{window.error()};
    if (window->empty()) return std::nullopt;
    std::span<const std::byte> text = *window;
    if (text.size() < units.size()) {  // the code point may go on in the next chunk
      const auto count = read_at(tell(), units);
      if (!count) return std::unexpected{count.error()};
      text = {units.data(), *count};
    }
    const auto decoded = detail::decode_code_point(text);
    window_.seek(tell() + decoded.length);
    return decoded.point;
  }
  /// The bytes up to and including the first `delimiter`, or up to the end. Errors: as read(); std::bad_alloc.
  [[nodiscard]] Answer<std::vector<std::byte>> read_until(std::byte delimiter) {
    std::vector<std::byte> bytes;
    if (auto done = detail::read_until(*this, delimiter, bytes); !done) return std::unexpected{std::move(done).error()};
    return bytes;
  }
  /// The next line without its "\n" or "\r\n", or nothing at the end. Errors: as read(); std::bad_alloc.
  [[nodiscard]] Answer<std::optional<std::string>> read_line() {
    std::string line;
    if (auto done = detail::read_until(*this, std::byte{'\n'}, line); !done) return std::unexpected{std::move(done).error()};
    if (line.empty()) return std::nullopt;
    if (line.back() == '\n') {
      line.pop_back();
      if (line.ends_with('\r')) line.pop_back();
    }
    return line;
  }

  /// Writes up to `limit` unread bytes to `sink` and consumes what it accepted; does not close it.
  ///
  /// Returns: how many bytes the sink accepted.
  /// Errors:  those of the sink and of read(); tell() says how far it went.
  template <writer Sink>
  [[nodiscard]] Result<std::uint64_t> write_to(Sink& sink, std::uint64_t limit = everything) {
    const auto write_all = [&](std::span<const std::byte> bytes) -> Result<std::size_t> {
      if (auto done = sink.write(bytes); !done) return std::unexpected{std::move(done).error()};
      return bytes.size();
    };
    return drain_to(write_all, limit);
  }
  /// The same to a descriptor; stored bytes go inside the kernel where it can. A closed pipe raises SIGPIPE as write(2) does.
  [[nodiscard]] Result<std::uint64_t> write_to(int descriptor, std::uint64_t limit = everything) {
    if (!open_) return failure(errc::closed, "write_to");
    std::uint64_t moved = 0;
    while (moved < limit && tell() < content_.stored().end()) {
      const auto accepted = content_.stored().transfer_to(descriptor, tell(), limit - moved);
      if (!accepted && accepted.error() == errc::unsupported) break;
      if (!accepted) return accepted;
      if (*accepted == 0) break;
      window_.seek(tell() + *accepted);
      moved += *accepted;
    }
    auto copied = drain_to([&](std::span<const std::byte> bytes) { return detail::write_some(descriptor, bytes); }, limit - moved);
    if (copied) *copied += moved;
    return copied;
  }

  /// Moves the position. Returns: the new one.
  /// Errors: `invalid_argument` outside [first_offset(), size()] or for an unknown whence; the position then stays.
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::begin) {
    if (!open_) return failure(errc::closed, "seek");
    const auto target = detail::seek_target(offset, whence, tell(), size());
    if (!target) return target;
    if (*target < first_offset_ || *target > size()) return failure(errc::invalid_argument, "seek", "outside the buffer's content");
    window_.seek(*target);
    return target;
  }

  /// The position that the next read starts from.
  [[nodiscard]] std::uint64_t tell() const noexcept { return window_.position(); }

  // Reading anywhere -------------------------------------------------------------------------------------------------------------

  /// Reads `out.size()` bytes from `offset` on; short only at the end, 0 at and beyond it.
  ///
  /// Errors:  `invalid_argument` below first_offset(); those of the storage; `corrupted` when stored bytes are missing.
  /// Cost:    one copy and one read_at an extent. A backend without reader_at and seeker reads its object from the start each time.
  /// Threads: any number at once.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
    stored_position position;
    return read_at(position, offset, out);
  }

  /// An independent cursor over this buffer, at `tell()`. Valid until the buffer is moved from or destroyed.
  [[nodiscard]] reader_type open_reader() const& noexcept { return reader_type{*this, tell()}; }
  [[nodiscard]] reader_type open_reader() const&& = delete;

  /// A copy of the unread bytes, which stay unread. Errors: as read_at(); std::bad_alloc.
  [[nodiscard]] Answer<std::vector<std::byte>> to_bytes() const { return copy_unread<std::vector<std::byte>>(); }
  /// The same as text.
  [[nodiscard]] Answer<std::string> to_string() const { return copy_unread<std::string>(); }

  // Size and place ---------------------------------------------------------------------------------------------------------------

  /// The absolute offset of the end: all that was appended and not truncated.
  [[nodiscard]] std::uint64_t size() const noexcept { return content_.size(); }
  /// The offset below which everything was discarded.
  [[nodiscard]] std::uint64_t first_offset() const noexcept { return first_offset_; }
  /// How many bytes there are from the position to the end.
  [[nodiscard]] std::uint64_t unread() const noexcept { return size() - tell(); }
  [[nodiscard]] bool empty() const noexcept { return size() == first_offset_; }
  /// Bytes of memory held for content, used or not.
  [[nodiscard]] std::uint64_t capacity() const noexcept { return content_.capacity(); }
  /// Bytes that can be appended before the spill policy is asked again.
  [[nodiscard]] std::uint64_t room() const noexcept { return content_.room(); }
  /// Whether any byte is in storage.
  [[nodiscard]] bool is_spilled() const noexcept { return content_.committed() != 0; }
  /// Whether it was neither closed nor moved from.
  [[nodiscard]] bool is_open() const noexcept { return open_; }

  /// True when appending `count` bytes now would touch the storage.
  [[nodiscard]] bool would_spill(std::uint64_t count) const { return open_ && content_.would_spill(count); }

  /// Where the bytes are, and what has happened to them.
  [[nodiscard]] BufferStats stats() const noexcept {
    const auto& stored = content_.stored();
    BufferStats stats{.in_memory = content_.memory().size() + content_.in_flight(),
                      .in_flight = content_.in_flight(),
                      .memory_capacity = content_.capacity(),
                      .read_ahead_capacity = read_ahead_ ? read_ahead_bytes : 0,
                      .pooled = 0,
                      .stored = content_.committed(),
                      .stored_held = stored.held_bytes(),
                      .locations = stored.locations(),
                      .spills = content_.spills(),
                      .spilled = content_.spilled(),
                      .publish_copied = publish_copied_};
    if constexpr (requires { MemoryPolicy::pooled_bytes(); }) stats.pooled = MemoryPolicy::pooled_bytes();
    return stats;
  }

  // Changing what is held --------------------------------------------------------------------------------------------------------

  /// Asks the memory policy for room for `count` more bytes, where the spill policy would keep all of them. Policies that hold chunks take
  /// one at most. The memory, and what the spill policy grants for all of it, stay with the buffer, also while it is empty: until memory
  /// is emptied by a spill, a spill() or discard_read() that finds it empty, truncate(), reset() or close(). ContiguousMemory gives back
  /// what it reserved when a discard_read() leaves less than a quarter of it.
  ///
  /// Errors: `closed`. What cannot be had now is no error: an append asks again, and what an earlier call reserved stays.
  [[nodiscard]] Result<void> reserve(std::uint64_t count) {
    if (!open_) return failure(errc::closed, "reserve");
    forget_memory_window();
    content_.reserve(count);
    return {};
  }

  /// Moves what is in memory to storage now. Errors: those of the storage.
  [[nodiscard]] Result<void> spill() {
    if (!open_) return failure(errc::closed, "spill");
    forget_memory_window();
    return content_.spill();
  }

  /// Makes size() `size`; a position beyond it moves there. O(1) in content: nothing is loaded. But of a file whose bytes went to a pipe or
  /// a socket, which may hold pages of it still, what is kept and was not discarded is copied.
  ///
  /// Errors: `invalid_argument` below first_offset() or above size(). `closed` in a forked child, for what its parent's worker was storing
  ///         at the fork and all before it (Overlapped).
  [[nodiscard]] Result<void> truncate(std::uint64_t size) {
    if (!open_) return failure(errc::closed, "truncate");
    if (size < first_offset_ || size > this->size()) return failure(errc::invalid_argument, "truncate", "outside the buffer's content");
    if (auto done = content_.truncate(size); !done) return done;
    ++changes_;
    window_.move_to(std::min(tell(), size));
    read_position_.reset();
    overwrite_read_ahead();
    return {};
  }

  /// Forgets what was read: first_offset() becomes tell(). Gives memory back, and storage: whole locations, and parts of one where the
  /// backend can discard. Errors: `closed` in a forked child while its parent's worker was storing at the fork (Overlapped).
  [[nodiscard]] Result<void> discard_read() {
    if (!open_) return failure(errc::closed, "discard_read");
    const std::uint64_t position = tell();
    if (position == first_offset_ && !empty()) return {};
    forget_memory_window();
    const auto removed = content_.discard_front(position);
    if (!removed) return std::unexpected{removed.error()};
    if (*removed) read_position_.reset();
    first_offset_ = position;
    overwrite_read_ahead();
    return {};
  }

  /// Gives [first_offset(), size()) a lasting name in the storage (a path, a key). The buffer stays readable.
  ///
  /// Errors: `already_exists` in mode keep; `unsupported` where the backend cannot; those of the storage. The destination is then
  ///         untouched; what was in memory may be in storage.
  /// Cost:   no copy when everything is one stored object, after its tail was spilled; else one copy, counted in stats().
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode = PublishMode::keep) {
    if (!open_) return failure(errc::closed, "publish");
    if constexpr (may_have<Backend>(Capability::publish)) {
      forget_memory_window();
      const auto copied = content_.publish(destination, mode);
      if (!copied) return std::unexpected{copied.error()};
      publish_copied_ += *copied;
      return {};
    } else {
      return failure(errc::unsupported, "publish");
    }
  }

  /// Removes all content; offsets start at 0 again. Errors: the first that a removal from the storage answered; the buffer is empty then
  /// as well.
  [[nodiscard]] Result<void> reset() {
    if (!open_) return failure(errc::closed, "reset");
    return remove_content();
  }

  /// Removes all content and gives everything back; the buffer answers `closed` from now on. Idempotent.
  /// Errors: the first that a removal from the storage answered; the buffer is closed then as well.
  [[nodiscard]] Result<void> close() {
    if (!open_) return {};
    open_ = false;
    read_ahead_.reset();
    return remove_content();
  }

 private:
  template <class Buffer>
  friend class BufferReader;
  template <class Buffer>
  friend class MappedReader;
  template <class Buffer, class Container>
  friend Result<void> detail::read_until(Buffer&, std::byte, Container&);

  void take_position(HybridBuffer& other) noexcept {
    window_.move_to(other.tell());
    other.window_.move_to(0);
    other.read_position_.reset();
    first_offset_ = std::exchange(other.first_offset_, 0);
    read_ahead_ = std::move(other.read_ahead_);
    publish_copied_ = std::exchange(other.publish_copied_, 0);
    open_ = std::exchange(other.open_, false);
  }

  // Memory may move, or go to storage, with the call that follows; what was read ahead from storage stays as it is.
  void forget_memory_window() noexcept {
    ++changes_;
    if (!window_.empty() && tell() >= content_.stored().end()) window_.move_to(tell());
  }
  void return_to(std::uint64_t position) noexcept { window_.move_to(position); }
  // What was removed is nowhere any more, where the memory policy promises as much of memory.
  void overwrite_read_ahead() noexcept {
    if constexpr (is_wiping_memory<MemoryPolicy>) {
      window_.move_to(tell());
      read_ahead_.wipe();
    }
  }

  // Out of line, so that what is inlined at each call is the compare, the copy and the add.
  [[nodiscard, gnu::noinline]] Result<void> append_beyond_window(std::span<const std::byte> bytes) {
    if (!open_) return failure(errc::closed, "append");
    if (bytes.empty()) return {};
    forget_memory_window();
    return content_.append(bytes);
  }

  template <class WriteSome>
  [[nodiscard]] Result<std::uint64_t> drain_to(WriteSome&& write_some, std::uint64_t limit) {
    if (!open_) return failure(errc::closed, "write_to");
    std::uint64_t written = 0;
    while (written < limit) {
      const auto shown = peek();
      if (!shown) return std::unexpected{shown.error()};
      if (shown->empty()) break;
      const auto bytes = shown->first(static_cast<std::size_t>(std::min<std::uint64_t>(shown->size(), limit - written)));
      const Result<std::size_t> count = write_some(bytes);
      if (!count) return std::unexpected{count.error()};
      consume(*count);
      written += *count;
    }
    return written;
  }

  [[nodiscard, gnu::noinline]] Result<void> fill_read_window() {
    if (!open_) return failure(errc::closed, "read");
    if (const std::uint64_t position = tell(); position < content_.stored().end()) return fill_read_ahead(position);
    static_cast<void>(show_memory());
    return {};
  }
  // Shows the bytes in memory at the position. False: there are none.
  [[nodiscard]] bool show_memory() noexcept {
    const std::uint64_t position = tell();
    const std::uint64_t stored_end = content_.stored().end();
    if (position < stored_end || position == size()) return false;
    window_.show(content_.memory().chunk_at(position - stored_end), position);
    return true;
  }

  [[nodiscard]] Result<void> fill_read_ahead(std::uint64_t position) {
    if (!read_ahead_) read_ahead_.reset(new (std::nothrow) std::byte[read_ahead_bytes]);
    if (!read_ahead_) return failure(errc::no_space, "read", "no memory to read ahead");
    const std::uint64_t left = content_.stored().end() - position;
    const std::span<std::byte> ahead{read_ahead_.get(), static_cast<std::size_t>(std::min<std::uint64_t>(read_ahead_bytes, left))};
    window_.move_to(position);
    auto done = content_.stored().read(read_position_, position, ahead);
    if (done) window_.show(ahead, position);
    return done;
  }

  [[nodiscard, gnu::noinline]] Result<std::size_t> read_beyond_window(std::span<std::byte> out) {
    if (!open_) return failure(errc::closed, "read");
    if (window_.empty() && show_memory() && out.size() - 1 < window_.size()) {
      window_.take(out);
      return out.size();
    }
    return read_in_pieces(out);
  }

  [[nodiscard, gnu::noinline]] Result<std::size_t> read_in_pieces(std::span<std::byte> out) {
    const std::uint64_t start = tell();
    const auto wanted = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), unread())));
    Result<void> done;
    try {
      done = read_pieces(wanted);
    } catch (...) {
      return_to(start);
      throw;
    }
    if (done) return wanted.size();
    return_to(start);
    return std::unexpected{std::move(done).error()};
  }

  [[nodiscard]] Result<void> read_pieces(std::span<std::byte> out) {
    while (!out.empty()) {
      std::size_t count = std::min(out.size(), window_.size());
      if (count != 0) {
        window_.take(out.first(count));
      } else {
        const std::uint64_t position = tell();
        const std::uint64_t stored = content_.stored().end() > position ? content_.stored().end() - position : 0;
        count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), stored));
        if (count < direct_read_bytes) {
          if (auto filled = fill_read_window(); !filled) return filled;
          continue;
        }
        if (auto done = content_.stored().read(read_position_, position, out.first(count)); !done) return done;
        window_.move_to(position + count);
      }
      out = out.subspan(count);
    }
    return {};
  }

  [[nodiscard]] Result<std::size_t> read_at(stored_position& position, std::uint64_t offset, std::span<std::byte> out) const {
    if (!open_) return failure(errc::closed, "read_at");
    if (offset < first_offset_) return failure(errc::invalid_argument, "read_at", "below the buffer's first offset");
    if (offset >= size()) return std::size_t{0};
    out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size() - offset)));
    if (auto done = content_.read_at(position, offset, out); !done) return std::unexpected{std::move(done).error()};
    return out.size();
  }

  template <class Container>
  [[nodiscard]] Result<Container> copy_unread() const {
    Container content(static_cast<std::size_t>(unread()), typename Container::value_type{});
    const auto done = read_at(tell(), {reinterpret_cast<std::byte*>(content.data()), content.size()});
    if (!done) return std::unexpected{done.error()};
    return content;
  }

  [[nodiscard]] Result<void> remove_content() {
    ++changes_;
    window_.move_to(0);
    first_offset_ = 0;
    read_position_.reset();
    overwrite_read_ahead();
    return content_.remove_all();
  }

  static constexpr std::size_t read_ahead_bytes = std::size_t{64} << 10U;
  static constexpr std::size_t direct_read_bytes = std::size_t{16} << 10U;

  detail::ContentBlock<read_ahead_bytes, is_wiping_memory<MemoryPolicy>>
      read_ahead_{};  // first, beside what else the end of a buffer looks at
  Content content_;   // not {}: that would zero all of an InlineMemory first
  detail::ReadWindow window_{};
  std::uint64_t first_offset_ = 0;
  [[no_unique_address]] stored_position read_position_{};  // where sequential reads of storage stand
  std::uint64_t publish_copied_ = 0;
  std::uint64_t changes_ = 0;  // calls that may have ended a span that somebody was shown
  bool open_ = true;
};

// All three parts as they are given, so that a wrong one is explained; of fewer, each in the place that its concept says.
/// All parts are the default ones. (A template, so that the default composition is looked at where one is made, not at each include.)
template <class Memory = DefaultMemoryPolicy>
HybridBuffer() -> HybridBuffer<Memory>;
/// All parts as they are given.
template <class Memory, class Spill, class Storage>
HybridBuffer(Memory, Spill, Storage) -> HybridBuffer<Memory, Spill, backend_of_t<Storage>, Storage>;
/// Each of two parts in the place that its concept says.
template <class First, class Second>
HybridBuffer(First, Second) -> HybridBuffer<detail::memory_part<First, Second>, detail::spill_part<First, Second>,
                                            backend_of_t<detail::storage_part<First, Second>>, detail::storage_part<First, Second>>;
/// One part in the place that its concept says.
template <class Only>
HybridBuffer(Only) -> HybridBuffer<detail::memory_part<Only>, detail::spill_part<Only>, backend_of_t<detail::storage_part<Only>>,
                                   detail::storage_part<Only>>;

}  // namespace hybridbuffer::inline v0_1
