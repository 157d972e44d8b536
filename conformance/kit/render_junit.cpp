#include "render.hpp"

#include "summary.hpp"
#include "words.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

namespace hybridbuffer::conformance {
namespace {

std::string seconds_attribute(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", seconds);
  return text.data();
}

// A required clause that did not run is an error and no skip: a skip would be taken for success.
std::string outcome(const Report& report, const ClauseResult& result) {
  const auto element = [&](std::string_view name) {
    std::string text = "    <" + std::string{name} + " message=\"" + markup(result.seen) + "\"";
    if (name == "skipped") return text + "/>\n";
    const std::string command = repeat_command(report, *result.clause);
    return text + ">" + markup(describe(result) + (command.empty() ? "" : "repeat: " + command)) + "</" + std::string{name} + ">\n";
  };
  switch (result.verdict) {
    case Verdict::pass: return {};
    case Verdict::fail: return element("failure");
    case Verdict::not_run: return element(result.missing ? "error" : "skipped");
    case Verdict::unknown: return element("error");
  }
  return element("error");
}

std::string test_case(const Report& report, const ClauseResult& result) {
  std::string content = outcome(report, result);
  if (!result.parts_not_run.empty() && result.verdict != Verdict::not_run) {
    content += "    <system-out>parts that did not run: " + markup(joined(result.parts_not_run, "; ")) + "</system-out>\n";
  }
  return "  <testcase classname=\"" + markup(report.name + "." + std::string{result.clause->family()}) + "\" name=\"" +
         markup(result.clause->id) + "\" time=\"" + seconds_attribute(result.seconds) + "\"" +
         (content.empty() ? "/>\n" : ">\n" + content + "  </testcase>\n");
}

}  // namespace

std::string render_junit(const Report& report) {
  std::size_t errors = 0;
  std::size_t skipped = 0;
  std::string cases;
  for (const ClauseResult& result : report.results) {
    const bool skip = result.verdict == Verdict::not_run && !result.missing;
    skipped += skip ? 1U : 0U;
    errors += result.verdict == Verdict::unknown || result.missing ? 1U : 0U;
    cases += test_case(report, result);
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"" + markup(report.name) + "\" tests=\"" +
         std::to_string(report.results.size()) + "\" failures=\"" + std::to_string(report.count(Verdict::fail)) + "\" errors=\"" +
         std::to_string(errors) + "\" skipped=\"" + std::to_string(skipped) + "\" time=\"" + seconds_attribute(total_seconds(report)) +
         "\">\n" + cases + "</testsuite>\n";
}

}  // namespace hybridbuffer::conformance
