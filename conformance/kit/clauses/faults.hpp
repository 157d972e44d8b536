#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include "changes.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// Faults at every primitive of a stage of writing: a stage is prepared unharmed, run with the fault armed, and judged unharmed.

namespace hybridbuffer::conformance::clauses {

/// The faults that a change can meet, the commonest first. What means an unknown effect comes also with its effect.
[[nodiscard]] const std::vector<Fault>& faults_of_writing();
/// "error no_space, at each primitive from the k-th on"
[[nodiscard]] std::string words(const Fault& fault);

/// The chunk size that faults are tried with: a small one where the harness can make it. No later part of the clause may need another.
[[nodiscard]] inline std::uint64_t chunk_for_faults(Context& c) {
  if (c.chunk() > 4096) static_cast<void>(c.lower_chunk_size(4096));
  return scales(c).front();
}

/// The time of a part with faults: all faults with all kinds of writer in any case, fewer on a slow backend.
[[nodiscard]] inline Quota quota_for_faults(const Context& c) { return Quota{c, std::clamp<std::uint64_t>(c.rounds(440) / 10, 1, 44)}; }

/// Runs prepare(), then operate() on what it made with the fault armed at the k-th primitive, then judge() with the fault disarmed, for
/// k = 1, 2, … until the fault does not fire any more, or the quota's time is over after the first dozens. Returns: how often it fired.
template <class Prepare, class Operate, class Judge>
std::uint64_t at_each_primitive(Context& c, Fault fault, const Quota& quota, const Prepare& prepare, const Operate& operate,
                                const Judge& judge) {
  struct Disarmed {
    Context* context;
    ~Disarmed() { context->disarm(); }
  };
  std::uint64_t hits = 0;
  for (std::uint64_t k = 1; k <= c.rounds(24, 12) || (k <= 5'000 && quota.time_left()); ++k) {
    c.start_case();
    auto state = prepare();
    fault.k = k;
    if (!c.inject(fault)) return hits;
    std::uint64_t fired = 0;
    {
      const Disarmed at_the_end{&c};
      operate(state);
      fired = c.hooks().faults_fired();
    }
    judge(state, words(fault));
    if (fired == 0) break;
    ++hits;
  }
  return hits;
}

/// A change that goes on until the first call that fails.
struct Attempt {
  enum class Stage : std::uint8_t { none, start, write, close };

  Change change;
  Sizes pieces;
  bool gathered = false;  // in two lists of pieces, not each in a call of its own
  std::optional<Writer> writer{};
  Stage failed_at = Stage::none;
  Result<void> verdict{};  // of the call that failed, or of close()
};

[[nodiscard]] Attempt new_attempt(Context& c, Way way, std::uint64_t size, std::uint64_t piece);
/// Runs the attempt's stages from `first` to `last`.
void run_stages(Attempt& attempt, Attempt::Stage first, Attempt::Stage last);
/// What is seen after the attempt must fit what failed: after start() and write() nothing new; after close() as expect_verdict().
/// Returns: what is seen.
std::optional<Object> judge_attempt(Context& c, Attempt& attempt, const std::string& what);

}  // namespace hybridbuffer::conformance::clauses
