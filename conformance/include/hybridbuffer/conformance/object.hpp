#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Self-describing data: each byte is a keyed function of (instance, generation, absolute offset), so that bytes found in the wrong place
/// tell where they came from.

namespace hybridbuffer::conformance {

/// The key of an object's bytes: which location, and which of the contents written there.
struct Stamp {
  std::uint32_t instance = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

/// The eight bytes from `8 * index` on of the data with that stamp. splitmix64's output function (Steele, Lea, Flood 2014).
[[nodiscard]] constexpr std::uint64_t stamped_word(Stamp stamp, std::uint64_t index) noexcept {
  std::uint64_t z = ((std::uint64_t{stamp.instance} << 32U | stamp.generation) * 0xD1342543DE82EF95U) ^ ((index + 1) * 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

/// Fills `out` with the data of that stamp from `offset` on.
inline void fill_stamped(Stamp stamp, std::uint64_t offset, std::span<std::byte> out) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t at = offset + done;
    const std::uint64_t word = stamped_word(stamp, at / 8);
    if (at % 8 == 0 && out.size() - done >= 8) {  // a copy of fixed size is one store
      std::memcpy(out.data() + done, &word, 8);
      done += 8;
      continue;
    }
    const auto skip = static_cast<std::size_t>(at % 8);
    const std::size_t count = std::min<std::size_t>(8 - skip, out.size() - done);
    std::memcpy(out.data() + done, reinterpret_cast<const std::byte*>(&word) + skip, count);
    done += count;
  }
}

/// What a location should hold: a list of pieces, each with bytes of one stamp or literal ones.
class Object {
 public:
  struct Piece {
    Stamp stamp{};
    std::uint64_t offset = 0;  // of its first byte in the stamp's data, or in the literal bytes
    std::uint64_t length = 0;
    std::shared_ptr<const std::vector<std::byte>> literal{};  // null: stamped
  };

  Object() = default;
  Object(Stamp stamp, std::uint64_t size) { append(stamp, size); }
  explicit Object(std::vector<std::byte> bytes) {
    const std::uint64_t length = bytes.size();
    if (length != 0) pieces_.push_back({{}, 0, length, std::make_shared<const std::vector<std::byte>>(std::move(bytes))});
    size_ = length;
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] const std::vector<Piece>& pieces() const noexcept { return pieces_; }

  /// Adds `n` bytes of that stamp; they are those at the offsets where they come to stand.
  void append(Stamp stamp, std::uint64_t n) {
    if (n == 0) return;
    pieces_.push_back({stamp, size_, n, nullptr});
    size_ += n;
  }
  /// Keeps the first `n` bytes. Requires: n ≤ size().
  void truncate(std::uint64_t n) {
    while (size_ > n) {
      Piece& last = pieces_.back();
      const std::uint64_t cut = std::min(last.length, size_ - n);
      last.length -= cut;
      size_ -= cut;
      if (last.length == 0) pieces_.pop_back();
    }
  }

  /// Fills `out` with the bytes from `offset` on. Requires: offset + out.size() ≤ size().
  void fill(std::uint64_t offset, std::span<std::byte> out) const {
    std::uint64_t begin = 0;
    for (const Piece& piece : pieces_) {
      if (out.empty()) return;
      if (offset < begin + piece.length) {
        const std::uint64_t inside = offset - begin;
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), piece.length - inside));
        if (piece.literal != nullptr) std::memcpy(out.data(), piece.literal->data() + piece.offset + inside, count);
        else fill_stamped(piece.stamp, piece.offset + inside, out.first(count));
        out = out.subspan(count);
        offset += count;
      }
      begin += piece.length;
    }
  }
  [[nodiscard]] std::vector<std::byte> bytes(std::uint64_t offset, std::uint64_t n) const {
    std::vector<std::byte> out(static_cast<std::size_t>(n));
    fill(offset, out);
    return out;
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return bytes(0, size_); }

  /// The index of the first byte of `found` that is not the object's byte from `offset` on; nothing when all are.
  /// Requires: offset + found.size() ≤ size().
  [[nodiscard]] std::optional<std::size_t> first_difference(std::uint64_t offset, std::span<const std::byte> found) const {
    std::array<std::byte, 4096> expected;
    for (std::size_t done = 0; done < found.size();) {
      const std::size_t count = std::min(expected.size(), found.size() - done);
      fill(offset + done, std::span{expected}.first(count));
      if (std::memcmp(expected.data(), found.data() + done, count) != 0) {
        const auto at = std::mismatch(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(count), found.begin() + static_cast<std::ptrdiff_t>(done));
        return done + static_cast<std::size_t>(at.first - expected.begin());
      }
      done += count;
    }
    return {};
  }

 private:
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
};

/// Tells in words where bytes come from: the stamps that were written are searched for them.
class StampDecoder {
 public:
  /// Bytes of that stamp, up to `size`, may turn up.
  void remember(Stamp stamp, std::uint64_t size) {
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const auto& entry) { return entry.first == stamp; });
    if (known == known_.end()) known_.emplace_back(stamp, size);
    else known->second = std::max(known->second, size);
  }

  /// "instance 3, generation 1, offset 0", or the bytes themselves when they are nobody's. `expected_at` is looked at first.
  [[nodiscard]] std::string origin(std::span<const std::byte> found, std::uint64_t expected_at) const {
    const std::span<const std::byte> key = found.first(std::min<std::size_t>(found.size(), 12));
    if (key.empty()) return "nothing";
    if (std::all_of(key.begin(), key.end(), [](std::byte b) { return b == std::byte{0}; })) return "zeros";
    if (key.size() >= 4) {
      for (const auto& [stamp, size] : known_) {
        if (matches(stamp, expected_at, key)) return words(stamp, expected_at) + ": the right place of another content";
      }
      for (const auto& [stamp, size] : known_) {
        const std::uint64_t searched = std::min<std::uint64_t>(size, std::uint64_t{1} << 22U);
        for (std::uint64_t at = 0; at < searched; ++at) {
          if (matches(stamp, at, key)) return words(stamp, at);
        }
      }
    }
    std::string text = "bytes that were never written:";
    constexpr std::string_view digits = "0123456789abcdef";
    for (const std::byte b : key) {
      text += ' ';
      text += digits[std::to_integer<std::size_t>(b) >> 4U];
      text += digits[std::to_integer<std::size_t>(b) & 15U];
    }
    return text;
  }
  [[nodiscard]] static std::string words(Stamp stamp, std::uint64_t offset) {
    return "instance " + std::to_string(stamp.instance) + ", generation " + std::to_string(stamp.generation) + ", offset " + std::to_string(offset);
  }

 private:
  [[nodiscard]] static bool matches(Stamp stamp, std::uint64_t offset, std::span<const std::byte> key) noexcept {
    std::array<std::byte, 12> bytes;
    const std::span<std::byte> part = std::span{bytes}.first(key.size());
    const std::byte first = std::byte{reinterpret_cast<const unsigned char&>(key.front())};
    const std::uint64_t word = stamped_word(stamp, offset / 8);
    std::byte leading{};
    std::memcpy(&leading, reinterpret_cast<const std::byte*>(&word) + offset % 8, 1);
    if (leading != first) return false;
    fill_stamped(stamp, offset, part);
    return std::equal(part.begin(), part.end(), key.begin());
  }

  std::vector<std::pair<Stamp, std::uint64_t>> known_;
};

}  // namespace hybridbuffer::conformance
