#include "clauses.hpp"

#include <hybridbuffer/conformance/memory_policy.hpp>

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
const std::vector<const MemoryClause*>& memory_clauses_in_order() {
  static const std::vector<const MemoryClause*> all = [] {
    std::vector<const MemoryClause*> list;
    for (const auto family : {memory_clauses::window, memory_clauses::reading, memory_clauses::removing, memory_clauses::declared,
                              memory_clauses::exhaustion, memory_clauses::moves, memory_clauses::together}) {
      for (const MemoryClause& clause : family()) list.push_back(&clause);
    }
    const auto number = [](const MemoryClause* clause) { return std::stoi(std::string{clause->clause.id.substr(4)}); };
    std::sort(list.begin(), list.end(), [&](auto left, auto right) { return number(left) < number(right); });
    return list;
  }();
  return all;
}

class MemorySession final : public PolicySession {
 public:
  explicit MemorySession(std::unique_ptr<MemorySubject> subject) : PolicySession{memory_catalogue()}, subject_{std::move(subject)} {}

  Report start_report(const Options& options) override {
    Report report;
    report.name = std::string{subject_->name()};
    report.options = options;
    report.set = memory_clause_set;
    const MemoryHooks hooks = subject_->hooks();
    if (hooks.fail_allocations) report.hooks.emplace_back("fail_allocations");
    if (hooks.outstanding_bytes) report.hooks.emplace_back("outstanding_bytes");
    return report;
  }

  ClauseResult run_clause(const Clause& clause, const Options& options, TracePage& page) override {
    const auto& all = memory_clauses_in_order();
    const auto found = std::find_if(all.begin(), all.end(), [&](const MemoryClause* known) { return known->clause.id == clause.id; });
    try {
      MemoryContext context{*subject_, page, options};
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
  std::unique_ptr<MemorySubject> subject_;
};

}  // namespace

std::span<const Clause* const> memory_catalogue() {
  static const std::vector<const Clause*> all = [] {
    std::vector<const Clause*> list;
    for (const MemoryClause* clause : memory_clauses_in_order()) list.push_back(&clause->clause);
    return list;
  }();
  return all;
}

Kit memory_kit(std::function<std::unique_ptr<MemorySubject>()> make_subject) {
  return {.set = memory_clause_set, .clauses = memory_catalogue(), .open = [make_subject = std::move(make_subject)] {
            return std::make_unique<MemorySession>(make_subject());
          }};
}

}  // namespace hybridbuffer::conformance
