#include "render.hpp"

#include "summary.hpp"
#include "words.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::conformance {
namespace {

// "key": value, with the comma that it needs.
class JsonObject {
 public:
  explicit JsonObject(std::string indent) : indent_{std::move(indent)} {}

  JsonObject& raw(std::string_view key, std::string_view value) {
    text_ += (text_.empty() ? "\n" : ",\n") + indent_ + "  " + json_string(key) + ": " + std::string{value};
    return *this;
  }
  JsonObject& text(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }
  JsonObject& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  JsonObject& truth(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  template <class Strings>
  JsonObject& texts(std::string_view key, const Strings& values) {
    std::string list;
    for (const auto& value : values) list += (list.empty() ? "" : ", ") + json_string(value);
    return raw(key, "[" + list + "]");
  }
  [[nodiscard]] std::string str() const { return text_.empty() ? "{}" : "{" + text_ + "\n" + indent_ + "}"; }

 private:
  std::string indent_;
  std::string text_;
};

std::string clause_object(const Report& report, const ClauseResult& result) {
  JsonObject object{"    "};
  object.text("id", result.clause->id)
      .text("family", result.clause->family())
      .text("rule", result.clause->rule)
      .text("verdict", name_of(result.verdict))
      .text("seen", result.seen)
      .text("look_here", result.clause->look_here)
      .texts("parts_not_run", result.parts_not_run)
      .texts("operations", result.trace)
      .number("checks", result.checks)
      .number("size_reached", result.size_reached)
      .number("milliseconds", static_cast<std::uint64_t>(result.seconds * 1000))
      .truth("missing", result.missing)
      .text("repeat", repeat_command(report, *result.clause));
  return object.str();
}

}  // namespace

std::string render_json(const Report& report) {
  JsonObject counts{"  "};
  for (const Verdict verdict : all_verdicts) counts.number(name_of(verdict), report.count(verdict));
  JsonObject traits{"  "};
  for (const auto& [name, value] : declared_traits(report.traits)) traits.text(name, value);
  std::string clauses;
  for (const ClauseResult& result : report.results) clauses += (clauses.empty() ? "\n    " : ",\n    ") + clause_object(report, result);

  JsonObject object{""};
  object.text("clause_set", report.set)
      .text("name", report.name)
      .text("tier", name_of(report.options.tier))
      .number("seed", report.options.seed)
      .truth("passed", report.passed())
      .number("exit_code", static_cast<std::uint64_t>(report.exit_code()))
      .raw("counts", counts.str())
      .texts("capabilities", declared_capabilities(report))
      .raw("traits", traits.str())
      .texts("hooks", report.hooks)
      .texts("levels", levels_held(report))
      .text("certificate", report.passed() && is_whole(report) ? certificate(report) : std::string{})
      .raw("clauses", "[" + clauses + (clauses.empty() ? "]" : "\n  ]"));
  return object.str() + "\n";
}

}  // namespace hybridbuffer::conformance
