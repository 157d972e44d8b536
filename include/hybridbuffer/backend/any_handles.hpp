#pragma once

#include <hybridbuffer/detail/erased.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// What an AnyBackend hands out: handles whose type is known at run time only. Each keeps the handle of the real backend, in itself where
/// that fits (those of FileBackend and MemoryBackend do), else in one allocation, and passes every call on unchanged.
///
/// One that was moved from, or holds nothing, answers `closed`. Threads, errors, cost: those of the held handle, and an indirect call.

namespace hybridbuffer::inline v0_1 {

namespace detail {

/// The size of its object where the handle knows it. Errors: `unsupported` where it does not; those of the handle.
template <class H>
[[nodiscard]] Result<std::uint64_t> size_where_told([[maybe_unused]] const H& handle) {
  if constexpr (tells_size<H>) return size_of(handle);
  else return failure(errc::unsupported, "size of an object");
}

[[nodiscard]] inline std::unexpected<Error> holds_nothing(OperationName operation) noexcept { return failure(errc::closed, operation); }

/// The value of `made` as an `Any`, made in place.
/// Errors: that of `made`; `no_space` when the handle does not fit and there is no memory: it is destroyed then.
template <class Any, class T>
[[nodiscard]] Result<Any> erased(Result<T> made) {
  if constexpr (std::same_as<Any, T>) {
    return made;
  } else {
    if (!made) return std::unexpected{std::move(made).error()};
    Result<Any> any;
    if (!any->hold(std::move(*made))) return failure(errc::no_space, "open a handle", "out of memory");
    return any;
  }
}

struct WriterTable : Relocation {
  Result<void> (*write)(void*, std::span<const std::byte>);
  Result<void> (*write_pieces)(void*, std::span<const std::span<const std::byte>>);
  Result<void> (*close)(void*);

  template <class Slot, class W>
  static constexpr WriterTable of() noexcept {
    return {Slot::relocation, [](void* slot, std::span<const std::byte> bytes) { return Slot::get(slot).write(bytes); },
            [](void* slot, std::span<const std::span<const std::byte>> pieces) -> Result<void> {
              W& held = Slot::get(slot);
              if constexpr (gathering_writer<W>) {
                return held.write(pieces);
              } else {
                if (pieces.empty()) return held.write(std::span<const std::byte>{});
                for (const std::span<const std::byte> piece : pieces) {
                  if (auto written = held.write(piece); !written) return written;
                }
                return {};
              }
            },
            [](void* slot) { return Slot::get(slot).close(); }};
  }
  static const WriterTable closed;
};
inline constexpr WriterTable WriterTable::closed{
    {move_nothing, destroy_nothing},
    [](void*, std::span<const std::byte>) -> Result<void> { return holds_nothing("write"); },
    [](void*, std::span<const std::span<const std::byte>>) -> Result<void> { return holds_nothing("write"); },
    [](void*) -> Result<void> { return holds_nothing("close a writer"); }};

struct ReaderTable : Relocation {
  Result<std::size_t> (*read)(void*, std::span<std::byte>);
  Result<std::uint64_t> (*size)(const void*);

  template <class Slot, class R>
  static constexpr ReaderTable of() noexcept {
    return {Slot::relocation, [](void* slot, std::span<std::byte> bytes) { return Slot::get(slot).read(bytes); },
            [](const void* slot) { return size_where_told(Slot::get(slot)); }};
  }
  static const ReaderTable closed;
};
inline constexpr ReaderTable ReaderTable::closed{{move_nothing, destroy_nothing},
                                                 [](void*, std::span<std::byte>) -> Result<std::size_t> { return holds_nothing("read"); },
                                                 [](const void*) -> Result<std::uint64_t> { return holds_nothing("size of an object"); }};

struct SeekerTable : ReaderTable {
  Result<std::uint64_t> (*seek)(void*, std::int64_t, Whence);

  template <class Slot, class S>
  static constexpr SeekerTable of() noexcept {
    return {ReaderTable::of<Slot, S>(),
            [](void* slot, std::int64_t offset, Whence whence) { return Slot::get(slot).seek(offset, whence); }};
  }
  static const SeekerTable closed;
};
inline constexpr SeekerTable SeekerTable::closed{
    ReaderTable::closed, [](void*, std::int64_t, Whence) -> Result<std::uint64_t> { return holds_nothing("seek"); }};

struct ReaderAtTable : Relocation {
  Result<std::size_t> (*read_at)(const void*, std::uint64_t, std::span<std::byte>);
  Result<std::uint64_t> (*size)(const void*);

  template <class Slot, class R>
  static constexpr ReaderAtTable of() noexcept {
    return {Slot::relocation,
            [](const void* slot, std::uint64_t offset, std::span<std::byte> bytes) { return Slot::get(slot).read_at(offset, bytes); },
            [](const void* slot) { return size_where_told(Slot::get(slot)); }};
  }
  static const ReaderAtTable closed;
};
inline constexpr ReaderAtTable ReaderAtTable::closed{
    {move_nothing, destroy_nothing},
    [](const void*, std::uint64_t, std::span<std::byte>) -> Result<std::size_t> { return holds_nothing("read"); },
    [](const void*) -> Result<std::uint64_t> { return holds_nothing("size of an object"); }};

struct WindowTable : Relocation {
  std::span<const std::byte> (*bytes)(const void*) noexcept;

