#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <concepts>
#include <functional>
#include <utility>
#include <vector>

/// \file
/// The engine: runs clauses and says what became of each. Needs no test framework.

namespace hybridbuffer::conformance {

/// Runs one clause in this process. `page` gets the operations; whoever shares it can read them also when the clause does not return.
[[nodiscard]] ClauseResult run_clause(Subject& subject, const Clause& clause, const Options& options, TracePage& page);

/// How a clause is run: in this process, or in a child.
using ClauseRunner = std::function<ClauseResult(const Clause&, const Options&)>;

/// Runs clauses one by one. The META clauses are run before the first other one, wanted or not: a hook that they find untrue is not used
/// after that, and where locations are not new ones nothing passes.
class ClauseSequence {
 public:
  ClauseSequence(ClauseRunner runner, Options options) : runner_{std::move(runner)}, options_{std::move(options)} {}

  [[nodiscard]] ClauseResult run(const Clause& clause);
  /// What the META clauses said that were run so far.
  [[nodiscard]] const std::vector<ClauseResult>& meta_results() const noexcept { return meta_; }

 private:
  [[nodiscard]] ClauseResult run_meta(const Clause& clause);
  void test_the_harness();

  ClauseRunner runner_;
  Options options_;
  std::vector<ClauseResult> meta_{};
  bool tested_ = false;
  bool shared_location_ = false;
};

/// Runs the clauses that `wanted` accepts, in a ClauseSequence. A META clause that fails is among the results in any case. `done` is told
/// of each.
[[nodiscard]] std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, Options options,
                                                    const std::function<bool(const Clause&)>& wanted,
                                                    const std::function<void(const ClauseResult&)>& done = {});

/// The head of a report: what the harness says of itself. Calls nothing of the backend.
[[nodiscard]] Report start_report(Subject& subject, const Options& options);
/// Puts the results into the report, and what they tell about the backend.
void finish_report(Report& report, std::vector<ClauseResult> results);

/// Runs every clause on `subject`, in this process.
[[nodiscard]] Report run(Subject& subject, const Options& options = {});

/// Runs every clause on `harness`, in this process: one that crashes or hangs takes the caller with it. The program that
/// HYBRIDBUFFER_CONFORMANCE makes runs each in a child of its own.
template <class Harness>
  requires(!std::derived_from<Harness, Subject>) && (explain_harness<Harness>()) && conformance_harness<Harness>
[[nodiscard]] Report run(Harness& harness, const Options& options = {}) {
  detail::HarnessSubject<Harness> subject{harness};
  return run(static_cast<Subject&>(subject), options);
}

}  // namespace hybridbuffer::conformance
