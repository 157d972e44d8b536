#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// \file
/// A child process for each clause: this program started again for one clause, so that a crash or a hang is a failure of that clause and
/// the run goes on. Not a bare fork, which would inherit locks and lack the other threads.

namespace hybridbuffer::conformance {

/// Limits on a clause in a child.
struct Watchdog {
  std::chrono::milliseconds operation{20'000};  ///< one operation of the backend
  std::chrono::milliseconds clause{120'000};    ///< the whole clause
};

/// Runs a clause in a child.
///
/// `program` is called with `arguments`, then `--clause ID --seed N --tier T --child FD FD` and what is distrusted; it must pass those to
/// run_as_child(). Returns: what the child said; a failure with its last operations when it crashed or did not end in time.
[[nodiscard]] ClauseResult run_in_child(const std::string& program, const std::vector<std::string>& arguments, const Clause& clause,
                                        const Options& options, const Watchdog& watchdog);

/// A child's part: `--child RESULT_FD TRACE_FD` on its command line.
struct ChildChannel {
  int result = -1;
  int trace = -1;
};
/// Runs the clause and hands the result to the parent. Returns: the exit status.
[[nodiscard]] int run_as_child(const std::function<ClauseResult(TracePage&)>& run_clause, const ChildChannel& channel);
[[nodiscard]] int run_as_child(Subject& subject, const Clause& clause, const Options& options, const ChildChannel& channel);

}  // namespace hybridbuffer::conformance
