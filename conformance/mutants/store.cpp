#include "store.hpp"

#include "bugs.hpp"
#include "mailbox.hpp"

#include <hybridbuffer/detail/process.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {
namespace {

constexpr std::uint64_t capacity = std::uint64_t{1} << 30U;

// The location that a key belongs to.
std::string_view owner_of(std::string_view key) { return key.substr(0, key.find('/')); }

}  // namespace

const std::error_category& store_category() noexcept {
  class Category final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "reference store"; }
    [[nodiscard]] std::string message(int value) const override {
      switch (static_cast<NativeCode>(value)) {
        case NativeCode::no_such_key: return "no such key";
        case NativeCode::key_exists: return "the key exists";
        case NativeCode::full: return "the store is full";
        case NativeCode::denied: return "access denied";
        case NativeCode::no_answer: return "no answer";
        case NativeCode::unreachable: return "the store cannot be reached";
        case NativeCode::damaged: return "the value is damaged";
        case NativeCode::too_large: return "the value is too large";
        case NativeCode::in_use: return "the key is in use";
        case NativeCode::not_offered: return "the store does not offer this";
        case NativeCode::interrupted: return "interrupted";
        case NativeCode::broken: return "the store is broken";
      }
      return "unknown";
    }
  };
  static const Category category;
  return category;
}

std::optional<NativeCode> native_code_of(errc category) noexcept {
  switch (category) {
    case errc::no_space: return NativeCode::full;
    case errc::permission: return NativeCode::denied;
    case errc::timeout: return NativeCode::no_answer;
    case errc::unavailable: return NativeCode::unreachable;
    case errc::corrupted: return NativeCode::damaged;
    case errc::unsupported: return NativeCode::not_offered;
    case errc::limit_exceeded: return NativeCode::too_large;
    case errc::busy: return NativeCode::in_use;
    case errc::io: return NativeCode::broken;
    case errc::not_found:
    case errc::closed:
    case errc::invalid_argument:
    case errc::already_exists: return {};
  }
  return {};
}

Store::Store() : owner_{hybridbuffer::detail::process_identity()}, mailbox_{std::make_unique<Mailbox>()} {}
Store::~Store() = default;

void Store::Value::pack(std::string_view key) {
  packed = Packed::of(key, bytes);
  if (packed) bytes = {};
}
void Store::Value::unpack() {
  if (!packed) return;
  bytes.resize(packed->size());
  packed->fill(0, bytes);
  packed.reset();
}

// Primitives ---------------------------------------------------------------------------------------------------------------------

Store::Turn Store::next_turn(bool can_be_short) {
  const bool counts = fault_.mode != FaultMode::short_count || can_be_short;
  if (fault_.k == 0 || !counts) return {};
  if (until_fault_ > 1) {
    --until_fault_;
    return {};
  }
  if (until_fault_ == 0 && !fault_.for_ever) return {};
  until_fault_ = 0;
  ++fired_;
  switch (fault_.mode) {
    case FaultMode::error: return {Firing::before, *native_code_of(fault_.category)};
    case FaultMode::error_after_effect: return {Firing::after, *native_code_of(fault_.category)};
    case FaultMode::interrupted: return {Firing::before, NativeCode::interrupted};
    case FaultMode::short_count: return {Firing::short_count, {}};
    case FaultMode::hang: return {Firing::hang, NativeCode::no_answer};
  }
  return {};
}

NativeCode Store::hang() {
  std::this_thread::sleep_for(has(Bug::waits_for_ever) ? std::chrono::hours{1} : patience);
  return NativeCode::no_answer;
}

void Store::begin() {
  ++calls_;
  if (delay_.count() != 0) std::this_thread::sleep_for(delay_);
}

// `effect(half)` does the primitive's work, or the half of it.
template <class Effect>
auto Store::run(bool can_be_short, Effect&& effect) -> decltype(effect(false)) {
  begin();
  std::unique_lock lock{mutex_};
  take_mail();
  const Turn turn = next_turn(can_be_short);
  if (turn.firing == Firing::none) return effect(false);
  if (turn.firing == Firing::short_count) return effect(true);
  if (turn.firing == Firing::hang) {
    lock.unlock();
    return std::unexpected{hang()};
  }
  if (turn.firing == Firing::after) static_cast<void>(effect(false));
  return std::unexpected{turn.code};
}

