#pragma once

#include "model_streams.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

/// \file
/// What the text operations of a buffer must answer, written a second time and in another way than the library's.

namespace hybridbuffer::testing {

struct CodePoint {
  char32_t point = 0xFFFD;
  std::size_t length = 1;
  friend bool operator==(const CodePoint&, const CodePoint&) = default;
};

/// The first code point of `bytes`, which are not empty: by the table of well-formed byte sequences (Unicode, table 3-7).
[[nodiscard]] inline CodePoint first_code_point(View bytes) {
  struct Row {
    unsigned first_low, first_high, second_low, second_high;
    std::size_t length;
    unsigned lead_bits;
  };
  static constexpr Row rows[] = {
      {0x00, 0x7F, 0x00, 0x00, 1, 0x7F}, {0xC2, 0xDF, 0x80, 0xBF, 2, 0x1F}, {0xE0, 0xE0, 0xA0, 0xBF, 3, 0x0F},
      {0xE1, 0xEC, 0x80, 0xBF, 3, 0x0F}, {0xED, 0xED, 0x80, 0x9F, 3, 0x0F}, {0xEE, 0xEF, 0x80, 0xBF, 3, 0x0F},
      {0xF0, 0xF0, 0x90, 0xBF, 4, 0x07}, {0xF1, 0xF3, 0x80, 0xBF, 4, 0x07}, {0xF4, 0xF4, 0x80, 0x8F, 4, 0x07},
  };
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  for (const Row& row : rows) {
    if (at(0) < row.first_low || at(0) > row.first_high) continue;
    if (bytes.size() < row.length) return {};
    std::uint32_t point = at(0) & row.lead_bits;
    for (std::size_t i = 1; i < row.length; ++i) {
      const unsigned low = i == 1 ? row.second_low : 0x80;
      const unsigned high = i == 1 ? row.second_high : 0xBF;
      if (at(i) < low || at(i) > high) return {};
      point = point * 64 + (at(i) - 0x80);
    }
    return {static_cast<char32_t>(point), row.length};
  }
  return {};
}

/// How many bytes there are up to and including the first `delimiter`, or in all.
[[nodiscard]] inline std::size_t length_until(View bytes, std::byte delimiter) {
  const auto found = std::find(bytes.begin(), bytes.end(), delimiter);
  return static_cast<std::size_t>(found - bytes.begin()) + (found != bytes.end() ? 1 : 0);
}

/// The line that `bytes` are, their "\n" included if there is one.
[[nodiscard]] inline std::optional<std::string> line_of(View bytes) {
  if (bytes.empty()) return std::nullopt;
  std::string line = text(bytes);
  if (line.back() != '\n') return line;
  const bool carriage_return = line.size() > 1 && line[line.size() - 2] == '\r';
  return line.substr(0, line.size() - (carriage_return ? 2 : 1));
}

}  // namespace hybridbuffer::testing
