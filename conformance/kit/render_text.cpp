#include "render.hpp"

#include <string>

namespace hybridbuffer::conformance {

std::string render_text(const Report& report) {
  std::string text = report.name + ", " + std::string{report.set} + "\n";
  for (const ClauseResult& result : report.results) {
    text.append(result.clause->id).append(" ").append(name_of(result.verdict)).append(" ").append(result.seen).append("\n");
    for (const std::string& line : result.trace) text.append("    ").append(line).append("\n");
  }
  return text;
}
std::string render_html(const Report& report) { return render_text(report); }
std::string render_json(const Report& report) { return render_text(report); }
std::string render_junit(const Report& report) { return render_text(report); }

}  // namespace hybridbuffer::conformance
