#pragma once

#include <hybridbuffer/backend/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

/// \file
/// What the tests of MemoryBackend share.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

/// Blocks so small that a few bytes cross many boundaries.
inline constexpr std::size_t small_block = 8;
using SmallBackend = BasicMemoryBackend<small_block>;

/// Bytes that differ by what they belong to and by where they stand.
[[nodiscard]] inline Bytes content(std::size_t size, unsigned generation = 1, std::size_t first_offset = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t offset = first_offset + i;
    bytes[i] = static_cast<std::byte>(offset * 31 + offset / 251 + std::size_t{generation} * 101 + 1);
  }
  return bytes;
}

[[nodiscard]] inline Bytes joined(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}
[[nodiscard]] inline Bytes first_of(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

template <class T>
[[nodiscard]] errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

/// Writes `bytes` with one call and commits. Returns: the first error.
template <class Writer>
[[nodiscard]] Result<void> put(Result<Writer> writer, std::span<const std::byte> bytes) {
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}
template <class Backend>
[[nodiscard]] Result<void> replace(Backend& backend, std::span<const std::byte> bytes) {
  return put(backend.create(), bytes);
}
template <class Backend>
[[nodiscard]] Result<void> extend(Backend& backend, std::span<const std::byte> bytes) {
  return put(backend.append(), bytes);
}

/// What a reader still delivers, read in pieces of `step` bytes.
template <class Reader>
[[nodiscard]] Bytes drain(Reader& reader, std::size_t step = 4096) {
  Bytes all;
  Bytes piece(step);
  for (;;) {
    const auto count = reader.read(piece);
    if (!count || *count == 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

/// The object by one read_at that asks for more than there is.
template <class ReaderAt>
[[nodiscard]] Bytes all_at(const ReaderAt& reader, std::size_t at_most = std::size_t{1} << 20U) {
  Bytes bytes(at_most);
  bytes.resize(reader.read_at(0, bytes).value_or(0));
  return bytes;
}

/// The object through its windows.
template <class Backend>
[[nodiscard]] Bytes all_mapped(const Backend& backend) {
  Bytes all;
  for (;;) {
    const auto window = backend.map(all.size(), std::size_t{1} << 20U);
    if (!window || window->bytes().empty()) return all;
    all.insert(all.end(), window->bytes().begin(), window->bytes().end());
  }
}

/// True when every route to the object shows exactly `expected`.
template <class Backend>
[[nodiscard]] bool shows(const Backend& backend, const Bytes& expected) {
  auto reader = backend.open();
  auto seeker = backend.open_seeker();
  auto reader_at = backend.open_reader_at();
  if (!reader || !seeker || !reader_at) return false;
  const std::size_t longest = expected.size() + 64;
  return drain(*reader, longest) == expected && drain(*seeker, 3) == expected && all_at(*reader_at, longest) == expected &&
         all_mapped(backend) == expected && reader_at->size().value_or(~std::uint64_t{0}) == expected.size();
}

}  // namespace hybridbuffer::testing
