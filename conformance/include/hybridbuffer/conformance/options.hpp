#pragma once

#include <hybridbuffer/conformance/clause.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hybridbuffer::conformance {

/// What a run is asked for.
struct Options {
  Tier tier = Tier::quick;
  std::uint64_t seed = 1;
  std::vector<std::uint64_t> assumed_chunks{4096, 65536, 1 << 20, 5 << 20};  ///< tried where the harness declares no chunk_size
  std::vector<std::string> distrusted{};                                     ///< hooks that lied: treated as absent
  bool own_process = false;  ///< the clause has a process of its own, which may fork and let its children exit normally
};

}  // namespace hybridbuffer::conformance
