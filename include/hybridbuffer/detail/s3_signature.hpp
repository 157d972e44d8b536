#pragma once

#include <hybridbuffer/detail/s3_digest.hpp>
#include <hybridbuffer/detail/s3_text.hpp>

#include <algorithm>
#include <openssl/crypto.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// AWS Signature Version 4, as "Signature Calculations for the Authorization Header" in the Amazon S3 API reference describes it.

namespace hybridbuffer::inline v0_1::detail {

using S3Pairs = std::vector<std::pair<std::string, std::string>>;

/// What is signed of a request.
struct S3SignedParts {
  std::string_view method;
  std::string_view path;            ///< encoded, begins with a slash
  const S3Pairs& query;             ///< not encoded, in any order
  const S3Pairs& headers;           ///< names in lower case, in any order; all are signed
  std::string_view payload_digest;  ///< hexadecimal, or UNSIGNED-PAYLOAD
};

/// Where a signature is valid.
struct S3Scope {
  std::string_view region;
  std::string_view service;
  std::string_view timestamp;  ///< 20130524T000000Z
};

/// `a=1&b=2`, encoded and sorted: what is sent is what is signed.
[[nodiscard]] inline std::string canonical_query(const S3Pairs& query) {
  S3Pairs encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) encoded.emplace_back(s3_encode(name), s3_encode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text.append(name).append("=").append(value);
  }
  return text;
}

/// A header's value without blanks at its ends and with single ones within.
[[nodiscard]] inline std::string canonical_value(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const bool is_blank = c == ' ' || c == '\t';
    if (!is_blank) text += c;
    else if (!text.empty() && text.back() != ' ') text += ' ';
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

/// The value of the header Authorization. The secret is used and not kept.
[[nodiscard]] inline std::string s3_authorization(const S3SignedParts& parts, const S3Scope& scope, std::string_view access_key,
                                                  std::string_view secret_key) {
  S3Pairs headers = parts.headers;
  std::sort(headers.begin(), headers.end());
  std::string lines;
  std::string names;
  for (const auto& [name, value] : headers) {
    lines.append(name).append(":").append(canonical_value(value)).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  std::string request;
  request.append(parts.method).append("\n").append(parts.path).append("\n").append(canonical_query(parts.query)).append("\n");
  request.append(lines).append("\n").append(names).append("\n").append(parts.payload_digest);

  const std::string_view day = scope.timestamp.substr(0, 8);
  std::string credential_scope;
  credential_scope.append(day).append("/").append(scope.region).append("/").append(scope.service).append("/aws4_request");
  std::string to_sign{"AWS4-HMAC-SHA256\n"};
  to_sign.append(scope.timestamp).append("\n").append(credential_scope).append("\n").append(s3_hex(sha256_of(request)));

  std::string first_key{"AWS4"};
  first_key.append(secret_key);
  Sha256 key = hmac_sha256(std::span{reinterpret_cast<const unsigned char*>(first_key.data()), first_key.size()}, day);
  ::OPENSSL_cleanse(first_key.data(), first_key.size());
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  key = hmac_sha256(key, "aws4_request");
  const Sha256 signature = hmac_sha256(key, to_sign);
  ::OPENSSL_cleanse(key.data(), key.size());

  std::string authorization{"AWS4-HMAC-SHA256 Credential="};
  authorization.append(access_key).append("/").append(credential_scope).append(",SignedHeaders=").append(names);
  return authorization.append(",Signature=").append(s3_hex(signature));
}

}  // namespace hybridbuffer::inline v0_1::detail
