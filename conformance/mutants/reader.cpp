#include "reader.hpp"

#include "bugs.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

namespace hybridbuffer::conformance::mutants {

View::View(std::shared_ptr<Location> location, Manifest manifest)
    : location_{std::move(location)},
      size_{manifest.size},
      manifest_{std::make_shared<const Manifest>(std::move(manifest))},
      readers_gone_{location_->bugs.readers_gone},
      backend_moves_{location_->bugs.backend_moves},
      commits_{all_commits()} {
  if (!has(Bug::reader_number_in_8_bits)) return;
  number_ = location_->bugs.next_reader++;
  location_->bugs.cursors[number_] = 0;
}

View::~View() {
  if (!location_->is_ours()) return;
  if (has(Bug::reader_leaks_memory)) leak_memory();
  ++location_->bugs.readers_gone;
  location_->reader_gone();
}

bool View::is_usable() const noexcept {
  const bool points_to_backend = has(Bug::handle_keeps_backend_pointer) || (has(Bug::small_object_in_backend) && size_ <= 64);
  if (points_to_backend && backend_moves_ != location_->bugs.backend_moves) std::abort();
  return location_->is_ours() || has(Bug::child_reads_on);
}
bool View::was_closed_with_another() const noexcept {
  return has(Bug::one_reader_closes_all) && readers_gone_ != location_->bugs.readers_gone;
}

std::uint64_t View::size() const {
  if (has(Bug::append_grows_size_of_open_handles)) return std::max(size_, location_->bugs.committed_size.load());
  return size_of(*current());
}

Result<bool> View::refresh(const Manifest& seen) const {
  if (has(Bug::lost_chunk_reads_as_end)) return false;
  auto now = location_->committed("look for an object again");
  if (!now) return std::unexpected{std::move(now).error()};
  if (!*now && has(Bug::expired_object_is_short)) return false;
  if (!*now || (*now)->object != seen.object) {
    if (has(Bug::replaced_reads_as_end)) return false;
    return failure(errc::not_found, "read an object that was replaced or removed", location_->prefix());
  }
  if ((*now)->generation == seen.generation) return failure(errc::corrupted, "read a chunk that is lost", location_->prefix());
  auto next = std::make_shared<const Manifest>(std::move(**now));
  const std::lock_guard lock{mutex_};
  if (manifest_->generation < next->generation) manifest_ = std::move(next);
  return true;
}

Result<View::Chunk> View::chunk_at(std::uint64_t offset) const {
  if (has(Bug::others_commits_move_readers) && all_commits() - commits_ > 200)
    return failure(errc::io, "read a chunk that was moved", location_->prefix());
  for (;;) {
    auto manifest = current();
    if (has(Bug::key_resolved_at_each_fetch)) {
      auto now = location_->committed("read");
      if (!now) return std::unexpected{std::move(now).error()};
      if (!*now) return failure(errc::not_found, "read");
      manifest = std::make_shared<const Manifest>(std::move(**now));
      if (offset >= manifest->size) return Chunk{};
    } else if (offset >= size_of(*manifest)) {
      return Chunk{};
    }
    const std::uint64_t index = offset / manifest->chunk_size;
    const std::uint64_t begin = index * manifest->chunk_size;
    if (index >= manifest->chunks.size()) return failure(errc::corrupted, "read beyond the chunks that there are", location_->prefix());
    const std::size_t length = manifest->length_of(index);
    if (has(Bug::stale_cache_after_create)) {
      const std::lock_guard lock{location_->bugs.memory};
      if (const auto found = location_->bugs.chunks.find({index, length}); found != location_->bugs.chunks.end())
        return Chunk{begin, found->second};
    }
    auto bytes = location_->get_chunk(manifest->chunks[static_cast<std::size_t>(index)], index, length);
    if (!bytes) return std::unexpected{std::move(bytes).error()};
    if (*bytes) {
      if (has(Bug::stale_cache_after_create)) {
        const std::lock_guard lock{location_->bugs.memory};
        location_->bugs.chunks[{index, length}] = **bytes;
      }
      if (offset - begin >= (*bytes)->size()) return Chunk{};  // only a bug accepts a chunk that is too short
      const std::uint64_t shown = has(Bug::key_resolved_at_each_fetch) ? length : size_of(*manifest) - begin;
      if (shown < (*bytes)->size()) (*bytes)->resize(static_cast<std::size_t>(shown));
      return Chunk{.begin = begin, .bytes = std::move(**bytes)};
    }
    // An extension or a cut may have written this chunk anew.
    const auto refreshed = refresh(*manifest);
    if (!refreshed) return std::unexpected{refreshed.error()};
    if (!*refreshed) return Chunk{};
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
  if (view_ == nullptr && !has(Bug::moved_from_dereferences_null)) return failure(errc::closed, operation);
  if (!view_->is_usable() || view_->was_closed_with_another()) return failure(errc::closed, operation);
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
  if (auto wrong = misread(bytes)) return *wrong;
  if (bytes.empty()) return std::size_t{0};
  misplace();
  if (has(Bug::fetch_ahead_skips)) skip_what_was_fetched_ahead(bytes.size());
  auto count = deliver(bytes);
  if (has(Bug::readers_share_cursor)) view_->location().bugs.cursor = position_;
  if (has(Bug::reader_number_in_8_bits)) view_->location().bugs.cursors[view_->number()] = position_;
  return count;
}

Result<std::size_t> Reader::deliver(std::span<std::byte> bytes) {
  const bool is_here = position_ >= chunk_.begin && position_ - chunk_.begin < chunk_.bytes.size();
  if (!is_here) {
    auto chunk = view_->chunk_at(position_);
    if (!chunk && has(Bug::exception_leaves_read)) throw std::runtime_error{chunk.error().message()};
    if (!chunk && has(Bug::skips_chunk_after_error)) position_ += view_->location().settings().chunk_size;
    if (!chunk) return std::unexpected{std::move(chunk).error()};
    if (chunk->bytes.empty()) {
      at_end_ = true;
      if (has(Bug::end_starts_over)) position_ = 0;
      return std::size_t{0};
    }
    chunk_ = std::move(*chunk);
  }
  const auto inside = static_cast<std::size_t>(position_ - chunk_.begin);
  const std::size_t count = std::min(most_to_deliver(bytes.size()), chunk_.bytes.size() - inside);
  if (view_->location().settings().scratch_beyond_count) std::fill(bytes.begin(), bytes.end(), std::byte{0xd5});
  std::copy_n(chunk_.bytes.begin() + static_cast<std::ptrdiff_t>(inside), count, bytes.begin());
  position_ += count;
  return misdeliver(bytes, inside, count);
}

Result<std::uint64_t> Reader::seek(std::int64_t offset, Whence whence) {
  if (auto usable = check("seek"); !usable) return std::unexpected{std::move(usable).error()};
  if (auto wrong = misseek(offset, whence)) return *wrong;
  return seek_to(offset, whence);
}

Result<std::uint64_t> Reader::seek_to(std::int64_t offset, Whence whence) {
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
  if (view_ == nullptr && !has(Bug::moved_from_dereferences_null)) return failure(errc::closed, "read_at");
  if (!view_->is_usable()) return failure(errc::closed, "read_at");
  if (view_->location().settings().scratch_beyond_count) std::fill(bytes.begin(), bytes.end(), std::byte{0xd5});
  if (auto wrong = misread(offset, bytes)) return *wrong;
  return view_->copy(offset, bytes);
}
Result<std::uint64_t> ReaderAt::size() const {
  if (view_ == nullptr || !view_->is_usable()) return failure(errc::closed, "size");
  if (has(Bug::read_at_size_of_first_chunk)) return std::min(view_->size(), view_->location().settings().chunk_size);
  return view_->size();
}

}  // namespace hybridbuffer::conformance::mutants
