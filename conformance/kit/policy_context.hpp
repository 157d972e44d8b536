#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/schedule.hpp>
#include <hybridbuffer/conformance/sizes.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What the clauses of memory policies and of spill policies share.

namespace hybridbuffer::conformance {

/// What a clause of a policy works with. A failed check ends the clause.
///
/// Threads: the thread that runs the clause, except where a member says otherwise.
class PolicyContext {
 public:
  PolicyContext(TracePage& page, const Options& options);

  [[nodiscard]] Trace& trace() noexcept { return trace_; }
  [[nodiscard]] Random& random() noexcept { return random_; }
  /// A random number in [0, bound). Requires: bound ≥ 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] Tier tier() const noexcept { return options_.tier; }

  // Checks: each counts; a failed one throws Failure --------------------------------------------------------------------------------

  [[noreturn]] static void fail(std::string seen) { throw Failure{std::move(seen)}; }
  void check(bool holds, std::string_view seen) {
    count_check();
    if (!holds) fail(std::string{seen});
  }
  /// `seen` is a function that makes the text: for checks that are made very often.
  template <std::invocable Text>
  void check(bool holds, const Text& seen) {
    count_check();
    if (!holds) fail(seen());
  }

  // Parts that cannot run, and how far it goes --------------------------------------------------------------------------------------

  void start_case() noexcept { trace_.start_case(); }
  void not_run(std::string reason);
  template <class Hook>
  [[nodiscard]] bool needs(const Hook& hook, std::string_view hook_name) {
    if (hook) return true;
    not_run("the harness has no usable " + std::string{hook_name} + "()");
    return false;
  }
  /// True until the clause has used its share of time, and as long as it has checked nothing. For loops that may end early: their order
  /// must put what matters first.
  [[nodiscard]] bool time_left() const noexcept { return checks() == 0 || std::chrono::steady_clock::now() < deadline_; }
  [[nodiscard]] std::chrono::milliseconds stress_time() const noexcept;
  /// How many random steps a schedule of the tier has.
  [[nodiscard]] std::size_t random_steps() const noexcept { return options_.tier == Tier::quick ? 1000 : 10'000; }
  void reached(std::uint64_t size) noexcept { reached_ = std::max(reached_, size); }

  /// Runs `work(i)` in `count` threads at once, all starting together; the first failure of one is the clause's.
  void in_threads(std::size_t count, const std::function<void(std::size_t)>& work);
  /// Counts a check that was not made through the context, in another thread for example. Threads: any.
  void count_check() noexcept { checks_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t checks() const noexcept { return checks_.load(std::memory_order_relaxed); }

  /// Replays a schedule, which starts from new policies each time; one that fails is cut down to few steps, whose failure is thrown.
  template <class Step>
  void run_steps(std::vector<Step> steps, const std::function<void(const std::vector<Step>&)>& replay);

  // For the engine ------------------------------------------------------------------------------------------------------------------

  /// Runs the clause and says what became of it.
  [[nodiscard]] ClauseResult result_of(const Clause& clause, const std::function<void()>& run);

 private:
  [[nodiscard]] std::chrono::milliseconds budget() const noexcept;

  Options options_;
  Trace trace_;
  Random random_;
  std::chrono::steady_clock::time_point deadline_;
  std::atomic<std::uint64_t> checks_{0};
  std::vector<std::string> not_run_;
  std::uint64_t reached_ = 0;
};

template <class Step>
void PolicyContext::run_steps(std::vector<Step> steps, const std::function<void(const std::vector<Step>&)>& replay) {
  std::optional<Failure> last;
  const auto fails = [&](const std::vector<Step>& schedule) {
    start_case();
    try {
      replay(schedule);
      return false;
    } catch (const Failure& failure) {
      last = failure;
      return true;
    }
  };
  if (!fails(steps)) return;
  const std::size_t before = steps.size();
  steps = detail::shrunk(std::move(steps), fails, std::chrono::steady_clock::now() + std::chrono::seconds{1});
  static_cast<void>(fails(steps));
  fail(last->seen + " [" + std::to_string(steps.size()) + " of " + std::to_string(before) + " random steps]");
}

/// The base of both policy kits' sessions: a policy has no META clauses, so all are run in their order.
class PolicySession : public KitSession {
 public:
  explicit PolicySession(std::span<const Clause* const> clauses) : clauses_{clauses} {}
  [[nodiscard]] std::vector<ClauseResult> run_clauses(const ClauseRunner& runner, const Options& options,
                                                      const std::function<bool(const Clause&)>& wanted) override;

 private:
  std::span<const Clause* const> clauses_;
};

}  // namespace hybridbuffer::conformance
