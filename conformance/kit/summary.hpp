#pragma once

#include <hybridbuffer/conformance/report.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What all forms of a report say, worked out once.

namespace hybridbuffer::conformance {

inline constexpr std::array all_verdicts{Verdict::pass, Verdict::fail, Verdict::not_run, Verdict::unknown};

/// The results of one family, in their order.
struct Family {
  std::string_view name{};
  std::vector<const ClauseResult*> results{};

  [[nodiscard]] std::size_t count(Verdict verdict) const;
};
[[nodiscard]] std::vector<Family> families_of(const Report& report);

/// Clauses, or parts of clauses, that did not run for the same reason.
struct Untried {
  std::string reason{};
  std::vector<std::string_view> ids{};
};
[[nodiscard]] std::vector<Untried> untried_clauses(const Report& report);
[[nodiscard]] std::vector<Untried> untried_parts(const Report& report);

/// What a passing backend holds: "base", and a level for each capability whose clauses all passed, one at least.
[[nodiscard]] std::vector<std::string_view> levels_held(const Report& report);
/// Whether it is about a storage backend: only these have capabilities and traits.
[[nodiscard]] inline bool is_of_storage(const Report& report) { return report.set == clause_set; }
/// Whether every clause there is has a result: only then there is a certificate.
[[nodiscard]] bool is_whole(const Report& report);
/// "name holds hybridbuffer-storage/1.0, tier quick: base, ReaderAt; 3 clauses and parts of 2 did not run"
[[nodiscard]] std::string certificate(const Report& report);
/// "passed", or what speaks against it.
[[nodiscard]] std::string verdict_in_words(const Report& report);

/// The command that repeats just this clause; empty when the report is of no program.
[[nodiscard]] std::string repeat_command(const Report& report, const Clause& clause);

[[nodiscard]] std::vector<std::string_view> declared_capabilities(const Report& report);
/// Names and values of the traits that the harness declares.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string>> declared_traits(const Traits& traits);

/// The clauses that took longest, the slowest first.
[[nodiscard]] std::vector<const ClauseResult*> slowest(const Report& report, std::size_t most);
/// The clause that tried the largest object; null when none did.
[[nodiscard]] const ClauseResult* largest(const Report& report);
[[nodiscard]] double total_seconds(const Report& report);

/// "a, b, c"
template <class Strings>
[[nodiscard]] std::string joined(const Strings& strings, std::string_view separator = ", ") {
  std::string text;
  for (const auto& string : strings) {
    if (!text.empty()) text += separator;
    text += string;
  }
  return text;
}

}  // namespace hybridbuffer::conformance
