#pragma once

#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/view/source_view.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// Cuts what a reader delivers into blocks. The source of chunks().
template <reader Reader>
class ChunkSource {
 public:
  using value_type = std::vector<std::byte>;

  ChunkSource(Reader source, std::size_t chunk_bytes)
      : reader_{std::move(source)},
        size_{std::max<std::size_t>(chunk_bytes, 1)},
        block_{std::make_unique_for_overwrite<std::byte[]>(size_)} {}

  [[nodiscard]] Result<bool> load() {
    while (filled_ < size_) {
      const auto count = read_some_of(reader_, std::span{block_.get(), size_}.subspan(filled_));
      if (!count) return std::unexpected{count.error()};
      if (*count == 0) break;
      filled_ += *count;
    }
    return filled_ != 0;
  }
  [[nodiscard]] static bool load_at_hand() noexcept { return false; }
  [[nodiscard]] std::span<const std::byte> current() const noexcept { return {block_.get(), filled_}; }
  void drop() noexcept { filled_ = 0; }

 private:
  Reader reader_;
  std::size_t size_;
  std::unique_ptr<std::byte[]> block_;
  std::size_t filled_ = 0;
};

/// Of a reader with windows it shows these themselves, cut to blocks.
template <window_reader Reader>
class ChunkSource<Reader> {
 public:
  using value_type = std::vector<std::byte>;

  ChunkSource(Reader source, std::size_t chunk_bytes) : reader_{std::move(source)}, size_{std::max<std::size_t>(chunk_bytes, 1)} {}

  [[nodiscard]] Result<bool> load() {
    const auto shown = reader_.peek();
    if (!shown) return std::unexpected{shown.error()};
    chunk_ = shown->first(std::min(shown->size(), size_));
    reader_.consume(chunk_.size());
    return !chunk_.empty();
  }
  [[nodiscard]] static bool load_at_hand() noexcept { return false; }
  [[nodiscard]] std::span<const std::byte> current() const noexcept { return chunk_; }
  void drop() noexcept { chunk_ = {}; }

 private:
  Reader reader_;
  std::size_t size_;
  std::span<const std::byte> chunk_{};
};

template <reader Reader>
using Chunks = SourceView<ChunkSource<Reader>>;  ///< What chunks() returns.

inline constexpr std::size_t default_chunk_bytes = std::size_t{64} << 10U;  ///< The size of a chunk unless it is given.

/// The unread bytes of `buffer`, from `tell()` on, in spans of `chunk_bytes`; the last one may be shorter. Not consumed: the buffer's
/// position stays. What is appended before the view comes to the end is shown as well.
///
///     auto view = chunks(buffer);
///     for (std::span<const std::byte> chunk : view) hash.update(chunk);
///     if (!view.status()) return view.status().error();           // else everything was shown
///
/// Requires: the buffer is neither moved from nor destroyed while the view is used. 0 counts as 1.
/// Errors:   in status(), those of HybridBuffer::read_at(); the chunk in which one occurs is not shown. std::bad_alloc.
/// Cost:     one copy into the view's block. To look without a copy, pass a MappedReader, or consume: HybridBuffer::next_chunk().
template <has_independent_readers Buffer>
[[nodiscard]] auto chunks(const Buffer& buffer, std::size_t chunk_bytes = default_chunk_bytes) {
  auto source = buffer.open_reader();
  return Chunks<decltype(source)>{ChunkSource{std::move(source), chunk_bytes}};
}
template <has_independent_readers Buffer>
void chunks(const Buffer&& buffer, std::size_t chunk_bytes = default_chunk_bytes) = delete;

/// The same over any reader, from where it stands. The view owns it. Of a MappedReader nothing is copied: its windows are shown in spans
/// of at most `chunk_bytes`, which the buffer's next call that is not const invalidates as well.
template <reader Reader>
  requires(!has_independent_readers<Reader>)
[[nodiscard]] Chunks<Reader> chunks(Reader source, std::size_t chunk_bytes = default_chunk_bytes) {
  return Chunks<Reader>{ChunkSource<Reader>{std::move(source), chunk_bytes}};
}

}  // namespace hybridbuffer::inline v0_1
