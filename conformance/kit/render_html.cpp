#include "render.hpp"

#include "summary.hpp"
#include "words.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

constexpr std::string_view style = R"(
:root { --ground:#fff; --ink:#1c2330; --dim:#667085; --line:#e4e7ec; --panel:#f8fafc;
  --pass:#12805c; --fail:#c62828; --not_run:#8a94a6; --unknown:#8e44ad; }
@media (prefers-color-scheme: dark) { :root { --ground:#12161d; --ink:#e6eaf0; --dim:#98a2b3; --line:#2b323d; --panel:#1a2029;
  --pass:#1f9d74; --fail:#e05252; --not_run:#5d6878; --unknown:#b07ad0; } }
* { box-sizing:border-box; }
body { margin:0 auto; max-width:1120px; padding:32px 24px 64px; background:var(--ground); color:var(--ink);
  font:15px/1.5 system-ui, sans-serif; }
h1 { margin:0; font-size:26px; } h2 { margin:40px 0 12px; font-size:18px; }
.dim { color:var(--dim); } code, pre { font:13px/1.5 ui-monospace, monospace; }
.verdict { display:inline-block; margin:16px 0; padding:6px 14px; border-radius:6px; color:#fff; font-weight:600; }
.tiles { display:flex; flex-wrap:wrap; gap:12px; }
.tile { flex:1 1 140px; padding:12px 16px; border:1px solid var(--line); border-left-width:5px; border-radius:6px; background:var(--panel); }
.tile b { display:block; font-size:24px; line-height:1.3; }
.pass { background:var(--pass); } .fail { background:var(--fail); } .not_run { background:var(--not_run); } .unknown { background:var(--unknown); }
.tile.pass { border-left-color:var(--pass); } .tile.fail { border-left-color:var(--fail); } .tile.not_run { border-left-color:var(--not_run); }
.tile.unknown { border-left-color:var(--unknown); } .tile.pass, .tile.fail, .tile.not_run, .tile.unknown { background:var(--panel); }
table { border-collapse:collapse; width:100%; } td, th { padding:6px 10px; border-bottom:1px solid var(--line); text-align:left; vertical-align:top; }
th { width:1%; padding-right:24px; white-space:nowrap; font-weight:600; }
.cell { display:inline-block; margin:2px; padding:2px 8px; border-radius:4px; color:#fff; text-decoration:none; font:12px/1.6 ui-monospace, monospace; }
.finding { margin:16px 0; padding:14px 18px; border:1px solid var(--line); border-left:5px solid var(--fail); border-radius:6px; background:var(--panel); }
.finding.of_unknown { border-left-color:var(--unknown); } .finding h3 { margin:0 0 8px; font-size:16px; }
.finding dl { display:grid; grid-template-columns:110px 1fr; gap:6px 12px; margin:0; } dt { color:var(--dim); }
dd { margin:0; min-width:0; overflow-wrap:anywhere; } pre { margin:0; white-space:pre-wrap; }
)";

constexpr std::array<std::string_view, 4> class_names{"pass", "fail", "not_run", "unknown"};

std::string class_of(Verdict verdict) { return std::string{class_names.at(static_cast<std::size_t>(verdict))}; }

bool is_finding(const ClauseResult& result) { return result.verdict == Verdict::fail || result.verdict == Verdict::unknown; }

std::string table_row(std::string_view name, std::string_view html) {
  return "<tr><th>" + markup(name) + "</th><td>" + std::string{html} + "</td></tr>\n";
}

std::string summary(const Report& report) {
  const std::string_view colour = report.passed() ? "pass" : report.exit_code() == 1 ? "fail" : "unknown";
  std::string html = "<h1>" + markup(report.name) + "</h1>\n<div class=\"dim\">" + std::string{report.set} + ", tier " +
                     std::string{name_of(report.options.tier)} + ", seed " + std::to_string(report.options.seed) + ", " +
                     seconds_text(total_seconds(report)) + "</div>\n<div class=\"verdict " + std::string{colour} + "\">" +
                     markup(verdict_in_words(report)) + "</div>\n<div class=\"tiles\">\n";
  for (const Verdict verdict : all_verdicts) {
    html += "<div class=\"tile " + class_of(verdict) + "\"><b>" + std::to_string(report.count(verdict)) + "</b><span class=\"dim\">" +
            std::string{name_of(verdict)} + "</span></div>\n";
  }
  html += "</div>\n";
  if (report.passed() && is_whole(report)) html += "<h2>Certificate</h2>\n<p>" + markup(certificate(report)) + "</p>\n";
  else if (report.passed()) html += "<p class=\"dim\">No certificate: only some clauses were run.</p>\n";
  return html;
}

std::string recognised(const Report& report) {
  const auto capabilities = declared_capabilities(report);
  std::vector<std::string> traits;
  for (const auto& [name, value] : declared_traits(report.traits)) traits.push_back(std::string{name} + " " + value);
  std::vector<std::string> slow;
  for (const ClauseResult* result : slowest(report, 5))
    slow.push_back(std::string{result->clause->id} + " " + seconds_text(result->seconds));
  std::string html = "<h2>What was recognised</h2>\n<table>\n";
  if (is_of_storage(report)) {
    html += table_row("Capabilities", markup(capabilities.empty() ? "none beyond create, open and remove" : joined(capabilities)));
    html += table_row("Traits", markup(joined(traits)));
  }
  html += table_row("Hooks", markup(report.hooks.empty() ? "none" : joined(report.hooks)));
  if (const ClauseResult* result = largest(report)) {
    html += table_row("Largest object", markup(size_text(result->size_reached) + ", by " + std::string{result->clause->id}));
  }
  html += table_row("Slowest", markup(joined(slow)));
  return html + "</table>\n";
}

std::string matrix(const Report& report) {
  std::string html = "<h2>Clauses</h2>\n<table>\n";
  for (const Family& family : families_of(report)) {
    std::string cells;
    for (const ClauseResult* result : family.results) {
      const std::string id = markup(result->clause->id);
      const std::string tip = markup(std::string{result->clause->id} + ", " + std::string{name_of(result->verdict)} + ": " +
                                     std::string{result->clause->rule} + (result->seen.empty() ? "" : "\n" + result->seen));
      const std::string_view tag = is_finding(*result) ? "a" : "span";
      const std::string_view number = result->clause->id.substr(result->clause->id.rfind('-') + 1);
      cells += "<" + std::string{tag} + (tag == "a" ? " href=\"#" + id + "\"" : "") + " class=\"cell " + class_of(result->verdict) +
               "\" title=\"" + tip + "\">" + markup(number) + "</" + std::string{tag} + ">";
    }
    html += table_row(family.name, cells);
  }
  return html + "</table>\n";
}

std::string finding(const Report& report, const ClauseResult& result) {
  const auto item = [](std::string_view term, const std::string& html) {
    return html.empty() ? std::string{} : "<dt>" + std::string{term} + "</dt><dd>" + html + "</dd>\n";
  };
  const auto block = [](const std::string& text) { return text.empty() ? text : "<pre>" + markup(text) + "</pre>"; };
  return "<div class=\"finding of_" + class_of(result.verdict) + "\" id=\"" + markup(result.clause->id) + "\"><h3>" +
         markup(result.clause->id) + " <span class=\"cell " + class_of(result.verdict) + "\">" + std::string{name_of(result.verdict)} +
         "</span></h3>\n<dl>\n" + item("Rule", markup(result.clause->rule)) + item("Seen", markup(result.seen)) +
         item("Look here first", markup(result.clause->look_here)) + item("Operations", block(joined(result.trace, "\n"))) +
         item("Seed", std::to_string(report.options.seed)) + item("Repeat", block(repeat_command(report, *result.clause))) +
         "</dl></div>\n";
}

std::string untried(std::string_view title, const std::vector<Untried>& list) {
  if (list.empty()) return {};
  std::string html = "<h2>" + std::string{title} + "</h2>\n<table>\n<tr><th>Clauses</th><th>Why</th></tr>\n";
  for (const Untried& reason : list) {
    html += "<tr><td>" + markup(joined(reason.ids)) + "</td><td>" + markup(reason.reason) + "</td></tr>\n";
  }
  return html + "</table>\n";
}

}  // namespace

std::string render_html(const Report& report) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      markup(report.name) + ": " + markup(verdict_in_words(report)) + "</title>\n<style>" + std::string{style} +
      "</style>\n</head>\n<body>\n" + summary(report) + matrix(report);
  std::string findings;
  for (const ClauseResult& result : report.results) {
    if (is_finding(result)) findings += finding(report, result);
  }
  if (!findings.empty()) html += "<h2>Failures</h2>\n" + findings;
  html += untried("Clauses that did not run", untried_clauses(report));
  html += untried("Parts that did not run, of clauses that did", untried_parts(report));
  return html + recognised(report) + "</body>\n</html>\n";
}

}  // namespace hybridbuffer::conformance
