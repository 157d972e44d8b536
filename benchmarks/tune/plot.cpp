#include "report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace tune {

namespace {

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char unit : text) {
    switch (unit) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += static_cast<unsigned char>(unit) < 0x20 ? '?' : unit;  // a control character is not XML
    }
  }
  return escaped;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

/// The area of the curves, in the image's units.
constexpr double left = 70;
constexpr double top = 50;
constexpr double width = 560;
constexpr double height = 300;
constexpr double legend_step = 20;

class Plot {
 public:
  Plot(const Load& load, const Sweep& sweep) : load_{load}, sweep_{sweep} {
    for (const Candidate& candidate : sweep.candidates) {
      thresholds_.push_back(candidate.threshold);
      most_ = std::max(most_, speed(candidate));
    }
    most_ = std::max(most_, limit_speed()) * 1.05;
    std::ranges::sort(thresholds_);
    const auto repeated = std::ranges::unique(thresholds_);
    thresholds_.erase(repeated.begin(), repeated.end());
  }

  [[nodiscard]] std::string draw() {
    std::string curves;
    std::size_t index = 0;
    for (const Composition& composition : compositions()) curves += draw_curve(composition, index);
    const double bottom = top + height + 60 + legend_step * static_cast<double>(index + 1);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"700\" height=\"" + number(bottom) +
           "\" font-family=\"sans-serif\" font-size=\"12\">\n" + "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + draw_axes() +
           draw_limit(index) + curves + "</svg>\n";
  }

 private:
  /// Mebibytes that pass a second, written and read back together.
  [[nodiscard]] double speed_of(double seconds) const { return static_cast<double>(sweep_.volume) / 1048576 / seconds; }
  [[nodiscard]] double speed(const Candidate& candidate) const { return speed_of(candidate.seconds()); }
  [[nodiscard]] double limit_speed() const { return speed_of(sweep_.limit_seconds); }
  [[nodiscard]] double x(std::uint64_t threshold) const {
    const auto at = static_cast<double>(std::ranges::find(thresholds_, threshold) - thresholds_.begin());
    return left + width * (at + 0.5) / static_cast<double>(thresholds_.size());
  }
  [[nodiscard]] double y(double speed) const { return top + height * (1 - speed / most_); }

  static std::string text(double x, double y, std::string_view anchor, std::string_view words) {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + std::string{anchor} + "\">" + xml_text(words) +
           "</text>\n";
  }
  static std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
    return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) + "\" " +
           std::string{style} + "/>\n";
  }

  [[nodiscard]] std::string draw_axes() const {
    std::string axes = text(left, 25, "start",
                            "MiB/s through a buffer against its threshold: appends of " + size_literal(load_.write_size) +
                                ", read back: " + std::string{name_of(load_.readback)});
    for (int step = 0; step <= 5; ++step) {
      const double value = most_ * step / 5;
      axes += line(left, y(value), left + width, y(value), "stroke=\"#dddddd\"");
      axes += text(left - 6, y(value) + 4, "end", std::to_string(std::lround(value)));
    }
    for (const std::uint64_t threshold : thresholds_) axes += text(x(threshold), top + height + 18, "middle", size_literal(threshold));
    return axes;
  }

  [[nodiscard]] std::string draw_limit(std::size_t index) const {
    constexpr std::string_view style = "stroke=\"black\" stroke-dasharray=\"6 4\"";
    const double at = top + height + 45 + legend_step * static_cast<double>(index);
    return line(left, y(limit_speed()), left + width, y(limit_speed()), style) + line(left, at - 4, left + 24, at - 4, style) +
           text(left + 30, at, "start", "the hand-written loop");
  }

  /// The points of one composition in the order of their thresholds, and its line in the legend.
  std::string draw_curve(const Composition& composition, std::size_t& index) const {
    constexpr std::array<std::string_view, 7> colours{"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2"};
    std::vector<const Candidate*> points;
    for (const Candidate& candidate : sweep_.candidates) {
      if (candidate.composition == &composition) points.push_back(&candidate);
    }
    if (points.empty()) return {};
    std::ranges::sort(points, {}, &Candidate::threshold);
    const std::string colour{colours[index % colours.size()]};
    std::string path;
    std::string marks;
    for (const Candidate* point : points) {
      const std::string at_x = number(x(point->threshold));
      const std::string at_y = number(y(speed(*point)));
      path.append(path.empty() ? "M" : " L").append(at_x).append(" ").append(at_y);
      marks += "<circle cx=\"" + at_x + "\" cy=\"" + at_y + "\" r=\"3\" fill=\"" + colour + "\"/>\n";
    }
    const double legend = top + height + 45 + legend_step * static_cast<double>(index++);
    return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"2\"/>\n" + marks +
           line(left, legend - 4, left + 24, legend - 4, "stroke=\"" + colour + "\" stroke-width=\"2\"") +
           text(left + 30, legend, "start", std::string{composition.memory} + ", " + std::string{composition.storage});
  }

  const Load& load_;
  const Sweep& sweep_;
  std::vector<std::uint64_t> thresholds_;
  double most_ = 0;
};

}  // namespace

std::string svg_plot(const Load& load, const Sweep& sweep) { return Plot{load, sweep}.draw(); }

}  // namespace tune
