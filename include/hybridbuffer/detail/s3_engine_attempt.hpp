#pragma once

#include <hybridbuffer/detail/backoff.hpp>
#include <hybridbuffer/detail/s3_answer.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

/// \file
/// S3Engine: one attempt of a request, from its signature to what its answer means.

namespace hybridbuffer::inline v0_1::detail {

inline void S3Engine::start(S3Place& place, S3Call& call) {
  if (auto prepared = prepare(place, call); !prepared) return finish(call, std::move(prepared));
  call.phase = S3Call::Phase::active;
  call.started = call.speed_since = now();
  call.speed_bytes = 0;
  call.connected = false;
  if (::curl_multi_add_handle(multi_, call.easy) != CURLM_OK) finish(call, failure(errc::no_space, call.request.operation));
}

inline Result<void> S3Engine::prepare(S3Place& place, S3Call& call) {
  const S3Request& request = call.request;
  const S3Options& options = place.options();
  auto credentials = place.credentials(time_left());
  if (!credentials) return std::unexpected{std::move(credentials).error()};
  call.credentials_version = credentials->version;
  call.has_session_token = !credentials->value->session_token.empty();
  call.answer = {};
  call.range_checked = call.body_refused = call.out_of_memory = false;
  call.received_before = call.range ? call.range->received : 0;

  std::string path = place.endpoint().path_prefix;
  path.append("/").append(s3_encode(request.key, true));
  const std::string timestamp = s3_timestamp(place.now());
  if (call.request.body_digest.empty()) call.request.body_digest = s3_hex(sha256_of(request.body));
  S3Pairs headers = request.headers;
  headers.emplace_back("host", place.endpoint().host);
  headers.emplace_back("x-amz-content-sha256", request.body_digest);
  headers.emplace_back("x-amz-date", timestamp);
  if (!credentials->value->session_token.empty()) headers.emplace_back("x-amz-security-token", credentials->value->session_token);
  if (call.range) {
    const std::uint64_t first = call.range->offset + call.range->received;
    const std::uint64_t last = call.range->offset + call.range->sink.size() - 1;
    headers.emplace_back("range", "bytes=" + std::to_string(first) + "-" + std::to_string(last));
    headers.emplace_back("if-match", std::string{call.range->etag});
  }
  const S3SignedParts parts{name_of(request.method), path, request.query, headers, request.body_digest};
  headers.emplace_back("authorization", s3_authorization(parts, {options.region, "s3", timestamp}, credentials->value->access_key,
                                                         credentials->value->secret_key));
  const auto add = [&](const std::string& line) {  // the call owns them, whatever comes
    curl_slist* const longer = ::curl_slist_append(call.header_list, line.c_str());
    if (longer == nullptr) throw std::bad_alloc{};
    call.header_list = longer;
  };
  for (const auto& [name, value] : headers) {
    std::string line = name;
    if (value.find_first_not_of(' ') == std::string::npos) line.append(";");  // libcurl's word for a header without a value
    else line.append(": ").append(value);
    add(line);
  }
  add("Expect:");
  add("Content-Type:");

  if (idle_.empty()) {
    idle_.reserve(calls_.size() + 1);
    call.easy = ::curl_easy_init();
    if (call.easy == nullptr) throw std::bad_alloc{};
  } else {
    call.easy = idle_.back();
    idle_.pop_back();
    ::curl_easy_reset(call.easy);
  }
  call.url = place.endpoint().scheme + "://" + place.endpoint().host + path;
  if (const std::string query = canonical_query(request.query); !query.empty()) call.url.append("?").append(query);

  CURL* const easy = call.easy;
  // libcurl's own memory for each request under way, beside the part or range that it is about.
  constexpr long send_bytes = 64L * 1024;
  constexpr long receive_bytes = 256L * 1024;
  constexpr long receive_few_bytes = 16L * 1024;
  const bool sends = request.method == S3Method::put || request.method == S3Method::post;
  ::curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call.header_list);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  let_look_ups_go(easy);
  ::curl_easy_setopt(easy, CURLOPT_PRIVATE, &call);
  ::curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, sends ? receive_few_bytes : receive_bytes);
  ::curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, send_bytes);
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &S3Engine::take_body);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &call);
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &S3Engine::take_header);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &call);
  ::curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's "200 Connection established" is no answer
  ::curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &S3Engine::note_connected);
  ::curl_easy_setopt(easy, CURLOPT_PREREQDATA, &call);
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeouts.connect.count()));
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &S3Sockets::open);
  ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets_.get());
  ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &S3Sockets::close);
  ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets_.get());
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
  if (!options.ca_file.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // libcurl may be built with a directory of the system's beside it
  }
  if (options.proxy) ::curl_easy_setopt(easy, CURLOPT_PROXY, options.proxy->c_str());
  if (sends) {
    ::curl_easy_setopt(easy, CURLOPT_POST, 1L);
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
  } else if (request.method == S3Method::head) {
    ::curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  if (!call.is_repeatable) ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  if (request.method == S3Method::put) ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
  if (request.method == S3Method::remove) ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
  return {};
}