Answer<std::size_t> Store::put(std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes) {
  return run(bytes.size() > 1, [&](bool half) -> Answer<std::size_t> {
    const auto taken = half ? bytes.first(bytes.size() / 2) : bytes;
    if (total_ + taken.size() > capacity) return std::unexpected{NativeCode::full};
    if (hybridbuffer::detail::process_identity() != owner_) post_put(key, offset, taken);
    Value& value = values_[std::string{key}];
    total_ -= value.bytes.size();
    value.unpack();
    value.bytes.resize(static_cast<std::size_t>(offset));
    value.bytes.insert(value.bytes.end(), taken.begin(), taken.end());
    if (offset == 0) value.pack(key);
    total_ += value.bytes.size();
    value.used = has(Bug::leftovers_never_expire) ? std::chrono::hours{1'000'000} : now_;
    return taken.size();
  });
}

Answer<std::size_t> Store::get(std::string_view key, std::uint64_t offset, std::span<std::byte> bytes) {
  return run(bytes.size() > 1, [&](bool half) -> Answer<std::size_t> {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::unexpected{NativeCode::no_such_key};
    if (!has(Bug::lifetime_never_refreshed)) found->second.used = now_;
    const Value& value = found->second;
    if (offset >= value.size()) return std::size_t{0};
    const auto from = static_cast<std::size_t>(offset);
    std::size_t count = std::min(bytes.size(), value.size() - from);
    if (half) count = std::max<std::size_t>(count / 2, 1);
    if (value.packed) value.packed->fill(from, bytes.first(count));
    else std::copy_n(value.bytes.begin() + static_cast<std::ptrdiff_t>(from), count, bytes.begin());
    return count;
  });
}

Answer<void> Store::commit(std::string_view key, std::span<const std::byte> bytes, bool only_if_absent) {
  return run(false, [&](bool) -> Answer<void> {
    const auto found = values_.find(key);
    if (found != values_.end() && only_if_absent) return std::unexpected{NativeCode::key_exists};
    if (total_ + bytes.size() > capacity) return std::unexpected{NativeCode::full};
    const bool is_sent = !has(Bug::commit_stays_in_process);
    if (hybridbuffer::detail::process_identity() != owner_ && is_sent) mailbox_->post(Mailbox::Kind::commit, key, 0, bytes);
    Value& value = values_[std::string{key}];
    total_ = total_ - value.bytes.size() + bytes.size();
    value.bytes.assign(bytes.begin(), bytes.end());
    value.used = now_;
    return {};
  });
}

Answer<void> Store::del(std::string_view key) {
  return run(false, [&](bool) -> Answer<void> {
    if (hybridbuffer::detail::process_identity() != owner_) mailbox_->post(Mailbox::Kind::del, key, 0, {});
    const auto found = values_.find(key);
    if (found == values_.end()) return {};
    total_ -= found->second.bytes.size();
    values_.erase(found);
    return {};
  });
}

Answer<std::vector<std::string>> Store::list(std::string_view prefix) {
  return run(false, [&](bool) -> Answer<std::vector<std::string>> {
    std::vector<std::string> found;
    for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix); ++at) found.push_back(at->first);
    return found;
  });
}

void Store::post_put(std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!has(Bug::last_chunk_stays_in_process)) return mailbox_->post(Mailbox::Kind::put, key, offset, bytes);
  if (unsent_) mailbox_->post(Mailbox::Kind::put, unsent_->key, unsent_->offset, unsent_->bytes);
  unsent_ = Unsent{std::string{key}, offset, Bytes(bytes.begin(), bytes.end())};
}

void Store::take_mail() {
  if (hybridbuffer::detail::process_identity() != owner_) return;
  mailbox_->collect([&](Mailbox::Kind kind, std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes) {
    const auto found = values_.find(key);
    if (found != values_.end()) total_ -= found->second.bytes.size();
    if (kind == Mailbox::Kind::del) {
      if (found != values_.end()) values_.erase(found);
      return;
    }
    Value& value = values_[std::string{key}];
    value.unpack();
    value.bytes.resize(kind == Mailbox::Kind::put ? static_cast<std::size_t>(offset) : 0);
    value.bytes.insert(value.bytes.end(), bytes.begin(), bytes.end());
    value.used = has(Bug::leftovers_never_expire) ? std::chrono::hours{1'000'000} : now_;
    total_ += value.bytes.size();
  });
}

