#pragma once

#include <hybridbuffer/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

/// \file
/// The concepts of the handles that a backend makes: what writes an object, what reads it, and what lends bytes of it.

namespace hybridbuffer::inline v0_1 {

/// Where a seek offset counts from.
enum class Whence : std::uint8_t { begin, current, end };

/// Takes an object's bytes. `write` accepts all bytes or fails; `close` commits; destroying an unclosed writer abandons.
/// A second `close` repeats the first verdict; `write` after `close` is `closed`.
/// Threads: one at a time, any thread.
template <class W>
concept writer = std::movable<W> && std::is_nothrow_destructible_v<W> && requires(W& w, std::span<const std::byte> bytes) {
  { w.write(bytes) } -> std::same_as<Result<void>>;
  { w.close() } -> std::same_as<Result<void>>;
};

/// A writer that takes a list of spans in one call, all or error, as if they were written one after the other.
/// Declared by the backend as `Capability::gather`.
template <class W>
concept gathering_writer = writer<W> && requires(W& w, std::span<const std::span<const std::byte>> pieces) {
  { w.write(pieces) } -> std::same_as<Result<void>>;
};

/// Delivers an object's bytes in order: `read` gives 1..n bytes, 0 only at the end or for an empty span. Destroying it closes it.
/// Threads: one at a time, any thread.
template <class R>
concept reader = std::movable<R> && std::is_nothrow_destructible_v<R> && requires(R& r, std::span<std::byte> bytes) {
  { r.read(bytes) } -> std::same_as<Result<std::size_t>>;
};

/// Delivers any window of an object: short only at the end, 0 at and beyond it, no cursor.
/// Threads: any number at once.
template <class R>
concept reader_at =
    std::movable<R> && std::is_nothrow_destructible_v<R> && requires(const R& r, std::uint64_t offset, std::span<std::byte> bytes) {
      { r.read_at(offset, bytes) } -> std::same_as<Result<std::size_t>>;
    };

/// A reader with a position that can be set. A target before 0 is `invalid_argument` and moves nothing; beyond the end is legal.
/// Returns:  the new absolute position.
template <class S>
concept seeker = reader<S> && requires(S& s, std::int64_t offset, Whence whence) {
  { s.seek(offset, whence) } -> std::same_as<Result<std::uint64_t>>;
};

/// Readable bytes that the backend lends; they stay readable until the window is destroyed.
template <class W>
concept mapped_window = std::movable<W> && std::is_nothrow_destructible_v<W> && requires(const W& w) {
  { w.bytes() } noexcept -> std::same_as<std::span<const std::byte>>;
};

}  // namespace hybridbuffer::inline v0_1