inline std::size_t S3Engine::take_header(char* data, std::size_t size, std::size_t count, void* pointer) noexcept {
  auto& call = *static_cast<S3Call*>(pointer);
  try {
    note_header_line(call.answer, {data, size * count});
  } catch (const std::bad_alloc&) {
    call.out_of_memory = true;
    return 0;
  }
  return size * count;
}

inline std::size_t S3Engine::take_body(char* data, std::size_t size, std::size_t count, void* pointer) noexcept {
  auto& call = *static_cast<S3Call*>(pointer);
  const std::size_t length = size * count;
  const bool is_success = call.answer.status >= 200 && call.answer.status < 300;
  if (call.range && is_success) {
    S3Range& range = *call.range;
    call.range_checked = call.range_checked || is_right_range(call.answer, range);
    if (!call.range_checked || length > range.sink.size() - range.received) {
      call.body_refused = true;
      return 0;
    }
    std::memcpy(range.sink.data() + range.received, data, length);
    range.received += length;
    return length;
  }
  if (call.answer.body.size() + length > S3XmlParser::most_bytes) return 0;
  try {
    call.answer.body.append(data, length);
  } catch (const std::bad_alloc&) {
    call.out_of_memory = true;
    return 0;
  }
  return length;
}

/// Whether new credentials may help. The answer to a HEAD has no body, and so does not say what it was refused for.
[[nodiscard]] inline bool is_refused_for_its_token(const S3Call& call, bool is_said) noexcept {
  constexpr long of_expired_token = 400;
  const bool is_unsaid = call.request.method == S3Method::head && call.answer.status == of_expired_token && call.has_session_token;
  return is_said || is_unsaid;
}

/// The store's time, when a request was refused because it did not have that. A store allows 15 minutes.
[[nodiscard]] inline std::optional<std::time_t> time_to_take_over(const S3Place& place, const S3Call& call,
                                                                  std::string_view word) noexcept {
  constexpr long of_skewed_time = 403;
  constexpr std::time_t allowed = std::time_t{10} * 60;
  const bool is_said = word == "RequestTimeTooSkewed";
  if (!is_said && (call.request.method != S3Method::head || call.answer.status != of_skewed_time)) return {};
  const std::time_t time = ::curl_getdate(call.answer.date.c_str(), nullptr);
  if (time <= 0) return {};
  const std::time_t apart = time - place.now();
  if (!is_said && apart > -allowed && apart < allowed) return {};
  return time;
}

/// Whether all bytes of a range are there, and are the right ones by their header.
[[nodiscard]] inline bool is_whole(const S3Call& call) noexcept {
  return call.range && call.range_checked && call.range->received == call.range->sink.size();
}

