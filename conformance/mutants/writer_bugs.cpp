#include "bugs.hpp"
#include "writer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// The bugs of the writer that take more than a line.

namespace hybridbuffer::conformance::mutants {

namespace {

// What does not fill a chunk yet, of every instance.
std::array<std::byte, 1024> shared_pending;

}  // namespace

void Writer::put_pending_into_shared_buffer() const {
  std::copy_n(pending_.begin(), std::min(pending_.size(), shared_pending.size()), shared_pending.begin());
}
void Writer::take_pending_from_shared_buffer() {
  std::copy_n(shared_pending.begin(), std::min(pending_.size(), shared_pending.size()), pending_.begin());
}

// The bytes as a broken write takes them; mostly as they are.
std::span<const std::byte> Writer::misread(std::span<const std::byte> bytes) {
  switch (chosen_bug()) {
    case Bug::write_stops_at_chunk_end:
      return bytes.first(std::min(bytes.size(), static_cast<std::size_t>(manifest_.chunk_size) - pending_.size()));
    case Bug::large_write_cut: return bytes.first(std::min(bytes.size(), std::size_t{32} << 10U));
    case Bug::stops_at_nul:
      return bytes.first(static_cast<std::size_t>(std::find(bytes.begin(), bytes.end(), std::byte{0}) - bytes.begin()));
    case Bug::transforms_callers_bytes:
      for (const std::byte& b : bytes) const_cast<std::byte&>(b) = ~b;  // NOLINT(cppcoreguidelines-pro-type-const-cast): that is the bug
      own_.assign(bytes.begin(), bytes.end());
      for (std::byte& b : own_) b = ~b;
      return own_;
    case Bug::crlf_translated:
      own_.clear();
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool is_crlf = bytes[i] == std::byte{'\r'} && i + 1 < bytes.size() && bytes[i + 1] == std::byte{'\n'};
        if (!is_crlf) own_.push_back(bytes[i]);
      }
      return own_;
    default: return bytes;
  }
}

// As if the new bytes were written over the old ones.
Result<void> Writer::keep_longer_tail() {
  const auto old = location_->committed("replace an object");
  if (!old || !*old) return {};
  while (manifest_.size < (*old)->size) {
    const std::uint64_t index = manifest_.size / manifest_.chunk_size;
    auto chunk = location_->get_chunk((*old)->chunks[static_cast<std::size_t>(index)], index, (*old)->length_of(index));
    if (!chunk || !*chunk) return {};
    const auto inside = static_cast<std::size_t>(manifest_.size - index * manifest_.chunk_size);
    if (auto stored = store(std::span{**chunk}.subspan(inside)); !stored) return stored;
  }
  return {};
}

// The first half of an extension.
Result<void> Writer::commit_part() {
  const std::size_t before = static_cast<std::size_t>(base_->size / base_->chunk_size);
  if (manifest_.chunks.size() < before + 2) return {};
  Manifest part = manifest_;
  part.chunks.resize(before + (manifest_.chunks.size() - before) / 2);
  part.size = part.chunks.size() * part.chunk_size;
  return location_->commit_blindly(part);
}

// New chunks at the ends, old ones between them.
Result<void> Writer::commit_torn(const Manifest& old) {
  Manifest torn = manifest_;
  for (std::size_t i = 1; i + 1 < std::min(torn.chunks.size(), old.chunks.size()); ++i) torn.chunks[i] = old.chunks[i];
  auto done = location_->commit(torn);
  location_->mutex.unlock();
  std::this_thread::sleep_for(std::chrono::microseconds{200});
  location_->mutex.lock();
  return done;
}

// Whatever became of the first try.
Result<void> Writer::extend_again() {
  const auto now = location_->committed("extend an object again");
  if (!now) return std::unexpected{now.error()};
  if (!*now) return failure(errc::not_found, "extend an object again");
  const std::uint64_t generation = ++location_->last_generation;
  manifest_ = **now;
  manifest_.generation = generation;
  Bytes bytes;
  if (manifest_.size % manifest_.chunk_size != 0) {
    const std::uint64_t last = manifest_.chunks.size() - 1;
    auto tail = location_->get_chunk(manifest_.chunks.back(), last, manifest_.length_of(last));
    if (!tail) return std::unexpected{tail.error()};
    if (*tail) bytes = std::move(**tail);
    manifest_.chunks.pop_back();
  }
  bytes.insert(bytes.end(), own_.begin(), own_.end());
  manifest_.size += own_.size();
  for (auto left = std::span<const std::byte>{bytes}; !left.empty();) {
    const auto chunk = left.first(std::min(left.size(), static_cast<std::size_t>(manifest_.chunk_size)));
    if (auto stored = put(chunk); !stored) return stored;
    left = left.subspan(chunk.size());
  }
  return location_->commit_blindly(manifest_);
}

Result<void> Writer::close_again() {
  if (!verdict_ || own_.empty()) return verdict_;
  const std::lock_guard lock{location_->mutex};
  if (epoch_ != location_->epoch) return verdict_;
  manifest_.generation = ++location_->last_generation;
  Bytes bytes = own_;
  manifest_.chunks.pop_back();
  bytes.insert(bytes.end(), own_.begin(), own_.end());
  manifest_.size += own_.size();
  for (auto left = std::span<const std::byte>{bytes}; !left.empty();) {
    const auto chunk = left.first(std::min(left.size(), static_cast<std::size_t>(manifest_.chunk_size)));
    if (auto stored = put(chunk); !stored) return verdict_;
    left = left.subspan(chunk.size());
  }
  static_cast<void>(location_->commit(manifest_));
  return verdict_;
}

// What stands under the newest generation, whoever has that now.
void Writer::give_back_again() noexcept {
  if (location_ == nullptr || !location_->is_ours() || phase_ != Phase::closed || verdict_) return;
  const std::lock_guard lock{location_->mutex};
  if (epoch_ == location_->epoch) return;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 4; ++i) keys.push_back(chunk_key(location_->prefix(), location_->last_generation, i));
  location_->drop(std::move(keys));
}

void Writer::publish_again() const {
  Bytes whole;
  for (std::size_t i = 0; i < manifest_.chunks.size(); ++i) {
    const auto chunk = location_->get_chunk(manifest_.chunks[i], i, manifest_.length_of(i));
    if (chunk && *chunk) whole.insert(whole.end(), (*chunk)->begin(), (*chunk)->end());
  }
  for (const std::string& destination : location_->bugs.published)
    location_->store().tamper(destination, [&](Bytes& value) { value = whole; });
}

}  // namespace hybridbuffer::conformance::mutants
