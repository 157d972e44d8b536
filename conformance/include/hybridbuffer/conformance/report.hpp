#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {

enum class Verdict : std::uint8_t {
  pass,
  fail,
  not_run,  ///< see the reason: a capability that is not declared, a hook that is missing, a larger tier
  unknown,  ///< the kit could not tell: an error of its own
};

[[nodiscard]] constexpr std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::pass: return "PASS";
    case Verdict::fail: return "FAIL";
    case Verdict::not_run: return "NOT-RUN";
    case Verdict::unknown: return "UNKNOWN";
  }
  return "UNKNOWN";
}

/// What brought a failure to light.
enum class Cause : std::uint8_t {
  check,        ///< one of the clause's own checks
  warm_up,      ///< the plain life cycle that comes before each clause
  left_behind,  ///< what the clause left in the store or in the process
  ended,        ///< the process crashed, hung or was ended
};

/// What became of one clause.
struct ClauseResult {
  const Clause* clause = nullptr;
  Verdict verdict = Verdict::unknown;
  std::string seen{};                        ///< of a failure: what was seen; else why it did not run
  std::vector<std::string> parts_not_run{};  ///< parts of a clause that did run
  std::vector<std::string> trace{};          ///< of a failure: the operations that led to it
  std::uint64_t checks = 0;
  std::uint64_t size_reached = 0;  ///< bytes of the largest object
  double seconds = 0;
  std::optional<Capabilities> capabilities{};  ///< what the locations of this clause declared; unset where none was made
  /// A required clause that did not run although nothing that the author declared or left out explains it: counts as a failure.
  bool missing = false;
  Cause cause = Cause::check;  ///< of a failure
};

/// What a run found.
struct Report {
  std::string name{};
  Options options{};
  Capabilities capabilities{};
  Traits traits{};
  std::vector<std::string> hooks{};  ///< the hooks that were recognised
  std::vector<ClauseResult> results{};
  std::string_view set = clause_set;     ///< the clause set that ran, with its version
  std::string program{};                 ///< how to call it again; empty: no program of its own
  std::vector<std::string> arguments{};  ///< what the program needs before its options
  std::size_t clauses_in_set = 0;        ///< how many clauses there are; more than results: only some were wanted

  [[nodiscard]] std::size_t count(Verdict verdict) const {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [&](const ClauseResult& r) { return r.verdict == verdict; }));
  }
  /// True when every required clause passed and at least one ran.
  [[nodiscard]] bool passed() const { return exit_code() == 0; }
  /// 0: passed. 1: a clause failed, or a required one did not run. 2: nothing ran, or the kit itself failed.
  [[nodiscard]] int exit_code() const {
    const bool missing = std::any_of(results.begin(), results.end(), [](const ClauseResult& r) { return r.missing; });
    if (count(Verdict::fail) != 0 || missing) return 1;
    if (count(Verdict::unknown) != 0 || count(Verdict::pass) == 0) return 2;
    return 0;
  }
  [[nodiscard]] const ClauseResult* find(std::string_view id) const {
    const auto found = std::find_if(results.begin(), results.end(), [&](const ClauseResult& r) { return r.clause->id == id; });
    return found == results.end() ? nullptr : &*found;
  }
};

/// A result in words: the rule, what was seen, the operations, where to look. For a log; the lines end in newlines.
[[nodiscard]] std::string describe(const ClauseResult& result);

}  // namespace hybridbuffer::conformance
