#pragma once

#include "bytes.hpp"

#include <hybridbuffer/conformance/object.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace hybridbuffer::conformance::mutants {

/// A large chunk of the kit's self-describing data, kept as what describes it: so a store of 4 GiB fits into the memory of a test.
struct Packed {
  Stamp stamp{};
  std::uint64_t offset = 0;  ///< of the chunk in the stamp's data
  std::uint64_t sum = 0;     ///< the checksum before the data
  std::size_t length = 0;    ///< of the data

  /// The bytes of the value [from, from + out.size()). Requires: within the value.
  void fill(std::size_t from, std::span<std::byte> out) const {
    if (from < checksum_bytes) {
      const auto head = out.first(std::min(out.size(), checksum_bytes - from));
      std::memcpy(head.data(), reinterpret_cast<const std::byte*>(&sum) + from, head.size());
      from += head.size();
      out = out.subspan(head.size());
    }
    fill_stamped(stamp, offset + from - checksum_bytes, out);
  }
  [[nodiscard]] std::size_t size() const noexcept { return checksum_bytes + length; }

  /// Nothing when the value is small, or is no such chunk.
  [[nodiscard]] static std::optional<Packed> of(std::string_view key, std::span<const std::byte> value) {
    constexpr std::size_t least = 65'536;
    if (value.size() < least) return {};
    const std::string_view digits = key.substr(key.rfind('/') + 1);
    std::uint64_t chunk = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), chunk).ec != std::errc{}) return {};
    Packed packed;
    packed.length = value.size() - checksum_bytes;
    packed.offset = chunk * packed.length;
    std::memcpy(&packed.sum, value.data(), checksum_bytes);
    const auto data = value.subspan(checksum_bytes);
    if (packed.offset % 8 != 0 || !find_stamp(packed, data)) return {};
    return packed;
  }

 private:
  static bool find_stamp(Packed& packed, std::span<const std::byte> data) {
    constexpr std::uint32_t most = 64;
    static thread_local Stamp last{};
    const auto matches = [&](Stamp stamp) {
      const std::uint64_t word = stamped_word(stamp, packed.offset / 8);
      return std::memcmp(&word, data.data(), sizeof word) == 0;
    };
    packed.stamp = last;
    for (std::uint32_t i = 0; !matches(packed.stamp) && i < most * most; ++i) packed.stamp = {i / most, i % most};
    if (!matches(packed.stamp)) return false;
    last = packed.stamp;
    return !Object{packed.stamp, packed.offset + packed.length}.first_difference(packed.offset, data);
  }
};

}  // namespace hybridbuffer::conformance::mutants
