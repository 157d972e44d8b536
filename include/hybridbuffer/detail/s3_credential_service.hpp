#pragma once

#include <hybridbuffer/backend/s3_credentials.hpp>
#include <hybridbuffer/detail/s3_error.hpp>
#include <hybridbuffer/detail/s3_text.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <curl/curl.h>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

/// \file
/// The HTTP services that lend credentials to containers and machines.

namespace hybridbuffer::inline v0_1::detail {

/// https, or plain http to this machine or to the addresses of the services of ECS and EKS: a token must not travel in the clear.
[[nodiscard]] inline bool is_credential_service(std::string_view url) noexcept {
  if (url.starts_with("https://")) return true;
  if (!url.starts_with("http://")) return false;
  std::string_view host = url.substr(7);
  host = host.substr(0, host.find('/'));
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with('[')) host = host.substr(0, host.find(']') + 1);
  else host = host.substr(0, host.find(':'));
  constexpr std::array<std::string_view, 6> known{"localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  return std::find(known.begin(), known.end(), host) != known.end();
}

/// One request, never through a proxy. Returns: the body. Errors: `not_found` for 404; `permission`, `unavailable`, `timeout`, ….
[[nodiscard]] inline Result<std::string> ask_credential_service(const char* method, const std::string& url, const std::string& header,
                                                                std::chrono::milliseconds deadline) {
  constexpr OperationName operation{"ask a credential service"};
  constexpr std::int64_t most_milliseconds = std::numeric_limits<std::int32_t>::max();  // libcurl's
  struct Free {
    void operator()(CURL* easy) const noexcept { ::curl_easy_cleanup(easy); }
    void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
  };
  const std::unique_ptr<CURL, Free> easy{::curl_easy_init()};
  const std::unique_ptr<curl_slist, Free> headers{header.empty() ? nullptr : ::curl_slist_append(nullptr, header.c_str())};
  if (easy == nullptr || (headers == nullptr && !header.empty())) throw std::bad_alloc{};
  std::string body;
  const auto take = +[](char* data, std::size_t size, std::size_t count, void* target) -> std::size_t {
    auto& text = *static_cast<std::string*>(target);
    constexpr std::size_t most = std::size_t{64} * 1024;
    if (text.size() + size * count > most) return 0;
    try {
      text.append(data, size * count);
    } catch (const std::bad_alloc&) {
      return 0;
    }
    return size * count;
  };
  const auto open = +[](void* /*nobody*/, curlsocktype /*purpose*/, curl_sockaddr* address) -> curl_socket_t {
    return system_calls::beyond_standard(::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
  };
  ::curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETFUNCTION, open);
  ::curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, method);
  ::curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  let_look_ups_go(easy.get());
  ::curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(std::clamp<std::int64_t>(deadline.count(), 1, most_milliseconds)));
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, take);
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = ::curl_easy_perform(easy.get());
  if (code != CURLE_OK) {
    return std::unexpected<Error>{std::in_place, failure_of_curl(code).code, operation, std::error_code{code, curl_category()}};
  }
  long status = 0;
  ::curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    const std::error_code native{static_cast<int>(status), http_category()};
    return std::unexpected<Error>{std::in_place, failure_of_s3(status, {}).code, operation, native};
  }
  return body;
}

/// The text of a member of a flat JSON object whose values are strings without escapes but \/, as these services write it: keys, tokens
/// and dates have no others. Empty: there is none.
[[nodiscard]] inline std::string json_text(std::string_view document, std::string_view name) {
  std::string quoted{"\""};
  quoted.append(name).append("\"");
  const auto at = document.find(quoted);
  if (at == std::string_view::npos) return {};
  document.remove_prefix(at + quoted.size());
  const auto colon = document.find_first_not_of(" \t\r\n");
  if (colon == std::string_view::npos || document[colon] != ':') return {};
  document.remove_prefix(colon + 1);
  const auto quote = document.find_first_not_of(" \t\r\n");
  if (quote == std::string_view::npos || document[quote] != '"') return {};
  std::string text;
  for (const char c : document.substr(quote + 1)) {
    if (c == '"') return text;
    if (c != '\\') text += c;
  }
  return {};
}

[[nodiscard]] inline Result<S3Credentials> credentials_from_service(const std::string& url, const std::string& header,
                                                                    std::chrono::milliseconds deadline) {
  auto answer = ask_credential_service("GET", url, header, deadline);
  if (!answer) return std::unexpected{std::move(answer).error()};
  S3Credentials found{.access_key = json_text(*answer, "AccessKeyId"),
                      .secret_key = json_text(*answer, "SecretAccessKey"),
                      .session_token = json_text(*answer, "Token")};
  if (found.access_key.empty() || found.secret_key.empty()) return failure(errc::io, "ask a credential service", "the answer has no keys");
  if (const auto expires = s3_time(json_text(*answer, "Expiration"))) found.expires = std::chrono::system_clock::from_time_t(*expires);
  return found;
}

}  // namespace hybridbuffer::inline v0_1::detail
