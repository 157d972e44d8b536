#pragma once

#include <hybridbuffer/detail/s3_download.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_place.hpp>
#include <hybridbuffer/detail/s3_text.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// Gives an object another, lasting key of the same bucket: one publish().
class S3Publication {
 public:
  S3Publication(const S3PlaceRef& place, const S3Object& object, std::string_view destination)
      : place_{place},
        lease_{place},
        object_{object},
        destination_{destination},
        end_{S3Clock::now() + place->options().timeouts.operation} {}

  /// Errors: `corrupted` when the object was changed or is gone; the store's.
  [[nodiscard]] Result<void> replace() {
    auto copied = copy(Condition::none);
    if (!copied && copied.error() == errc::not_found) return failure(errc::corrupted, operation, "the object is gone");
    if (!copied && copied.error() == errc::already_exists) return failure(errc::corrupted, operation, "the object was changed");
    return copied;
  }

  /// Errors: `already_exists`; `unsupported` where the store refuses a condition on what it writes, or takes it to be on what it reads: to
  ///         look and then write would not keep what somebody else puts there in between. As replace().
  [[nodiscard]] Result<void> keep() {
    const bool is_small = object_.size <= place_->options().part_bytes;
    auto free = destination_is_free();
    // Who may not list is told of no key that is free, and the PUT looks itself.
    if (!free && !(is_small && free.error() == errc::permission)) return free;
    if (is_small) {
      auto stored = put_when_free();
      if (stored || stored.error() != errc::unsupported) return stored;
    }
    if (!free) return free;
    auto copied = copy(Condition::destination_is_free);
    if (!copied && copied.error() == errc::not_found) return failure(errc::corrupted, operation, "the object is gone");
    if (copied || copied.error() != errc::already_exists) return copied;
    if (failures_ > 1) return failure(errc::unavailable, operation, "what is there may be this very copy");
    if (free = destination_is_free(); !free) return free;
    return failure(errc::unsupported, operation, "the store takes no condition on what a copy writes");
  }

 private:
  static constexpr OperationName operation{"publish an S3 object"};
  enum class Condition : std::uint8_t { none, destination_is_free };

  [[nodiscard]] S3Request request(S3Method method, std::string key) const {
    return {.operation = operation, .method = method, .key = std::move(key)};
  }
  [[nodiscard]] Result<void> run(S3Call& call) {
    auto done = lease_.engine().run(*place_, call, end_);
    failures_ = static_cast<unsigned>(call.failures);
    return done;
  }

  /// Errors: `already_exists`; the store's.
  [[nodiscard]] Result<void> destination_is_free() {
    S3Call call;
    call.request = request(S3Method::head, std::string{destination_});
    auto found = run(call);
    if (found) return failure(errc::already_exists, operation, destination_);
    if (found.error() != errc::not_found) return found;
    return {};
  }

  // Reads the object and stores it on condition that the key is free, in one step of the store's. `unsupported` where it has none.
  [[nodiscard]] Result<void> put_when_free() {
    std::vector<std::byte> bytes(static_cast<std::size_t>(object_.size));
    if (auto read = read_ranges(place_, object_, 0, bytes); !read) return std::unexpected{std::move(read).error()};
    S3Call call;
    call.request = request(S3Method::put, std::string{destination_});
    call.request.headers = place_->options().object_headers;
    call.request.headers.emplace_back("if-none-match", "*");
    call.request.body = bytes;
    auto stored = run(call);
    if (!stored && stored.error() == errc::already_exists && failures_ > 1) {
      return failure(errc::unavailable, operation, "what is there may be this very copy");
    }
    return stored;
  }

  [[nodiscard]] Result<void> copy(Condition condition) {
    auto copied = copy_on_server(condition, true);
    if (copied || condition != Condition::none || copied.error() != errc::already_exists) return copied;
    // A store may compare another ETag of an object of many parts than the one it tells, as Swift does. The name is this location's, and
    // used once: to look at it is as good.
    S3Call call;
    call.request = request(S3Method::head, object_.key);
    if (auto seen = run(call); !seen) return seen;
    if (call.answer.etag != object_.etag) return copied;
    return copy_on_server(condition, false);
  }
  [[nodiscard]] Result<void> copy_on_server(Condition condition, bool bound_to_etag) {
    S3Call call;
    call.request = request(S3Method::put, std::string{destination_});
    call.request.headers = place_->options().object_headers;
    call.request.headers.emplace_back("x-amz-copy-source", "/" + place_->options().bucket + "/" + s3_encode(object_.key, true));
    if (bound_to_etag) call.request.headers.emplace_back("x-amz-copy-source-if-match", object_.etag);
    if (condition == Condition::destination_is_free) call.request.headers.emplace_back("if-none-match", "*");
    call.may_fail_in_body = true;
    return run(call);
  }

  const S3PlaceRef& place_;
  S3Lease lease_;
  const S3Object& object_;
  std::string_view destination_;
  S3Clock::time_point end_;
  unsigned failures_ = 0;  // of the last request
};

/// A copy on the server.
[[nodiscard]] inline Result<void> publish_object(const S3PlaceRef& place, const S3Object& object, std::string_view destination,
                                                 PublishMode mode) {
  constexpr std::uint64_t most_copied = std::uint64_t{5} << 30U;
  constexpr OperationName operation{"publish an S3 object"};
  if (destination.empty() || destination.starts_with('/')) {
    return failure(errc::invalid_argument, operation, "a key does not begin with a slash");
  }
  if (object.size > most_copied) return failure(errc::unsupported, operation, "S3 copies 5 GiB at most");
  S3Publication publication{place, object, destination};
  return mode == PublishMode::keep ? publication.keep() : publication.replace();
}

}  // namespace hybridbuffer::inline v0_1::detail
