#pragma once

#include <hybridbuffer/backend/memory_blocks.hpp>
#include <hybridbuffer/detail/descriptor.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/seeking_reader.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Settings of a MemoryStorage.
struct MemoryOptions {
  /// The most that one location may hold: a write beyond it is `limit_exceeded`.
  std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max();
};

template <std::size_t BlockBytes>
class BasicMemoryStorage;

/// A location in the memory of the process: a reference-counted list of fixed blocks, with every capability but publish (nothing in a
/// process's memory has a name that outlives it).
///
///     MemoryBackend location = MemoryStorage{}.create_backend().value();
///     auto writer = location.create().value();
///     writer.write(bytes).value();
///     writer.close().value();                       // from here on visible to open(), open_reader_at(), map()
///     auto reader = location.open().value();
///
/// Readers and windows share the blocks: they keep the bytes of an object that was replaced, removed or outlived. A reader shows the
/// object grow and shrink. Running out of memory is `no_space`, here and in the handles.
/// Cost: a block of memory for each `BlockBytes` of content, the last one as large as the others.
template <std::size_t BlockBytes>
class BasicMemoryBackend {
  using Object = detail::MemoryObject<BlockBytes>;
  using ObjectRef = detail::CountedRef<Object>;

 public:
  using storage_type = BasicMemoryStorage<BlockBytes>;
  using Window = detail::MemoryWindow<BlockBytes>;
  class Writer;
  class ReaderAt;
  using Reader = SeekingReader<ReaderAt>;

  static constexpr std::size_t block_bytes = BlockBytes;  ///< The size of a block.

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, seeker, append, shrink, discard, map, transfer, gather, max_object_size};
  }

  /// A new, empty location. Errors: std::bad_alloc; MemoryStorage::create_backend() returns it as `no_space`.
  explicit BasicMemoryBackend(MemoryOptions options = {}) : max_bytes_{options.max_bytes} {}

  /// Errors: `busy` while a writer is open, `no_space`, `closed`.
  [[nodiscard]] Result<Writer> create() {
    auto state = location_.start_writer("create an object in memory");
    if (!state) return std::unexpected{std::move(state).error()};
    return make_writer(std::move(*state), ObjectRef{});
  }
  /// Errors: as create().
  [[nodiscard]] Result<Writer> append() {
    auto state = location_.start_writer("append to an object in memory");
    if (!state) return std::unexpected{std::move(state).error()};
    auto object = location_.read("append to an object in memory", [](const ObjectRef& current) { return Result<ObjectRef>{current}; });
    if (!object) return std::unexpected{std::move(object).error()};
    return make_writer(std::move(*state), std::move(*object));
  }

  /// Errors: `not_found`, `closed`.
  [[nodiscard]] Result<Reader> open() const {
    auto object = committed("open an object in memory");
    if (!object) return std::unexpected{std::move(object).error()};
    return Reader{ReaderAt{std::move(*object)}};
  }
  [[nodiscard]] Result<Reader> open_seeker() const { return open(); }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const {
    auto object = committed("open an object in memory");
    if (!object) return std::unexpected{std::move(object).error()};
    return ReaderAt{std::move(*object)};
  }

  [[nodiscard]] Result<void> remove() {
    ObjectRef removed;  // let go of outside the location's lock
    return location_.remove("remove an object from memory", [&](ObjectRef& object) {
      std::swap(object, removed);
      return Result<void>{};
    });
  }

  /// Errors: `invalid_argument` when `size` exceeds the object's, `not_found`, `busy` while a writer is open, `closed`; `no_space` when
  ///         a window shows the block that holds the new end and there is no memory for a copy. Cost: O(blocks freed).
  [[nodiscard]] Result<void> shrink(std::uint64_t size) {
    return location_.change("shrink an object in memory", [&](ObjectRef& object) -> Result<void> {
      if (!object) return failure(errc::not_found, "shrink an object in memory");
      if (size > object->size()) return failure(errc::invalid_argument, "shrink an object in memory", "to more than its size");
      if (!object->shrink(size)) return failure(errc::no_space, "shrink an object in memory", "out of memory");
      return {};
    });
  }

  /// Frees the blocks that lie wholly in the range, which then reads as zeros there; what exceeds the object is ignored.
  /// Errors: `not_found`, `busy` while a writer is open, `closed`. Cost: O(blocks in the range).
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n) {
    return location_.change("discard a range in memory", [&](ObjectRef& object) -> Result<void> {
      if (!object) return failure(errc::not_found, "discard a range in memory");
      object->discard(offset, n);
      return {};
    });
  }

  /// Lends between 1 and n bytes from `offset` on without copying; none at the end and behind it.
  /// Errors: `not_found`, `closed`.
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const {
    auto object = committed("map an object in memory");
    if (!object) return std::unexpected{std::move(object).error()};
    return (*object)->window(offset, n);
  }

  /// Writes up to n bytes from `offset` on to the descriptor, at its own position.
  ///
  /// Returns: how many: n, or fewer at the object's end or because an error came after some; the next call meets that error.
  /// Errors:  `not_found`, `closed`, `unavailable` when the descriptor would block, those of write(2). Nothing was moved. SIGPIPE is the
  ///          caller's matter.
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const {
    auto object = committed("transfer from memory");
    if (!object) return std::unexpected{std::move(object).error()};
    std::uint64_t moved = 0;
    while (moved < n) {
      const Window window = (*object)->window(offset + moved, n - moved);
      if (window.bytes().empty()) break;
      auto count = detail::write_some(descriptor, window.bytes());
      if (!count && moved == 0) return std::unexpected{std::move(count).error()};
      if (!count) break;
      moved += *count;
    }
    return moved;
  }

  /// Extends the object by up to n bytes read from the descriptor's position, committed when this returns.
  ///
  /// Returns: how many: n, or fewer at the source's end or because an error came after some; the next call meets that error. 0 only at
  ///          the source's end or for n = 0; nothing is committed then.
  /// Errors:  `limit_exceeded` when the location is full, `unavailable` when the descriptor would block, `busy`, `no_space`, `closed`,
  ///          those of read(2). Nothing was taken.
  [[nodiscard]] Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n) {
    auto writer = append();
    if (!writer) return std::unexpected{std::move(writer).error()};
    return writer->take_from(descriptor, n);
  }

  [[nodiscard]] std::uint64_t max_object_size() const noexcept { return max_bytes_; }

 private:
  [[nodiscard]] Result<ObjectRef> committed(OperationName operation) const {
    return location_.read(operation, [&](const ObjectRef& object) -> Result<ObjectRef> {
      if (!object) return failure(errc::not_found, operation);
      return object;
    });
  }

  [[nodiscard]] Result<Writer> make_writer(WriterState<ObjectRef> state, ObjectRef object) const {
    if (!object) object = ObjectRef::make();
    if (!object) return failure(errc::no_space, "start an object in memory", "out of memory");
    return Writer{std::move(state), std::move(object), max_bytes_};
  }

  LocationState<ObjectRef> location_;
  std::uint64_t max_bytes_;
};

