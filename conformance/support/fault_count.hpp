#pragma once

#include <cstdint>
#include <cstdio>

/// \file
/// How many faults a program injected: counted where they fired, printed at its end as `faults injected: n`, which scripts/soak adds up.

namespace hybridbuffer::testing {

/// As a global fixture: prints the count when the program ends.
struct FaultCount {
  static inline std::uint64_t total = 0;

  FaultCount() = default;
  FaultCount(const FaultCount&) = delete;
  FaultCount& operator=(const FaultCount&) = delete;
  ~FaultCount() { std::printf("faults injected: %llu\n", static_cast<unsigned long long>(total)); }
};

}  // namespace hybridbuffer::testing
