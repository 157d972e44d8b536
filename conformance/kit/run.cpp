#include <hybridbuffer/conformance/run.hpp>

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

namespace {

/// Why a clause cannot run on this subject at all; empty when it can.
std::string gate(const Clause& clause, Capabilities capabilities, Tier tier) {
  if (clause.capability && !capabilities.has(*clause.capability)) {
    return "the backend does not declare " + std::string{name_of(*clause.capability)};
  }
  if (clause.tier > tier) return clause.tier == Tier::slow ? "only in the tier slow" : "only in the tier full";
  return {};
}

/// What must be as before once a clause is over.
class Baseline {
 public:
  explicit Baseline(const Hooks& hooks)
      : hooks_{&hooks}, objects_{count_objects()}, descriptors_{open_descriptors()}, threads_{running_threads()} {}

  /// What the clause left behind; empty when nothing.
  [[nodiscard]] std::string left_behind() const {
    std::string text;
    const auto add = [&](std::string_view what, std::size_t now, std::size_t before) {
      if (now <= before) return;
      text.append(text.empty() ? "" : ", ").append(std::to_string(now - before)).append(" ").append(what);
    };
    add("stored objects", count_objects(), objects_);
    add("open descriptors", open_descriptors(), descriptors_);
    add("threads", settled_threads(), threads_);
    if (hooks_->foreign_intact && !hooks_->foreign_intact()) text.append(text.empty() ? "" : ", ").append("foreign data changed");
    return text;
  }

 private:
  [[nodiscard]] std::size_t count_objects() const {
    if (hooks_->trim) hooks_->trim();
    return hooks_->stored_objects ? hooks_->stored_objects() : 0;
  }
  // A joined thread stays in /proc for a moment.
  [[nodiscard]] std::size_t settled_threads() const {
    for (int i = 0; i < 100 && running_threads() > threads_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    return running_threads();
  }

  const Hooks* hooks_;
  std::size_t objects_;
  std::size_t descriptors_;
  std::size_t threads_;
};

}  // namespace

ClauseResult run_clause(Subject& subject, const Clause& clause, const Options& options, TracePage& page) {
  ClauseResult result;
  result.clause = &clause;
  const auto start = std::chrono::steady_clock::now();
  const auto finish = [&](Verdict verdict, std::string seen) {
    result.verdict = verdict;
    result.seen = std::move(seen);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (verdict == Verdict::fail) result.trace = lines_of(page);
    // What the failure itself destroyed on its way out is no part of what led to it.
    while (!result.trace.empty() && result.cause == Cause::check && result.trace.back().ends_with(": destroy")) result.trace.pop_back();
    return result;
  };
  try {
    Context context{subject, page, options};
    context.warm_up();
    result.capabilities = context.capabilities();
    if (auto reason = gate(clause, context.capabilities(), options.tier); !reason.empty()) return finish(Verdict::not_run, reason);
    if (context.hooks().plant_foreign) context.hooks().plant_foreign();
    std::jthread{[] {}}.join();  // a sanitizer's runtime keeps a thread of its own from the first one on
    const Baseline baseline{context.hooks()};
    const auto note = [&] {
      result.parts_not_run = context.parts_not_run();
      result.checks = context.checks();
      result.size_reached = context.size_reached();
    };
    try {
      clause.run(context);
    } catch (const Failure& failure) {
      note();
      return finish(Verdict::fail, failure.seen);
    }
    note();
    if (const std::string left = baseline.left_behind(); !left.empty()) {
      result.cause = Cause::left_behind;
      return finish(Verdict::fail, "left behind at the end of the clause: " + left);
    }
    if (context.checks() == 0) {
      std::string reasons;
      for (const std::string& reason : context.parts_not_run()) reasons.append(reasons.empty() ? "" : "; ").append(reason);
      result.missing = clause.obligation == Obligation::required && reasons.empty();
      return finish(Verdict::not_run, reasons.empty() ? "nothing was checked" : reasons);
    }
    return finish(Verdict::pass, {});
  } catch (const Failure& failure) {
    result.cause = Cause::warm_up;
    return finish(Verdict::fail, failure.seen);
  } catch (const std::exception& error) {
    return finish(Verdict::unknown, std::string{"the kit failed: "} + error.what());
  } catch (...) {
    return finish(Verdict::unknown, "the kit failed: an exception that is no std::exception");
  }
}

namespace {

bool is_meta(const Clause& clause) { return clause.family() == "META"; }

// Whether a META clause caught the harness at something untrue. A crash, a hang and what was left behind are the backend's, and other
// clauses say more of them.
bool is_untrue(const ClauseResult& result) { return result.verdict == Verdict::fail && result.cause == Cause::check; }

// The hook that this META clause is about.
std::string_view hook_tested_by(const ClauseResult& result) {
  if (result.clause->id == "META-2") return "stored_objects";
  if (result.clause->id == "META-3") return "inject";
  if (result.clause->id == "META-4") return "set_chunk_size";
  if (result.clause->id == "META-5") return "damage";
  return {};
}

}  // namespace

ClauseResult ClauseSequence::run_meta(const Clause& clause) {
  const auto known = std::find_if(meta_.begin(), meta_.end(), [&](const ClauseResult& r) { return r.clause == &clause; });
  if (known != meta_.end()) return *known;
  return meta_.emplace_back(runner_(clause, options_));
}

void ClauseSequence::test_the_harness() {
  if (std::exchange(tested_, true)) return;
  std::vector<std::string> distrusted = options_.distrusted;
  for (const Clause* clause : catalogue()) {
    if (!is_meta(*clause)) continue;
    const ClauseResult result = run_meta(*clause);
    if (!is_untrue(result)) continue;
    if (const auto hook = hook_tested_by(result); !hook.empty()) distrusted.emplace_back(hook);
    if (clause->id == "META-1") shared_location_ = true;
  }
  options_.distrusted = std::move(distrusted);
}

ClauseResult ClauseSequence::run(const Clause& clause) {
  if (is_meta(clause)) return run_meta(clause);
  test_the_harness();
  ClauseResult result = runner_(clause, options_);
  if (shared_location_ && result.verdict == Verdict::pass) {
    result.verdict = Verdict::not_run;
    result.seen = "META-1 failed: what passes on locations that are not new ones has not passed";
  }
  return result;
}

std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, Options options, const std::function<bool(const Clause&)>& wanted,
                                      const std::function<void(const ClauseResult&)>& done) {
  ClauseSequence sequence{runner, std::move(options)};
  std::vector<ClauseResult> results;
  const auto add = [&](ClauseResult result) {
    results.push_back(std::move(result));
    if (done) done(results.back());
  };
  for (const Clause* clause : catalogue()) {
    if (wanted(*clause)) add(sequence.run(*clause));
  }
  for (const ClauseResult& result : sequence.meta_results()) {
    const bool bad = result.verdict == Verdict::fail || result.verdict == Verdict::unknown;
    if (bad && !wanted(*result.clause)) add(result);
  }
  return results;
}

