#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace hybridbuffer::conformance {
namespace {

template <class Call>
auto traced_call(Trace& trace, Operation operation, std::uint32_t number, const SpillState& state, Call&& call) {
  Trace::Entry entry{trace, operation, Subjects::spill, number, state.in_memory, state.incoming};
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      entry.succeed();
    } else {
      const auto value = call();
      entry.succeed(static_cast<std::uint64_t>(value));
      return value;
    }
  } catch (const std::exception& error) {
    throw Failure{"an exception left " + std::string{name_of(operation)} + "(" + words(state) + "): " + error.what()};
  } catch (...) {
    throw Failure{"an exception left " + std::string{name_of(operation)} + "(" + words(state) + "): not a std::exception"};
  }
}

}  // namespace

std::string words(const SpillState& state) {
  return "in_memory " + std::to_string(state.in_memory) + ", stored " + std::to_string(state.stored) + ", incoming " +
         std::to_string(state.incoming) + (state.memory_full ? ", memory full" : "");
}

std::string_view name_of(SpillAction action) noexcept {
  constexpr std::array<std::string_view, 3> names{"keep", "spill", "reject"};
  return names[static_cast<std::size_t>(action)];
}

void Spill::destroy() noexcept {
  if (held_ == nullptr) return;
  Trace::Entry entry{*trace_, Operation::destroy, Subjects::spill, number_, 0, 0};
  held_.reset();
  entry.succeed();
}
Spill Spill::moved() {
  Trace::Entry entry{*trace_, Operation::move_construct, Subjects::spill, number_, number_, 0};
  auto moved = held_->move_out();
  entry.succeed();
  return Spill{*trace_, std::move(moved)};
}
void Spill::assign_from(Spill& other) {
  Trace::Entry entry{*trace_, Operation::move_assign, Subjects::spill, number_, other.number_, 0};
  held_->assign_from(*other.held_);
  entry.succeed();
}
SpillAction Spill::decide(const SpillState& state) const {
  const SpillAction action = traced_call(*trace_, Operation::decide, number_, state, [&] { return std::as_const(*held_).decide(state); });
  if (action != SpillAction::keep && action != SpillAction::spill && action != SpillAction::reject) {
    throw Failure{"decide(" + words(state) + ") is " + std::to_string(static_cast<int>(action)) + ", which is no SpillAction"};
  }
  return action;
}
std::uint64_t Spill::room(const SpillState& state) {
  return traced_call(*trace_, Operation::room, number_, state, [&] { return held_->room(state); });
}
void Spill::settle(const SpillState& state) {
  traced_call(*trace_, Operation::settle, number_, state, [&] { held_->settle(state); });
}

SpillContext::SpillContext(SpillSubject& subject, TracePage& page, const Options& options)
    : PolicyContext{page, options}, subject_{&subject}, traits_{subject.traits()}, hooks_{subject.hooks()} {
  find_amounts();
  start_case();
}

Spill SpillContext::make() {
  try {
    return Spill{trace(), subject_->make()};
  } catch (const std::exception& error) {
    fail(std::string{"an exception left make(): "} + error.what());
  }
}

bool SpillContext::answers_are_comparable() {
  if (!traits_.looks_outside) return true;
  not_run("the policy looks outside: its answers were not compared");
  return false;
}

std::uint64_t SpillContext::largest_kept(std::uint64_t most) {
  const Spill policy = make();
  const auto keeps = [&](std::uint64_t n) { return policy.decide({.incoming = n}) == SpillAction::keep; };
  if (keeps(most)) return most;
  std::uint64_t kept = 0;
  for (std::uint64_t refused = most; refused - kept > 1;) {
    const std::uint64_t middle = kept + (refused - kept) / 2;
    (keeps(middle) ? kept : refused) = middle;
  }
  return kept;
}

void SpillContext::find_amounts() {
  amounts_ = {0, 1, 2, 3, 100};
  for (const unsigned power : {12U, 16U, 20U, 21U, 30U, 40U}) {
    for (const std::uint64_t n : around(std::uint64_t{1} << power)) amounts_.push_back(n);
  }
  // Where the answer on an empty buffer changes, from keep and to reject.
  const Spill policy = make();
  for (const SpillAction first : {SpillAction::spill, SpillAction::reject}) {
    std::uint64_t below_it = 0;
    std::uint64_t above = std::uint64_t{1} << 48U;
    const auto is_there = [&](std::uint64_t n) { return policy.decide({.incoming = n}) >= first; };
    if (!is_there(above)) continue;
    while (above - below_it > 1) {
      const std::uint64_t middle = below_it + (above - below_it) / 2;
      (is_there(middle) ? above : below_it) = middle;
    }
    for (const std::uint64_t n : around(above, 2)) amounts_.push_back(n);
    amounts_.push_back(above / 2);
  }
  for (int i = 0; i < 4; ++i) amounts_.push_back(below(std::uint64_t{1} << (10 + below(20))));
  amounts_ = normalised(std::move(amounts_), std::uint64_t{1} << 41U);
}

std::vector<SpillState> SpillContext::states(std::size_t count, std::uint64_t most) {
  std::vector<SpillState> all;
  const auto pick = [&] { return amounts_[static_cast<std::size_t>(below(amounts_.size()))]; };
  for (const std::uint64_t n : amounts_) {
    all.push_back({.incoming = n});
    all.push_back({.in_memory = n, .incoming = 1});
    all.push_back({.stored = n, .incoming = 1});
    all.push_back({.in_memory = 2, .stored = n, .incoming = 3});
    for (const std::uint64_t stored : {std::uint64_t{65'537}, std::uint64_t{1} << 21U, std::uint64_t{1} << 31U})
      all.push_back({.in_memory = n, .stored = stored, .incoming = 2});
  }
  while (all.size() < count) all.push_back({.in_memory = pick(), .stored = below(3) == 0 ? pick() : 0, .incoming = pick()});
  std::erase_if(all, [&](const SpillState& state) { return sum(sum(state.in_memory, state.stored), state.incoming) > most; });
  return all;
}

bool SpillContext::sees_grants() {
  if (!needs(hooks_.used, "used")) return false;
  const std::uint64_t kept = largest_kept(std::uint64_t{1} << 40U);
  if (kept == 0) {
    not_run("the policy keeps nothing");
    return false;
  }
  const std::uint64_t before = hooks_.used();
  Spill policy = make();
  static_cast<void>(policy.room({.incoming = kept}));
  const bool seen = hooks_.used() > before;
  policy.settle({.in_memory = 0});
  if (seen) return true;
  not_run("used() does not see what a policy is granted");
  return false;
}

}  // namespace hybridbuffer::conformance
