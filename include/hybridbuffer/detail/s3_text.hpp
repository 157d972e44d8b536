#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

/// \file
/// The spellings that the S3 protocol asks for: percent-encoding as Signature Version 4 defines it, hexadecimal, base64, dates.

namespace hybridbuffer::inline v0_1::detail {

[[nodiscard]] constexpr bool is_s3_unreserved(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/// Percent-encodes all but A-Z a-z 0-9 - . _ ~ with upper-case digits; a slash stays one with `keep_slash`, as in a path.
[[nodiscard]] inline std::string s3_encode(std::string_view text, bool keep_slash = false) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_s3_unreserved(c) || (keep_slash && c == '/')) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append(1, '%').append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
  return encoded;
}

/// The reverse of s3_encode; what is no valid escape stays as it is.
[[nodiscard]] inline std::string s3_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

[[nodiscard]] inline std::string s3_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) text.append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
  return text;
}

[[nodiscard]] inline std::optional<std::uint64_t> s3_number(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);  // NOLINT(bugprone-suspicious-stringview-data-usage): with its end
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

/// 20130524T000000Z, in UTC.
[[nodiscard]] inline std::string s3_timestamp(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 20> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

/// What S3 and the credential services write: 2013-05-24T00:00:00.000Z (ISO 8601, UTC).
[[nodiscard]] inline std::optional<std::time_t> s3_time(std::string_view text) {
  std::tm parts{};
  const std::string terminated{text};
  const char* const rest = ::strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || (*rest != '.' && *rest != 'Z' && *rest != '+')) return std::nullopt;
  return ::timegm(&parts);
}

}  // namespace hybridbuffer::inline v0_1::detail
