#include "bugs.hpp"
#include "reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

/// \file
/// The bugs of the readers that take more than a line.

namespace hybridbuffer::conformance::mutants {

// What a broken read answers instead of reading; mostly nothing.
std::optional<Result<std::size_t>> Reader::misread(std::span<std::byte> bytes) {
  const std::uint64_t size = view_->size();
  const bool is_end = position_ >= size;
  if (bytes.empty()) {
    if (has(Bug::empty_read_at_end_fails) && is_end) return failure(errc::io, "read", "at the end");
    return {};
  }
  if (has(Bug::end_survives_seek) && at_end_) return std::size_t{0};
  if (has(Bug::final_short_read_fails) && !is_end && size - position_ < bytes.size()) return failure(errc::io, "read", "fewer than asked");
  const bool pauses = has(Bug::false_end_at_boundary) || (has(Bug::seeker_false_end_at_boundary) && is_seeker_);
  const bool is_boundary = position_ != 0 && position_ % view_->location().settings().chunk_size == 0;
  if (pauses && is_boundary && !is_end && !std::exchange(paused_, true)) return std::size_t{0};
  return {};
}

// Where a broken reader believes to be.
void Reader::misplace() {
  BugState& bugs = view_->location().bugs;
  if (has(Bug::readers_share_cursor)) position_ = bugs.cursor;
  if (has(Bug::reader_number_in_8_bits) && !is_seeker_) position_ = bugs.cursors[view_->number()];
  if (has(Bug::read_at_moves_cursor) && bugs.moved_cursor) position_ = *std::exchange(bugs.moved_cursor, std::nullopt);
  if (has(Bug::shared_position_between_threads)) {
    bugs.cursor = position_;
    std::this_thread::yield();
    position_ = bugs.cursor;
  }
}

void Reader::skip_what_was_fetched_ahead(std::size_t wanted) {
  const bool is_same = wanted == last_size_;
  if (!is_same && equal_sizes_ >= 3 && position_ + 1 < view_->size()) ++position_;
  equal_sizes_ = is_same ? equal_sizes_ + 1 : 1;
  last_size_ = wanted;
}

// What a broken reader makes of `count` delivered bytes, which begin at `inside` in the chunk.
std::size_t Reader::misdeliver(std::span<std::byte> bytes, std::size_t inside, std::size_t count) {
  paused_ = false;
  const std::size_t left = chunk_.bytes.size() - inside;
  switch (chosen_bug()) {
    case Bug::count_beyond_span: return std::max(count, left);
    case Bug::words_past_span: {
      constexpr std::size_t word = 8;
      Bytes words = chunk_.bytes;
      words.resize(words.size() + word);
      std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(inside), (count + word - 1) / word * word, bytes.data());
      return count;
    }
    case Bug::sign_extended_end: {
      const auto end = std::find(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count), std::byte{0xff});
      const auto kept = static_cast<std::size_t>(end - bytes.begin());
      position_ -= count - kept;
      return kept;
    }
    case Bug::reading_deletes:
      if (count == left) {
        const std::string end = std::string{"/"}.append(std::to_string(chunk_.begin / view_->location().settings().chunk_size));
        for (const std::string& key : view_->location().store().keys(view_->location().prefix() + "/")) {
          if (key.ends_with(end)) view_->location().store().erase(key);
        }
      }
      return count;
    default: return count;
  }
}

// The answer of a broken seek; mostly none.
std::optional<Result<std::uint64_t>> Reader::misseek(std::int64_t offset, Whence whence) {
  const std::uint64_t old = position_;
  const std::uint64_t size = view_->size();
  const bool is_known = whence == Whence::begin || whence == Whence::current || whence == Whence::end;
  switch (chosen_bug()) {
    case Bug::seek_end_ignores_sign:
      if (whence == Whence::end && offset < 0 && offset != std::numeric_limits<std::int64_t>::min()) return seek_to(-offset, whence);
      return {};
    case Bug::seek_returns_old_position: {
      auto done = seek_to(offset, whence);
      if (done) done = old;
      return done;
    }
    case Bug::seek_counts_from_prefetch:
      if (whence == Whence::current && !chunk_.bytes.empty()) position_ = chunk_.begin + chunk_.bytes.size();
      return {};
    case Bug::negative_seek_clamps: {
      auto done = seek_to(offset, whence);
      if (!done && offset < 0 && is_known) done = position_ = 0;
      return done;
    }
    case Bug::failed_seek_moves: {
      auto done = seek_to(offset, whence);
      if (!done) position_ = 0;
      return done;
    }
    case Bug::past_end_seek_clamps: {
      auto done = seek_to(offset, whence);
      if (done && position_ > size) done = position_ = size;
      return done;
    }
    case Bug::unknown_whence_is_begin:
      if (!is_known) return seek_to(offset, Whence::begin);
      return {};
    case Bug::seek_overflow_wraps: {
      auto done = seek_to(offset, whence);
      if (!done && offset > 0 && is_known)
        done = position_ = (whence == Whence::current ? position_ : size) + static_cast<std::uint64_t>(offset);
      return done;
    }
    case Bug::seek_end_of_empty_fails:
      if (whence == Whence::end && size == 0) return failure(errc::invalid_argument, "seek", "in nothing");
      return {};
    case Bug::past_end_counts_from_size:
      if (whence == Whence::current) position_ = std::min(position_, size);
      return {};
    case Bug::back_seek_keeps_buffer: {
      auto done = seek_to(offset, whence);
      const bool is_back = done && whence == Whence::current && offset < 0 && !chunk_.bytes.empty() && position_ < chunk_.begin;
      if (is_back) chunk_.begin -= view_->location().settings().chunk_size;
      return done;
    }
    case Bug::seek_in_32_bits: {
      auto done = seek_to(offset, whence);
      if (done) done = position_ = static_cast<std::uint32_t>(position_);
      return done;
    }
    default: return {};
  }
}

