#include "command_line.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

constexpr const char* usage = R"(Runs conformance clauses, each in a process of its own.

  --clause ID          only this clause, or all of a family (READER); may be given several times
  --tier TIER          quick (default), full or slow
  --seed N             of all random choices (default: 1)
  --repeat N           the whole run N times, with the seeds N, N+1, ...; every failure counts, and the
                       files below show the first run that did not pass, or else the last
  --hang-after S       an operation that takes longer than S seconds hangs (default: 20; slow: 300)
  --list               the clauses with their rules
  --report FILE        an HTML page
  --json FILE          the report as JSON
  --junit FILE         the report as JUnit XML
  --in-process         no child processes: for a debugger
  --help               this text

Exit status: 0 every required clause passed; 1 one failed, or did not run without a reason; 2 nothing ran, a clause
without a verdict, or wrong usage.
)";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<ChildChannel> channel(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return {};
  const auto result = number(text.substr(0, comma));
  const auto trace = number(text.substr(comma + 1));
  if (!result || !trace) return {};
  return ChildChannel{static_cast<int>(*result), static_cast<int>(*trace)};
}

bool names_clause(const Clause& clause, std::string_view name) { return clause.id == name || clause.family() == name; }

// The options, a row each: the setters answer what is wrong with a value, or nothing.
class Parser {
 public:
  Parser(CommandLine& line, std::span<const Clause* const> clauses) : line_{&line}, clauses_{clauses} {}

  void parse(const std::vector<std::string>& arguments) {
    for (std::size_t i = 1; i < arguments.size() && line_->error.empty(); ++i) {
      const std::string& option = arguments[i];
      if (const auto flag = flags_.find(option); flag != flags_.end()) {
        *flag->second = true;
      } else if (const auto setter = setters_.find(option); setter == setters_.end()) {
        line_->error = "unknown option " + option;
      } else if (i + 1 == arguments.size()) {
        line_->error = option + " needs a value";
      } else {
        line_->error = setter->second(arguments[++i]);
      }
    }
  }

 private:
  using Setter = std::function<std::string(const std::string&)>;

  Setter text(std::string CommandLine::* member) {
    return [this, member](const std::string& value) { return line_->*member = value, std::string{}; };
  }
  Setter whole_number(std::string name, std::uint64_t least, std::function<void(std::uint64_t)> set) {
    return [name = std::move(name), least, set = std::move(set)](const std::string& value) -> std::string {
      const auto parsed = number(value);
      if (!parsed || *parsed < least)
        return name + " needs a number" + (least != 0 ? " from " + std::to_string(least) : "") + ", not " + value;
      set(*parsed);
      return {};
    };
  }
  std::string add_clause(const std::string& value) {
    if (std::none_of(clauses_.begin(), clauses_.end(), [&](const Clause* clause) { return names_clause(*clause, value); })) {
      return "there is no clause or family " + value + "; --list shows them";
    }
    line_->clauses.push_back(value);
    return {};
  }
  std::string set_tier(const std::string& value) {
    for (const Tier tier : {Tier::quick, Tier::full, Tier::slow}) {
      if (value == name_of(tier)) return line_->options.tier = tier, std::string{};
    }
    return "--tier is quick, full or slow, not " + value;
  }

  CommandLine* line_;
  std::span<const Clause* const> clauses_;
  std::map<std::string, bool*> flags_{{"--help", &line_->help}, {"--list", &line_->list}, {"--in-process", &line_->in_process}};
  std::map<std::string, Setter> setters_{
      {"--clause", [this](const std::string& value) { return add_clause(value); }},
      {"--tier", [this](const std::string& value) { return set_tier(value); }},
      {"--seed", whole_number("--seed", 0, [this](std::uint64_t n) { line_->options.seed = n; })},
      {"--repeat", whole_number("--repeat", 1, [this](std::uint64_t n) { line_->repeat = n; })},
      {"--hang-after", whole_number("--hang-after", 1,
                                    [this](std::uint64_t n) {
                                      constexpr std::uint64_t year = 365ULL * 24 * 3600;
                                      line_->hang_after = std::chrono::seconds{std::min(n, year)};
                                    })},
      {"--report", text(&CommandLine::html)},
      {"--json", text(&CommandLine::json)},
      {"--junit", text(&CommandLine::junit)},
      // Between a program and its children only.
      {"--distrust", [this](const std::string& value) { return line_->options.distrusted.push_back(value), std::string{}; }},
      {"--child", [this](const std::string& value) -> std::string {
         line_->child = channel(value);
         return line_->child ? "" : "--child is not for people";
       }}};
};

}  // namespace

bool CommandLine::wants(const Clause& clause) const {
  return clauses.empty() ||
         std::any_of(clauses.begin(), clauses.end(), [&](const std::string& name) { return names_clause(clause, name); });
}

CommandLine parse_command_line(const std::vector<std::string>& arguments, std::span<const Clause* const> clauses) {
  CommandLine line;
  Parser{line, clauses}.parse(arguments);
  return line;
}

const char* usage_text() { return usage; }

}  // namespace hybridbuffer::conformance