namespace {

std::vector<std::string> names_of(const Hooks& hooks) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name, const auto& hook) {
    if (hook) names.emplace_back(name);
  };
  add("stored_objects", hooks.stored_objects);
  add("stored_bytes", hooks.stored_bytes);
  add("primitive_calls", hooks.primitive_calls);
  add("inject", hooks.inject);
  add("faults_fired", hooks.faults_fired);
  add("damage", hooks.damage);
  add("set_chunk_size", hooks.set_chunk_size);
  add("advance_clock", hooks.advance_clock);
  add("plant_foreign", hooks.plant_foreign);
  add("foreign_intact", hooks.foreign_intact);
  add("trim", hooks.trim);
  add("publish_destination", hooks.publish_destination);
  add("read_published", hooks.read_published);
  add("remove_published", hooks.remove_published);
  add("roots", hooks.roots);
  add("secrets", hooks.secrets);
  return names;
}

}  // namespace

Report start_report(Subject& subject, const Options& options) {
  Report report;
  report.name = std::string{subject.name()};
  report.options = options;
  report.clauses_in_set = catalogue().size();
  report.traits = subject.traits();
  report.hooks = names_of(subject.hooks());
  if (subject.can_reattach()) report.hooks.emplace_back("reattach");
  if (subject.has_factory()) report.hooks.emplace_back("make_storage");
  return report;
}

void finish_report(Report& report, std::vector<ClauseResult> results) {
  report.results = std::move(results);
  const auto known =
      std::find_if(report.results.begin(), report.results.end(), [](const ClauseResult& r) { return r.capabilities.has_value(); });
  if (known != report.results.end()) report.capabilities = *known->capabilities;
}

Report run(Subject& subject, const Options& options) {
  Report report = start_report(subject, options);
  TracePage page;
  const auto runner = [&](const Clause& clause, const Options& current) {
    page.count = page.case_start = 0;
    return run_clause(subject, clause, current, page);
  };
  finish_report(report, run_clauses(runner, options, [](const Clause&) { return true; }));
  return report;
}

}  // namespace hybridbuffer::conformance