// A cache that all handles on the location share: whoever sees its number takes its bytes to be there.
Result<std::size_t> ReaderAt::read_through_cache(std::uint64_t offset, std::span<std::byte> bytes) const {
  BugState& bugs = view_->location().bugs;
  std::size_t done = 0;
  while (done < bytes.size() && offset + done < view_->size()) {
    const std::uint64_t chunk_size = view_->location().settings().chunk_size;
    const std::uint64_t index = (offset + done) / chunk_size;
    if (chunk_size > bugs.cache.size()) return view_->copy(offset, bytes);
    if (bugs.cached_chunk.exchange(index) != index) {
      auto chunk = view_->chunk_at(offset + done);
      if (!chunk) return std::unexpected{std::move(chunk).error()};
      std::this_thread::yield();
      std::copy(chunk->bytes.begin(), chunk->bytes.end(), bugs.cache.begin());
    }
    const auto inside = static_cast<std::size_t>(offset + done - index * chunk_size);
    const std::uint64_t length = std::min(chunk_size, view_->size() - index * chunk_size);
    const std::size_t count = std::min(bytes.size() - done, static_cast<std::size_t>(length) - inside);
    std::copy_n(bugs.cache.begin() + static_cast<std::ptrdiff_t>(inside), count, bytes.begin() + static_cast<std::ptrdiff_t>(done));
    done += count;
  }
  return done;
}

// What a broken read_at answers; mostly nothing.
std::optional<Result<std::size_t>> ReaderAt::misread(std::uint64_t offset, std::span<std::byte> bytes) const {
  const std::uint64_t size = view_->size();
  const std::uint64_t chunk_size = view_->location().settings().chunk_size;
  switch (chosen_bug()) {
    case Bug::read_at_empty_window_fails:
      if (bytes.empty()) return failure(errc::invalid_argument, "read_at", "an empty window");
      return {};
    case Bug::read_at_past_end_fails:
      if (offset >= size && !bytes.empty()) return failure(errc::invalid_argument, "read_at", "past the end");
      return {};
    case Bug::read_at_across_end_gives_nothing:
      if (offset < size && bytes.size() > size - offset) return std::size_t{0};
      return {};
    case Bug::read_at_stops_at_chunk_end:
      return view_->copy(offset, bytes.first(std::min(bytes.size(), static_cast<std::size_t>(chunk_size - offset % chunk_size))));
    case Bug::read_at_long_window_wrong: {
      auto count = view_->copy(offset, bytes);
      const auto second = static_cast<std::size_t>(chunk_size - offset % chunk_size);
      if (count && *count > second + 2 * chunk_size)
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(second), chunk_size,
                    bytes.begin() + static_cast<std::ptrdiff_t>(second + chunk_size));
      return count;
    }
    case Bug::read_at_boundary_start_wrong:
      if (offset != 0 && offset % chunk_size == 0) return view_->copy(offset + 1, bytes);
      return {};
    case Bug::read_at_remembers_last:
      if (std::exchange(last_offset_, offset) == offset && std::exchange(last_length_, bytes.size()) == bytes.size()) {
        last_offset_ = ~std::uint64_t{0};
        return std::size_t{0};
      }
      last_length_ = bytes.size();
      return {};
    case Bug::offset_in_32_bits: return view_->copy(static_cast<std::uint32_t>(offset), bytes);
    case Bug::read_at_moves_cursor: {
      auto count = view_->copy(offset, bytes);
      if (count) view_->location().bugs.moved_cursor = offset + *count;
      return count;
    }
    case Bug::read_at_cache_without_lock: return read_through_cache(offset, bytes);
    default: return {};
  }
}

}  // namespace hybridbuffer::conformance::mutants
