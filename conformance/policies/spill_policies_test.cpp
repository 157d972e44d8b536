#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/spill/spill_at.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace hybridbuffer {

std::ostream& boost_test_print_type(std::ostream& out, SpillAction action) {
  return out << (action == SpillAction::keep ? "keep" : action == SpillAction::spill ? "spill" : "reject");
}

}  // namespace hybridbuffer

namespace {

using namespace hybridbuffer;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr auto keep = SpillAction::keep;
constexpr auto spill = SpillAction::spill;
constexpr auto reject = SpillAction::reject;

static_assert(1_KiB == 1024 && 64_KiB == 65'536 && 2_MiB == 2'097'152 && 3_GiB == 3'221'225'472 && 0_GiB == 0);
static_assert(17'179'869'183_GiB == most - (1_GiB - 1) && 18'014'398'509'481'983_KiB == most - 1023);
static_assert(std::is_same_v<decltype(1_KiB), std::uint64_t>);

static_assert(SpillAt{}.threshold == 2_MiB && SpillAt{64_MiB}.threshold == 64_MiB && SpillAt{}.while_stored == most);
static_assert(std::is_empty_v<NeverSpill> && std::is_empty_v<AlwaysSpill>);
static_assert(sizeof(Capped<NeverSpill>) == sizeof(std::uint64_t));
static_assert(std::is_same_v<decltype(Capped{SpillAt{1}, 2}), Capped<SpillAt>>);
static_assert(spill_policy<Capped<SharedBudget>> && spill_policy<Capped<Capped<AlwaysSpill>>>);
static_assert(!std::is_copy_constructible_v<SharedBudget>);

struct Row {
  SpillState state;
  SpillAction action;
  std::uint64_t room;
};

/// Requires of `policy` exactly the rows.
template <class Policy>
void check_rows(Policy policy, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    BOOST_TEST_INFO("in_memory " << row.state.in_memory << ", stored " << row.state.stored << ", incoming " << row.state.incoming
                                 << ", full " << row.state.memory_full);
    BOOST_TEST(policy.decide(row.state) == row.action);
    BOOST_TEST(policy.room(row.state) == row.room);
    policy.settle(row.state);
  }
}

BOOST_AUTO_TEST_CASE(spill_at_keeps_up_to_its_threshold_and_no_byte_more) {
  for (const std::uint64_t t : {std::uint64_t{1}, std::uint64_t{2}, 2_MiB, most - 1, most}) {
    check_rows(SpillAt{t}, {{{.in_memory = 0, .incoming = 1}, keep, t},
                            {{.in_memory = 0, .incoming = t - 1}, keep, t},
                            {{.in_memory = 0, .incoming = t}, keep, t},
                            {{.in_memory = t - 1, .incoming = 1}, keep, 1},
                            {{.in_memory = t - 1, .incoming = 2}, spill, 1},
                            {{.in_memory = t, .incoming = 1}, spill, 0},
                            {{.in_memory = t, .incoming = 0}, keep, 0},
                            {{.in_memory = t, .incoming = most}, spill, 0},
                            {{.in_memory = 1, .incoming = most}, spill, t - 1},
                            {{.in_memory = 0, .stored = most, .incoming = 1}, keep, t},
                            {{.in_memory = 0, .incoming = 1, .memory_full = true}, spill, t}});
    if (t != most)
      check_rows(SpillAt{t}, {{{.in_memory = 0, .incoming = t + 1}, spill, t}, {{.in_memory = t + 1, .incoming = 1}, spill, 0}});
  }
}