/// Delivers any window of an object.
template <std::size_t BlockBytes>
class BasicMemoryBackend<BlockBytes>::ReaderAt {
 public:
  /// Returns: bytes.size(), or what is left before the object's end. Errors: `closed`.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read from memory"); !usable) return std::unexpected{std::move(usable).error()};
    std::size_t done = 0;
    while (done < bytes.size()) {
      const Window window = object_->window(offset + done, bytes.size() - done);
      if (window.bytes().empty()) break;
      std::memcpy(bytes.data() + done, window.bytes().data(), window.bytes().size());
      done += window.bytes().size();
    }
    return done;
  }
  /// The object's size now. Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("size of an object in memory"); !usable) return std::unexpected{std::move(usable).error()};
    return object_->size();
  }

 private:
  friend BasicMemoryBackend;
  explicit ReaderAt(ObjectRef object) noexcept : object_{std::move(object)} {}

  ReaderState state_;
  ObjectRef object_;
};

/// Extends an object, a new one for create(). Until close() the new bytes are in blocks of its own and behind the object's end.
template <std::size_t BlockBytes>
class BasicMemoryBackend<BlockBytes>::Writer {
 public:
  /// Errors: `limit_exceeded` beyond max_bytes, `no_space`, `closed`.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&] { return store(bytes); });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces) {
    return state_.write([&]() -> Result<void> {
      for (const std::span<const std::byte> piece : pieces) {
        if (auto stored = store(piece); !stored) return stored;
      }
      return {};
    });
  }

  /// Errors: that of an earlier write; `not_found` when the location was removed or destroyed; `closed`. Cost: O(blocks added).
  [[nodiscard]] Result<void> close() {
    auto verdict = state_.close([&](ObjectRef& committed) {
      added_.truncate(Object::blocks_for(size_) - first_);
      object_->extend(added_, size_);
      std::swap(committed, object_);
      return Result<void>{};
    });
    added_ = {};
    object_ = {};  // a replaced object is let go of outside the location's lock
    return verdict;
  }

 private:
  friend BasicMemoryBackend;
  Writer(WriterState<ObjectRef> state, ObjectRef object, std::uint64_t max_bytes) noexcept
      : state_{std::move(state)},
        object_{std::move(object)},
        open_block_{object_->open_block()},
        size_{object_->size()},
        first_{Object::blocks_for(size_)},
        max_bytes_{max_bytes} {}

  [[nodiscard]] Result<void> store(std::span<const std::byte> bytes) {
    if (bytes.size() > max_bytes_ - size_) return failure(errc::limit_exceeded, "write to memory", "more than max_bytes");
    while (!bytes.empty()) {
      const std::span<std::byte> room = next_room(bytes.size());
      if (room.empty()) return failure(errc::no_space, "write to memory", "out of memory");
      std::memcpy(room.data(), bytes.data(), room.size());
      size_ += room.size();
      bytes = bytes.subspan(room.size());
    }
    return {};
  }

  [[nodiscard]] Result<std::uint64_t> take_from(int descriptor, std::uint64_t n) {
    std::uint64_t moved = 0;
    while (moved < n) {
      auto count = take_some(descriptor, n - moved);
      if (!count && moved == 0) return std::unexpected{std::move(count).error()};
      if (!count || *count == 0) break;
      moved += *count;
    }
    if (moved == 0) return 0;
    if (auto closed = close(); !closed) return std::unexpected{std::move(closed).error()};
    return moved;
  }

  [[nodiscard]] Result<std::size_t> take_some(int descriptor, std::uint64_t n) {
    if (size_ == max_bytes_) return failure(errc::limit_exceeded, "transfer to memory", "more than max_bytes");
    const std::span<std::byte> room = next_room(n < max_bytes_ - size_ ? n : max_bytes_ - size_);
    if (room.empty()) return failure(errc::no_space, "transfer to memory", "out of memory");
    auto count = detail::read_some(descriptor, room);
    if (count) size_ += *count;
    return count;
  }

  // Where the next bytes go, at most `most`; empty when there is no memory. The commit of what was put there cannot fail.
  [[nodiscard]] std::span<std::byte> next_room(std::uint64_t most) noexcept {
    const auto index = static_cast<std::size_t>(size_ / BlockBytes);
    if (index == first_ + added_.count() && !add_block()) return {};
    detail::MemoryBlock<BlockBytes>& block = index < first_ ? *open_block_ : *added_[index - first_];
    const std::span<std::byte> room = std::span{block.bytes}.subspan(static_cast<std::size_t>(size_ % BlockBytes));
    return most < room.size() ? room.first(static_cast<std::size_t>(most)) : room;
  }

  [[nodiscard]] bool add_block() noexcept {
    const std::size_t count = added_.count() + 1;
    if (!added_.reserve(count) || !object_->reserve(first_ + count)) return false;
    auto block = detail::BlockTable<BlockBytes>::BlockRef::make();
    if (!block) return false;
    added_.push(std::move(block));
    return true;
  }

  WriterState<ObjectRef> state_;
  ObjectRef object_;
  detail::MemoryBlock<BlockBytes>* open_block_;  // the object's partly filled last block; `object_` keeps it alive
  detail::BlockTable<BlockBytes> added_;         // the blocks behind it
  std::uint64_t size_;                           // of the object once it is committed
  std::size_t first_;                            // index of the first added block
  std::uint64_t max_bytes_;
};

/// Makes locations in memory. A value; `MemoryStorage{}` costs nothing.
template <std::size_t BlockBytes>
class BasicMemoryStorage {
 public:
  constexpr BasicMemoryStorage() noexcept = default;
  constexpr explicit BasicMemoryStorage(MemoryOptions options) noexcept : options_{options} {}

  /// Errors: `no_space`. Threads: any number at once.
  [[nodiscard]] Result<BasicMemoryBackend<BlockBytes>> create_backend() const {
    try {
      return BasicMemoryBackend<BlockBytes>{options_};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a location in memory", "out of memory");
    }
  }

 private:
  MemoryOptions options_;
};

using MemoryBackend = BasicMemoryBackend<std::size_t{64} * 1024>;  ///< With blocks of the usual size.
using MemoryStorage = BasicMemoryStorage<std::size_t{64} * 1024>;  ///< With blocks of the usual size.

}  // namespace hybridbuffer::inline v0_1
