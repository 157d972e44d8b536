#include "location.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {
namespace {

errc category_of(NativeCode code) {
  if (has(Bug::no_space_is_io) && code == NativeCode::full) return errc::io;
  if (has(Bug::permission_is_io) && code == NativeCode::denied) return errc::io;
  if (has(Bug::outage_is_not_found) && code == NativeCode::unreachable) return errc::not_found;
  switch (code) {
    case NativeCode::no_such_key: return errc::not_found;
    case NativeCode::key_exists: return errc::already_exists;
    case NativeCode::full: return errc::no_space;
    case NativeCode::denied: return errc::permission;
    case NativeCode::no_answer: return errc::timeout;
    case NativeCode::interrupted:
    case NativeCode::unreachable: return errc::unavailable;
    case NativeCode::damaged: return errc::corrupted;
    case NativeCode::too_large: return errc::limit_exceeded;
    case NativeCode::in_use: return errc::busy;
    case NativeCode::not_offered: return errc::unsupported;
    case NativeCode::broken: return errc::io;
  }
  return errc::io;
}

// Runs a primitive, and again when it was interrupted.
template <class Primitive>
auto again(Primitive&& primitive) -> decltype(primitive()) {
  constexpr int patience = 100;
  for (int tries = 1;; ++tries) {
    auto answer = primitive();
    if (has(Bug::interrupted_is_final)) return answer;
    if (answer || answer.error() != NativeCode::interrupted || tries == patience) return answer;
  }
}

// publish_shares_staging: filled in two steps, which another one can come between.
Bytes stage_in_shared_buffer(std::span<const std::byte> bytes) {
  static std::mutex mutex;
  static Bytes staging;
  {
    const std::lock_guard lock{mutex};
    staging.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  }
  std::this_thread::sleep_for(std::chrono::microseconds{50});
  const std::lock_guard lock{mutex};
  staging.insert(staging.end(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), bytes.end());
  return staging;
}

}  // namespace

std::unexpected<Error> store_failure(OperationName operation, NativeCode code, std::string_view key) {
  if (has(Bug::operation_not_told)) return failure(category_of(code), "");
  if (has(Bug::password_in_error)) {
    return failure(category_of(code), operation, std::string{"reference://admin:"}.append(Store::password).append("@store/").append(key));
  }
  return std::unexpected<Error>{std::in_place, category_of(code), operation, std::error_code{static_cast<int>(code), store_category()},
                                std::string{"reference://store/"}.append(key)};
}

Result<void> Location::put_chunk(std::uint64_t generation, std::uint64_t chunk, std::span<const std::byte> bytes) {
  const std::string key = chunk_key(prefix_, generation, chunk);
  const std::uint64_t sum = checksum(generation, chunk, bytes);
  Bytes value(checksum_bytes + bytes.size());
  std::memcpy(value.data(), &sum, sizeof sum);
  std::copy(bytes.begin(), bytes.end(), value.begin() + checksum_bytes);
  if (has(Bug::heap_overrun)) std::fill_n(value.data() + value.size(), 2 * sizeof(std::max_align_t), std::byte{0x3c});
  for (std::size_t done = 0; done < value.size();) {
    const auto taken = again([&] { return store_->put(key, done, std::span{value}.subspan(done)); });
    if (!taken) {
      if (has(Bug::full_store_ignored) && taken.error() == NativeCode::full) return {};
      if (has(Bug::interrupted_is_final) && taken.error() == NativeCode::interrupted) return {};
      if (has(Bug::wedged_after_failure)) bugs.wedged = true;
      return store_failure("store a chunk", taken.error(), key);
    }
    done += *taken;
    if (has(Bug::short_put_counts_as_full)) return {};
  }
  return {};
}

Result<Bytes> Location::read_value(OperationName operation, std::string_view key, std::size_t length) const {
  Bytes value(length);
  std::size_t done = 0;
  while (done < length) {
    const auto count = again([&] { return store_->get(key, done, std::span{value}.subspan(done)); });
    if (!count && has(Bug::wedged_after_failure) && count.error() != NativeCode::no_such_key) bugs.wedged = true;
    if (!count) return store_failure(operation, count.error(), key);
    if (*count == 0) break;
    done += *count;
    if (has(Bug::short_get_counts_as_full) && !key.ends_with("/meta")) return value;
  }
  value.resize(done);
  return value;
}

