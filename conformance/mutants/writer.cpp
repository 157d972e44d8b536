#include "writer.hpp"

#include "bugs.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {

Writer::Writer(std::shared_ptr<Location> location, std::uint64_t generation, std::uint64_t epoch, std::optional<Manifest> base, Bytes tail)
    : location_{std::move(location)}, epoch_{epoch}, base_{std::move(base)}, pending_{std::move(tail)}, tail_{pending_.size()} {
  if (base_) manifest_ = *base_;
  else manifest_ = {.object = generation, .generation = 0, .size = 0, .chunk_size = location_->settings().chunk_size, .chunks = {}};
  manifest_.generation = generation;
  if (!pending_.empty()) manifest_.chunks.pop_back();  // the last chunk is written anew, with what is added to it
  if (has(Bug::append_zeroes_tail)) std::fill(pending_.begin(), pending_.end(), std::byte{0});
  if (has(Bug::append_overwrites_last_full_chunk) && base_ && pending_.empty() && !manifest_.chunks.empty()) {
    manifest_.chunks.pop_back();
    manifest_.size -= manifest_.chunk_size;
  }
  if (has(Bug::failed_append_stays_pending) && base_) {
    Bytes left_over = std::exchange(location_->bugs.left_over, {});
    pending_.insert(pending_.end(), left_over.begin(), left_over.end());
    manifest_.size += left_over.size();
  }
}

Writer::Writer(Writer&& other) noexcept
    : epoch_{other.epoch_},
      base_{std::move(other.base_)},
      manifest_{std::move(other.manifest_)},
      pending_{std::move(other.pending_)},
      verdict_{std::move(other.verdict_)},
      borrowed_{std::move(other.borrowed_)},
      borrowed_bytes_{other.borrowed_bytes_},
      own_{std::move(other.own_)},
      tail_{other.tail_},
      maker_{other.maker_} {
  if (has(Bug::moved_from_writer_ends_live_one) && manifest_.size != 0) {
    location_ = other.location_;
    phase_ = other.phase_;
    return;
  }
  location_ = std::move(other.location_);
  phase_ = std::exchange(other.phase_, Phase::closed);
}

Writer& Writer::operator=(Writer&& other) noexcept {
  if (this == &other) return *this;
  if (!has(Bug::assignment_leaks_writer)) abandon();
  location_ = std::move(other.location_);
  epoch_ = other.epoch_;
  base_ = std::move(other.base_);
  manifest_ = std::move(other.manifest_);
  pending_ = std::move(other.pending_);
  phase_ = std::exchange(other.phase_, Phase::closed);
  verdict_ = std::move(other.verdict_);
  borrowed_ = std::move(other.borrowed_);
  borrowed_bytes_ = other.borrowed_bytes_;
  own_ = std::move(other.own_);
  tail_ = other.tail_;
  maker_ = other.maker_;
  return *this;
}

Writer::~Writer() {
  if (has(Bug::destructor_commits) && location_ != nullptr && location_->is_ours() && phase_ == Phase::open) {
    static_cast<void>(close());
    return;
  }
  if (has(Bug::cut_off_writer_gives_back_twice)) give_back_again();
  abandon();
}

bool Writer::is_unusable() const noexcept {
  if (location_ == nullptr && !has(Bug::moved_from_dereferences_null)) return true;
  return !location_->is_ours() && !has(Bug::child_commits);
}

Result<void> Writer::write(std::span<const std::byte> bytes) {
  if (is_unusable()) return failure(errc::closed, "write");
  if (phase_ == Phase::closed && has(Bug::write_after_close_accepted)) return {};
  if (phase_ == Phase::closed) return failure(errc::closed, "write");
  if (phase_ == Phase::failed) return verdict_;
  if (has(Bug::writer_bound_to_thread) && maker_ != std::this_thread::get_id()) return failure(errc::io, "write", "from another thread");
  if (bytes.empty() && has(Bug::empty_write_finalises)) return close();
  if (bytes.empty()) return {};
  if (has(Bug::write_counter_in_16_bits) && ++writes_ == 0) return {};
  if (has(Bug::file_in_working_directory)) write_stray_file(bytes);
  if (has(Bug::shared_static_buffer)) take_pending_from_shared_buffer();
  if (auto stored = store(misread(bytes)); !stored) {
    phase_ = Phase::failed;
    verdict_ = std::move(stored);
  }
  if (has(Bug::shared_static_buffer)) put_pending_into_shared_buffer();
  return verdict_;
}

Result<void> Writer::write(std::span<const std::span<const std::byte>> pieces) {
  if (has(Bug::gather_list_cut)) pieces = pieces.first(std::min<std::size_t>(pieces.size(), 4096));
  for (const auto piece : pieces) {
    if (piece.empty() && has(Bug::gather_drops_empty_neighbour)) return {};
    if (auto done = write(piece); !done) return done;
  }
  return write(std::span<const std::byte>{});
}

