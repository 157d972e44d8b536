#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/transform/retry_policy.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

/// \file
/// What a RetryingBackend and its handles know together: the inner backend, how long its object is, whether it changed.

namespace hybridbuffer::inline v0_1::detail {

/// How long an object is, as far as it is known without asking.
enum class Presence : std::uint8_t { unknown, absent, present };
struct KnownSize {
  Presence presence = Presence::absent;
  std::uint64_t size = 0;  ///< when present
};

/// What a retrying backend shares with its handles.
/// Threads: any number at once, as `inner` allows.
template <storage_backend Inner, retry_time Time>
class RetriedLocation {
 public:
  RetriedLocation(Inner owned, std::shared_ptr<const Retrier<Time>> retrier) : inner{std::move(owned)}, retrier_{std::move(retrier)} {}

  [[nodiscard]] const Retrier<Time>& retrier() const noexcept { return *retrier_; }

  /// A number that differs before and after each change that an open reader may not see: who opens anew compares it.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  void begin_change() noexcept { version_.fetch_add(1, std::memory_order_acq_rel); }
  void end_change() noexcept { version_.fetch_add(1, std::memory_order_acq_rel); }

  [[nodiscard]] KnownSize size() const noexcept {
    const LightGuard guard{lock_};
    return size_;
  }
  void set_size(KnownSize size) noexcept {
    const LightGuard guard{lock_};
    size_ = size;
  }

  /// Asks the store; unknown where no handle tells.
  /// Errors: those of the inner backend, but not_found.
  [[nodiscard]] Result<KnownSize> measure() const {
    if constexpr (tells_size<reader_at_of<Inner>>) {
      if (capabilities_of(inner).has(Capability::reader_at)) {
        const auto opened = inner.open_reader_at();
        if (!opened) return absent_or_error(opened.error());
        auto size = size_of(*opened);
        if (size || size.error() != errc::unsupported) return known(size);  // else an erased handle of one that does not tell
      }
    }
    if constexpr (may_have<Inner>(Capability::seeker)) {
      if (capabilities_of(inner).has(Capability::seeker)) {
        auto opened = inner.open_seeker();
        if (!opened) return absent_or_error(opened.error());
        return known(opened->seek(0, Whence::end));
      }
    }
    return KnownSize{.presence = Presence::unknown};
  }

  Inner inner;

 private:
  [[nodiscard]] static Result<KnownSize> absent_or_error(const Error& error) {
    if (error == errc::not_found) return KnownSize{};
    return std::unexpected{error};
  }
  [[nodiscard]] static Result<KnownSize> known(const Result<std::uint64_t>& size) {
    if (!size) return std::unexpected{size.error()};
    return KnownSize{Presence::present, *size};
  }

  std::shared_ptr<const Retrier<Time>> retrier_;
  std::atomic<std::uint64_t> version_{0};
  mutable LightLock lock_;
  KnownSize size_;
};

}  // namespace hybridbuffer::inline v0_1::detail
