#pragma once

#include <hybridbuffer/detail/content_block.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/memory_tail.hpp>
#include <hybridbuffer/spill_content.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// How a buffer's content gets a lasting name where it is not one stored object: it is copied to a new location, and that is published.

namespace hybridbuffer::inline v0_1::detail {

/// Writes what is stored, then what is in memory.
/// Errors: those of the storage, and of `sink`; std::bad_alloc.
template <writer Sink, class Stored, memory_policy MemoryPolicy>
[[nodiscard]] Result<void> copy_to(Sink& sink, Capabilities declared, const Stored& stored, MemoryTail<MemoryPolicy>& tail) {
  constexpr std::size_t block = std::size_t{256} << 10U;
  const ContentBlock<block, is_wiping_memory<MemoryPolicy>> scratch{new std::byte[block]};
  typename Stored::Position position;
  for (std::uint64_t offset = stored.begin(); offset < stored.end();) {
    const std::span<std::byte> part{scratch.get(), static_cast<std::size_t>(std::min<std::uint64_t>(block, stored.end() - offset))};
    if (auto done = stored.read(position, offset, part); !done) return done;
    if (auto done = sink.write(part); !done) return done;
    offset += part.size();
  }
  const SpillContent<MemoryPolicy> rest{tail.committed(), {}};
  return rest.write_to(sink, declared, 0, rest.size());
}

/// Gives a copy of what is stored, and of what is in memory behind it, the lasting name `destination`.
///
/// Errors: `unsupported` where the backend cannot; those of the storage; std::bad_alloc. Nothing of the copy is left then.
/// Cost:   a pass over the content.
template <storage_factory Storage, class Stored, memory_policy MemoryPolicy>
[[nodiscard]] Result<void> publish_copy(const Storage& storage, const Stored& stored, MemoryTail<MemoryPolicy>& tail,
                                        std::string_view destination, PublishMode mode) {
  auto copy = storage.create_backend();
  if (!copy) return std::unexpected{std::move(copy).error()};
  const Capabilities declared = capabilities_of(*copy);
  if (!declared.has(Capability::publish)) return failure(errc::unsupported, "publish");
  {
    auto sink = copy->create();
    if (!sink) return std::unexpected{std::move(sink).error()};
    if (auto done = copy_to(*sink, declared, stored, tail); !done) return done;
    if (auto done = sink->close(); !done) return done;
  }
  return copy->publish(destination, mode);
}

}  // namespace hybridbuffer::inline v0_1::detail
