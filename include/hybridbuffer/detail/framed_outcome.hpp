#pragma once

#include <hybridbuffer/detail/frame_table.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/framed_readers.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

/// \file
/// What became of a commit, an extension, a cut or a removal that gave no answer: the store is asked, and shows it by the number in the
/// object's header, or by how far the object goes.

namespace hybridbuffer::inline v0_1::detail {

/// The object's number, from its header. Errors: `corrupted` when it is no such header; those of `source`.
template <frame_codec Codec, class Source>
[[nodiscard]] Result<std::uint64_t> identity_of(const Codec& codec, Source& source) {
  std::vector<std::byte> header(codec.shape().header_bytes);
  auto filled = fill_from_store(header, [&](std::size_t done, std::span<std::byte> rest) -> Result<std::size_t> {
    if constexpr (reader_at<Source>) return source.read_at(done, rest);
    else return source.read(rest);
  });
  if (!filled) return std::unexpected{std::move(filled).error()};
  return codec.read_header(header);
}

/// Whether the stored object goes on behind `end`. `step` bytes are read at once where there is no reader_at.
/// Errors: those of `inner`; std::bad_alloc.
template <storage_backend Inner>
[[nodiscard]] Result<bool> shows_more_than(const Inner& inner, std::uint64_t end, std::size_t step) {
  std::byte one{};
  if constexpr (may_have<Inner>(Capability::reader_at)) {
    if (capabilities_of(inner).has(Capability::reader_at)) {
      auto source = inner.open_reader_at();
      if (!source) return std::unexpected{std::move(source).error()};
      const auto count = source->read_at(end, {&one, 1});
      if (!count) return std::unexpected{count.error()};
      return *count != 0;
    }
  }
  auto source = inner.open();
  if (!source) return std::unexpected{std::move(source).error()};
  std::vector<std::byte> scratch(step);
  for (std::uint64_t at = 0; at < end;) {
    const auto count = source->read(std::span{scratch}.first(static_cast<std::size_t>(std::min<std::uint64_t>(scratch.size(), end - at))));
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return false;
    at += *count;
  }
  const auto count = source->read({&one, 1});
  if (!count) return std::unexpected{count.error()};
  return *count != 0;
}

/// Looks in the store whether a change of the object was done that gave no answer. Errors: as shows_more_than().
template <storage_backend Inner>
[[nodiscard]] Result<void> settle(const Inner& inner, FrameTable& table, std::size_t step) {
  const FrameTable::Ends ends = table.ends();
  if (!ends.stored_perhaps && !ends.size_perhaps) return {};
  const auto is_longer = shows_more_than(inner, ends.stored_perhaps ? ends.stored : table.stored_end_of(*ends.size_perhaps), step);
  if (!is_longer) return std::unexpected{is_longer.error()};
  table.settle(ends, ends.stored_perhaps ? *is_longer : !*is_longer);
  return {};
}

/// The table of the object that the store shows, decided where commits and removals gave no answer; null when there is none.
/// Requires: no writer is open but the caller's. Errors: those of `inner`, `corrupted` when the store shows none of those that may be
///           there; std::bad_alloc.
template <frame_codec Codec, storage_backend Inner>
[[nodiscard]] Result<std::shared_ptr<FrameTable>> decided(const Inner& inner, FramedObject<Codec>& object) {
  for (;;) {
    const auto candidates = object.candidates();
    if (!candidates.is_undecided()) return candidates.committed;
    auto source = inner.open();
    if (!source && !(source.error() == errc::not_found)) return std::unexpected{std::move(source).error()};
    if (!source && !candidates.may_be_none()) return failure(errc::corrupted, "look for an object", "it is gone from the store");
    std::shared_ptr<FrameTable> shown;
    if (source) {
      const auto identity = identity_of(*object.codec, *source);
      if (!identity) return std::unexpected{identity.error()};
      shown = candidates.shown_by(*identity);
      if (shown == nullptr) return failure(errc::corrupted, "look for an object", "the store shows another one");
    }
    if (object.decide(candidates, shown)) return shown;
  }
}

/// The same, with its ends known after an extension or a cut that gave no answer. Errors: as decided(), and of shows_more_than().
template <frame_codec Codec, storage_backend Inner>
[[nodiscard]] Result<std::shared_ptr<FrameTable>> settled(const Inner& inner, FramedObject<Codec>& object) {
  auto table = decided(inner, object);
  if (!table || *table == nullptr) return table;
  auto done = settle(inner, **table, object.codec->shape().chunk_bytes);
  if (!done) return std::unexpected{std::move(done).error()};
  return table;
}

}  // namespace hybridbuffer::inline v0_1::detail
