#include "../../support/named_kits.hpp"
#include "memory_mutants.hpp"
#include "odd_memory.hpp"
#include "odd_spill.hpp"
#include "spill_mutants.hpp"

#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/memory_policy.hpp>
#include <hybridbuffer/conformance/spill_policy.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The kits of policies on broken policies, each of which a clause has to name, and on strange ones, which have to pass.
///
///     policy_mutants            fails when a mutant survives, or a clause has none of its own
///     policy_mutants --matrix   prints which clause fails for which mutant

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::conformance;
using namespace hybridbuffer::testing;

struct Mutant {
  std::string_view clause;  // that names its bug; empty: a legal policy
  bool alone;               // no other clause sees it
  bool by_chance;           // it takes threads that meet
};

std::vector<NamedKit> kits;
std::vector<Mutant> mutants;

void add(std::string name, const Kit& kit, Mutant mutant) {
  add_kit(kits, std::move(name), kit);
  mutants.push_back(mutant);
}
template <MemoryBug bug>
void add_memory(std::string name, std::string_view clause, bool alone, bool by_chance = false) {
  static_assert(memory_policy<MutantMemory<bug>>);
  add(std::move(name), memory_kit<MutantMemoryHarness<bug>>(), {clause, alone, by_chance});
}
template <SpillBug bug>
void add_spill(std::string name, std::string_view clause, bool alone, bool by_chance = false) {
  static_assert(spill_policy<MutantSpill<bug>>);
  add(std::move(name), spill_kit<MutantSpillHarness<bug>>(), {clause, alone, by_chance});
}

#define MEMORY_ALONE(bug, clause, ...) add_memory<MemoryBug::bug>("memory: " #bug, clause, true __VA_OPT__(, ) __VA_ARGS__)
#define MEMORY(bug, clause) add_memory<MemoryBug::bug>("memory: " #bug, clause, false)
#define SPILL_ALONE(bug, clause, ...) add_spill<SpillBug::bug>("spill: " #bug, clause, true __VA_OPT__(, ) __VA_ARGS__)
#define SPILL(bug, clause) add_spill<SpillBug::bug>("spill: " #bug, clause, false)

void add_memory_mutants() {
  MEMORY_ALONE(truncate_of_an_unused_policy_adds_a_byte, "MEM-1");
  MEMORY_ALONE(huge_hint_gives_a_committed_byte, "MEM-2");
  MEMORY_ALONE(second_prepare_wipes_the_window, "MEM-3");
  MEMORY_ALONE(commit_of_nothing_adds_a_byte, "MEM-4");
  MEMORY_ALONE(truncate_keeps_the_window, "MEM-5");
  MEMORY_ALONE(size_counts_the_open_window, "MEM-6");
  MEMORY_ALONE(empty_span_at_a_boundary, "MEM-7");
  MEMORY_ALONE(copy_out_writes_beside_the_span, "MEM-8");
  MEMORY_ALONE(chunk_at_goes_to_the_end_of_the_chunk, "MEM-9");
  MEMORY_ALONE(capacity_wipes_the_window, "MEM-10");
  MEMORY_ALONE(capacity_of_one_chunk, "MEM-11");
  MEMORY_ALONE(drop_beyond_the_end_keeps_a_byte, "MEM-12");
  MEMORY_ALONE(truncate_beyond_the_end_adds_a_byte, "MEM-13");
  MEMORY_ALONE(clear_keeps_the_chunks, "MEM-14");
  MEMORY_ALONE(stable_but_moves_when_it_grows, "MEM-15");
  MEMORY_ALONE(takes_more_than_max_size, "MEM-16");
  MEMORY_ALONE(refuses_for_ever_after_a_refusal, "MEM-17");
  MEMORY_ALONE(failed_allocation_loses_a_byte, "MEM-18");
  MEMORY_ALONE(drop_leaks, "MEM-19");
  MEMORY_ALONE(self_assignment_empties, "MEM-20");
  MEMORY_ALONE(moved_from_claims_memory, "MEM-21");
  MEMORY_ALONE(first_window_is_shared, "MEM-22");
  MEMORY_ALONE(copy_out_through_a_shared_position, "MEM-23", true);
  MEMORY_ALONE(sixteen_bit_chunk_index, "MEM-24");
  MEMORY_ALONE(third_cut_after_a_third_drop_loses_a_byte, "MEM-25");
  MEMORY(drop_frees_a_chunk_too_many, "MEM-12");
  MEMORY(copy_out_ignores_the_front, "MEM-8");
  MEMORY(truncate_ignores_the_front, "MEM-13");
  MEMORY(assignment_keeps_the_targets_content, "MEM-20");
  MEMORY(assignment_leaks, "MEM-19");
  MEMORY(moved_from_keeps_its_size, "MEM-21");
  MEMORY(chunks_allocates, "MEM-10");
  MEMORY(refusal_loses_a_byte, "MEM-17");
  MEMORY(window_starts_a_byte_early, "MEM-2");
  MEMORY(destructor_leaks, "MEM-19");
  MEMORY(chunk_at_index_in_16_bits, "MEM-24");
  MEMORY(moved_from_remembers_where_chunk_at_was, "MEM-25");
}

