#pragma once

#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The parts of a URL (RFC 3986) and the values in them, without a word about what they mean.

namespace hybridbuffer::inline v0_1 {

/// The error of a wrong part of a storage URL: "read the storage URL: parameter 'level': not one of fast, best [invalid_argument]".
///
/// `part` and `why` are literals and `name` is shown only where it is a name (letters, digits, `_ . -`, at most 32): so no text of the
/// URL gets into an error, which may hold a password or a key.
[[nodiscard]] inline std::unexpected<Error> wrong_url(OperationName part, OperationName why, std::string_view name = {}) noexcept;

namespace detail {

[[nodiscard]] constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr char lower_case(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
/// 0 to 15, or nothing.
[[nodiscard]] constexpr std::optional<unsigned> hex_digit(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  c = lower_case(c);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  return std::nullopt;
}

template <class Predicate>
[[nodiscard]] constexpr bool all_of(std::string_view text, Predicate&& holds) {
  for (const char c : text) {
    if (!holds(c)) return false;
  }
  return true;
}

[[nodiscard]] constexpr bool is_name(std::string_view text) noexcept {
  constexpr std::size_t longest = 32;
  return !text.empty() && text.size() <= longest &&
         all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-'; });
}
/// `scheme` of RFC 3986.
[[nodiscard]] constexpr bool is_scheme(std::string_view text) noexcept {
  return !text.empty() && is_letter(text.front()) &&
         all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; });
}

/// A text of bounded length, made without an allocation; what does not fit is left out.
class BoundedText {
 public:
  BoundedText& add(std::string_view text) noexcept {
    const std::size_t count = text.size() < text_.size() - length_ ? text.size() : text_.size() - length_;
    std::memcpy(text_.data() + length_, text.data(), count);
    length_ += count;
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }

 private:
  std::array<char, 240> text_{};
  std::size_t length_ = 0;
};

inline constexpr OperationName reading_a_url{"read the storage URL:"};

/// The parts of a URL as they stand in it, still encoded.
struct RawUrl {
  std::string_view scheme;
  std::optional<std::string_view> user_info{};
  std::string_view host{};
  std::optional<std::string_view> port{};
  std::string_view path{};
  std::string_view query{};
};

/// Splits a URL as Appendix B of RFC 3986 does, and the authority into its parts.
/// Errors: `invalid_argument` for a scheme that is none, a fragment, several `@`.
[[nodiscard]] inline Result<RawUrl> split_url(std::string_view text) noexcept {
  constexpr std::size_t none = std::string_view::npos;
  const std::size_t colon = text.find(':');
  if (colon == none || !is_scheme(text.substr(0, colon))) return wrong_url("scheme", "missing: a storage URL begins like file: or memory:");
  if (text.find('#') != none) return wrong_url("fragment", "a storage URL has none; '#' is written %23");
  RawUrl url{.scheme = text.substr(0, colon)};
  std::string_view rest = text.substr(colon + 1);
  if (const std::size_t mark = rest.find('?'); mark != none) {
    url.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (!rest.starts_with("//")) {
    url.path = rest;
    return url;
  }
  rest.remove_prefix(2);
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != none) url.path = rest.substr(slash);
  if (const std::size_t at = authority.find('@'); at != none) {
    url.user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (authority.find('@') != none) return wrong_url("user information", "'@' in it is written %40");
  }
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t port = bracket == none ? none : authority.find(':', bracket);
  url.host = authority.substr(0, port);
  if (port != none) url.port = authority.substr(port + 1);
  return url;
}

/// What may stand in a part unencoded, beside letters, digits and `-._~!$&'()*+,;=`.
[[nodiscard]] constexpr bool is_plain(char c, std::string_view others) noexcept {
  return is_letter(c) || is_digit(c) || std::string_view{"-._~!$&'()*+,;="}.find(c) != std::string_view::npos ||
         others.find(c) != std::string_view::npos;
}

/// Decodes `%41`. Errors: `invalid_argument` naming `part`, and `name`, for a broken encoding, a NUL byte, and what must be encoded.
[[nodiscard]] inline Result<std::string> decode_url_part(std::string_view text, std::string_view plain, OperationName part,
                                                         std::string_view name = {}) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_plain(text[i], plain)) return wrong_url(part, "a character in it must be percent-encoded", name);
      decoded.push_back(text[i]);
      continue;
    }
    const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return wrong_url(part, "'%' without two hexadecimal digits", name);
    const auto byte = static_cast<char>(*high * 16U + *low);
    if (byte == '\0') return wrong_url(part, "a NUL byte cannot be in it", name);
    decoded.push_back(byte);
    i += 2;
  }
  return decoded;
}

/// Reads decimal digits from the front of `text`, and takes them away. Nothing where there are none, or the number is above 2^64 − 1.
[[nodiscard]] constexpr std::optional<std::uint64_t> take_number(std::string_view& text) noexcept {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint64_t number = 0;
  while (!text.empty() && is_digit(text.front())) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10U) return std::nullopt;
    number = number * 10U + digit;
    text.remove_prefix(1);
  }
  return number;
}

[[nodiscard]] constexpr std::optional<std::uint64_t> product(std::uint64_t number, std::uint64_t unit) noexcept {
  if (number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return number * unit;
}

/// "65536", "64KiB", "16M", "2GB": K, M, G, T, P, E are powers of 1024, alone or with iB, and of 1000 with B. Nothing for another text.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  const auto number = take_number(text);
  if (!number || text.empty() || text == "B") return number;
  const std::size_t power = std::string_view{"KMGTPE"}.find(text.front());
  if (power == std::string_view::npos) return std::nullopt;
  text.remove_prefix(1);
  if (!text.empty() && text != "iB" && text != "B") return std::nullopt;
  const std::uint64_t base = text == "B" ? 1000 : 1024;
  std::uint64_t unit = base;
  for (std::size_t i = 0; i < power; ++i) unit *= base;
  return product(*number, unit);
}

/// "30s", "250ms", "5min", "24h", "7d", in milliseconds; a number alone counts seconds. Nothing for another text.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_milliseconds(std::string_view text) noexcept {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  constexpr std::uint64_t second = 1000;
  if (text == "ms") return number;
  if (text.empty() || text == "s") return product(*number, second);
  if (text == "min") return product(*number, 60 * second);
  if (text == "h") return product(*number, 3600 * second);
  if (text == "d") return product(*number, 86400 * second);
  return std::nullopt;
}

}  // namespace detail

inline std::unexpected<Error> wrong_url(OperationName part, OperationName why, std::string_view name) noexcept {
  detail::BoundedText text;
  text.add(part.c_str());
  if (detail::is_name(name)) text.add(" '").add(name).add("'");
  text.add(": ").add(why.c_str());
  return failure(errc::invalid_argument, detail::reading_a_url, text.view());
}

}  // namespace hybridbuffer::inline v0_1