  template <class Slot, class W>
  static constexpr WindowTable of() noexcept {
    return {Slot::relocation, [](const void* slot) noexcept { return Slot::get(slot).bytes(); }};
  }
  static const WindowTable closed;
};
inline constexpr WindowTable WindowTable::closed{{move_nothing, destroy_nothing},
                                                 [](const void*) noexcept { return std::span<const std::byte>{}; }};

/// What the handles below have in common: the held handle and the operations on it.
template <class Table, std::size_t Bytes>
class AnyHandle {
  using Held = Erased<Table, Bytes>;

 public:
  /// True when a handle of type `H` costs no allocation.
  template <class H>
  static constexpr bool holds_inline = Held::template Slot<H>::is_inline;

 protected:
  template <class H>
  [[nodiscard]] bool hold_handle(H&& handle) {
    static constexpr Table table = Table::template of<typename Held::template Slot<H>, H>();
    return held_.hold(std::forward<H>(handle), table);
  }
  [[nodiscard]] const Table& table() const noexcept { return held_.table(); }
  [[nodiscard]] void* slot() noexcept { return held_.slot(); }
  [[nodiscard]] const void* slot() const noexcept { return held_.slot(); }

 private:
  Held held_;
};

// As large as the handles of the shipped backends, and those of their authors who use WriterState and ReaderState, need.
inline constexpr std::size_t any_writer_bytes = 120;
inline constexpr std::size_t any_reader_bytes = 56;
inline constexpr std::size_t any_window_bytes = 40;

}  // namespace detail

/// Any writer. Takes pieces in any case, one after the other where the held writer does not gather; an error among them is final, as
/// that of every write.
class AnyWriter : public detail::AnyHandle<detail::WriterTable, detail::any_writer_bytes> {
 public:
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) { return table().write(slot(), bytes); }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces) { return table().write_pieces(slot(), pieces); }
  [[nodiscard]] Result<void> close() { return table().close(slot()); }

  /// Holds `handle` from now on. Returns: false when there is no memory; it holds nothing then.
  template <writer W>
  [[nodiscard]] bool hold(W&& handle) {
    return hold_handle(std::forward<W>(handle));
  }
};

/// Any reader. `size()` is `unsupported` where the held one has none.
class AnyReader : public detail::AnyHandle<detail::ReaderTable, detail::any_reader_bytes> {
 public:
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) { return table().read(slot(), bytes); }
  [[nodiscard]] Result<std::uint64_t> size() const { return table().size(slot()); }

  /// Holds `handle` from now on. Returns: false when there is no memory; it holds nothing then.
  template <reader R>
  [[nodiscard]] bool hold(R&& handle) {
    return hold_handle(std::forward<R>(handle));
  }
};

/// Any seeker. `size()` is `unsupported` where the held one has none.
class AnySeeker : public detail::AnyHandle<detail::SeekerTable, detail::any_reader_bytes> {
 public:
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) { return table().read(slot(), bytes); }
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) { return table().seek(slot(), offset, whence); }
  [[nodiscard]] Result<std::uint64_t> size() const { return table().size(slot()); }

  /// Holds `handle` from now on. Returns: false when there is no memory; it holds nothing then.
  template <seeker S>
  [[nodiscard]] bool hold(S&& handle) {
    return hold_handle(std::forward<S>(handle));
  }
};

/// Any reader_at. `size()` is `unsupported` where the held one has none.
class AnyReaderAt : public detail::AnyHandle<detail::ReaderAtTable, detail::any_reader_bytes> {
 public:
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    return table().read_at(slot(), offset, bytes);
  }
  [[nodiscard]] Result<std::uint64_t> size() const { return table().size(slot()); }

  /// Holds `handle` from now on. Returns: false when there is no memory; it holds nothing then.
  template <reader_at R>
  [[nodiscard]] bool hold(R&& handle) {
    return hold_handle(std::forward<R>(handle));
  }
};

/// Any mapped window; one that holds nothing shows nothing.
class AnyWindow : public detail::AnyHandle<detail::WindowTable, detail::any_window_bytes> {
 public:
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return table().bytes(slot()); }

  /// Holds `handle` from now on. Returns: false when there is no memory; it holds nothing then.
  template <mapped_window W>
  [[nodiscard]] bool hold(W&& handle) {
    return hold_handle(std::forward<W>(handle));
  }
};

static_assert(gathering_writer<AnyWriter> && reader<AnyReader> && seeker<AnySeeker> && reader_at<AnyReaderAt> && mapped_window<AnyWindow>);

}  // namespace hybridbuffer::inline v0_1
