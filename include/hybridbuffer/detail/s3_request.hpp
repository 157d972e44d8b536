#pragma once

#include <hybridbuffer/detail/s3_signature.hpp>
#include <hybridbuffer/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <curl/curl.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hybridbuffer::inline v0_1::detail {

enum class S3Method : std::uint8_t { get, head, put, post, remove };

[[nodiscard]] constexpr std::string_view name_of(S3Method method) noexcept {
  switch (method) {
    case S3Method::get: return "GET";
    case S3Method::head: return "HEAD";
    case S3Method::put: return "PUT";
    case S3Method::post: return "POST";
    case S3Method::remove: return "DELETE";
  }
  return "GET";
}

/// A request as its sender thinks of it; address, date and signature come with each attempt.
struct S3Request {
  OperationName operation{"ask an S3 store"};
  S3Method method = S3Method::get;
  std::string key{};  ///< empty: the bucket
  S3Pairs query{};
  S3Pairs headers{};                  ///< names in lower case
  std::span<const std::byte> body{};  ///< must outlive the call
  std::string body_digest{};          ///< SHA-256, hexadecimal; empty: it is computed
};

/// What came back, of the last attempt.
struct S3Answer {
  long status = 0;
  bool head_is_whole = false;  ///< libcurl takes a head that was cut for an answer
  std::string etag{};          ///< with its quotes
  std::string content_range{};
  std::optional<std::uint64_t> content_length{};
  std::string bucket_region{};
  std::string request_id{};
  std::string encryption{};
  std::string date{};
  std::string body{};  ///< of what is no range
};

/// A piece of an object that goes straight into the caller's memory, and goes on where an attempt was cut.
struct S3Range {
  std::uint64_t offset = 0;
  std::span<std::byte> sink{};
  std::uint64_t object_size = 0;
  std::string_view etag{};
  std::size_t received = 0;
};

/// One request with its attempts. Belongs to the engine between submit() and its end.
struct S3Call {
  S3Request request{};
  S3Answer answer{};
  std::optional<S3Range> range{};
  std::string expected_md5{};     ///< hexadecimal; what the ETag of the answer must be, where it is one
  bool needs_etag = false;        ///< an answer without one is none: on a kept connection it may be that of the request before
  bool is_repeatable = true;      ///< libcurl may send it again by itself when an idle connection turns out to be dead
  bool may_fail_in_body = false;  ///< an answer of 200 can hold an <Error>
  Result<void> result{};          ///< before its end: the failure of the last attempt

  // Of the engine.
  enum class Phase : std::uint8_t { idle, waiting, active, done };
  Phase phase = Phase::idle;
  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  std::string url{};
  unsigned failures = 0;
  bool credentials_renewed = false;
  bool clock_set = false;
  std::chrono::steady_clock::duration not_before{};
  std::chrono::steady_clock::duration started{};
  std::chrono::steady_clock::duration speed_since{};
  std::uint64_t speed_bytes = 0;
  bool connected = false;
  bool range_checked = false;       // the answer's header says that the right bytes follow
  bool body_refused = false;        // what comes is not what was asked for
  bool out_of_memory = false;       // while the answer was taken or understood: what the store did is not known
  std::size_t received_before = 0;  // this attempt
  std::uint64_t credentials_version = 0;
  bool has_session_token = false;
};

}  // namespace hybridbuffer::inline v0_1::detail
