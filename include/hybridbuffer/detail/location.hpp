#pragma once

#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// Reads until `out` is full. A clean end before that means that stored bytes are missing.
///
/// Returns: how many bytes were read: out.size(), or fewer when the handle shows no more.
template <class ReadSome>
[[nodiscard]] Result<std::size_t> read_fully(std::span<std::byte> out, ReadSome&& read_some) {
  std::size_t done = 0;
  while (done < out.size()) {
    const Result<std::size_t> count = read_some(done, out.subspan(done));
    if (!count) return count;
    if (*count > out.size() - done) return failure(errc::corrupted, "read more bytes than were asked for");
    if (*count == 0) break;
    done += *count;
  }
  return done;
}

[[nodiscard]] inline Result<void> all_read(const Result<std::size_t>& count, std::size_t wanted) {
  if (!count) return std::unexpected{count.error()};
  if (*count != wanted) return failure(errc::corrupted, "read stored bytes", "the object ends before its committed size");
  return {};
}

/// One backend and what the buffer knows of the object in it.
///
/// Owned by the extents that refer to it, counted in `extents`. Const members are safe from many threads at once.
template <storage_backend Backend>
class Location {
  struct NoHandle {};
  template <bool available, class Open>
  static auto handle_type() {
    if constexpr (available) return std::type_identity<value_of<decltype(Open{}(std::declval<const Backend&>()))>>{};
    else return std::type_identity<NoHandle>{};
  }
  struct OpenReaderAt {
    auto operator()(const Backend& source) const { return source.open_reader_at(); }
  };
  struct OpenSeeker {
    auto operator()(const Backend& source) const { return source.open_seeker(); }
  };

  static constexpr bool may_read_at = may_have<Backend>(Capability::reader_at);
  static constexpr bool always_reads_at = may_read_at && declares_at_compile_time<Backend>;
  static constexpr bool may_seek = may_have<Backend>(Capability::seeker);
  using ReaderAt = typename decltype(handle_type<may_read_at, OpenReaderAt>())::type;
  using Seeker = typename decltype(handle_type<may_seek, OpenSeeker>())::type;
  using Reader = value_of<decltype(std::declval<const Backend&>().open())>;

 public:
  explicit Location(Backend&& owned, std::uint64_t identity) : backend{std::move(owned)}, id{identity} {}
  ~Location() { forget_handles(); }
  Location(const Location&) = delete;
  Location& operator=(const Location&) = delete;

  [[nodiscard]] bool has(Capability member) const noexcept { return capabilities_of(backend).has(member); }
  [[nodiscard]] std::uint64_t max_object_size() const noexcept {
    if constexpr (may_have<Backend>(Capability::max_object_size)) {
      if (has(Capability::max_object_size)) return backend.max_object_size();
    }
    return std::numeric_limits<std::uint64_t>::max();
  }

  /// For backends that always have a reader_at.
  struct NoPosition {
    void reset() noexcept {}
  };
  /// A sequential position in a location, for backends that have no reader_at: goes on where the last read ended.
  class SequentialPosition {
   public:
    void reset() noexcept {
      reader_.reset();
      seeker_.reset();
      id_ = 0;
    }

   private:
    friend class Location;
    std::optional<Reader> reader_;
    std::optional<Seeker> seeker_;
    std::uint64_t id_ = 0;
    std::uint64_t offset_ = 0;
  };
  using Position = std::conditional_t<always_reads_at, NoPosition, SequentialPosition>;

  /// Reads exactly `out.size()` bytes of the object from `offset` on, by the best route that the backend has.
  ///
  /// Requires: offset + out.size() ≤ committed.
  /// Errors:   `corrupted` when the object is shorter than what was committed; those of the backend.
  /// Cost:     one read_at; without reader_at one seek and read; without either, and when `position` is not at `offset` or before, the
  ///           object is read from its start.
  /// Threads:  any number at once, each with a position of its own.
  [[nodiscard]] Result<void> read_at([[maybe_unused]] Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    if constexpr (may_read_at) {
      if (always_reads_at || has(Capability::reader_at)) return read_at_handle(offset, out);
    }
    if constexpr (!always_reads_at) return read_sequentially(position, offset, out);
  }

