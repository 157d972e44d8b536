#pragma once

#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_wakeup.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

/// \file
/// S3Engine: what runs when, and for how long; S3Place's engines and credentials.

namespace hybridbuffer::inline v0_1::detail {

inline S3Engine::S3Engine(std::shared_ptr<S3Sockets> sockets) : sockets_{std::move(sockets)} {
  static const CURLcode initialised = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised == CURLE_OK) multi_ = make_multi();
  if (multi_ == nullptr) throw std::bad_alloc{};
  constexpr long most_connections = 32;
  ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most_connections);
}

inline S3Engine::~S3Engine() {
  cancel_all();
  for (CURL* easy : idle_) ::curl_easy_cleanup(easy);
  ::curl_multi_cleanup(multi_);
}

inline void S3Engine::submit(S3Call& call) noexcept {
  call.result = {};
  call.failures = 0;
  call.credentials_renewed = call.clock_set = false;
  call.not_before = {};
  call.phase = S3Call::Phase::waiting;
  guarded(call, [&] { calls_.push_back(&call); });  // who drives knows how long its credentials may take
}

inline void S3Engine::cancel(S3Call& call) noexcept {
  detach(call);
  std::erase(calls_, &call);
  call.phase = S3Call::Phase::idle;
}

inline void S3Engine::detach(S3Call& call) noexcept {
  if (call.easy != nullptr) {
    ::curl_multi_remove_handle(multi_, call.easy);
    if (idle_.size() < idle_.capacity()) idle_.push_back(call.easy);  // there is room for what start() took
    else ::curl_easy_cleanup(call.easy);
    call.easy = nullptr;
  }
  ::curl_slist_free_all(std::exchange(call.header_list, nullptr));
}

inline void S3Engine::finish(S3Call& call, Result<void> result) noexcept {
  detach(call);
  std::erase(calls_, &call);
  call.result = std::move(result);
  call.phase = S3Call::Phase::done;
}

inline void S3Engine::step(S3Place& place) noexcept {
  for (std::size_t i = 0; i < calls_.size();) {
    S3Call& call = *calls_[i];
    if (call.phase == S3Call::Phase::waiting && call.not_before <= now()) guarded(call, [&] { start(place, call); });
    if (i < calls_.size() && calls_[i] == &call) ++i;
  }
  int running = 0;
  ::curl_multi_perform(multi_, &running);
  int left = 0;
  while (const CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* owner = nullptr;
    ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    S3Call& call = *static_cast<S3Call*>(owner);
    const CURLcode code = message->data.result;  // the message ends with its handle
    guarded(call, [&] { end_attempt(place, call, code); });
  }
  for (std::size_t i = 0; i < calls_.size();) {
    S3Call& call = *calls_[i];
    if (call.phase == S3Call::Phase::active) guarded(call, [&] { check_time(place, call); });
    if (i < calls_.size() && calls_[i] == &call) ++i;
  }
}

inline void S3Engine::wait(S3Place& place, S3Clock::time_point deadline) noexcept {
  // Timeouts are looked at as often as a twentieth of the shortest.
  const S3Timeouts& timeouts = place.options().timeouts;
  Time longest = std::min({timeouts.connect, timeouts.call, timeouts.low_speed}) / 20;
  longest = std::clamp<Time>(longest, std::chrono::milliseconds{1}, std::chrono::milliseconds{250});
  longest = std::min<Time>(longest, deadline - S3Clock::now());
  for (const S3Call* call : calls_) {
    if (call->phase == S3Call::Phase::waiting) longest = std::min<Time>(longest, call->not_before - now());
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(longest, Time{})).count();
  ::curl_multi_poll(multi_, nullptr, 0, static_cast<int>(milliseconds), nullptr);
}

inline void S3Engine::expire() noexcept {
  while (!calls_.empty()) {
    S3Call& call = *calls_.back();
    const bool sent_nothing = call.phase == S3Call::Phase::waiting || !call.connected;  // since it failed
    if (sent_nothing && !call.result) finish(call, std::move(call.result));
    else finish(call, failure(errc::timeout, call.request.operation, "the time for the whole operation is over"));
  }
}

