#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Random schedules: a list of steps that was drawn beforehand, so that one which fails can be cut down to the few steps that matter.

namespace hybridbuffer::conformance {

namespace detail {

/// The steps without those in [from, from + count).
template <class Step>
[[nodiscard]] std::vector<Step> without(const std::vector<Step>& steps, std::size_t from, std::size_t count) {
  const auto at = [&](std::size_t index) { return steps.begin() + static_cast<std::ptrdiff_t>(std::min(index, steps.size())); };
  std::vector<Step> rest(steps.begin(), at(from));
  rest.insert(rest.end(), at(from + count), steps.end());
  return rest;
}

/// A short schedule that still fails. `fails` tries one; a schedule fails with each longer one that starts with it, so the shortest failing
/// start is searched by halves before ever smaller parts are taken out (Zeller and Hildebrandt's delta debugging).
template <class Step, class Fails>
[[nodiscard]] std::vector<Step> shrunk(std::vector<Step> steps, const Fails& fails, std::chrono::steady_clock::time_point until) {
  const auto time_left = [&] { return std::chrono::steady_clock::now() < until; };
  for (std::size_t passes = 0; passes + 1 < steps.size() && time_left();) {
    const std::size_t middle = passes + (steps.size() - passes) / 2;
    auto start = without(steps, middle, steps.size());
    if (fails(start)) steps = std::move(start);
    else passes = middle;
  }
  for (std::size_t part = std::max<std::size_t>(steps.size() / 2, 1); time_left(); part /= 2) {
    bool removed = false;
    for (std::size_t end = steps.size(); end > 0 && time_left();) {
      const std::size_t from = end > part ? end - part : 0;
      auto rest = without(steps, from, end - from);
      if (fails(rest)) {
        steps = std::move(rest);
        removed = true;
      }
      end = std::min(from, steps.size());
    }
    if (part == 1 && !removed) break;
    if (part == 1) part = 2;  // what was taken out may have made another step needless
  }
  return steps;
}

}  // namespace detail

/// Replays a schedule. `replay` starts from a new location each time and must depend on its steps alone; it may not assume that a step has
/// those before it. When it fails, ever smaller parts of the schedule are left out while it still does, for a second or so; the clause ends
/// with the failure of the shortest schedule, whose operations are the ones that the trace shows.
///
/// Errors: Failure.
template <class Step>
void run_schedule(Context& c, std::vector<Step> steps, const std::function<void(Context&, const std::vector<Step>&)>& replay) {
  std::optional<Failure> last;
  const auto fails = [&](const std::vector<Step>& schedule) {
    c.start_case();
    try {
      replay(c, schedule);
      return false;
    } catch (const Failure& failure) {
      last = failure;
      return true;
    }
  };
  if (!fails(steps)) return;

  const std::size_t before = steps.size();
  steps = detail::shrunk(std::move(steps), fails, std::chrono::steady_clock::now() + std::chrono::seconds{1});
  const bool again = fails(steps);
  std::string text = last->seen + " [" + std::to_string(steps.size()) + " of " + std::to_string(before) + " random steps";
  if (!again) text += "; a replay of the same steps succeeded";
  throw Failure{text + "]"};
}

}  // namespace hybridbuffer::conformance