Result<void> Writer::store(std::span<const std::byte> bytes) {
  const Settings& settings = location_->settings();
  if (settings.capabilities.has(Capability::max_object_size) && bytes.size() > settings.max_object_size - manifest_.size) {
    if (!has(Bug::limit_truncates)) return failure(errc::limit_exceeded, "write more than the largest object", location_->prefix());
    bytes = bytes.first(static_cast<std::size_t>(settings.max_object_size - manifest_.size));
  }
  manifest_.size += bytes.size();
  if (has(Bug::length_in_int)) manifest_.size = static_cast<std::uint32_t>(manifest_.size);
  if (has(Bug::lost_append_answer_doubles)) own_.insert(own_.end(), bytes.begin(), bytes.end());
  if (has(Bug::keeps_callers_pointer)) {
    borrowed_.push_back(bytes);
    borrowed_bytes_ += bytes.size();
    if (pending_.size() + borrowed_bytes_ < manifest_.chunk_size) return {};
    return flush_pending(false);
  }
  const bool fills_begun_chunk = !pending_.empty() && pending_.size() + bytes.size() == manifest_.chunk_size;
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (has(Bug::boundary_flush_off_by_one) && fills_begun_chunk) pending_.back() = std::byte{0};
  if (settings.buffer_until_close) return {};
  return flush_pending(false);
}

// Stores the whole chunks of what is pending; with `last` also the rest.
Result<void> Writer::flush_pending(bool last) {
  for (const auto bytes : std::exchange(borrowed_, {})) pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  borrowed_bytes_ = 0;
  const auto chunk_size = static_cast<std::size_t>(manifest_.chunk_size);
  auto left = std::span<const std::byte>{pending_};
  while (left.size() >= chunk_size || (last && !left.empty())) {
    const auto chunk = left.first(std::min(left.size(), chunk_size));
    if (auto stored = flush(chunk); !stored) return stored;
    left = left.subspan(chunk.size());
  }
  if (has(Bug::second_close_appends_again) && last) own_ = pending_;
  pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(left.size()));
  return {};
}

Result<void> Writer::flush(std::span<const std::byte> chunk) {
  const std::lock_guard lock{location_->mutex};
  if (epoch_ != location_->epoch && !has(Bug::close_resurrects)) {
    return failure(errc::not_found, "write to a location that was removed", location_->prefix());
  }
  auto stored = put(chunk);
  if (stored && has(Bug::visible_before_close)) {
    Manifest part = manifest_;
    part.size = std::min(part.size, part.chunks.size() * part.chunk_size);
    return location_->commit(part);
  }
  return stored;
}

Result<void> Writer::put(std::span<const std::byte> chunk) {
  if (has(Bug::uniform_chunk_is_hole) && std::all_of(chunk.begin(), chunk.end(), [&](std::byte b) { return b == chunk.front(); })) {
    manifest_.chunks.push_back(Manifest::hole);
    return {};
  }
  std::uint64_t generation = manifest_.generation;
  if (has(Bug::append_changes_tail_in_place) && tail_ != 0 && manifest_.chunks.size() + 1 == base_->chunks.size())
    generation = base_->chunks.back();
  auto stored = location_->put_chunk(generation, manifest_.chunks.size(), chunk);
  if (stored) manifest_.chunks.push_back(generation);
  return stored;
}

Result<void> Writer::close() {
  if (is_unusable()) return failure(errc::closed, "close");
  if (phase_ == Phase::closed && has(Bug::second_close_appends_again)) return close_again();
  if (phase_ == Phase::closed && has(Bug::second_close_forgives)) return {};
  if (phase_ == Phase::closed) return verdict_;
  if (has(Bug::writer_bound_to_thread) && maker_ != std::this_thread::get_id()) return failure(errc::io, "close", "from another thread");
  if (phase_ == Phase::failed && has(Bug::failed_write_publishes_stump)) {
    verdict_ = {};
    manifest_.size = std::min(manifest_.size, manifest_.chunks.size() * manifest_.chunk_size);
  } else if (phase_ == Phase::open) {
    if (has(Bug::longer_tail_kept)) verdict_ = keep_longer_tail();
    if (has(Bug::last_partial_chunk_dropped)) {
      manifest_.size -= pending_.size();
      pending_.clear();
    }
    if (has(Bug::full_last_chunk_dropped) && pending_.empty() && !manifest_.chunks.empty()) {
      manifest_.chunks.pop_back();
      manifest_.size -= manifest_.chunk_size;
    }
    if (has(Bug::shared_static_buffer)) take_pending_from_shared_buffer();
    if (verdict_) verdict_ = flush_pending(true);
  }
  const std::lock_guard lock{location_->mutex};
  if (!verdict_ && phase_ == Phase::open && (has(Bug::close_swallows_flush_error) || has(Bug::failed_close_shows_part))) {
    manifest_.size = std::min(manifest_.size, manifest_.chunks.size() * manifest_.chunk_size);
    if (const auto shown = commit(); has(Bug::close_swallows_flush_error)) verdict_ = shown;
  } else if (verdict_) {
    verdict_ = commit();
  }
  // Nobody knows whether an indeterminate commit needs the chunks; the next one that succeeds does.
  if (!verdict_ && !verdict_.error().is_indeterminate() && !has(Bug::failed_close_shows_part)) drop_own();
  if (epoch_ == location_->epoch) --location_->writers;
  phase_ = Phase::closed;
  return verdict_;
}

