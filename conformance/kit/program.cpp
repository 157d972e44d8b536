#include <hybridbuffer/conformance/program.hpp>

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/run.hpp>

#include "render.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

constexpr std::string_view usage = R"(Runs the conformance clauses of storage backends on a backend, each clause in a process of its own.

  --clause ID          only this clause, or all of a family (READER); may be given several times
  --tier TIER          quick (default), full or slow
  --seed N             of all random choices (default: 1)
  --repeat N           the whole run N times, with the seeds N, N+1, ...; every failure counts
  --list               the clauses with their rules
  --report FILE        an HTML page
  --json FILE          the report as JSON
  --junit FILE         the report as JUnit XML
  --in-process         no child processes: for a debugger

Exit status: 0 every required clause passed; 1 one failed, or did not run without a reason; 2 nothing ran, or wrong usage.
)";

struct CommandLine {
  Options options{};
  std::vector<std::string> clauses{};
  std::uint64_t repeat = 1;
  bool list = false;
  bool in_process = false;
  bool help = false;
  std::string html{};
  std::string json{};
  std::string junit{};
  std::optional<ChildChannel> child{};
  std::string error{};
};

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

CommandLine parse(const std::vector<std::string>& arguments) {
  CommandLine line;
  const auto wrong = [&](std::string text) {
    if (line.error.empty()) line.error = std::move(text);
  };
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--help") line.help = true;
    else if (option == "--list") line.list = true;
    else if (option == "--in-process") line.in_process = true;
    else if (i + 1 == arguments.size()) wrong("unknown option, or one without its value: " + option);
    else {
      const std::string& value = arguments[++i];
      if (option == "--clause") {
        const auto all = catalogue();
        if (std::none_of(all.begin(), all.end(), [&](const Clause* clause) { return names_clause(*clause, value); })) wrong("no clause " + value);
        line.clauses.push_back(value);
      } else if (option == "--tier") {
        if (value == "quick") line.options.tier = Tier::quick;
        else if (value == "full") line.options.tier = Tier::full;
        else if (value == "slow") line.options.tier = Tier::slow;
        else wrong("no tier " + value);
      } else if (option == "--seed" || option == "--repeat") {
        const auto parsed = number(value);
        if (!parsed || (option == "--repeat" && *parsed == 0)) wrong(option + " needs a number, not " + value);
        (option == "--seed" ? line.options.seed : line.repeat) = parsed.value_or(1);
      } else if (option == "--report") line.html = value;
      else if (option == "--json") line.json = value;
      else if (option == "--junit") line.junit = value;
      else if (option == "--distrust") line.options.distrusted.push_back(value);
      else if (option == "--child") {
        line.child = channel(value);
        if (!line.child) wrong("--child is not for people");
      } else wrong("unknown option " + option);
    }
  }
  return line;
}

bool wants(const CommandLine& line, const Clause& clause) {
  return line.clauses.empty() ||
         std::any_of(line.clauses.begin(), line.clauses.end(), [&](const std::string& name) { return names_clause(clause, name); });
}

// Runs all wanted clauses once. A hook is tested before it is trusted, also when only one clause is wanted.
Report run_once(const MakeSubject& make_subject, const CommandLine& line, const Options& options, const std::string& program) {
  const auto subject = make_subject();
  Report report = start_report(*subject, options);
  report.program = program;
  Watchdog watchdog;
  if (options.tier == Tier::slow) watchdog = {.operation = std::chrono::minutes{5}, .clause = std::chrono::minutes{30}};  // gigabytes
  TracePage page;
  const ClauseRunner runner = [&](const Clause& clause, const Options& current) {
    if (line.in_process) {
      page.count = page.case_start = 0;
      return run_clause(*subject, clause, current, page);
    }
    ClauseResult result = run_in_child("/proc/self/exe", {}, clause, current, watchdog);
    // Whoever hangs once hangs often: the rest of the report shall not take hours.
    if (result.verdict == Verdict::fail && result.seen.find("hangs") != std::string::npos) {
      watchdog.operation = std::min(watchdog.operation, std::chrono::milliseconds{2000});
      watchdog.clause = std::min(watchdog.clause, std::chrono::milliseconds{10'000});
    }
    return result;
  };
  report.results = run_clauses(runner, options, [&](const Clause& clause) { return wants(line, clause); });
  return report;
}

bool write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace

int run_program(const MakeSubject& make_subject, const std::vector<std::string>& arguments) {
  const CommandLine line = parse(arguments);
  if (line.help) {
    std::fputs(usage.data(), stdout);
    return 0;
  }
  if (!line.error.empty()) {
    std::fprintf(stderr, "%s\n%s", line.error.c_str(), usage.data());
    return 2;
  }
  if (line.list) {
    for (const Clause* clause : catalogue()) std::printf("%-12s %s\n", std::string{clause->id}.c_str(), std::string{clause->rule}.c_str());
    return 0;
  }
  if (line.child) {
    const auto subject = make_subject();
    const Clause* clause = line.clauses.empty() ? nullptr : find_clause(line.clauses.front());
    return clause == nullptr ? 2 : run_as_child(*subject, *clause, line.options, *line.child);
  }

  int worst = 0;
  for (std::uint64_t round = 0; round < line.repeat; ++round) {
    Options options = line.options;
    options.seed += round;
    const Report report = run_once(make_subject, line, options, arguments.empty() ? std::string{} : arguments.front());
    std::fputs(render_text(report).c_str(), stdout);
    std::fflush(stdout);
    worst = std::max(worst, report.exit_code());
    for (const auto& [path, render] : {std::pair{&line.html, &render_html}, std::pair{&line.json, &render_json}, std::pair{&line.junit, &render_junit}}) {
      if (path->empty()) continue;
      if (!write_file(*path, render(report))) {
        std::fprintf(stderr, "cannot write %s\n", path->c_str());
        worst = 2;
      }
    }
  }
  return worst;
}

}  // namespace hybridbuffer::conformance
