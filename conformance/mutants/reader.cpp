#include "reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace hybridbuffer::conformance::mutants {

Result<void> View::refresh(const Manifest& seen) const {
  auto now = location_->committed("look for an object again");
  if (!now) return std::unexpected{std::move(now).error()};
  if (!*now || (*now)->object != seen.object)
    return failure(errc::not_found, "read an object that was replaced or removed", location_->prefix());
  if ((*now)->generation == seen.generation) return failure(errc::corrupted, "read a chunk that is lost", location_->prefix());
  auto next = std::make_shared<const Manifest>(std::move(**now));
  const std::lock_guard lock{mutex_};
  if (manifest_->generation < next->generation) manifest_ = std::move(next);
  return {};
}

Result<View::Chunk> View::chunk_at(std::uint64_t offset) const {
  for (;;) {
    const auto manifest = current();
    if (offset >= size_of(*manifest)) return Chunk{};
    const std::uint64_t index = offset / manifest->chunk_size;
    const std::uint64_t begin = index * manifest->chunk_size;
    auto bytes = location_->get_chunk(manifest->chunks[static_cast<std::size_t>(index)], index, manifest->length_of(index));
    if (!bytes) return std::unexpected{std::move(bytes).error()};
    if (*bytes) {
      const std::uint64_t shown = size_of(*manifest) - begin;
      if (shown < (*bytes)->size()) (*bytes)->resize(static_cast<std::size_t>(shown));
      return Chunk{.begin = begin, .bytes = std::move(**bytes)};
    }
    // An extension or a cut may have written this chunk anew.
    if (auto refreshed = refresh(*manifest); !refreshed) return std::unexpected{std::move(refreshed).error()};
  }
}

Result<std::size_t> View::copy(std::uint64_t offset, std::span<std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto chunk = chunk_at(offset + done);
    if (!chunk) return std::unexpected{std::move(chunk).error()};
    if (chunk->bytes.empty()) break;
    const auto inside = static_cast<std::size_t>(offset + done - chunk->begin);
    const std::size_t count = std::min(bytes.size() - done, chunk->bytes.size() - inside);
    std::copy_n(chunk->bytes.begin() + static_cast<std::ptrdiff_t>(inside), count, bytes.begin() + static_cast<std::ptrdiff_t>(done));
    done += count;
  }
  return done;
}

Result<void> Reader::check(OperationName operation) const {
  if (view_ == nullptr || !view_->location().is_ours()) return failure(errc::closed, operation);
  return {};
}

std::size_t Reader::most_to_deliver(std::size_t n) {
  switch (view_->location().settings().delivery) {
    case Delivery::up_to_chunk: return n;
    case Delivery::one_byte: return 1;
    case Delivery::random: return std::uniform_int_distribution<std::size_t>{1, n}(random_);
  }
  return n;
}

Result<std::size_t> Reader::read(std::span<std::byte> bytes) {
  if (auto usable = check("read"); !usable) return std::unexpected{std::move(usable).error()};
  if (bytes.empty()) return std::size_t{0};
  const bool is_here = position_ >= chunk_.begin && position_ - chunk_.begin < chunk_.bytes.size();
  if (!is_here) {
    auto chunk = view_->chunk_at(position_);
    if (!chunk) return std::unexpected{std::move(chunk).error()};
    if (chunk->bytes.empty()) return std::size_t{0};
    chunk_ = std::move(*chunk);
  }
  const auto inside = static_cast<std::size_t>(position_ - chunk_.begin);
  const std::size_t count = std::min(most_to_deliver(bytes.size()), chunk_.bytes.size() - inside);
  if (view_->location().settings().scratch_beyond_count) std::fill(bytes.begin(), bytes.end(), std::byte{0xd5});
  std::copy_n(chunk_.bytes.begin() + static_cast<std::ptrdiff_t>(inside), count, bytes.begin());
  position_ += count;
  return count;
}

Result<std::uint64_t> Reader::seek(std::int64_t offset, Whence whence) {
  if (auto usable = check("seek"); !usable) return std::unexpected{std::move(usable).error()};
  std::uint64_t base = 0;
  switch (whence) {
    case Whence::begin: break;
    case Whence::current: base = position_; break;
    case Whence::end: base = view_->size(); break;
    default: return failure(errc::invalid_argument, "seek", "from nowhere");
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (offset < 0) {
    const std::uint64_t back = std::uint64_t{0} - static_cast<std::uint64_t>(offset);
    if (back > base) return failure(errc::invalid_argument, "seek", "before the start");
    position_ = base - back;
  } else {
    if (base > most || static_cast<std::uint64_t>(offset) > most - base)
      return failure(errc::invalid_argument, "seek", "beyond what can be told");
    position_ = base + static_cast<std::uint64_t>(offset);
  }
  return position_;
}

Result<std::uint64_t> Reader::size() const {
  if (auto usable = check("size"); !usable) return std::unexpected{std::move(usable).error()};
  return view_->size();
}

Result<std::size_t> ReaderAt::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  if (view_ == nullptr || !view_->location().is_ours()) return failure(errc::closed, "read_at");
  if (view_->location().settings().scratch_beyond_count) std::fill(bytes.begin(), bytes.end(), std::byte{0xd5});
  return view_->copy(offset, bytes);
}
Result<std::uint64_t> ReaderAt::size() const {
  if (view_ == nullptr || !view_->location().is_ours()) return failure(errc::closed, "size");
  return view_->size();
}

}  // namespace hybridbuffer::conformance::mutants