Result<std::optional<Bytes>> Location::get_chunk(std::uint64_t generation, std::uint64_t chunk, std::size_t length) const {
  if (generation == Manifest::hole) return Bytes(length);
  const std::string key = chunk_key(prefix_, generation, chunk);
  const bool takes_longer_chunks = has(Bug::shrink_keeps_tail) || has(Bug::metadata_never_verified);
  const std::size_t asked = takes_longer_chunks ? static_cast<std::size_t>(settings_.chunk_size) : length;
  auto value = read_value("read a chunk", key, checksum_bytes + asked);
  if (!value && value.error() == errc::not_found) return std::nullopt;
  if (!value) return std::unexpected{std::move(value).error()};
  if (takes_longer_chunks && value->size() >= checksum_bytes + length)
    return Bytes(value->begin() + checksum_bytes, value->begin() + static_cast<std::ptrdiff_t>(checksum_bytes + length));
  if (has(Bug::shortened_chunk_accepted) && value->size() < checksum_bytes + length) {
    return Bytes(value->begin() + static_cast<std::ptrdiff_t>(std::min(checksum_bytes, value->size())), value->end());
  }
  if (value->size() != checksum_bytes + length) return store_failure("read a shortened chunk", NativeCode::damaged, key);
  const auto bytes = std::span{*value}.subspan(checksum_bytes);
  std::uint64_t sum = 0;
  std::memcpy(&sum, value->data(), sizeof sum);
  if (has(Bug::gzip_look_alike_refused) && bytes.size() > 1 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b}) {
    return store_failure("inflate a chunk", NativeCode::damaged, key);
  }
  if (has(Bug::checksum_never_verified)) return Bytes(bytes.begin(), bytes.end());
  if (settings_.integrity == Integrity::checksum && sum != checksum(generation, chunk, bytes)) {
    return store_failure("verify a chunk", NativeCode::damaged, key);
  }
  return Bytes(bytes.begin(), bytes.end());
}

// One read sees one record; several may see parts of two, so that only a record that stays unreadable is a damaged one.
Result<std::optional<Manifest>> Location::committed(OperationName operation) const {
  constexpr std::size_t guess = 4096;
  constexpr std::size_t most = std::size_t{64} << 20U;
  const std::string key = metadata_key(prefix_);
  Bytes previous;
  for (std::size_t length = guess;;) {
    auto value = read_value(operation, key, length);
    if (!value && value.error() == errc::not_found) return std::nullopt;
    if (!value) return std::unexpected{std::move(value).error()};
    if (auto manifest = Manifest::decoded(*value)) return manifest;
    const std::size_t wanted = value->size() < Manifest::head_bytes ? 0 : Manifest::length_by(*value);
    if (value->size() == length && length < wanted && wanted <= most) {
      length = wanted;
    } else if (*value == previous) {
      return store_failure(operation, NativeCode::damaged, key);
    } else {
      previous = std::move(*value);
    }
  }
}

// The answer to a commit can be lost. Reading it back tells whether it took place.
Result<void> Location::commit(const Manifest& manifest) {
  if (has(Bug::lost_commit_answer_is_failure)) return commit_blindly(manifest);
  const std::string key = metadata_key(prefix_);
  const Bytes record = manifest.encoded();
  const auto done = again([&] { return store_->commit(key, record); });
  if (done) return {};
  has_unknown_keys = true;
  if (has(Bug::wedged_after_failure)) bugs.wedged = true;
  const auto now = committed("read back a commit");
  if (!now) {
    const Error& problem = now.error();
    if (problem.is_indeterminate()) return std::unexpected{problem};
    return store_failure("commit an object", NativeCode::unreachable, key);
  }
  if (*now && (*now)->generation == manifest.generation) return {};
  return store_failure("commit an object", done.error(), key);
}

Result<void> Location::commit_blindly(const Manifest& manifest) {
  const std::string key = metadata_key(prefix_);
  const auto done = again([&] { return store_->commit(key, manifest.encoded()); });
  if (!done) return store_failure("commit an object", done.error(), key);
  return {};
}

Result<void> Location::publish(std::string_view destination, std::span<const std::byte> bytes, PublishMode mode) const {
  const bool cannot_keep = settings_.publish_keep == PublishKeep::unsupported && !has(Bug::publish_keeps_undeclared);
  if (mode == PublishMode::keep && cannot_keep) {
    if (has(Bug::publish_refuses_when_done)) static_cast<void>(store_->commit(destination, bytes, false));
    return failure(errc::unsupported, "publish an object", "the store takes no condition");
  }
  if (has(Bug::publish_ignores_keep)) mode = PublishMode::replace;
  if (has(Bug::publish_in_pieces) && (mode == PublishMode::replace || !store_->peek(destination))) {
    for (std::size_t at = 0; at == 0 || at < bytes.size(); at += 16) {
      const auto piece = bytes.subspan(at).first(std::min<std::size_t>(16, bytes.size() - at));
      const auto put = again([&] { return store_->put(destination, at, piece); });
      if (!put) return store_failure("publish an object", put.error(), destination);
    }
    return {};
  }
  if (has(Bug::publish_looks_then_replaces) && mode == PublishMode::keep) {
    if (store_->peek(destination)) return store_failure("publish an object", NativeCode::key_exists, destination);
    std::this_thread::sleep_for(std::chrono::microseconds{50});
    mode = PublishMode::replace;
  }
  Bytes staged;
  if (has(Bug::publish_shares_staging)) bytes = staged = stage_in_shared_buffer(bytes);
  const auto done = again([&] { return store_->commit(destination, bytes, mode == PublishMode::keep); });
  if (done) return {};
  if (done.error() != NativeCode::key_exists) {
    const auto now = read_value("read back a publish", destination, bytes.size() + 1);
    if (now && std::equal(now->begin(), now->end(), bytes.begin(), bytes.end())) return {};
    if (!now && now.error() != errc::not_found) return store_failure("publish an object", NativeCode::unreachable, destination);
  }
  return store_failure("publish an object", done.error(), destination);
}

