#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/run.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What the engine needs to know of a kit, so that programs, child processes and reports are the same for backends, memory policies and
/// spill policies: its clauses, and how one of them is run on one subject.

namespace hybridbuffer::conformance {

/// A harness that was made, ready to run clauses in this process.
class KitSession {
 public:
  KitSession() = default;
  KitSession(const KitSession&) = delete;
  KitSession& operator=(const KitSession&) = delete;
  virtual ~KitSession() = default;

  /// The head of a report: what is known of the subject before a clause runs.
  [[nodiscard]] virtual Report start_report(const Options& options) = 0;
  /// Runs one clause in this process; see run_clause() of run.hpp.
  [[nodiscard]] virtual ClauseResult run_clause(const Clause& clause, const Options& options, TracePage& page) = 0;
  /// Runs the clauses that `wanted` accepts, each by `runner`, in the order that the kit needs.
  [[nodiscard]] virtual std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, const Options& options,
                                                              const std::function<bool(const Clause&)>& wanted) = 0;
};

/// A set of clauses, applied to one type under test.
struct Kit {
  std::string_view set;  ///< "hybridbuffer-memory-policy/1.0"
  std::span<const Clause* const> clauses;
  std::function<std::unique_ptr<KitSession>()> open;  ///< makes the harness; called once in a program and once in each child
  std::vector<std::string> arguments{};               ///< what a child needs on its command line to make the same kit

  [[nodiscard]] const Clause* find(std::string_view id) const {
    for (const Clause* clause : clauses) {
      if (clause->id == id) return clause;
    }
    return nullptr;
  }
};

/// The whole program, as run_program() of program.hpp, for any kit.
[[nodiscard]] int run_program(const Kit& kit, const std::vector<std::string>& arguments);

/// Runs every clause of the kit in this process: one that crashes or hangs takes the caller with it.
[[nodiscard]] Report run(const Kit& kit, const Options& options = {});

}  // namespace hybridbuffer::conformance
