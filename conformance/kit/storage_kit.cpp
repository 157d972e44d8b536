#include "storage_kit.hpp"

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/conformance/run.hpp>
#include <hybridbuffer/conformance/subject.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

class StorageSession final : public KitSession {
 public:
  explicit StorageSession(std::unique_ptr<Subject> subject) : subject_{std::move(subject)} {}

  Report start_report(const Options& options) override { return conformance::start_report(*subject_, options); }
  ClauseResult run_clause(const Clause& clause, const Options& options, TracePage& page) override {
    return conformance::run_clause(*subject_, clause, options, page);
  }
  std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, const Options& options,
                                        const std::function<bool(const Clause&)>& wanted) override {
    return conformance::run_clauses(runner, options, wanted);
  }

 private:
  std::unique_ptr<Subject> subject_;
};

}  // namespace

Kit storage_kit(const MakeSubject& make_subject) {
  return {.set = clause_set, .clauses = catalogue(), .open = [make_subject] { return std::make_unique<StorageSession>(make_subject()); }};
}

Report run(const Kit& kit, const Options& options) {
  const auto session = kit.open();
  Report report = session->start_report(options);
  TracePage page;
  const ClauseRunner runner = [&](const Clause& clause, const Options& current) {
    page.count = page.case_start = 0;
    return session->run_clause(clause, current, page);
  };
  report.clauses_in_set = kit.clauses.size();
  finish_report(report, session->run_clauses(runner, options, [](const Clause&) { return true; }));
  return report;
}

}  // namespace hybridbuffer::conformance