Result<void> Location::expect_chunk(std::uint64_t generation, std::uint64_t chunk) const {
  if (generation == Manifest::hole) return {};
  std::array<std::byte, 1> byte{};
  const std::string key = chunk_key(prefix_, generation, chunk);
  const auto count = again([&] { return store_->get(key, 0, byte); });
  if (!count) return store_failure("look for what was written", count.error(), key);
  return {};
}

Result<void> Location::probe(OperationName operation) const {
  std::array<std::byte, 1> byte{};
  const std::string key = metadata_key(prefix_);
  const auto count = again([&] { return store_->get(key, 0, byte); });
  if (!count && count.error() != NativeCode::no_such_key) return store_failure(operation, count.error(), key);
  return {};
}

void Location::drop(std::vector<std::string> keys) noexcept {
  if (settings_.readers_keep_snapshot && readers != 0) {
    deferred_.insert(deferred_.end(), keys.begin(), keys.end());
    return;
  }
  for (const std::string& key : keys) {
    const auto done = again([&] { return store_->del(key); });
    if (done) continue;
    has_unknown_keys = true;
    if (done.error() == NativeCode::no_answer) return;  // the others would take as long
  }
}

void Location::drop_chunks(const Manifest& old, const Manifest* next) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < old.chunks.size(); ++i) {
    const bool kept = next != nullptr && i < next->chunks.size() && next->chunks[i] == old.chunks[i];
    if (!kept && old.chunks[i] != Manifest::hole) keys.push_back(chunk_key(prefix_, old.chunks[i], i));
  }
  drop(std::move(keys));
}

void Location::drop_unknown(const Manifest& current) noexcept {
  const auto found = again([&] { return store_->list(prefix_ + "/"); });
  if (!found) return;
  std::vector<std::string> needed{metadata_key(prefix_)};
  for (std::size_t i = 0; i < current.chunks.size(); ++i) needed.push_back(chunk_key(prefix_, current.chunks[i], i));
  std::sort(needed.begin(), needed.end());
  std::vector<std::string> keys;
  std::set_difference(found->begin(), found->end(), needed.begin(), needed.end(), std::back_inserter(keys));
  has_unknown_keys = false;
  drop(std::move(keys));
}

Result<void> Location::drop_all() {
  if (has(Bug::remove_forgets_after_failure) && std::exchange(bugs.remove_failed, false)) return {};
  auto found = again([&] { return store_->list(prefix_ + "/"); });
  if (found && has(Bug::remove_keeps_chunks)) found->clear();
  if (found && has(Bug::remove_drops_newest_only)) {
    const std::string newest = prefix_ + "/" + std::to_string(last_generation) + "/";
    std::erase_if(*found, [&](const std::string& key) { return !key.starts_with(newest); });
  }
  if (found && has(Bug::abandoned_chunks_stay)) *found = known_keys();
  if (found && has(Bug::cleans_up_strangers)) {
    const auto all = store_->list(Store::locations);
    for (const std::string& key : all.value_or(std::vector<std::string>{})) {
      if (key.find('/') != prefix_.size()) found->push_back(key);
    }
  }
  if (!found) return store_failure("list what is to be removed", found.error(), prefix_);
  constexpr std::size_t sixteen_and_metadata = 17;
  if (has(Bug::remove_keeps_sixteenth_chunk) && found->size() == sixteen_and_metadata) found->erase(found->begin());
  // The metadata first: without it nobody finds a chunk that is gone.
  const std::string metadata = metadata_key(prefix_);
  const auto remove_one = [&](const std::string& key) -> Result<void> {
    const auto done = again([&] { return store_->del(key); });
    if (!done && has(Bug::remove_swallows_errors)) return {};
    if (!done && has(Bug::denied_remove_is_gone) && done.error() == NativeCode::denied) return {};
    if (!done) bugs.remove_failed = true;
    if (!done) return store_failure("remove", done.error(), key);
    return {};
  };
  if (auto done = remove_one(metadata); !done) return done;
  if (settings_.readers_keep_snapshot && readers != 0) {
    std::erase(*found, metadata);  // by the time the readers are gone it may be another object's
    drop(std::move(*found));
    return {};
  }
  for (const std::string& key : *found) {
    if (key == metadata) continue;
    if (auto done = remove_one(key); !done) return done;
  }
  return {};
}

// What the committed object needs.
std::vector<std::string> Location::known_keys() const {
  std::vector<std::string> keys;
  const auto manifest = committed("remove an object");
  if (!manifest || !*manifest) return keys;
  for (std::size_t i = 0; i < (*manifest)->chunks.size(); ++i) keys.push_back(chunk_key(prefix_, (*manifest)->chunks[i], i));
  return keys;
}

void Location::reader_gone() noexcept {
  const std::lock_guard lock{mutex};
  if (--readers == 0) drop(std::exchange(deferred_, {}));
}

}  // namespace hybridbuffer::conformance::mutants
