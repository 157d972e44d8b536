#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spool {

/// Reads a size as people write it, with the suffixes of GNU coreutils: `64M` and `64MiB` are 64 × 1024², `64MB` is 64 × 1000², `4096`
/// is bytes; `1.5G` works as well. K, M, G, T and P, in either case.
///
/// Returns: nothing when `text` is something else, or does not fit in 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// `bytes` for people: "512 B", "1.5 GiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace spool
