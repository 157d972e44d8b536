#pragma once

#include <hybridbuffer/detail/checksum_table.hpp>
#include <hybridbuffer/detail/checksum_verification.hpp>
#include <hybridbuffer/detail/checksummed_object.hpp>
#include <hybridbuffer/detail/crc32c.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/transform/checksummed_handles.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

/// \file
/// What a checksummed location reads of its object for itself: to verify all of it, to cut a chunk, and to find out which object the store
/// has after a change whose effect is unknown.

namespace hybridbuffer::inline v0_1::detail {

/// What a failure to open says of an object that must be there.
[[nodiscard]] inline Error missing_checksummed_object(Error error) {
  if (error == errc::not_found) return {errc::corrupted, "open a checksummed object", "it is gone from the store"};
  return error;
}

/// Fills `bytes` with a chunk, verified, by the shortest way that the inner backend has.
/// Errors: `corrupted`, `no_space`; those of `inner`.
template <storage_backend Inner>
[[nodiscard]] Result<void> read_chunk(const Inner& inner, const ChecksumView& view, const ChecksummedChunk& chunk,
                                      std::span<std::byte> bytes) {
  if constexpr (may_have<Inner>(Capability::reader_at)) {
    if (capabilities_of(inner).has(Capability::reader_at)) {
      auto handle = inner.open_reader_at();
      if (!handle) return std::unexpected{missing_checksummed_object(std::move(handle).error())};
      const ChecksummedReaderAt<reader_at_of<Inner>> reader{*std::move(handle), view, std::make_unique<std::atomic_flag>(),
                                                            secrecy_of(inner)};
      return read_whole(bytes, [&](std::size_t done, auto rest) { return reader.read_at(chunk.begin + done, rest); });
    }
  }
  auto handle = inner.open();
  if (!handle) return std::unexpected{missing_checksummed_object(std::move(handle).error())};
  ChecksummedReader<reader_of<Inner>> reader{*std::move(handle), view, secrecy_of(inner)};
  for (std::uint64_t at = 0; at < chunk.begin;) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), chunk.begin - at));
    const auto count = reader.read(bytes.first(skipped));
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return was_shortened();
    at += *count;
  }
  return read_whole(bytes, [&](std::size_t, auto rest) { return reader.read(rest); });
}

/// The checksum of the bytes before `n` in the chunk that holds it, which is read and verified. Errors: as read_chunk().
template <storage_backend Inner>
[[nodiscard]] Result<std::uint32_t> tail_at(const Inner& inner, const ChecksummedObject::TableRef& table, std::uint64_t n) {
  if (n % table->chunk_bytes() == 0) return 0;
  const ChecksumView view{table};
  const ChecksummedChunk chunk = view.chunk_at(n);
  auto memory = make_chunk(chunk.length, secrecy_of(inner));
  if (!memory) return std::unexpected{std::move(memory).error()};
  const std::span<std::byte> bytes{memory->get(), chunk.length};
  if (auto read = read_chunk(inner, view, chunk, bytes); !read) return std::unexpected{std::move(read).error()};
  return crc32c(0, bytes.first(static_cast<std::size_t>(n - chunk.begin)));
}

/// Reads the object from its start to its end.
/// Errors: `corrupted` when it is not the one of `table`; `no_space`; those of `inner`.
template <storage_backend Inner>
[[nodiscard]] Result<void> verify_all(const Inner& inner, const ChecksummedObject::TableRef& table) {
  auto source = inner.open();
  if (!source) return std::unexpected{missing_checksummed_object(std::move(source).error())};
  const ChecksumView view{table};
  auto memory = make_chunk(static_cast<std::size_t>(table->chunk_bytes()), secrecy_of(inner));
  if (!memory) return std::unexpected{std::move(memory).error()};
  for (std::uint64_t at = 0; at < view.size();) {
    const ChecksummedChunk chunk = view.chunk_at(at);
    const std::span<std::byte> bytes{memory->get(), chunk.length};
    auto read = read_whole(bytes, [&](std::size_t, auto rest) { return source->read(rest); });
    if (!read) return read;
    if (!chunk.matches(bytes)) return chunk_differs();
    at = chunk.end();
  }
  std::byte behind{};
  const auto more = source->read(std::span{&behind, 1});
  if (!more) return std::unexpected{more.error()};
  if (*more != 0) return failure(errc::corrupted, "verify stored bytes", "the object goes on behind its committed size");
  return {};
}

/// That there is no object. Errors: `corrupted` when there is one; those of `inner`.
template <storage_backend Inner>
[[nodiscard]] Result<void> expect_none(const Inner& inner) {
  const auto opened = inner.open();
  if (opened) return failure(errc::corrupted, "verify stored bytes", "an object is there");
  if (opened.error() == errc::not_found) return {};
  return std::unexpected{opened.error()};
}

/// After changes whose effect is unknown: what the object is, by asking the store.
/// Errors: `corrupted` when it is none of those that it may be; `no_space`; those of `inner`; std::bad_alloc.
template <storage_backend Inner>
[[nodiscard]] Result<void> find_out(const Inner& inner, ChecksummedObject& object) {
  auto candidates = object.or_else;
  candidates.insert(candidates.begin(), object.table);
  Result<void> last = failure(errc::corrupted, "verify stored bytes", "the object is none of those that were stored");
  for (const ChecksummedObject::TableRef& candidate : candidates) {
    auto found = candidate == nullptr ? expect_none(inner) : verify_all(inner, candidate);
    if (found) return object.is(candidate), Result<void>{};
    if (found.error() != errc::corrupted) last = std::move(found);
  }
  return last;
}

}  // namespace hybridbuffer::inline v0_1::detail