void add_spill_mutants() {
  SPILL_ALONE(decide_takes_from_the_budget, "SPILL-1");
  SPILL_ALONE(full_memory_hides_the_limit, "SPILL-2");
  SPILL_ALONE(spills_a_certain_size, "SPILL-3");
  SPILL_ALONE(spills_at_a_certain_fill, "SPILL-4");
  SPILL_ALONE(sum_wraps, "SPILL-5");
  SPILL_ALONE(room_is_a_byte_short, "SPILL-6");
  SPILL_ALONE(room_ignores_the_limit, "SPILL-7");
  SPILL_ALONE(room_adds_each_time, "SPILL-8");
  SPILL_ALONE(settle_keeps_everything_while_something_is_held, "SPILL-9");
  SPILL_ALONE(settle_wraps, "SPILL-10");
  SPILL_ALONE(destructor_keeps_a_large_grant, "SPILL-11");
  SPILL_ALONE(moved_from_keeps_a_large_grant, "SPILL-12");
  SPILL_ALONE(assignment_forgets_the_targets_grant, "SPILL-13");
  SPILL_ALONE(remembers_the_last_user, "SPILL-14");
  SPILL_ALONE(large_grants_are_not_checked, "SPILL-15");
  SPILL_ALONE(check_and_take_are_two_steps, "SPILL-16", true);
  SPILL_ALONE(settle_after_assignment_returns_too_much, "SPILL-17");
  SPILL(decide_alternates, "SPILL-1");
  SPILL(keeps_one_byte_too_many, "SPILL-6");
  SPILL(settle_returns_nothing, "SPILL-9");
  SPILL(destructor_returns_nothing, "SPILL-11");
  SPILL(moved_from_keeps_its_grant, "SPILL-12");
  SPILL(settle_returns_all, "SPILL-9");
  SPILL(no_such_answer, "SPILL-2");
  SPILL(third_settle_keeps_everything, "SPILL-9");
  SPILL(smaller_room_forgets_a_step, "SPILL-11");
  SPILL(settle_takes, "SPILL-10");
  SPILL(last_step_passes_the_total, "SPILL-15");
  SPILL(much_stored_hides_what_is_in_memory, "SPILL-6");
}

void add_legal_policies() {
  add("legal memory: reference", memory_kit<MutantMemoryHarness<MemoryBug::none>>(), {});
  add("legal memory: one_byte_windows", memory_kit<OddMemoryHarness<MemoryOddity::one_byte_windows>>(), {});
  add("legal memory: huge_windows", memory_kit<OddMemoryHarness<MemoryOddity::huge_windows>>(), {});
  add("legal memory: refuses_at_once", memory_kit<OddMemoryHarness<MemoryOddity::refuses_at_once>>(), {});
  add("legal memory: refuses_now_and_then", memory_kit<OddMemoryHarness<MemoryOddity::refuses_now_and_then>>(), {});
  add("legal memory: throws_when_full", memory_kit<OddMemoryHarness<MemoryOddity::throws_when_full>>(), {});
  add("legal memory: over_reports", memory_kit<OddMemoryHarness<MemoryOddity::over_reports>>(), {});
  add("legal memory: takes_a_random_part", memory_kit<OddMemoryHarness<MemoryOddity::takes_a_random_part>>(), {});
  add("legal spill: reference", spill_kit<MutantSpillHarness<SpillBug::none>>(), {});
  add("legal spill: always_keep", spill_kit<OddSpillHarness<AlwaysKeep>>(), {});
  add("legal spill: reject_everything", spill_kit<OddSpillHarness<RejectEverything>>(), {});
  add("legal spill: adaptive", spill_kit<OddSpillHarness<Adaptive>>(), {});
  add("legal spill: moody", spill_kit<OddSpillHarness<Moody, true>>(), {});
}