  /// Forgets every cached handle; those of other cursors too, which recognise it by the changed id.
  /// Threads: none other in this buffer.
  void forget_handles(std::uint64_t new_identity) noexcept {
    forget_handles();
    id = new_identity;
  }

  /// Forgets all cached handles but the one that was opened last: those before it show less.
  /// Threads: none other in this buffer.
  void forget_older_handles() noexcept {
    HandleNode* newest = handles_.load(Order::acquire);
    if (newest != nullptr) delete_all(std::exchange(newest->next, nullptr));
  }

  Backend backend;
  std::uint64_t id;              ///< changes when open handles no longer show the object
  std::uint64_t committed = 0;   ///< the object's size, by every commit that succeeded
  std::uint64_t live = 0;        ///< bytes of it that extents refer to
  std::uint64_t discarded = 0;   ///< bytes at its front whose storage was given back
  std::size_t extents = 0;       ///< how many refer to it
  bool sealed = false;           ///< takes no further append: its close was indeterminate, or it was published
  bool published = false;        ///< has a lasting name: takes no change at all
  bool publish_unclear = false;  ///< and only perhaps: the call that was to give it one failed without an answer

 private:
  // Handles are only ever added while readers may be at work; a newer one is put before those that show less.
  struct HandleNode {
    ReaderAt handle;
    std::uint64_t shows;  // at least so many bytes
    HandleNode* next;
  };

  static void delete_all(HandleNode* node) noexcept {
    while (node != nullptr) delete std::exchange(node, node->next);
  }
  void forget_handles() noexcept { delete_all(handles_.exchange(nullptr, Order::acq_rel)); }

  [[nodiscard]] Result<void> read_at_handle(std::uint64_t offset, std::span<std::byte> out) const {
    const HandleNode* node = handles_.load(Order::acquire);
    if (node != nullptr) {
      const auto count = read_fully(out, [&](std::size_t done, auto rest) { return node->handle.read_at(offset + done, rest); });
      // A handle may show the size at its opening: only one that was opened after the commit proves that bytes are missing.
      if (!count || *count == out.size() || offset + out.size() <= node->shows) return all_read(count, out.size());
    }
    const Result<const HandleNode*> fresh = add_handle();
    if (!fresh) return std::unexpected{fresh.error()};
    return all_read(read_fully(out, [&](std::size_t done, auto rest) { return (*fresh)->handle.read_at(offset + done, rest); }),
                    out.size());
  }

  [[nodiscard]] Result<const HandleNode*> add_handle() const {
    auto handle = backend.open_reader_at();
    if (!handle) return std::unexpected{missing_is_corrupted(std::move(handle).error())};
    auto* node = new HandleNode{std::move(*handle), committed, handles_.load(Order::acquire)};
    while (!handles_.compare_exchange(node->next, node, Order::acq_rel)) {}
    return node;
  }

  // Lets go of a handle that stands nobody knows where, because its read failed or an exception passed.
  class ResetUnlessRead {
   public:
    explicit ResetUnlessRead(Position& position) noexcept : position_{&position} {}
    ~ResetUnlessRead() {
      if (position_ != nullptr) position_->reset();
    }
    ResetUnlessRead(const ResetUnlessRead&) = delete;
    ResetUnlessRead& operator=(const ResetUnlessRead&) = delete;
    void dismiss() noexcept { position_ = nullptr; }

   private:
    Position* position_;
  };

