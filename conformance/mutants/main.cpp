#include "bugs.hpp"
#include "driver.hpp"
#include "legal.hpp"
#include "liars.hpp"

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/conformance/report.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// The kit put to the test: every broken backend has to be found by a clause that names its bug, every legal one has to pass, every
/// harness that lies has to be found out.

namespace hybridbuffer::conformance::mutants {
namespace {

constexpr std::string_view usage = R"(Puts the conformance kit to the test. Without options: --kills --legal --liars --without-each.

  --kills              every mutant must fail a clause that names its bug, at three seeds; a race in 20 runs of 20
  --legal              every legal backend must pass completely
  --liars              every harness that lies must be found out by META
  --without-each       each clause must be the only one to find some mutant
  --without CLAUSE     which mutants survive when this clause checks nothing
  --mutant ID          only this mutant; --legal-id ID, --liar ID: only that
  --matrix [FILE]      every mutant against every clause, as a table in Markdown
  --jobs N             how many clauses run at a time (default: as many as there are processors)
  --kit CHOICE ...     the conformance program itself on one backend: M17, LV4, blind-residue or reference, and its own options

Exit status: 0 all as it must be; 1 not; 2 wrong usage.
)";

constexpr std::array<std::uint64_t, 3> seeds{1, 2, 3};
constexpr std::uint64_t stochastic_runs = 20;
constexpr const char* choice_variable = "HYBRIDBUFFER_MUTANTS_CHOICE";

struct CommandLine {
  bool kills = false;
  bool legal = false;
  bool liars = false;
  bool without_each = false;
  std::string without{};
  std::string only{};
  bool matrix = false;
  std::string matrix_file{};
  std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
  bool wrong = false;
};

CommandLine parse(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    const bool has_value = i + 1 < arguments.size() && !arguments[i + 1].starts_with("--");
    if (option == "--kills") line.kills = true;
    else if (option == "--legal") line.legal = true;
    else if (option == "--liars") line.liars = true;
    else if (option == "--without-each") line.without_each = true;
    else if (option == "--matrix") {
      line.matrix = true;
      if (has_value) line.matrix_file = arguments[++i];
    } else if (!has_value) line.wrong = true;
    else if (option == "--without") line.without = arguments[++i];
    else if (option == "--mutant") line.kills = true, line.only = arguments[++i];
    else if (option == "--legal-id") line.legal = true, line.only = arguments[++i];
    else if (option == "--liar") line.liars = true, line.only = arguments[++i];
    else if (option == "--jobs") {
      const std::string& value = arguments[++i];
      const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), line.jobs);
      line.wrong = line.wrong || problem != std::errc{} || line.jobs == 0;
    } else line.wrong = true;
  }
  if (!line.kills && !line.legal && !line.liars && !line.without_each && line.without.empty() && !line.matrix) {
    line.kills = line.legal = line.liars = line.without_each = true;
  }
  return line;
}

bool wanted(const CommandLine& line, std::string_view id) { return line.only.empty() || line.only == id; }

// Mutants ------------------------------------------------------------------------------------------------------------------------

// What the named clauses found of a mutant: the clauses that failed at each seed.
struct Kills {
  const Mutant* mutant;
  std::map<std::uint64_t, std::set<std::string_view>> by_seed{};
  std::set<std::string_view> unknown{};                // named, and not in the catalogue
  std::map<std::string_view, std::string> survived{};  // what a clause that did not fail said
};

