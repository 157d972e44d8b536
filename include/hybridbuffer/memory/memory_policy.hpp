#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// The concept of a memory policy: how the bytes in memory are held.
///
/// | expression          | returns                | semantics                                                                        |
/// |---------------------|------------------------|----------------------------------------------------------------------------------|
/// | `m.prepare(n)`      | `span<byte>`           | A window of one or more writable bytes behind the committed ones; n ≥ 1 is a hint. Empty: full or refused, nothing changed. Called twice without a commit between: the same window, what was written there kept. |
/// | `m.commit(n)`       | `void`, noexcept       | The first n bytes of the window become content. Requires n ≤ its size. Ends the window. |
/// | `c.size()`          | bytes                  | how many are committed                                                           |
/// | `c.chunks()`        | forward range of `span<const byte>` | the committed bytes in order, no span empty; no allocation            |
/// | `c.copy_out(o, s)`  | `void`, noexcept       | Copies `s.size()` committed bytes from offset o. Requires o + s.size() ≤ size(). |
/// | `m.drop_front(n)`   | `void`, noexcept       | Removes the first n bytes; offsets count from the new front. Ends the window.    |
/// | `m.truncate(n)`     | `void`, noexcept       | Removes all but the first n bytes. Ends the window.                              |
/// | `m.clear()`         | `void`, noexcept       | Removes everything and gives the memory back. Ends the window.                   |
/// | `c.capacity()`      | bytes                  | memory held, used or not                                                         |
///
/// Moves are noexcept; a moved-from policy is empty and usable. Optional members, each with one meaning:
///
/// - `static constexpr bool stable = true` — committed bytes keep their address until dropped, truncated, cleared or moved.
/// - `c.chunk_at(o)` → `span<const byte>` — the contiguous committed bytes from offset o < size(); otherwise `chunks()` is walked.
/// - `m.prepare(n, most)` → `span<byte>` — as prepare(n), where no more than `most` ≥ n further bytes will be held: for policies that grow
///   by doubling, which need not get room that nobody uses.
/// - `static constexpr std::size_t max_size` — prepare() answers empty once size() reaches it; `would_spill` is exact then.
/// - `static constexpr bool wipes = true` — what is removed is overwritten; a buffer then overwrites what it read ahead from storage, too.
/// - `M::pooled_bytes()` — static: bytes that the calling thread keeps warm for the next policy of this type.
///
/// Threads: const operations from any number at once; the rest one at a time.

namespace hybridbuffer::inline v0_1 {

namespace detail {

template <class C>
concept chunk_range = requires(C& chunks, decltype(std::declval<C&>().begin()) position) {
  { *position } -> std::convertible_to<std::span<const std::byte>>;
  { position != chunks.end() } -> std::convertible_to<bool>;
  ++position;
};

// clang-format off
template <class M>
concept has_prepare = requires(M& m, std::size_t n) { { m.prepare(n) } -> std::same_as<std::span<std::byte>>; };
template <class M>
concept has_commit = requires(M& m, std::size_t n) { { m.commit(n) } noexcept; };
template <class M>
concept has_size = requires(const M& m) { { m.size() } noexcept -> std::convertible_to<std::uint64_t>; };
template <class M>
concept has_chunks = requires(const M& m) { { m.chunks() } -> chunk_range; };
template <class M>
concept has_copy_out = requires(const M& m, std::size_t offset, std::span<std::byte> out) { { m.copy_out(offset, out) } noexcept; };
template <class M>
concept has_drop_front = requires(M& m, std::size_t n) { { m.drop_front(n) } noexcept; };
template <class M>
concept has_truncate = requires(M& m, std::size_t n) { { m.truncate(n) } noexcept; };
template <class M>
concept has_clear = requires(M& m) { { m.clear() } noexcept; };
template <class M>
concept has_capacity = requires(const M& m) { { m.capacity() } noexcept -> std::convertible_to<std::uint64_t>; };
// clang-format on
template <class M>
concept is_movable_store =
    std::is_nothrow_move_constructible_v<M> && std::is_nothrow_move_assignable_v<M> && std::is_nothrow_destructible_v<M>;

}  // namespace detail

/// How bytes are held in memory; the table above is its meaning.
template <class M>
concept memory_policy =
    detail::is_movable_store<M> && detail::has_prepare<M> && detail::has_commit<M> && detail::has_size<M> && detail::has_chunks<M> &&
    detail::has_copy_out<M> && detail::has_drop_front<M> && detail::has_truncate<M> && detail::has_clear<M> && detail::has_capacity<M>;

/// Stops the compilation with one sentence for each signature that `M` lacks.
template <class M>
consteval bool explain_memory_policy() {
  // Each assertion is on a plain bool: the compilers then print the sentence, not the concepts behind it.
  constexpr bool moves = detail::is_movable_store<M>;
  static_assert(moves, "a memory policy must be nothrow movable and have a noexcept destructor");
  constexpr bool prepares = detail::has_prepare<M>;
  static_assert(prepares, "a memory policy needs: std::span<std::byte> prepare(std::size_t n);");
  constexpr bool commits = detail::has_commit<M>;
  static_assert(commits, "a memory policy needs: void commit(std::size_t n) noexcept;");
  constexpr bool sized = detail::has_size<M>;
  static_assert(sized, "a memory policy needs: std::size_t size() const noexcept;");
  constexpr bool chunked = detail::has_chunks<M>;
  static_assert(chunked, "a memory policy needs: a range of std::span<const std::byte> from chunks() const;");
  constexpr bool copies_out = detail::has_copy_out<M>;
  static_assert(copies_out, "a memory policy needs: void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept;");
  constexpr bool drops_front = detail::has_drop_front<M>;
  static_assert(drops_front, "a memory policy needs: void drop_front(std::size_t n) noexcept;");
  constexpr bool truncates = detail::has_truncate<M>;
  static_assert(truncates, "a memory policy needs: void truncate(std::size_t n) noexcept;");
  constexpr bool clears = detail::has_clear<M>;
  static_assert(clears, "a memory policy needs: void clear() noexcept;");
  constexpr bool bounded = detail::has_capacity<M>;
  static_assert(bounded, "a memory policy needs: std::size_t capacity() const noexcept;");
  return true;
}

/// True when committed bytes keep their address until dropped.
template <class M>
inline constexpr bool is_stable_memory = [] {
  if constexpr (requires {
                  { M::stable } -> std::convertible_to<bool>;
                })
    return static_cast<bool>(M::stable);
  else return false;
}();

/// True when removed bytes are overwritten.
template <class M>
inline constexpr bool is_wiping_memory = [] {
  if constexpr (requires {
                  { M::wipes } -> std::convertible_to<bool>;
                })
    return static_cast<bool>(M::wipes);
  else return false;
}();

/// The contiguous committed bytes of `memory` from `offset` on.
///
/// Requires: offset < memory.size().
/// Cost:     O(1) where the policy has `chunk_at`, else O(number of chunks).
template <memory_policy M>
[[nodiscard]] std::span<const std::byte> chunk_at(const M& memory, std::size_t offset) noexcept {
  if constexpr (requires {
                  { memory.chunk_at(offset) } -> std::same_as<std::span<const std::byte>>;
                }) {
    return memory.chunk_at(offset);
  } else {
    for (std::span<const std::byte> chunk : memory.chunks()) {
      if (offset < chunk.size()) return chunk.subspan(offset);
      offset -= chunk.size();
    }
    return {};
  }
}

}  // namespace hybridbuffer::inline v0_1
