#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <functional>
#include <vector>

/// \file
/// The engine: runs clauses and says what became of each. Needs no test framework.

namespace hybridbuffer::conformance {

/// Runs one clause in this process. `page` gets the operations; whoever shares it can read them also when the clause does not return.
[[nodiscard]] ClauseResult run_clause(Subject& subject, const Clause& clause, const Options& options, TracePage& page);

/// How a clause is run: in this process, or in a child.
using ClauseRunner = std::function<ClauseResult(const Clause&, const Options&)>;

/// Runs the clauses that `wanted` accepts, the META ones first; a hook that they find untrue is not used after that. `done` is told of
/// each.
[[nodiscard]] std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, Options options,
                                                    const std::function<bool(const Clause&)>& wanted,
                                                    const std::function<void(const ClauseResult&)>& done = {});

/// The head of a report: what is known of the subject before a clause runs.
[[nodiscard]] Report start_report(Subject& subject, const Options& options);

/// Runs every clause on `subject`, in this process.
[[nodiscard]] Report run(Subject& subject, const Options& options = {});

/// Runs every clause on `harness`, in this process: one that crashes or hangs takes the caller with it. The program that
/// HYBRIDBUFFER_CONFORMANCE makes runs each in a child of its own.
template <conformance_harness Harness>
[[nodiscard]] Report run(Harness& harness, const Options& options = {}) {
  detail::HarnessSubject<Harness> subject{harness};
  return run(static_cast<Subject&>(subject), options);
}

}  // namespace hybridbuffer::conformance