std::vector<Kills> run_kills(const CommandLine& line, bool all_seeds) {
  std::vector<Kills> kills;
  std::vector<Trial> trials;
  std::vector<std::size_t> owners;
  for (const Mutant& mutant : mutants()) {
    if (!wanted(line, mutant.id)) continue;
    kills.push_back({.mutant = &mutant});
    const bool is_slow = std::all_of(mutant.clauses.begin(), mutant.clauses.end(), [](std::string_view id) {
      const Clause* clause = find_clause(id);
      return clause != nullptr && clause->tier == Tier::slow;
    });
    const std::uint64_t runs = !all_seeds || is_slow ? 1 : mutant.stochastic ? stochastic_runs : seeds.size();
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
      kills.back().by_seed[seed] = {};
      for (const std::string_view id : mutant.clauses) {
        const Clause* clause = find_clause(id);
        if (clause == nullptr) {
          kills.back().unknown.insert(id);
          continue;
        }
        // What takes 4 GiB depends on no seed.
        if (clause->tier == Tier::slow && seed != seeds.front()) continue;
        trials.push_back({.choice = {"--mutant", std::string{mutant.id}}, .clause = clause, .seed = seed});
        owners.push_back(kills.size() - 1);
      }
    }
  }
  run_trials(trials, line.jobs);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Trial& trial = trials[i];
    Kills& owner = kills[owners[i]];
    if (trial.result.verdict == Verdict::fail) owner.by_seed[trial.seed].insert(trial.clause->id);
    else
      owner.survived[trial.clause->id] =
          std::string{name_of(trial.result.verdict)} + " at seed " + std::to_string(trial.seed) + " " + trial.result.seen;
  }
  return kills;
}

// Returns: whether all were killed.
bool report_kills(const std::vector<Kills>& kills) {
  std::size_t survivors = 0;
  for (const Kills& k : kills) {
    const auto missed = std::count_if(k.by_seed.begin(), k.by_seed.end(), [](const auto& seed) { return seed.second.empty(); });
    survivors += missed != 0 ? 1 : 0;
    if (missed == 0 && k.survived.empty() && k.unknown.empty()) continue;
    std::printf("%s %s: %s\n", missed != 0 ? "SURVIVES" : "killed, but not by all that name it:", std::string{k.mutant->id}.c_str(),
                std::string{k.mutant->broken}.c_str());
    for (const auto& [clause, seen] : k.survived) std::printf("    %s: %s\n", std::string{clause}.c_str(), seen.c_str());
    for (const std::string_view clause : k.unknown) std::printf("    %s: no such clause\n", std::string{clause}.c_str());
  }
  std::printf("mutants: %zu of %zu killed\n", kills.size() - survivors, kills.size());
  return survivors == 0;
}

// The mutants that nothing but `clause` finds, of those that are found.
std::vector<std::string_view> survivors_without(const std::vector<Kills>& kills, std::string_view clause) {
  std::vector<std::string_view> ids;
  for (const Kills& k : kills) {
    const bool survives =
        std::any_of(k.by_seed.begin(), k.by_seed.end(), [&](const auto& seed) { return seed.second.size() == seed.second.count(clause); });
    const bool found = std::all_of(k.by_seed.begin(), k.by_seed.end(), [](const auto& seed) { return !seed.second.empty(); });
    if (survives && found) ids.push_back(k.mutant->id);
  }
  return ids;
}

bool report_without(const std::vector<Kills>& kills, std::string_view clause) {
  const auto ids = survivors_without(kills, clause);
  std::printf("without %-12s", std::string{clause}.c_str());
  if (ids.empty()) std::printf(" NOTHING survives");
  for (const std::string_view id : ids) std::printf(" %s", std::string{id}.c_str());
  std::printf("\n");
  return !ids.empty();
}

bool report_without_each(const std::vector<Kills>& kills) {
  bool all = true;
  for (const Clause* clause : catalogue()) {
    if (clause->family() == "META") continue;  // that is what the liars are for
    all = report_without(kills, clause->id) && all;
  }
  return all;
}

// Legal backends and liars -------------------------------------------------------------------------------------------------------

// Every quick clause on the legal backends that mostly wait, or on the others.
std::vector<Trial> legal_trials(const CommandLine& line, bool waiting) {
  std::vector<Trial> trials;
  for (const LegalBackend& legal : legal_backends()) {
    if (!wanted(line, legal.id) || legal.waits != waiting) continue;
    for (const Clause* clause : catalogue()) {
      if (clause->tier == Tier::quick) trials.push_back({.choice = {"--legal", std::string{legal.id}}, .clause = clause, .seed = 1});
    }
  }
  return trials;
}