ClauseResult try_clause(const NamedKit& named, const Clause& clause, std::uint64_t seed) {
  using std::chrono::milliseconds;
  return run_in_child("/proc/self/exe", named.kit.arguments, clause, {.seed = seed},
                      {.operation = milliseconds{10'000}, .clause = milliseconds{60'000}});
}

// The ids of the clauses that fail.
std::vector<std::string_view> failing_clauses(const NamedKit& named, std::uint64_t seed) {
  std::vector<std::string_view> failing;
  for (const Clause* clause : named.kit.clauses) {
    const ClauseResult result = try_clause(named, *clause, seed);
    if (result.verdict == Verdict::fail || result.verdict == Verdict::unknown || result.missing) failing.push_back(clause->id);
  }
  return failing;
}

std::string joined(const std::vector<std::string_view>& ids) {
  std::string text;
  for (const std::string_view id : ids) text.append(text.empty() ? "" : " ").append(id);
  return text.empty() ? "none" : text;
}

int print_matrix() {
  std::printf("| policy | clauses that fail |\n|---|---|\n");
  for (const NamedKit& named : kits) std::printf("| %s | %s |\n", named.name.c_str(), joined(failing_clauses(named, 1)).c_str());
  return 0;
}

int wrong = 0;

void complain(const NamedKit& named, const std::string& text) {
  std::printf("%s: %s\n", named.name.c_str(), text.c_str());
  ++wrong;
}

void check_killed(const NamedKit& named, const Mutant& mutant) {
  const Clause* clause = named.kit.find(mutant.clause);
  const std::uint64_t seeds = mutant.by_chance ? 20 : 3;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const ClauseResult result = try_clause(named, *clause, seed);
    if (result.verdict != Verdict::fail) {
      complain(named, std::string{mutant.clause} + " says " + std::string{name_of(result.verdict)} + " at seed " + std::to_string(seed) +
                          " " + result.seen);
    }
  }
  if (!mutant.alone) return;
  const auto failing = failing_clauses(named, 1);
  if (failing != std::vector{mutant.clause})
    complain(named, "only " + std::string{mutant.clause} + " should fail, but these do: " + joined(failing));
}

void check_legal(const NamedKit& named) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const Clause* clause : named.kit.clauses) {
      const ClauseResult result = try_clause(named, *clause, seed);
      if (result.verdict == Verdict::fail || result.verdict == Verdict::unknown || result.missing) {
        complain(named, std::string{clause->id} + " fails at seed " + std::to_string(seed) + ": " + result.seen);
      }
    }
  }
}

// A clause without a mutant that it alone kills could be removed and nobody would notice.
void check_every_clause_has_a_mutant(std::span<const Clause* const> clauses) {
  for (const Clause* clause : clauses) {
    if (std::none_of(mutants.begin(), mutants.end(), [&](const Mutant& m) { return m.alone && m.clause == clause->id; })) {
      std::printf("%s has no mutant of its own\n", std::string{clause->id}.c_str());
      ++wrong;
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  add_memory_mutants();
  add_spill_mutants();
  add_legal_policies();
  if (count > 1 && std::string_view{arguments[1]} == "--matrix") return print_matrix();
  if (count > 1) return run_named_kits(kits, count, arguments);
  for (std::size_t i = 0; i < kits.size(); ++i) {
    if (mutants[i].clause.empty()) check_legal(kits[i]);
    else check_killed(kits[i], mutants[i]);
  }
  check_every_clause_has_a_mutant(memory_catalogue());
  check_every_clause_has_a_mutant(spill_catalogue());
  std::printf("%zu policies tried, %d complaints\n", kits.size(), wrong);
  return wrong == 0 ? 0 : 1;
}
