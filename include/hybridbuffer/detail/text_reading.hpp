#pragma once

#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace hybridbuffer::inline v0_1::detail {

/// Text as bytes. (std::as_bytes of a deduced span says the same, and takes a fifteenth of all that the core takes to compile.)
[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A code point as UTF-8 (RFC 3629).
struct EncodedCodePoint {
  std::array<char, 4> units{};
  std::size_t length = 0;  // 0: not a Unicode scalar value
  [[nodiscard]] std::string_view text() const noexcept { return {units.data(), length}; }
};

[[nodiscard]] constexpr EncodedCodePoint encode_code_point(char32_t point) noexcept {
  const auto unit = [](char32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  if (point < 0x80) return {{unit(point)}, 1};
  if (point < 0x800) return {{unit(0xC0 | (point >> 6U)), unit(0x80 | (point & 0x3F))}, 2};
  if (point >= 0xD800 && point < 0xE000) return {};
  if (point < 0x10000) return {{unit(0xE0 | (point >> 12U)), unit(0x80 | ((point >> 6U) & 0x3F)), unit(0x80 | (point & 0x3F))}, 3};
  if (point > 0x10FFFF) return {};
  return {
      {unit(0xF0 | (point >> 18U)), unit(0x80 | ((point >> 12U) & 0x3F)), unit(0x80 | ((point >> 6U) & 0x3F)), unit(0x80 | (point & 0x3F))},
      4};
}

/// The first code point of `bytes` and its length; U+FFFD and 1 where they are not well-formed UTF-8.
struct DecodedCodePoint {
  char32_t point = 0xFFFD;
  std::size_t length = 1;
};

[[nodiscard]] constexpr DecodedCodePoint decode_code_point(std::span<const std::byte> bytes) noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<char32_t>(bytes[i]); };
  const char32_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return {};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80) return {};
    point = (point << 6U) | (at(i) & 0x3FU);
  }
  const EncodedCodePoint shortest = encode_code_point(point);
  return shortest.length == length ? DecodedCodePoint{point, length} : DecodedCodePoint{};
}

/// As read_until(), but on an error or an exception the position is behind what was delivered before.
template <class Buffer, class Container>
[[nodiscard]] Result<void> consume_until(Buffer& buffer, std::byte delimiter, Container& out) {
  using Unit = typename Container::value_type;
  for (;;) {
    const Result<std::span<const std::byte>> window = buffer.peek();
    if (!window) return std::unexpected{window.error()};
    if (window->empty()) return {};
    const void* found = std::memchr(window->data(), std::to_integer<int>(delimiter), window->size());
    const std::size_t length =
        found != nullptr ? static_cast<std::size_t>(static_cast<const std::byte*>(found) - window->data()) + 1 : window->size();
    const auto* units = reinterpret_cast<const Unit*>(window->data());
    out.insert(out.end(), units, units + length);
    buffer.consume(length);
    if (found != nullptr) return {};
  }
}

/// Appends to `out` what `buffer` delivers up to and including the first `delimiter`, or up to the end, and consumes it.
///
/// Errors: those of peek(), and what it or `out` throws; the buffer's position is then where it was.
template <class Buffer, class Container>
[[nodiscard]] Result<void> read_until(Buffer& buffer, std::byte delimiter, Container& out) {
  const std::uint64_t start = buffer.tell();
  try {
    auto done = consume_until(buffer, delimiter, out);
    if (!done) buffer.return_to(start);
    return done;
  } catch (...) {
    buffer.return_to(start);
    throw;
  }
}

}  // namespace hybridbuffer::inline v0_1::detail
