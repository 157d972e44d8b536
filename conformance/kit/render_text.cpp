#include "render.hpp"

#include "summary.hpp"
#include "words.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

constexpr std::size_t margin = 16;  // where the text beside a label starts

std::string padded(std::string_view text, std::size_t width) {
  std::string out{text};
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}
std::string right(std::string_view text, std::size_t width) {
  return (text.size() < width ? std::string(width - text.size(), ' ') : std::string{}) + std::string{text};
}
std::string row(std::string_view label, std::string_view text) { return "  " + padded(label, margin - 2) + wrapped(text, margin) + "\n"; }

class Painter {
 public:
  explicit Painter(bool coloured) : coloured_{coloured} {}
  [[nodiscard]] std::string operator()(Verdict verdict, std::string_view text) const {
    constexpr std::array<std::string_view, 4> codes{"\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[35m"};
    return paint(codes.at(static_cast<std::size_t>(verdict)), text);
  }
  [[nodiscard]] std::string strong(std::string_view text) const { return paint("\x1b[1m", text); }

 private:
  [[nodiscard]] std::string paint(std::string_view code, std::string_view text) const {
    return coloured_ ? std::string{code} + std::string{text} + "\x1b[0m" : std::string{text};
  }
  bool coloured_;
};

std::string head(const Report& report, const Painter& paint) {
  std::string text = paint.strong(printable(report.name)) + "  " + std::string{report.set} + ", tier " +
                     std::string{name_of(report.options.tier)} + ", seed " + std::to_string(report.options.seed) + "\n";
  const auto capabilities = declared_capabilities(report);
  std::vector<std::string> traits;
  for (const auto& [name, value] : declared_traits(report.traits)) traits.push_back(std::string{name} + " " + value);
  if (is_of_storage(report)) {
    text += row("declares", capabilities.empty() ? "nothing beyond create, open and remove" : joined(capabilities));
    text += row("traits", joined(traits));
  }
  text += row("hooks", report.hooks.empty() ? "none" : joined(report.hooks));
  return text + "\n";
}

std::string table(const Report& report, const Painter& paint) {
  constexpr std::array<std::string_view, 4> titles{"pass", "fail", "not-run", "unknown"};
  std::string text = "  " + padded("family", margin);
  for (const std::string_view title : titles) text += right(title, 9);
  text += "\n";
  const auto line = [&](std::string_view name, const auto& count) {
    text += "  " + padded(name, margin);
    for (const Verdict verdict : all_verdicts) {
      const std::size_t n = count(verdict);
      const std::string cell = right(n == 0 ? "." : std::to_string(n), 9);
      text += n == 0 ? cell : paint(verdict, cell);
    }
    text += "\n";
  };
  for (const Family& family : families_of(report)) {
    line(family.name, [&](Verdict verdict) { return family.count(verdict); });
  }
  line("all", [&](Verdict verdict) { return report.count(verdict); });
  return text + "\n";
}

// A clause that failed or has no verdict, with all that helps to find out why.
std::string finding(const Report& report, const ClauseResult& result, const Painter& paint) {
  std::string text = paint(result.verdict, name_of(result.verdict)) + "  " + paint.strong(result.clause->id) + ": " +
                     wrapped(result.clause->rule, 2, 94 - result.clause->id.size()) + "\n";
  text += row("seen", result.seen);
  if (result.verdict == Verdict::fail) text += row("look here", result.clause->look_here);
  std::string_view label = "operations";
  for (const std::string& operation : result.trace) text += row(std::exchange(label, ""), operation);
  text += row("seed", std::to_string(report.options.seed));
  if (const std::string command = repeat_command(report, *result.clause); !command.empty()) {
    text += "  " + padded("repeat", margin - 2) + printable(command) + "\n";  // in one line, to be copied
  }
  return text + "\n";
}

std::string untried(std::string_view title, const std::vector<Untried>& list, const Painter& paint) {
  if (list.empty()) return {};
  std::string text = paint.strong(title) + "\n";
  for (const Untried& reason : list) {
    text += "  " + wrapped(reason.reason, 2) + "\n    " + wrapped(joined(reason.ids), 4) + "\n";
  }
  return text + "\n";
}

std::string figures(const Report& report) {
  std::string text;
  std::vector<std::string> slow;
  for (const ClauseResult* result : slowest(report, 5))
    slow.push_back(std::string{result->clause->id} + " " + seconds_text(result->seconds));
  if (!slow.empty()) text += row("time", seconds_text(total_seconds(report)) + "; slowest: " + joined(slow));
  if (const ClauseResult* result = largest(report)) {
    text += row("largest", size_text(result->size_reached) + ", by " + std::string{result->clause->id});
  }
  return text.empty() ? text : text + "\n";
}

std::string end(const Report& report, const Painter& paint) {
  std::string text;
  for (const Verdict verdict : all_verdicts) {
    const std::string count = std::string{name_of(verdict)} + " " + std::to_string(report.count(verdict));
    text += (text.empty() ? "" : ", ") + (report.count(verdict) == 0 ? count : paint(verdict, count));
  }
  const Verdict colour = report.passed() ? Verdict::pass : report.exit_code() == 1 ? Verdict::fail : Verdict::unknown;
  text += ": " + paint(colour, verdict_in_words(report)) + "\n";
  if (report.passed() && is_whole(report)) text += wrapped("Certificate: " + certificate(report), 2) + "\n";
  else if (report.passed()) text += "No certificate: only some clauses were run.\n";
  return text;
}

}  // namespace

std::string describe(const ClauseResult& result) {
  std::string text{result.clause->id};
  text.append(": ").append(result.clause->rule).append("\n");
  text.append("  seen: ").append(printable(result.seen)).append("\n");
  if (result.verdict == Verdict::fail) text.append("  look here first: ").append(result.clause->look_here).append("\n");
  for (const std::string& operation : result.trace) text.append("    ").append(printable(operation)).append("\n");
  return text;
}

std::string render_text(const Report& report, bool coloured) {
  const Painter paint{coloured};
  std::string text = head(report, paint) + table(report, paint);
  for (const Verdict verdict : {Verdict::fail, Verdict::unknown}) {
    for (const ClauseResult& result : report.results) {
      if (result.verdict == verdict) text += finding(report, result, paint);
    }
  }
  text += untried("Clauses that did not run", untried_clauses(report), paint);
  text += untried("Parts that did not run, of clauses that did", untried_parts(report), paint);
  return text + figures(report) + end(report, paint);
}

}  // namespace hybridbuffer::conformance
