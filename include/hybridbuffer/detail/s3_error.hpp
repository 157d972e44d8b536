#pragma once

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <curl/curl.h>
#include <string>
#include <string_view>
#include <system_error>

/// \file
/// What the failures of the transport and of an S3 store mean here.

namespace hybridbuffer::inline v0_1 {

/// The native codes of S3 errors that are HTTP status codes.
[[nodiscard]] inline const std::error_category& http_category() noexcept {
  class Category final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "HTTP"; }
    [[nodiscard]] std::string message(int value) const override { return "HTTP status " + std::to_string(value); }
  };
  static const Category category;
  return category;
}

/// The native codes of S3 errors that are libcurl's.
[[nodiscard]] inline const std::error_category& curl_category() noexcept {
  class Category final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "libcurl"; }
    [[nodiscard]] std::string message(int value) const override { return ::curl_easy_strerror(static_cast<CURLcode>(value)); }
  };
  static const Category category;
  return category;
}

namespace detail {

/// Nobody waits for libcurl's look-up of a host name once its time is over: the thread that it is on ends by itself.
inline void let_look_ups_go([[maybe_unused]] CURL* easy) noexcept {
#if CURL_AT_LEAST_VERSION(7, 87, 0)
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/// A failure before it has a name: its category, and whether the same request may meet another answer.
struct S3Failure {
  errc code = errc::io;
  bool is_retryable = false;
};

// clang-format off: tables, a row a line

[[nodiscard]] constexpr S3Failure failure_of_curl(CURLcode code) noexcept {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return {errc::timeout, true};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PROXY: return {errc::unavailable, true};
    // Nothing says that it is the store which answers: nothing of the caller's is sent, and asking again would not change it.
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH: return {errc::permission, false};
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return {errc::invalid_argument, false};
    case CURLE_OUT_OF_MEMORY: return {errc::no_space, false};
    default: return {errc::io, false};
  }
}

/// By S3's own code, as far as it says more than the status does.
[[nodiscard]] constexpr S3Failure failure_of_s3(long status, std::string_view code) noexcept {
  struct Row { std::string_view code; S3Failure failure; };
  constexpr Row rows[] = {
    {"BadDigest", {errc::corrupted, true}},  // altered on the way
    {"ClientComputedChecksumMismatch", {errc::corrupted, true}},
    {"XAmzContentSHA256Mismatch", {errc::corrupted, true}},
    {"EntityTooLarge", {errc::limit_exceeded, false}},
    {"InternalError", {errc::unavailable, true}},
    {"MethodNotAllowed", {errc::unsupported, false}},
    {"NotImplemented", {errc::unsupported, false}},
    {"QuotaExceeded", {errc::no_space, false}},
    {"RequestTimeout", {errc::timeout, true}},
    {"ServiceUnavailable", {errc::unavailable, true}},
    {"SlowDown", {errc::unavailable, true}},
    {"XMinioStorageFull", {errc::no_space, false}},
  };
  for (const Row& row : rows) {
    if (row.code == code) return row.failure;
  }
  switch (status) {
    case 400: return {errc::invalid_argument, code.empty()};  // not S3 says so, but HTTP: what came was no request, or a part of one
    case 401:
    case 403: return {errc::permission, false};
    case 404: return {errc::not_found, false};
    case 405: return {errc::unsupported, false};
    case 408: return {errc::timeout, true};
    case 409: return {errc::busy, true};
    case 412: return {errc::already_exists, false};  // who sent the condition knows better
    case 413: return {errc::limit_exceeded, false};
    case 416: return {errc::corrupted, false};
    case 429: return {errc::unavailable, true};
    case 501: return {errc::unsupported, false};
    case 507: return {errc::no_space, false};
    default: break;
  }
  // A redirection is not followed: the signature names the host. One that lasts means a wrong region or endpoint.
  if (status == 307) return {errc::unavailable, true};
  if (status >= 300 && status < 400) return {errc::invalid_argument, false};
  if (status >= 500 && status < 600) return {errc::unavailable, true};
  return {errc::io, false};
}

// clang-format on

/// Whether `text` can stand in a message: S3's codes and request names, and nothing that could carry anything else.
[[nodiscard]] inline bool is_s3_word(std::string_view text) noexcept {
  constexpr std::size_t longest = 80;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace detail
}  // namespace hybridbuffer::inline v0_1
