#include "sizes.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>

namespace spool {

namespace {

constexpr std::string_view prefixes = "KMGTP";

/// What a suffix multiplies by: "" 1, "K" and "KiB" 1024, "KB" 1000, "B" 1; nothing for any other text.
std::optional<std::uint64_t> multiplier_of(std::string_view suffix) {
  if (suffix.empty() || suffix == "B") return 1;
  const char letter = suffix.front() >= 'a' ? static_cast<char>(suffix.front() - 'a' + 'A') : suffix.front();
  const std::size_t power = prefixes.find(letter);
  if (power == std::string_view::npos) return std::nullopt;
  suffix.remove_prefix(1);
  if (!suffix.empty() && suffix != "iB" && suffix != "B") return std::nullopt;
  const std::uint64_t base = suffix == "B" ? 1000 : 1024;
  std::uint64_t multiplier = base;
  for (std::size_t i = 0; i < power; ++i) multiplier *= base;
  return multiplier;
}

/// The value of ".25" in units, rounded down. Requires: `digits` are decimal digits.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t unit) {
  long double value = 0;
  for (std::size_t i = digits.size(); i != 0; --i) value = (value + static_cast<long double>(digits[i - 1] - '0')) / 10;
  return static_cast<std::uint64_t>(value * static_cast<long double>(unit));
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t whole = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));

  std::string_view digits;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = text.substr(0, text.find_first_not_of("0123456789"));
    if (digits.empty()) return std::nullopt;
    text.remove_prefix(digits.size());
  }
  const auto unit = multiplier_of(text);
  if (!unit || (*unit == 1 && !digits.empty())) return std::nullopt;

  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(whole, *unit, &bytes) || __builtin_add_overflow(bytes, fraction_of(digits, *unit), &bytes))
    return std::nullopt;
  return bytes;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t power = 0;
  for (; value >= 1023.95 && power + 1 < prefixes.size(); ++power) value /= 1024;  // 1023.95 would be printed as 1024.0
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.1f %ciB", value, prefixes[power]);
  return std::string{text.data(), static_cast<std::size_t>(length)};
}

}  // namespace spool