bool run_legal(const CommandLine& line) {
  std::vector<Trial> trials = legal_trials(line, false);
  std::vector<Trial> waiting = legal_trials(line, true);
  {
    const std::jthread beside{[&] { run_trials(waiting, 16 * line.jobs); }};
    run_trials(trials, line.jobs);
  }
  trials.insert(trials.end(), waiting.begin(), waiting.end());
  bool all = true;
  for (const LegalBackend& legal : legal_backends()) {
    if (!wanted(line, legal.id)) continue;
    Report report;
    double seconds = 0;
    for (const Trial& trial : trials) {
      if (trial.choice.id != legal.id) continue;
      report.results.push_back(trial.result);
      seconds += trial.result.seconds;
      const bool wrong = trial.result.verdict == Verdict::fail || trial.result.verdict == Verdict::unknown || trial.result.missing;
      if (!wrong) continue;
      std::printf("FALSE ALARM %s (%s): %s %s %s\n", trial.choice.id.c_str(), std::string{legal.odd}.c_str(),
                  std::string{trial.clause->id}.c_str(), std::string{name_of(trial.result.verdict)}.c_str(), trial.result.seen.c_str());
      for (const std::string& operation : trial.result.trace) std::printf("    %s\n", operation.c_str());
    }
    std::printf("%-5s %-50s %3zu pass, %zu fail, %zu not run, %zu unknown; %.1f s\n", std::string{legal.id}.c_str(),
                std::string{legal.odd}.c_str(), report.count(Verdict::pass), report.count(Verdict::fail), report.count(Verdict::not_run),
                report.count(Verdict::unknown), seconds);
    all = report.passed() && all;
  }
  return all;
}

bool run_liars(const CommandLine& line) {
  std::vector<Trial> trials;
  std::vector<const Liar*> owners;
  for (const Liar& liar : liars) {
    if (!wanted(line, liar.id)) continue;
    for (const std::uint64_t seed : seeds) {
      trials.push_back({.choice = {"--liar", std::string{liar.id}}, .clause = find_clause(liar.clause), .seed = seed});
      owners.push_back(&liar);
    }
  }
  run_trials(trials, line.jobs);
  std::size_t believed = 0;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].result.verdict == Verdict::fail) continue;
    ++believed;
    std::printf("BELIEVED %s: %s: %s %s\n", trials[i].choice.id.c_str(), std::string{owners[i]->lie}.c_str(),
                std::string{owners[i]->clause}.c_str(), std::string{name_of(trials[i].result.verdict)}.c_str());
  }
  std::printf("liars: %zu of %zu found out\n", (trials.size() - believed) / seeds.size(), trials.size() / seeds.size());
  return believed == 0;
}

// The matrix ---------------------------------------------------------------------------------------------------------------------

// A row a mutant: the clauses that fail, those that name the bug in bold.
bool write_matrix(const CommandLine& line) {
  std::vector<Trial> trials;
  for (const Mutant& mutant : mutants()) {
    if (!wanted(line, mutant.id)) continue;
    for (const Clause* clause : catalogue()) {
      const bool named = std::find(mutant.clauses.begin(), mutant.clauses.end(), clause->id) != mutant.clauses.end();
      if (named || clause->tier == Tier::quick)
        trials.push_back({.choice = {"--mutant", std::string{mutant.id}}, .clause = clause, .seed = 1});
    }
  }
  run_trials(trials, line.jobs);
  std::ofstream file;
  if (!line.matrix_file.empty()) file.open(line.matrix_file);
  std::ostream& out = line.matrix_file.empty() ? std::cout : file;
  out << "| Mutant | What is broken | Found by |\n|---|---|---|\n";
  for (const Mutant& mutant : mutants()) {
    if (!wanted(line, mutant.id)) continue;
    std::string named;
    std::string others;
    for (const Trial& trial : trials) {
      if (trial.choice.id != mutant.id || trial.result.verdict != Verdict::fail) continue;
      const bool names = std::find(mutant.clauses.begin(), mutant.clauses.end(), trial.clause->id) != mutant.clauses.end();
      if (names) named.append(named.empty() ? "**" : ", **").append(trial.clause->id).append("**");
      else others.append(", ").append(trial.clause->id);
    }
    out << "| " << mutant.id << " | " << mutant.broken << " | " << (named.empty() ? "**nothing**" : named) << others << " |\n";
  }
  return static_cast<bool>(out.flush());
}