BOOST_AUTO_TEST_CASE(spill_at_keeps_less_while_bytes_are_stored_if_it_is_told_so) {
  check_rows(SpillAt{.threshold = 100, .while_stored = 10},
             {{{.in_memory = 0, .incoming = 100}, keep, 100},
              {{.in_memory = 50, .incoming = 50}, keep, 50},
              {{.in_memory = 50, .incoming = 51}, spill, 50},
              {{.in_memory = 0, .stored = 1, .incoming = 10}, keep, 10},
              {{.in_memory = 0, .stored = 1, .incoming = 11}, spill, 10},
              {{.in_memory = 9, .stored = most, .incoming = 1}, keep, 1},
              {{.in_memory = 9, .stored = 1, .incoming = 2}, spill, 1},
              {{.in_memory = 50, .stored = 1, .incoming = 1}, spill, 0},
              {{.in_memory = 10, .stored = 1, .incoming = most}, spill, 0},
              {{.in_memory = 0, .stored = 1, .incoming = 1, .memory_full = true}, spill, 10}});
  check_rows(SpillAt{.threshold = 10, .while_stored = 100},
             {{{.in_memory = 0, .stored = 1, .incoming = 10}, keep, 10}, {{.in_memory = 0, .stored = 1, .incoming = 11}, spill, 10}});
  check_rows(SpillAt{.threshold = 10, .while_stored = 0},
             {{{.in_memory = 0, .incoming = 10}, keep, 10}, {{.in_memory = 0, .stored = 1, .incoming = 1}, spill, 0}});
}

BOOST_AUTO_TEST_CASE(spill_at_zero_spills_every_byte) {
  check_rows(SpillAt{0}, {{{.incoming = 1}, spill, 0}, {{.incoming = most}, spill, 0}, {{.in_memory = 5, .incoming = 1}, spill, 0}});
}

BOOST_AUTO_TEST_CASE(never_spill_keeps_until_memory_is_full_and_then_rejects) {
  check_rows(NeverSpill{}, {{{.incoming = 1}, keep, most},
                            {{.incoming = most}, keep, most},
                            {{.in_memory = 5, .stored = 7, .incoming = most}, keep, most - 5},
                            {{.in_memory = most, .incoming = 1}, keep, 0},
                            {{.in_memory = 5, .incoming = 1, .memory_full = true}, reject, most - 5}});
}

BOOST_AUTO_TEST_CASE(always_spill_spills_always) {
  check_rows(AlwaysSpill{},
             {{{.incoming = 1}, spill, 0}, {{.incoming = most}, spill, 0}, {{.incoming = 1, .memory_full = true}, spill, 0}});
}

BOOST_AUTO_TEST_CASE(capped_rejects_past_the_limit_and_asks_the_inner_policy_before_it) {
  check_rows(Capped{SpillAt{10}, 100}, {{{.incoming = 10}, keep, 10},
                                        {{.incoming = 11}, spill, 10},
                                        {{.incoming = 100}, spill, 10},
                                        {{.incoming = 101}, reject, 10},
                                        {{.incoming = most}, reject, 10},
                                        {{.in_memory = 5, .stored = 90, .incoming = 5}, keep, 5},
                                        {{.in_memory = 5, .stored = 90, .incoming = 6}, reject, 5},
                                        {{.in_memory = 2, .stored = 95, .incoming = 3}, keep, 3},
                                        {{.in_memory = 2, .stored = 98, .incoming = 1}, reject, 0},
                                        {{.in_memory = 0, .stored = 101, .incoming = 0}, keep, 0},
                                        {{.in_memory = 0, .stored = 101, .incoming = 1}, reject, 0},
                                        {{.in_memory = most, .stored = most, .incoming = 1}, reject, 0},
                                        {{.in_memory = 5, .stored = 90, .incoming = 5, .memory_full = true}, spill, 5}});
  check_rows(Capped{NeverSpill{}, most}, {{{.in_memory = 1, .stored = 2, .incoming = most - 3}, keep, most - 3},
                                          {{.in_memory = 1, .stored = 2, .incoming = most - 2}, reject, most - 3},
                                          {{.in_memory = 1, .incoming = 1, .memory_full = true}, reject, most - 1}});
  check_rows(Capped{AlwaysSpill{}, 0}, {{{.incoming = 1}, reject, 0}, {{.incoming = 0}, spill, 0}});
}

BOOST_AUTO_TEST_CASE(capped_passes_settle_on_and_moves_with_its_inner_policy) {
  const MemoryBudget budget{1_MiB};
  Capped capped{SharedBudget{budget}, 2_MiB};
  BOOST_TEST(capped.room({.incoming = 100}) == 64_KiB);
  Capped moved{std::move(capped)};
  BOOST_TEST(budget.used() == 64_KiB);
  BOOST_TEST(moved.inner().held() == 64_KiB);
  BOOST_TEST(moved.limit() == 2_MiB);

  moved.settle({.in_memory = 0});

  BOOST_TEST(budget.used() == 0U);
}

}  // namespace
