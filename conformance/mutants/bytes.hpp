#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hybridbuffer::conformance::mutants {

using Bytes = std::vector<std::byte>;

/// How long the checksum is that stands before the data of a chunk.
inline constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);

}  // namespace hybridbuffer::conformance::mutants
