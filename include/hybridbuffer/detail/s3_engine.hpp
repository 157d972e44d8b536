#pragma once

#include <hybridbuffer/detail/s3_error.hpp>
#include <hybridbuffer/detail/s3_place.hpp>
#include <hybridbuffer/detail/s3_request.hpp>
#include <hybridbuffer/detail/s3_xml.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <curl/curl.h>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Requests under way side by side, each with its retries, driven inside the caller's call by libcurl's multi interface. No thread.

namespace hybridbuffer::inline v0_1::detail {

using S3Clock = std::chrono::steady_clock;

/// The connections of one caller at a time.
///
/// Time is counted while somebody drives: a transfer that waits between two calls of a writer's is not too slow.
class S3Engine {
 public:
  explicit S3Engine(std::shared_ptr<S3Sockets> sockets);
  S3Engine(const S3Engine&) = delete;
  S3Engine& operator=(const S3Engine&) = delete;
  ~S3Engine();

  /// Takes a call; it runs whenever somebody drives. Errors are in its result, `no_space` for want of memory among them: what threw here
  /// would leave calls of the same caller's behind that go out of scope.
  void submit(S3Call& call) noexcept;
  /// Ends a call that is under way; nobody waits for its answer. Its connection is closed.
  void cancel(S3Call& call) noexcept;
  void cancel_all() noexcept {
    while (!calls_.empty()) cancel(*calls_.back());
  }
  /// Drives until `is_done()`, or, past `deadline`, ends everything under way: what waits for another attempt with the failure of the
  /// last, all else with `timeout`.
  template <class IsDone>
  void drive(S3Place& place, S3Clock::time_point deadline, IsDone&& is_done) {
    begin_ = S3Clock::now();
    deadline_ = deadline;
    while (!is_done()) {
      step(place);
      if (is_done()) break;
      if (S3Clock::now() >= deadline) {
        expire();
        break;
      }
      wait(place, deadline);
    }
    driven_ += S3Clock::now() - begin_;
  }
  /// Moves what can be moved without waiting, but for credentials that have to be fetched.
  void poll(S3Place& place) {
    begin_ = S3Clock::now();
    deadline_ = begin_ + place.options().timeouts.operation;
    step(place);
    driven_ += S3Clock::now() - begin_;
  }

  /// A request from its beginning to its end.
  [[nodiscard]] Result<void> run(S3Place& place, S3Call& call, S3Clock::time_point deadline) {
    submit(call);
    drive(place, deadline, [&] { return call.phase == S3Call::Phase::done; });
    return call.result;
  }

 private:
  using Time = S3Clock::duration;

  [[nodiscard]] Time now() const noexcept { return driven_ + (S3Clock::now() - begin_); }

  void step(S3Place& place) noexcept;
  void wait(S3Place& place, S3Clock::time_point deadline) noexcept;
  void expire() noexcept;
  void start(S3Place& place, S3Call& call);
  [[nodiscard]] Result<void> prepare(S3Place& place, S3Call& call);
  void end_attempt(S3Place& place, S3Call& call, CURLcode code);
  void check_time(S3Place& place, S3Call& call);
  void detach(S3Call& call) noexcept;
  void fail_attempt(S3Place& place, S3Call& call, S3Failure why, std::error_code native, std::string_view word);
  [[nodiscard]] static Error error_of(const S3Place& place, const S3Call& call, errc code, std::error_code native, std::string_view word);
  void finish(S3Call& call, Result<void> result) noexcept;
  /// What is left to whoever drives.
  [[nodiscard]] std::chrono::milliseconds time_left() const noexcept {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline_ - S3Clock::now());
  }
  /// Does something for a call; it fails when memory runs out.
  template <class Function>
  void guarded(S3Call& call, Function&& function) noexcept {
    try {
      function();
    } catch (const std::bad_alloc&) {
      call.out_of_memory = true;
      finish(call, failure(errc::no_space, call.request.operation, "out of memory"));
    }
  }
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* pointer) noexcept;
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* pointer) noexcept;
  static int note_connected(void* call, char*, char*, int, int) noexcept {
    static_cast<S3Call*>(call)->connected = true;
    return CURL_PREREQFUNC_OK;
  }

  std::shared_ptr<S3Sockets> sockets_;
  CURLM* multi_ = nullptr;
  std::vector<CURL*> idle_;
  std::vector<S3Call*> calls_;  // waiting and active
  Time driven_{};
  S3Clock::time_point begin_{};
  S3Clock::time_point deadline_{};  // of whoever drives
};

/// An engine on loan. In a forked child it is left as it is: its connections are the parent's.
class S3Lease {
 public:
  S3Lease() = default;
  explicit S3Lease(S3PlaceRef place) : place_{std::move(place)}, engine_{place_->take_engine()} {}
  S3Lease(S3Lease&&) noexcept = default;
  S3Lease& operator=(S3Lease&& other) noexcept {
    if (this != &other) {
      give_back();
      place_ = std::move(other.place_);
      engine_ = std::move(other.engine_);
      process_ = other.process_;
    }
    return *this;
  }
  ~S3Lease() { give_back(); }

  [[nodiscard]] explicit operator bool() const noexcept { return engine_ != nullptr; }
  [[nodiscard]] S3Engine& engine() const noexcept { return *engine_; }
  [[nodiscard]] S3Place& place() const noexcept { return *place_; }

 private:
  void give_back() noexcept {
    if (engine_ == nullptr) return;
    if (process_ == process_identity()) {
      engine_->cancel_all();  // whoever was interrupted between two requests
      place_->give_engine(std::move(engine_));
    } else static_cast<void>(engine_.release());  // NOLINT(bugprone-unused-return-value): its memory goes with the child
    place_.reset();
  }

  S3PlaceRef place_;
  std::unique_ptr<S3Engine> engine_;
  ProcessIdentity process_ = process_identity();
};

}  // namespace hybridbuffer::inline v0_1::detail

#include <hybridbuffer/detail/s3_engine_attempt.hpp>
#include <hybridbuffer/detail/s3_engine_drive.hpp>
