#pragma once

#include "compositions.hpp"
#include "load.hpp"

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

namespace tune {

/// A composition with a threshold, and what was measured of it.
struct Candidate {
  const Composition* composition;
  std::uint64_t threshold;
  std::vector<Figures> runs{};
  std::vector<double> margins{};  // the limit's time / the candidate's, of each run beside it

  [[nodiscard]] double margin() const;       // the median
  [[nodiscard]] double seconds() const;      // the median
  [[nodiscard]] double write_speed() const;  // bytes a second; the median
  [[nodiscard]] double read_speed() const;   // 0 when nothing was read back
};

struct Sweep {
  std::uint64_t volume = 0;           // of a run: the load's total, or a sample
  std::vector<Candidate> candidates;  // best first
  double limit_seconds = 0;           // the median
};

/// Called before each measurement: how many were done, of how many, and what comes next.
using Progress = std::function<void(std::size_t done, std::size_t all, const std::string& next)>;

/// Measures every composition once with each threshold that the load's memory allows, each beside the limit, and the best ones again.
/// Errors: what went wrong, and where.
[[nodiscard]] std::expected<Sweep, std::string> sweep(const Load& load, int rounds, const Progress& progress);

}  // namespace tune