// ---------------------------------------------------------------------------------------------------------------------------------

int run_driver(const std::vector<std::string>& arguments) {
  const CommandLine line = parse(arguments);
  if (line.wrong) {
    std::fputs(usage.data(), stderr);
    return 2;
  }
  bool all = true;
  std::vector<Kills> kills;
  if (line.kills || line.without_each || !line.without.empty()) kills = run_kills(line, line.kills);
  if (line.kills) all = report_kills(kills) && all;
  if (line.without_each) all = report_without_each(kills) && all;
  if (!line.without.empty()) all = report_without(kills, line.without) && all;
  if (line.legal) all = run_legal(line) && all;
  if (line.liars) all = run_liars(line) && all;
  if (line.matrix) all = write_matrix(line) && all;
  return all ? 0 : 1;
}

std::optional<Choice> choice_named(std::string_view id) {
  if (id == "reference") return Choice{};
  for (const Mutant& mutant : mutants()) {
    if (mutant.id == id) return Choice{"--mutant", std::string{id}};
  }
  for (const LegalBackend& legal : legal_backends()) {
    if (legal.id == id) return Choice{"--legal", std::string{id}};
  }
  for (const Liar& liar : liars) {
    if (liar.id == id) return Choice{"--liar", std::string{id}};
  }
  return {};
}

// The conformance program on one backend. Its own children learn by the environment which one.
int run_kit(const Choice& choice, std::vector<std::string> arguments) {
  const auto make_subject = choose(choice);
  if (!make_subject) return 2;
  return run_program(make_subject, arguments);
}

int run(std::vector<std::string> arguments) {
  if (arguments.size() == 2 && arguments[1] == "--help") {
    std::fputs(usage.data(), stdout);
    return 0;
  }
  const bool is_child = std::find(arguments.begin(), arguments.end(), "--child") != arguments.end();
  const auto without = [&](std::size_t n) {
    std::vector<std::string> rest{arguments.front()};
    rest.insert(rest.end(), arguments.begin() + 1 + static_cast<std::ptrdiff_t>(n), arguments.end());
    return rest;
  };
  if (is_child && arguments.size() > 2 && (arguments[1] == "--mutant" || arguments[1] == "--legal" || arguments[1] == "--liar")) {
    return run_kit({arguments[1], arguments[2]}, without(2));
  }
  if (const char* chosen = std::getenv(choice_variable); is_child && chosen != nullptr) {
    return run_kit(choice_named(chosen).value_or(Choice{}), without(0));
  }
  if (is_child) return run_kit({}, without(0));
  if (arguments.size() > 2 && arguments[1] == "--kit") {
    const auto choice = choice_named(arguments[2]);
    if (!choice || ::setenv(choice_variable, arguments[2].c_str(), 1) != 0) {
      std::fputs(usage.data(), stderr);
      return 2;
    }
    return run_kit(*choice, without(2));
  }
  return run_driver(arguments);
}

}  // namespace
}  // namespace hybridbuffer::conformance::mutants

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const rlimit no_core{0, 0};  // mutants crash on purpose
  ::setrlimit(RLIMIT_CORE, &no_core);
  return hybridbuffer::conformance::mutants::run({arguments, arguments + count});
}
