#pragma once

#include "bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance::mutants {

/// The metadata record of a committed object: where each of its chunks stands. Writing it is the commit.
struct Manifest {
  static constexpr std::uint64_t hole = 0;  ///< a chunk that was discarded: zeros

  std::uint64_t object = 0;      ///< the generation that create() gave it; extensions keep it
  std::uint64_t generation = 0;  ///< of this record
  std::uint64_t size = 0;
  std::uint64_t chunk_size = 1;
  std::vector<std::uint64_t> chunks;  ///< the generation that wrote each chunk

  [[nodiscard]] std::size_t length_of(std::uint64_t chunk) const noexcept {
    const std::uint64_t begin = chunk * chunk_size;
    return static_cast<std::size_t>(size - begin < chunk_size ? size - begin : chunk_size);
  }

  [[nodiscard]] Bytes encoded() const;
  static constexpr std::size_t head_bytes = 5 * sizeof(std::uint64_t);
  static constexpr std::size_t size_offset = 2 * sizeof(std::uint64_t);
  /// How long the whole record is, by its head. Requires: at least head_bytes.
  [[nodiscard]] static std::size_t length_by(std::span<const std::byte> head);
  /// Nothing when the record is not whole or was altered.
  [[nodiscard]] static std::optional<Manifest> decoded(std::span<const std::byte> bytes);
};

/// What stands beside stored bytes, so that altered and misplaced ones are found.
[[nodiscard]] std::uint64_t checksum(std::uint64_t generation, std::uint64_t chunk, std::span<const std::byte> bytes) noexcept;

[[nodiscard]] std::string metadata_key(std::string_view prefix);
[[nodiscard]] std::string chunk_key(std::string_view prefix, std::uint64_t generation, std::uint64_t chunk);

}  // namespace hybridbuffer::conformance::mutants
