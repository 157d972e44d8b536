#pragma once

#include <hybridbuffer/detail/checksum_table.hpp>
#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// Reading whole chunks and comparing them with their checksums: what every read of a checksummed object does before it gives out a byte.

namespace hybridbuffer::inline v0_1::detail {

[[nodiscard]] inline std::unexpected<Error> chunk_differs() noexcept {
  return failure(errc::corrupted, "verify stored bytes", "the checksum of a chunk differs");
}

[[nodiscard]] inline std::unexpected<Error> was_shortened() noexcept {
  return failure(errc::corrupted, "read stored bytes", "the object was shortened meanwhile");
}

/// Room for a chunk. Errors: `no_space`.
[[nodiscard]] inline Result<ContentMemory> make_chunk(std::size_t bytes, bool is_secret) noexcept {
  auto made = make_content_memory(bytes, is_secret);
  if (made == nullptr) return failure(errc::no_space, "verify stored bytes", "out of memory");
  return made;
}

/// Fills `out` from successive calls of `read_some(done, rest)`.
/// Errors: `corrupted` when the bytes end before that; those of `read_some`.
template <class ReadSome>
[[nodiscard]] Result<void> read_whole(std::span<std::byte> out, ReadSome&& read_some) {
  for (std::size_t done = 0; done < out.size();) {
    const Result<std::size_t> count = read_some(done, out.subspan(done));
    if (!count) return std::unexpected{count.error()};
    if (*count == 0 || *count > out.size() - done)
      return failure(errc::corrupted, "read stored bytes", "the object ends before its committed size");
    done += *count;
  }
  return {};
}

/// How many bytes are read at once before they are verified, while they are still in the cache.
inline constexpr std::size_t verified_at_once = std::size_t{256} * 1024;

/// Whole chunks from the chunk that holds `offset` on, which begins there: as many as fit into `room` bytes. Calls `each` for them.
/// Returns: their bytes; 0 when the first one does not fit or does not begin at `offset`.
template <class Each>
std::size_t whole_chunks(const ChecksumView& view, std::uint64_t offset, std::size_t room, Each&& each) {
  const std::uint64_t end = view.size();
  std::size_t bytes = 0;
  while (offset + bytes < end && bytes < room) {
    const ChecksummedChunk chunk = view.chunk_at(offset + bytes);
    if (chunk.begin != offset + bytes || chunk.length > room - bytes || chunk.length == 0) break;
    if (!each(chunk, bytes)) break;
    bytes += chunk.length;
  }
  return bytes;
}

/// Verifies `bytes`, which begin at `offset` and end with a chunk.
[[nodiscard]] inline Result<void> verify(const ChecksumView& view, std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::size_t good = whole_chunks(view, offset, bytes.size(), [&](const ChecksummedChunk& chunk, std::size_t at) {
    return chunk.matches(bytes.subspan(at, chunk.length));
  });
  if (good != bytes.size()) return chunk_differs();
  return {};
}

}  // namespace hybridbuffer::inline v0_1::detail
