#pragma once

#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/location.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// How a content that is stored in frames gets a lasting name: decoded, or encoded as one whole, it is written to another location, and
/// that is published.

namespace hybridbuffer::inline v0_1::detail {

/// Writes what `source` gives, in the form that the codec publishes. `is_secret`: the location that gives it keeps secrets.
/// Errors: those of `source` and of `sink`; std::bad_alloc.
template <frame_codec Codec, hybridbuffer::reader Source, class Sink>
[[nodiscard]] Result<void> write_published(const Codec& codec, Source& source, Sink& sink, bool is_secret) {
  if constexpr (publishing_codec<Codec>) {
    if (codec.publishes_encoded()) {
      const auto read = [&](std::span<std::byte> out) {
        return read_fully(out, [&](std::size_t, std::span<std::byte> rest) { return source.read(rest); });
      };
      return codec.publish_encoded(read, [&](std::span<const std::byte> bytes) { return sink.write(bytes); });
    }
  }
  FrameMemory memory{is_secret};
  const std::size_t chunk_bytes = codec.shape().chunk_bytes;
  const auto block = memory.first(chunk_bytes, chunk_bytes);
  for (;;) {
    const auto count = source.read(block);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return {};
    if (auto written = sink.write(block.first(*count)); !written) return written;
  }
}

/// Writes what `source` gives to `copy`, and publishes that. `is_secret`: as write_published().
/// Errors: those of `source` and of `copy`; std::bad_alloc.
template <frame_codec Codec, hybridbuffer::reader Source, storage_backend Inner>
[[nodiscard]] Result<void> publish_through(const Codec& codec, Source& source, Inner& copy, std::string_view destination, PublishMode mode,
                                           bool is_secret) {
  {
    auto sink = copy.create();
    if (!sink) return std::unexpected{std::move(sink).error()};
    if (auto written = write_published(codec, source, *sink, is_secret); !written) return written;
    if (auto closed = sink->close(); !closed) return closed;
  }
  return copy.publish(destination, mode);
}

/// Removes a copy that was published, or was to be. Errors: those of `copy`, but not_found.
template <storage_backend Inner>
[[nodiscard]] Result<void> removed_copy(Inner& copy) {
  auto removed = copy.remove();
  if (!removed && removed.error() == errc::not_found) return {};
  return removed;
}

}  // namespace hybridbuffer::inline v0_1::detail