  [[nodiscard]] Result<void> read_sequentially(Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    ResetUnlessRead guard{position};
    if (position.id_ == id && can_go_on(position, offset)) {
      const auto count = read_on(position, offset, out);
      if (!count) return std::unexpected{count.error()};
      if (*count == out.size()) {
        guard.dismiss();
        return {};
      }
    }
    // No usable handle, or one that shows an earlier size.
    if (auto opened = open_position(position, offset); !opened) return opened;
    const auto count = read_on(position, offset, out);
    if (count && *count == out.size()) guard.dismiss();
    return all_read(count, out.size());
  }

  // A seeker that is open goes anywhere, a reader forward only.
  [[nodiscard]] static bool can_go_on(Position& position, std::uint64_t offset) {
    if constexpr (may_seek) {
      if (position.seeker_ && position.offset_ != offset) {
        if (!position.seeker_->seek(static_cast<std::int64_t>(offset), Whence::begin)) return false;
        position.offset_ = offset;
      }
    }
    return position.offset_ <= offset;
  }

  [[nodiscard]] Result<void> open_position(Position& position, std::uint64_t offset) const {
    position.reset();
    if constexpr (may_seek) {
      if (has(Capability::seeker)) {
        auto opened = backend.open_seeker();
        if (!opened) return std::unexpected{missing_is_corrupted(std::move(opened).error())};
        const auto moved = opened->seek(static_cast<std::int64_t>(offset), Whence::begin);
        if (!moved) return std::unexpected{moved.error()};
        position.seeker_.emplace(std::move(*opened));
        position.id_ = id;
        position.offset_ = offset;
        return {};
      }
    }
    auto opened = backend.open();
    if (!opened) return std::unexpected{missing_is_corrupted(std::move(opened).error())};
    position.reader_.emplace(std::move(*opened));
    position.id_ = id;
    position.offset_ = 0;
    return {};
  }

  // Reads on to `offset`, and fills `out` from there.
  [[nodiscard]] Result<std::size_t> read_on(Position& position, std::uint64_t offset, std::span<std::byte> out) const {
    const auto read_some = [&](std::span<std::byte> rest) -> Result<std::size_t> {
      Result<std::size_t> count = read_from_handle(position, rest);
      if (count) position.offset_ += *count;
      return count;
    };
    if (position.offset_ < offset) {
      if (auto skipped = skip_to(position, offset, out, read_some); !skipped || position.offset_ < offset) return skipped;
    }
    return read_fully(out, [&](std::size_t, auto rest) { return read_some(rest); });
  }
  // `out` itself is the scratch space where it is larger than one on the stack, which is overwritten: a secret may be in what is skipped.
  template <class ReadSome>
  [[nodiscard]] static Result<std::size_t> skip_to(const Position& position, std::uint64_t offset, std::span<std::byte> out,
                                                   ReadSome& read_some) {
    struct Scratch {
      std::array<std::byte, 4096> bytes;
      ~Scratch() { ::explicit_bzero(bytes.data(), bytes.size()); }
    } scratch;
    const std::span<std::byte> skipped = out.size() < scratch.bytes.size() ? std::span<std::byte>{scratch.bytes} : out;
    Result<std::size_t> count{0};
    while (position.offset_ < offset) {
      count = read_some(skipped.first(static_cast<std::size_t>(std::min<std::uint64_t>(skipped.size(), offset - position.offset_))));
      if (!count || *count == 0) break;
    }
    return count;
  }

  [[nodiscard]] static Result<std::size_t> read_from_handle(Position& position, std::span<std::byte> out) {
    if constexpr (may_seek) {
      if (position.seeker_) return position.seeker_->read(out);
    }
    return position.reader_->read(out);  // NOLINT(bugprone-unchecked-optional-access): there is one of the two
  }

  // What was committed must be there: its absence is damage, not a legitimate answer.
  [[nodiscard]] static Error missing_is_corrupted(Error error) {
    if (error == errc::not_found) return {errc::corrupted, "open a committed object", "it is gone from the store"};
    return error;
  }

  mutable Atomic<HandleNode*> handles_{nullptr};
};

}  // namespace hybridbuffer::inline v0_1::detail