// An extension needs the object that it began with; a writer of any kind needs what it stored to be there still.
Result<void> Writer::check_base(const std::optional<Manifest>& committed) const {
  if (base_ && (!committed || committed->object != base_->object)) {
    return failure(errc::not_found, "extend an object that was replaced or removed", location_->prefix());
  }
  if (manifest_.chunks.empty()) return {};
  return location_->expect_chunk(manifest_.chunks.back(), manifest_.chunks.size() - 1);
}

Result<void> Writer::commit() {
  if (has(Bug::empty_close_stores_nothing) && manifest_.size == 0) return {};
  if (epoch_ != location_->epoch && !has(Bug::close_resurrects)) {
    return failure(errc::not_found, "close a writer whose location was removed", location_->prefix());
  }
  auto old = location_->committed("replace an object");
  if (!old && old.error() == errc::corrupted && !base_ && !has(Bug::commit_fails_over_damage)) {
    location_->has_unknown_keys = true;  // what it named can only be found by looking at every key
    old = std::nullopt;
  }
  if (!old) return std::unexpected{old.error()};
  if (auto usable = check_base(*old); !usable) return usable;
  if (has(Bug::append_commits_in_two_steps) && base_) {
    if (auto done = commit_part(); !done) return done;
  }
  if (has(Bug::commit_in_two_steps) && *old) {
    if (auto done = commit_torn(**old); !done) return done;
  }
  if (has(Bug::commit_shows_late)) {
    location_->bugs.remembered = *old;
    location_->bugs.visible_at = std::chrono::steady_clock::now() + std::chrono::milliseconds{3};
  }
  if (has(Bug::lost_append_answer_doubles) && base_) {
    if (auto done = location_->commit_blindly(manifest_); !done) return extend_again();
  } else if (auto done = location_->commit(manifest_); !done) {
    return done;
  }
  if (has(Bug::others_commits_move_readers)) ++all_commits();
  location_->bugs.committed_size = manifest_.size;
  if (has(Bug::window_shows_abandoned) || has(Bug::transfer_takes_abandoned) || has(Bug::publish_takes_abandoned))
    location_->bugs.left_over.clear();
  location_->bugs.filled = false;
  if (*old && !(has(Bug::append_keeps_old_tails) && base_)) location_->drop_chunks(**old, &manifest_);
  if (location_->has_unknown_keys && location_->writers == 1) location_->drop_unknown(manifest_);
  if (has(Bug::publish_follows_object)) publish_again();
  if (has(Bug::window_dies_at_append) && base_) {
    for (const auto& window : location_->bugs.windows) {
      if (const auto bytes = window.lock()) std::fill(bytes->begin(), bytes->end(), std::byte{0xdd});
    }
  }
  return {};
}

void Writer::drop_own() noexcept {
  if (epoch_ != location_->epoch && !has(Bug::close_resurrects)) return;
  if (has(Bug::abandoned_chunks_stay)) return;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < manifest_.chunks.size(); ++i) {
    if (manifest_.chunks[i] == manifest_.generation) keys.push_back(chunk_key(location_->prefix(), manifest_.generation, i));
  }
  // The chunk at which a write failed may be there all the same.
  if (!verdict_) keys.push_back(chunk_key(location_->prefix(), manifest_.generation, manifest_.chunks.size()));
  location_->drop(std::move(keys));
}

void Writer::abandon() noexcept {
  if (location_ == nullptr || phase_ == Phase::closed) return;
  const bool drops_in_child =
      has(Bug::child_writer_drops_chunks) || (has(Bug::child_large_writer_drops_chunks) && manifest_.chunks.size() >= 64);
  if (!location_->is_ours() && !drops_in_child) return;
  phase_ = Phase::closed;
  const std::lock_guard lock{location_->mutex};
  if (has(Bug::moved_from_writer_ends_live_one) && manifest_.chunks.empty() && manifest_.size != 0) ++location_->epoch;
  const bool leaves_pending = has(Bug::failed_append_stays_pending) || has(Bug::window_shows_abandoned) ||
                              has(Bug::transfer_takes_abandoned) || has(Bug::publish_takes_abandoned);
  if (leaves_pending && base_) {
    location_->bugs.left_over.assign(pending_.begin() + static_cast<std::ptrdiff_t>(std::min(tail_, pending_.size())), pending_.end());
  }
  if (has(Bug::abandon_drops_committed)) static_cast<void>(location_->store().del(metadata_key(location_->prefix())));
  drop_own();
  if (has(Bug::cut_off_writer_frees_place) && epoch_ != location_->epoch && location_->writers != 0) --location_->writers;
  if (epoch_ == location_->epoch && !has(Bug::abandoned_writer_blocks)) --location_->writers;
}

}  // namespace hybridbuffer::conformance::mutants
