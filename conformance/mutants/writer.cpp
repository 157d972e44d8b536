#include "writer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {

Writer::Writer(std::shared_ptr<Location> location, std::uint64_t generation, std::uint64_t epoch, std::optional<Manifest> base, Bytes tail)
    : location_{std::move(location)}, epoch_{epoch}, base_{std::move(base)}, pending_{std::move(tail)} {
  if (base_) manifest_ = *base_;
  else manifest_ = {.object = generation, .generation = 0, .size = 0, .chunk_size = location_->settings().chunk_size, .chunks = {}};
  manifest_.generation = generation;
  if (!pending_.empty()) manifest_.chunks.pop_back();  // the last chunk is written anew, with what is added to it
}

Writer::Writer(Writer&& other) noexcept
    : location_{std::move(other.location_)},
      epoch_{other.epoch_},
      base_{std::move(other.base_)},
      manifest_{std::move(other.manifest_)},
      pending_{std::move(other.pending_)},
      phase_{std::exchange(other.phase_, Phase::closed)},
      verdict_{std::move(other.verdict_)} {}

Writer& Writer::operator=(Writer&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  location_ = std::move(other.location_);
  epoch_ = other.epoch_;
  base_ = std::move(other.base_);
  manifest_ = std::move(other.manifest_);
  pending_ = std::move(other.pending_);
  phase_ = std::exchange(other.phase_, Phase::closed);
  verdict_ = std::move(other.verdict_);
  return *this;
}

Result<void> Writer::write(std::span<const std::byte> bytes) {
  if (location_ == nullptr || !location_->is_ours() || phase_ == Phase::closed) return failure(errc::closed, "write");
  if (phase_ == Phase::failed) return verdict_;
  if (bytes.empty()) return {};
  if (auto stored = store(bytes); !stored) {
    phase_ = Phase::failed;
    verdict_ = std::move(stored);
  }
  return verdict_;
}

Result<void> Writer::write(std::span<const std::span<const std::byte>> pieces) {
  for (const auto piece : pieces) {
    if (auto done = write(piece); !done) return done;
  }
  return write(std::span<const std::byte>{});
}

Result<void> Writer::store(std::span<const std::byte> bytes) {
  const Settings& settings = location_->settings();
  if (settings.capabilities.has(Capability::max_object_size) && bytes.size() > settings.max_object_size - manifest_.size) {
    return failure(errc::limit_exceeded, "write more than the largest object", location_->prefix());
  }
  manifest_.size += bytes.size();
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (settings.buffer_until_close) return {};
  return flush_pending(false);
}

// Stores the whole chunks of what is pending; with `last` also the rest.
Result<void> Writer::flush_pending(bool last) {
  const auto chunk_size = static_cast<std::size_t>(manifest_.chunk_size);
  auto left = std::span<const std::byte>{pending_};
  while (left.size() >= chunk_size || (last && !left.empty())) {
    const auto chunk = left.first(std::min(left.size(), chunk_size));
    if (auto stored = flush(chunk); !stored) return stored;
    left = left.subspan(chunk.size());
  }
  pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(left.size()));
  return {};
}

Result<void> Writer::flush(std::span<const std::byte> chunk) {
  const std::lock_guard lock{location_->mutex};
  if (epoch_ != location_->epoch) return failure(errc::not_found, "write to a location that was removed", location_->prefix());
  auto stored = location_->put_chunk(manifest_.generation, manifest_.chunks.size(), chunk);
  if (stored) manifest_.chunks.push_back(manifest_.generation);
  return stored;
}

Result<void> Writer::close() {
  if (location_ == nullptr || !location_->is_ours()) return failure(errc::closed, "close");
  if (phase_ == Phase::closed) return verdict_;
  if (phase_ == Phase::open) verdict_ = flush_pending(true);
  const std::lock_guard lock{location_->mutex};
  if (verdict_) verdict_ = commit();
  // Nobody knows whether an indeterminate commit needs the chunks; the next one that succeeds does.
  if (!verdict_ && !verdict_.error().is_indeterminate()) drop_own();
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
  if (epoch_ != location_->epoch) return failure(errc::not_found, "close a writer whose location was removed", location_->prefix());
  auto old = location_->committed("replace an object");
  if (!old && old.error() == errc::corrupted && !base_) {  // what it named can only be found by looking at every key
    location_->has_unknown_keys = true;
    old = std::nullopt;
  }
  if (!old) return std::unexpected{old.error()};
  if (auto usable = check_base(*old); !usable) return usable;
  if (auto done = location_->commit(manifest_); !done) return done;
  if (*old) location_->drop_chunks(**old, &manifest_);
  if (location_->has_unknown_keys && location_->writers == 1) location_->drop_unknown(manifest_);
  return {};
}

void Writer::drop_own() noexcept {
  if (epoch_ != location_->epoch) return;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < manifest_.chunks.size(); ++i) {
    if (manifest_.chunks[i] == manifest_.generation) keys.push_back(chunk_key(location_->prefix(), manifest_.generation, i));
  }
  // The chunk at which a write failed may be there all the same.
  if (!verdict_) keys.push_back(chunk_key(location_->prefix(), manifest_.generation, manifest_.chunks.size()));
  location_->drop(std::move(keys));
}

void Writer::abandon() noexcept {
  if (location_ == nullptr || !location_->is_ours() || phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  const std::lock_guard lock{location_->mutex};
  drop_own();
  if (epoch_ == location_->epoch) --location_->writers;
}

}  // namespace hybridbuffer::conformance::mutants