// The operator -------------------------------------------------------------------------------------------------------------------

bool Store::inject(const Fault& fault) {
  const std::lock_guard lock{mutex_};
  const bool possible = native_code_of(fault.category).has_value();
  fault_ = possible ? fault : Fault{};
  until_fault_ = fault_.k;
  fired_ = 0;
  return possible;
}
std::uint64_t Store::faults_fired() const {
  const std::lock_guard lock{mutex_};
  return fired_;
}

void Store::set_lifetime(std::optional<std::chrono::seconds> lifetime) {
  const std::lock_guard lock{mutex_};
  lifetime_ = lifetime;
}

void Store::advance_clock(std::chrono::seconds step) {
  const std::lock_guard lock{mutex_};
  now_ += step;
  if (!lifetime_) return;
  for (auto at = values_.lower_bound(locations); at != values_.end() && at->first.starts_with(locations);) {
    const std::string owner{owner_of(at->first)};
    auto end = at;
    std::chrono::seconds used{0};
    bool foreign = false;
    for (; end != values_.end() && owner_of(end->first) == owner; ++end) {
      used = std::max(used, end->second.used);
      foreign = foreign || is_foreign(end->first);
    }
    if (!foreign && now_ - used > *lifetime_) at = values_.erase(at, end);
    else at = end;
  }
}

void Store::plant_foreign() {
  const std::lock_guard lock{mutex_};
  // Before, between and behind the names of locations, and where a careless prefix reaches.
  for (const std::string_view key :
       {"lob/meta", "loc", "loc-", "loc-0/meta", "loc-5/1/0", "loc-ffffffff", "loc-z/meta", "loc.1", "meta", "published-by-others"}) {
    Bytes content(24, std::byte{0x5a});
    foreign_[std::string{key}] = content;
    values_[std::string{key}] = {.bytes = std::move(content), .used = now_};
  }
}
bool Store::is_foreign(std::string_view key) const { return foreign_.contains(key); }
bool Store::foreign_intact() const {
  const std::lock_guard lock{mutex_};
  return std::all_of(foreign_.begin(), foreign_.end(), [&](const auto& planted) {
    const auto found = values_.find(planted.first);
    return found != values_.end() && found->second.bytes == planted.second;
  });
}

std::size_t Store::stored_objects() { return keys(locations).size(); }
std::uint64_t Store::stored_bytes() const {
  const std::lock_guard lock{mutex_};
  std::uint64_t sum = 0;
  for (auto at = values_.lower_bound(locations); at != values_.end() && at->first.starts_with(locations); ++at) {
    if (!is_foreign(at->first)) sum += at->second.size();
  }
  return sum;
}
std::optional<Bytes> Store::peek(std::string_view key) const {
  const std::lock_guard lock{mutex_};
  const auto found = values_.find(key);
  if (found == values_.end()) return {};
  Value value = found->second;
  value.unpack();
  return value.bytes;
}
std::vector<std::string> Store::keys(std::string_view prefix) {
  const std::lock_guard lock{mutex_};
  take_mail();
  std::vector<std::string> found;
  for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix); ++at) {
    if (!is_foreign(at->first)) found.push_back(at->first);
  }
  return found;
}
bool Store::tamper(std::string_view key, const std::function<void(Bytes&)>& change) {
  const std::lock_guard lock{mutex_};
  const auto found = values_.find(key);
  if (found == values_.end()) return false;
  total_ -= found->second.bytes.size();
  found->second.unpack();
  change(found->second.bytes);
  total_ += found->second.bytes.size();
  return true;
}
void Store::erase(std::string_view key) {
  const std::lock_guard lock{mutex_};
  const auto found = values_.find(key);
  if (found == values_.end()) return;
  total_ -= found->second.bytes.size();
  values_.erase(found);
}

const std::shared_ptr<Store>& the_store() {
  static const std::shared_ptr<Store> store = [] {
    ::pthread_atfork([] { the_store()->before_fork(); }, [] { the_store()->after_fork(); }, [] { the_store()->after_fork(); });
    return std::make_shared<Store>();
  }();
  return store;
}

}  // namespace hybridbuffer::conformance::mutants
