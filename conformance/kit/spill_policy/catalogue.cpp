#include "clauses.hpp"

#include <hybridbuffer/conformance/spill_policy.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

// In the order of their numbers.
const std::vector<const SpillClause*>& spill_clauses_in_order() {
  static const std::vector<const SpillClause*> all = [] {
    std::vector<const SpillClause*> list;
    for (const auto family : {spill_clauses::deciding, spill_clauses::granting, spill_clauses::moves, spill_clauses::together}) {
      for (const SpillClause& clause : family()) list.push_back(&clause);
    }
    const auto number = [](const SpillClause* clause) { return std::stoi(std::string{clause->clause.id.substr(6)}); };
    std::sort(list.begin(), list.end(), [&](auto left, auto right) { return number(left) < number(right); });
    return list;
  }();
  return all;
}

class SpillSession final : public PolicySession {
 public:
  explicit SpillSession(std::unique_ptr<SpillSubject> subject) : PolicySession{spill_catalogue()}, subject_{std::move(subject)} {}

  Report start_report(const Options& options) override {
    Report report;
    report.name = std::string{subject_->name()};
    report.options = options;
    report.set = spill_clause_set;
    const SpillHooks hooks = subject_->hooks();
    if (hooks.used) report.hooks.emplace_back("used");
    if (hooks.total) report.hooks.emplace_back("total");
    return report;
  }

  ClauseResult run_clause(const Clause& clause, const Options& options, TracePage& page) override {
    const auto& all = spill_clauses_in_order();
    const auto found = std::find_if(all.begin(), all.end(), [&](const SpillClause* known) { return known->clause.id == clause.id; });
    try {
      SpillContext context{*subject_, page, options};
      return context.result_of(clause, [&] { (*found)->run(context); });
    } catch (const Failure& failure) {
      ClauseResult result;
      result.clause = &clause;
      result.verdict = Verdict::fail;
      result.seen = failure.seen;
      result.trace = lines_of(page);
      return result;
    }
  }

 private:
  std::unique_ptr<SpillSubject> subject_;
};

}  // namespace

std::span<const Clause* const> spill_catalogue() {
  static const std::vector<const Clause*> all = [] {
    std::vector<const Clause*> list;
    for (const SpillClause* clause : spill_clauses_in_order()) list.push_back(&clause->clause);
    return list;
  }();
  return all;
}

Kit spill_kit(std::function<std::unique_ptr<SpillSubject>()> make_subject) {
  return {.set = spill_clause_set, .clauses = spill_catalogue(), .open = [make_subject = std::move(make_subject)] {
            return std::make_unique<SpillSession>(make_subject());
          }};
}

}  // namespace hybridbuffer::conformance
