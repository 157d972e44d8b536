#pragma once

#include "load.hpp"
#include "sweep.hpp"

#include <string>

namespace tune {

/// The recommendation for people.
[[nodiscard]] std::string text_report(const Load& load, const Sweep& sweep);
/// Everything that was measured.
[[nodiscard]] std::string json_report(const Load& load, const Sweep& sweep);
/// Throughput against threshold, a line a composition, as an SVG image.
[[nodiscard]] std::string svg_plot(const Load& load, const Sweep& sweep);

}  // namespace tune