inline void S3Engine::check_time(S3Place& place, S3Call& call) {
  const S3Timeouts& timeouts = place.options().timeouts;
  const Time at = now();
  const std::error_code native{CURLE_OPERATION_TIMEDOUT, curl_category()};
  const S3Failure timeout{errc::timeout, true};
  if (!call.connected) {
    if (at - call.started > timeouts.connect) fail_attempt(place, call, timeout, native, "connecting");
    return;
  }
  if (at - call.started > timeouts.call) return fail_attempt(place, call, timeout, native, "no whole answer");
  curl_off_t sent = 0;
  curl_off_t received = 0;
  ::curl_easy_getinfo(call.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  ::curl_easy_getinfo(call.easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
  const auto moved = static_cast<std::uint64_t>(sent) + static_cast<std::uint64_t>(received);
  const bool is_sent = static_cast<std::uint64_t>(sent) >= call.request.body.size();
  const bool waits_for_answer = is_sent && call.answer.status == 0;
  // AWS says 200 at once and then a blank now and then, until what it copies or completes is there. `call` bounds that.
  const std::uint64_t least =
      is_sent && call.may_fail_in_body ? std::min<std::uint64_t>(timeouts.low_speed_bytes, 1) : timeouts.low_speed_bytes;
  if (waits_for_answer || moved - call.speed_bytes >= least) {
    call.speed_since = at;
    call.speed_bytes = moved;
  } else if (at - call.speed_since > timeouts.low_speed) {
    fail_attempt(place, call, timeout, native, "too slow");
  }
}

inline S3Place::Local& S3Place::local() {
  Local* known = local_.load(std::memory_order_acquire);
  if (known != nullptr && known->process == process_identity()) return *known;
  auto made = std::make_unique<Local>();
  if (local_.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) {
    // The parent's: it may be in the middle of anything, and its memory goes with this process.
    if (known != nullptr) known->sockets->close_copies();
    return *made.release();
  }
  return *known;
}

inline std::unique_ptr<S3Engine> S3Place::take_engine() {
  Local& mine = local();
  {
    const LightGuard guard{mine.lock};
    if (!mine.idle.empty()) {
      auto engine = std::move(mine.idle.back());
      mine.idle.pop_back();
      return engine;
    }
  }
  return std::make_unique<S3Engine>(mine.sockets);
}

inline void S3Place::give_engine(std::unique_ptr<S3Engine> engine) noexcept {
  Local* const mine = local_.load(std::memory_order_acquire);
  const LightGuard guard{mine->lock};
  try {
    if (mine->idle.size() < most_idle) mine->idle.push_back(std::move(engine));
  } catch (const std::bad_alloc&) {  // then it is closed
    engine.reset();
  }
}

inline void S3Place::trim() noexcept {
  Local* const mine = local_.load(std::memory_order_acquire);
  if (mine == nullptr || mine->process != process_identity()) return;
  std::vector<std::unique_ptr<S3Engine>> idle;
  const LightGuard guard{mine->lock};
  std::swap(idle, mine->idle);
}

inline S3Place::~S3Place() {
  Local* const mine = local_.load(std::memory_order_acquire);
  if (mine == nullptr) return;
  if (mine->process == process_identity()) delete mine;
  else mine->sockets->close_copies();
}

inline Result<S3Credentials> S3Place::fetch_credentials(std::chrono::milliseconds deadline) const {
  try {
    return options_.credentials(deadline);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {  // the caller's own, who is told what to do instead
    return failure(errc::permission, "fetch credentials for S3", "their source threw an exception");
  }
}

inline Result<S3Place::Credentials> S3Place::credentials(std::chrono::milliseconds deadline, std::uint64_t stale) {
  using namespace std::chrono_literals;
  constexpr std::chrono::seconds early = 5min;
  constexpr std::chrono::seconds longest_pause{30};
  constexpr OperationName operation{"fetch credentials for S3"};
  const auto end = S3Clock::now() + deadline;
  Local& mine = local();
  const std::unique_lock guard{mine.credentials_lock, end};
  if (!guard.owns_lock()) return failure(errc::timeout, operation);
  Credentials& known = mine.credentials;
  const auto life = [&] {  // by the store's clock
    if (!known.value || !known.value->expires) return std::chrono::system_clock::duration::max();
    return *known.value->expires - std::chrono::system_clock::from_time_t(now());
  };
  const auto time = S3Clock::now();
  const bool is_taken = known.value && known.version != stale;
  if (is_taken && (life() > early || time < mine.fetch_at)) return known;
  const bool is_usable = is_taken && life() > 0s;
  if (mine.refusal && time < mine.ask_at) return is_usable ? Result<Credentials>{known} : std::unexpected{*mine.refusal};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - time);
  if (left <= 0ms) return is_usable ? Result<Credentials>{known} : failure(errc::timeout, operation);

  auto fetched = fetch_credentials(left);
  if (!fetched) {
    mine.refusal = std::move(fetched).error();
    mine.ask_at = S3Clock::now() + 1s;  // not for every range of a window
    if (is_usable) {
      mine.fetch_at = S3Clock::now() + std::min<S3Clock::duration>(life(), longest_pause);
      return known;
    }
    return std::unexpected{*mine.refusal};
  }
  mine.refusal.reset();
  known.value = std::make_shared<const S3Credentials>(*std::move(fetched));
  ++known.version;
  // What lives for less than `early`, or not at all by a clock that is wrong, is not fetched at every request either.
  const auto half = life() / 2;
  mine.fetch_at = S3Clock::now() + (half > 0s && half < longest_pause ? half : longest_pause);
  return known;
}

}  // namespace hybridbuffer::inline v0_1::detail