inline void S3Engine::end_attempt(S3Place& place, S3Call& call, CURLcode code) {
  const std::error_code curl_native{code, curl_category()};
  const std::error_code http_native{static_cast<int>(call.answer.status), http_category()};
  const std::size_t before = call.range ? call.range->received : 0;
  const long status = call.answer.status;
  if (call.body_refused) {
    const bool is_other = call.range && !call.answer.etag.empty() && call.answer.etag != call.range->etag;
    S3Failure why = is_other ? S3Failure{errc::corrupted, false} : S3Failure{errc::io, true};
    if (is_whole(call)) why.is_retryable = false;  // there is no rest to ask for
    return fail_attempt(place, call, why, http_native, is_other ? "the object was changed" : "another range than was asked for");
  }
  if (code != CURLE_OK) {
    if (call.out_of_memory) return fail_attempt(place, call, {errc::no_space, false}, curl_native, "out of memory");
    // libcurl counts the time between two calls of a writer's too, in which nobody connects.
    const bool nobody_drove = !call.connected && now() - call.started < place.options().timeouts.connect / 2;
    if (code == CURLE_OPERATION_TIMEDOUT && nobody_drove) {
      detach(call);
      return start(place, call);
    }
    // It says the same of a scheme that it does not know; but then it does not connect.
    if (code == CURLE_UNSUPPORTED_PROTOCOL && call.connected) {
      return fail_attempt(place, call, {errc::unavailable, true}, curl_native, "the answer is not HTTP");
    }
    return fail_attempt(place, call, failure_of_curl(code), curl_native, {});  // CURLE_WRITE_ERROR: longer than any answer of S3, `io`
  }
  if (!call.answer.head_is_whole) return fail_attempt(place, call, {errc::unavailable, true}, http_native, "the answer was cut");
  const auto document =
      call.request.method == S3Method::head || call.answer.body.empty() ? std::nullopt : S3XmlParser::parse(call.answer.body);
  const bool is_error = document && document->name == "Error";
  if (status >= 200 && status < 300 && !call.may_fail_in_body && !is_error) {
    if (call.range && before != call.range->sink.size()) {
      return fail_attempt(place, call, {errc::unavailable, true}, http_native, "the body was cut");
    }
    std::string_view etag{call.answer.etag};
    if (call.needs_etag && etag.empty()) return fail_attempt(place, call, {errc::unavailable, true}, http_native, "the answer has no ETag");
    if (etag.starts_with('"') && etag.ends_with('"') && etag.size() >= 2) etag = etag.substr(1, etag.size() - 2);
    const bool is_md5 = etag.size() == 32 && !call.answer.encryption.starts_with("aws:kms");
    if (!call.expected_md5.empty() && is_md5 && etag != call.expected_md5) {
      return fail_attempt(place, call, {errc::corrupted, true}, http_native, "stored other bytes than were sent");
    }
    place.give_back();
    return finish(call, {});
  }

  std::string word;
  if (is_error && is_s3_word(document->text_of("Code"))) word = document->text_of("Code");
  if (status >= 200 && status < 300) {  // with a result in its body
    if (document && !is_error) {
      place.give_back();
      return finish(call, {});
    }
    if (!document) return fail_attempt(place, call, {errc::unavailable, true}, http_native, "the answer was cut");
    S3Failure why = failure_of_s3(0, word);
    if (word == "PreconditionFailed") why = {errc::already_exists, false};
    else if (word == "AccessDenied") why = {errc::permission, false};
    return fail_attempt(place, call, why, http_native, word);
  }
  const bool is_token_refused = word == "ExpiredToken" || word == "TokenRefreshRequired" || word == "InvalidToken";
  if (is_refused_for_its_token(call, is_token_refused) && !std::exchange(call.credentials_renewed, true)) {
    if (auto fresh = place.credentials(time_left(), call.credentials_version); fresh) {
      detach(call);
      return start(place, call);
    }
  }
  if (const auto time = time_to_take_over(place, call, word); time && !std::exchange(call.clock_set, true)) {
    place.set_now(*time);
    detach(call);
    return start(place, call);
  }
  S3Failure why = failure_of_s3(status, word);
  if (is_token_refused) why = {errc::permission, false};
  if (call.range && status == 412) why = {errc::corrupted, false};  // what is there is not what was stored
  if (call.range && status == 404 && word != "NoSuchBucket") why = {errc::corrupted, false};
  fail_attempt(place, call, why, http_native, word);
}

inline void S3Engine::fail_attempt(S3Place& place, S3Call& call, S3Failure why, std::error_code native, std::string_view word) {
  if (is_whole(call) && !call.body_refused) {  // what failed is the end of the answer, which holds no byte of the object
    place.give_back();
    return finish(call, {});
  }
  const S3RetryOptions& retry = place.options().retry;
  curl_off_t asked_for = 0;
  if (call.easy != nullptr) ::curl_easy_getinfo(call.easy, CURLINFO_RETRY_AFTER, &asked_for);
  if (call.range && call.range->received > call.received_before) call.failures = 0;  // it goes on: only the deadline ends that
  ++call.failures;
  call.result = std::unexpected{error_of(place, call, why.code, native, word)};
  if (why.is_retryable && call.failures < retry.attempts && place.take_retry()) {
    detach(call);
    const std::chrono::milliseconds pause = random_pause(retry.base, retry.cap, call.failures - 1);
    const std::chrono::seconds at_least{std::clamp<curl_off_t>(asked_for, 0, 3600)};
    call.not_before = now() + std::max<Time>(pause, at_least);
    call.phase = S3Call::Phase::waiting;
    return;
  }
  finish(call, std::move(call.result));
}

inline Error S3Engine::error_of(const S3Place& place, const S3Call& call, errc code, std::error_code native, std::string_view word) {
  std::string subject = place.options().bucket;
  if (!call.request.key.empty()) subject.append("/").append(call.request.key);
  if (!word.empty()) subject.append(" (").append(word).append(")");
  if (is_s3_word(call.answer.bucket_region) && call.answer.bucket_region != place.options().region) {
    subject.append(", the bucket's region is ").append(call.answer.bucket_region);
  }
  if (is_s3_word(call.answer.request_id)) subject.append(", request ").append(call.answer.request_id);
  return {code, call.request.operation, native, subject};
}

}  // namespace hybridbuffer::inline v0_1::detail
