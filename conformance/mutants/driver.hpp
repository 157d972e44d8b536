#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/subject.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Runs clauses on chosen backends, each clause in a child process: this program again, with `--mutant ID`, `--legal ID` or `--liar ID`
/// before what the kit adds.

namespace hybridbuffer::conformance::mutants {

/// A backend and its harness: `kind` is "--mutant", "--legal" or "--liar"; an empty one is the reference.
struct Choice {
  std::string kind{};
  std::string id{};
};

/// Makes the choice this process's own: sets the bug and the settings. Returns: what makes the subject; nothing for an unknown one.
[[nodiscard]] std::function<std::unique_ptr<Subject>()> choose(const Choice& choice);

/// One clause on one backend.
struct Trial {
  Choice choice{};
  const Clause* clause = nullptr;
  std::uint64_t seed = 1;
  ClauseResult result{};
};

/// Runs all trials, `jobs` at a time.
void run_trials(std::vector<Trial>& trials, std::size_t jobs);

}  // namespace hybridbuffer::conformance::mutants
