#include "words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace hybridbuffer::conformance {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// How many bytes the well-formed UTF-8 sequence at the front of `text` has; 0: there is none. By the table of the Unicode standard, 3.9.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) { return byte(i) >= low && byte(i) <= high; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

template <class... Argument>
std::string formatted(const char* format, Argument... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, arguments...);
  return text.data();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto lead = static_cast<unsigned char>(text.front());
    const bool control = (lead < 0x20 && lead != '\t' && lead != '\n') || lead == 0x7F;
    // U+FFFE and U+FFFF are no characters, and not allowed in XML.
    const bool no_character = length == 3 && (text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF"));
    if (length == 0 || control || no_character) out += replacement;
    else out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default: out += c;
    }
  }
  return out + "\"";
}

std::string markup(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      case '\n': out += "&#10;"; break;  // an attribute would turn it into a blank
      default: out += c;
    }
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  const std::string clean = printable(text);
  const std::string margin(indent, ' ');
  const std::size_t room = width > indent + 20 ? width - indent : 20;
  std::string out;
  for (std::string_view rest = clean; !rest.empty();) {
    std::size_t length = std::min(rest.size(), rest.find('\n'));
    if (length > room) {
      const std::size_t blank = rest.rfind(' ', room);
      length = blank == std::string_view::npos || blank == 0 ? std::min(rest.find(' '), length) : blank;
    }
    if (!out.empty()) out.append("\n").append(margin);
    out += rest.substr(0, length);
    rest.remove_prefix(std::min(rest.size(), length + 1));
  }
  return out;
}

std::string size_text(unsigned long long bytes) {
  constexpr std::array<const char*, 5> units{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return unit == 0 ? formatted("%llu bytes", bytes) : formatted("%.4g %s", value, units.at(unit));
}

std::string seconds_text(double seconds) { return formatted(seconds < 10 ? "%.2f s" : "%.0f s", seconds); }

}  // namespace hybridbuffer::conformance
