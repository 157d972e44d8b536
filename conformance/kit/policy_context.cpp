#include "policy_context.hpp"

#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

namespace hybridbuffer::conformance {

PolicyContext::PolicyContext(TracePage& page, const Options& options)
    : options_{options}, trace_{page}, random_{options.seed}, deadline_{std::chrono::steady_clock::now() + budget()} {
  std::jthread{[] {}}.join();  // a sanitizer's runtime keeps a thread of its own from the first one on
}

std::chrono::milliseconds PolicyContext::budget() const noexcept {
  using std::chrono::milliseconds;
  switch (options_.tier) {
    case Tier::quick: return milliseconds{100};
    case Tier::full: return milliseconds{2000};
    case Tier::slow: return milliseconds{20'000};
  }
  return milliseconds{100};
}

std::chrono::milliseconds PolicyContext::stress_time() const noexcept {
  using std::chrono::milliseconds;
  return options_.tier == Tier::quick ? milliseconds{100} : milliseconds{1000};
}

void PolicyContext::not_run(std::string reason) {
  if (std::find(not_run_.begin(), not_run_.end(), reason) == not_run_.end()) not_run_.push_back(std::move(reason));
}

void PolicyContext::in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> waiting{0};
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        ++waiting;
        while (waiting.load() < count) std::this_thread::yield();
        try {
          work(i);
        } catch (...) {
          const std::lock_guard guard{mutex};
          if (!failure) failure = std::current_exception();
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

namespace {

// A joined thread stays in /proc for a moment.
bool leaves_threads(std::size_t before) {
  for (int i = 0; i < 100 && running_threads() > before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return running_threads() > before;
}

}  // namespace

ClauseResult PolicyContext::result_of(const Clause& clause, const std::function<void()>& run) {
  ClauseResult result;
  result.clause = &clause;
  const auto start = std::chrono::steady_clock::now();
  const auto finish = [&](Verdict verdict, std::string seen) {
    result.verdict = verdict;
    result.seen = std::move(seen);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.parts_not_run = not_run_;
    result.checks = checks();
    result.size_reached = reached_;
    if (verdict == Verdict::fail) result.trace = lines_of(trace_.page());
    return result;
  };
  try {
    const std::size_t descriptors = open_descriptors();
    const std::size_t threads = running_threads();
    run();
    if (open_descriptors() > descriptors) return finish(Verdict::fail, "the clause left open descriptors behind");
    if (leaves_threads(threads)) return finish(Verdict::fail, "the clause left threads behind");
  } catch (const Failure& failure) {
    return finish(Verdict::fail, failure.seen);
  } catch (const std::exception& error) {
    return finish(Verdict::unknown, std::string{"the kit failed: "} + error.what());
  }
  if (checks() != 0) return finish(Verdict::pass, {});
  std::string reasons;
  for (const std::string& reason : not_run_) reasons.append(reasons.empty() ? "" : "; ").append(reason);
  result.missing = clause.obligation == Obligation::required && reasons.empty();
  return finish(Verdict::not_run, reasons.empty() ? "nothing was checked" : reasons);
}

std::vector<ClauseResult> PolicySession::run_clauses(const ClauseRunner& runner, const Options& options,
                                                     const std::function<bool(const Clause&)>& wanted) {
  std::vector<ClauseResult> results;
  for (const Clause* clause : clauses_) {
    if (wanted(*clause)) results.push_back(runner(*clause, options));
  }
  return results;
}

}  // namespace hybridbuffer::conformance
