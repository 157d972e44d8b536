#include "driver.hpp"

#include "bugs.hpp"
#include "harness.hpp"
#include "legal.hpp"
#include "liars.hpp"

#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/options.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace hybridbuffer::conformance::mutants {
namespace {

template <class Rows>
auto find_row(const Rows& rows, const std::string& id) -> decltype(&*rows.begin()) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  return found == rows.end() ? nullptr : &*found;
}

ClauseResult run_trial(const Trial& trial) {
  Options options;
  options.seed = trial.seed;
  options.tier = trial.clause->tier;
  Watchdog watchdog;
  // Mutants that hang do so on purpose: an operation of the reference takes milliseconds.
  if (trial.choice.kind == "--mutant" && trial.clause->tier == Tier::quick) watchdog.operation = std::chrono::milliseconds{4000};
  std::vector<std::string> arguments;
  if (!trial.choice.kind.empty()) arguments = {trial.choice.kind, trial.choice.id};
  return run_in_child("/proc/self/exe", arguments, *trial.clause, options, watchdog);
}

}  // namespace

std::function<std::unique_ptr<Subject>()> choose(const Choice& choice) {
  if (choice.kind == "--legal") {
    const LegalBackend* legal = find_row(legal_backends(), choice.id);
    if (legal == nullptr) return {};
    legal->adjust(current_settings());
    return legal->make_subject;
  }
  if (choice.kind == "--liar") {
    const Liar* liar = find_row(liars, choice.id);
    if (liar == nullptr) return {};
    return liar->make_subject;
  }
  if (choice.kind == "--mutant") {
    const Mutant* mutant = find_row(mutants(), choice.id);
    if (mutant == nullptr) return {};
    chosen_bug() = mutant->bug;
    if (mutant->adjust != nullptr) mutant->adjust(current_settings());
  }
  return [] { return std::make_unique<conformance::detail::HarnessSubject<ReferenceHarness>>(); };
}

void run_trials(std::vector<Trial>& trials, std::size_t jobs) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < jobs; ++i) {
    workers.emplace_back([&] {
      for (std::size_t at = next++; at < trials.size(); at = next++) trials[at].result = run_trial(trials[at]);
    });
  }
}

}  // namespace hybridbuffer::conformance::mutants
