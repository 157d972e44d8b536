#include "memory_models.hpp"

#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t step = SharedBudget::step;

BOOST_AUTO_TEST_CASE(a_policy_that_is_moved_to_itself_keeps_its_grant) {
  const MemoryBudget budget{1000};
  {
    SharedBudget policy{budget};
    static_cast<void>(policy.room({.in_memory = 0, .stored = 0, .incoming = 100}));
    const std::uint64_t granted = budget.used();
    SharedBudget& itself = policy;
    policy = std::move(itself);

    BOOST_TEST(granted >= 100U);
    BOOST_TEST(budget.used() == granted);
  }
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(a_grant_comes_in_steps_and_covers_what_was_asked) {
  for (const std::uint64_t asked : {std::uint64_t{1}, step - 1, step, step + 1, 3 * step}) {
    const MemoryBudget budget{1_MiB};
    SharedBudget policy{budget};
    BOOST_TEST((policy.decide({.incoming = asked}) == SpillAction::keep));
    BOOST_TEST(budget.used() == 0U);

    const std::uint64_t room = policy.room({.incoming = asked});

    BOOST_TEST(room >= asked);
    BOOST_TEST(room < asked + step);
    BOOST_TEST(room % step == 0U);
    BOOST_TEST(policy.held() == room);
    BOOST_TEST(budget.used() == room);
    BOOST_TEST(budget.available() == 1_MiB - room);
    BOOST_TEST(policy.budget().used() == room);
    BOOST_TEST(policy.room({.in_memory = asked, .incoming = room - asked}) == room - asked);
    BOOST_TEST(budget.used() == room);
  }
}

BOOST_AUTO_TEST_CASE(a_short_budget_grants_less_than_a_step_and_never_more_than_it_has) {
  for (const std::uint64_t total : {std::uint64_t{1}, std::uint64_t{100}, step - 1, step, step + 1, 2 * step - 1}) {
    const MemoryBudget budget{total};
    SharedBudget policy{budget};

    BOOST_TEST((policy.decide({.incoming = total}) == SpillAction::keep));
    BOOST_TEST((policy.decide({.incoming = total + 1}) == SpillAction::spill));
    BOOST_TEST((policy.decide({.in_memory = most, .incoming = most}) == SpillAction::spill));
    BOOST_TEST(policy.room({.incoming = total + 1}) == 0U);
    BOOST_TEST(budget.used() == 0U);
    BOOST_TEST(policy.room({.incoming = total}) == total);
    BOOST_TEST(budget.available() == 0U);
    BOOST_TEST((policy.decide({.in_memory = total, .incoming = 1}) == SpillAction::spill));
    BOOST_TEST(policy.room({.in_memory = total, .incoming = 1}) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_grant_lost_between_decision_and_room_leaves_less_room_than_incoming) {
  const MemoryBudget budget{2 * step};
  SharedBudget first{budget};
  SharedBudget second{budget};
  BOOST_TEST((first.decide({.incoming = step + 1}) == SpillAction::keep));
  BOOST_TEST(second.room({.incoming = step}) == step);

  const std::uint64_t room = first.room({.incoming = step + 1});

  BOOST_TEST(room < step + 1);
  BOOST_TEST(budget.used() <= 2 * step);
  BOOST_TEST((first.decide({.incoming = step}) == SpillAction::keep));
}

BOOST_AUTO_TEST_CASE(a_full_memory_policy_makes_it_spill) {
  const SharedBudget policy{MemoryBudget{1_MiB}};

  BOOST_TEST((policy.decide({.in_memory = 1, .incoming = 1, .memory_full = true}) == SpillAction::spill));
}

BOOST_AUTO_TEST_CASE(settle_keeps_the_steps_in_use_and_returns_the_rest) {
  const MemoryBudget budget{1_MiB};
  SharedBudget policy{budget};
  BOOST_TEST(policy.room({.incoming = 10 * step}) == 10 * step);

  for (const std::uint64_t in_memory : {9 * step + 1, 9 * step, 8 * step, step + 1, step, std::uint64_t{1}, std::uint64_t{0}}) {
    policy.settle({.in_memory = in_memory});

    BOOST_TEST(policy.held() >= in_memory);
    BOOST_TEST(policy.held() < in_memory + step);
    BOOST_TEST(budget.used() == policy.held());
  }
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(the_ceiling_of_one_buffer_leaves_the_rest_to_others) {
  for (const std::uint64_t ceiling : {std::uint64_t{0}, std::uint64_t{1}, step - 1, step, step + 1}) {
    const MemoryBudget budget{1_MiB};
    SharedBudget policy{budget, ceiling};

    BOOST_TEST((policy.decide({.incoming = ceiling + 1}) == SpillAction::spill));
    BOOST_TEST(policy.room({.incoming = ceiling + 1}) == 0U);
    if (ceiling != 0) {
      BOOST_TEST((policy.decide({.incoming = ceiling}) == SpillAction::keep));
      BOOST_TEST(policy.room({.incoming = ceiling}) == ceiling);
    }
    BOOST_TEST(budget.used() == ceiling);
  }
}

BOOST_AUTO_TEST_CASE(the_budget_lives_as_long_as_its_last_handle) {
  std::optional<MemoryBudget> budget{1_MiB};
  const MemoryBudget copy{*budget};
  SharedBudget policy{*budget};
  BOOST_TEST(policy.room({.incoming = 1}) == step);
  BOOST_TEST(copy.used() == step);

  budget.reset();
  BOOST_TEST(policy.room({.incoming = 2 * step}) == 2 * step);
  SharedBudget last{MemoryBudget{100}};
  last = std::move(policy);

  BOOST_TEST(copy.used() == 2 * step);
  BOOST_TEST(copy.total() == 1_MiB);
}

BOOST_AUTO_TEST_CASE(a_policy_that_another_is_assigned_to_goes_on_with_that_ones_budget_and_ceiling) {
  const MemoryBudget first{1_MiB};
  const MemoryBudget second{1_MiB};
  {
    SharedBudget policy{first};
    BOOST_TEST(policy.room({.incoming = 1}) == step);

    policy = SharedBudget{second, 2 * step};

    BOOST_TEST(first.used() == 0U);
    BOOST_TEST(policy.room({.incoming = 1}) == step);
    BOOST_TEST(first.used() == 0U);
    BOOST_TEST(second.used() == step);
    BOOST_TEST((policy.decide({.incoming = 2 * step}) == SpillAction::keep));
    BOOST_TEST((policy.decide({.incoming = 2 * step + 1}) == SpillAction::spill));
  }
  BOOST_TEST(second.used() == 0U);
}

/// One buffer's way of using its policy, with what it keeps in memory added to `kept`.
class FakeBuffer {
 public:
  FakeBuffer(const MemoryBudget& budget, std::atomic<std::uint64_t>& kept) : policy_{budget}, kept_{&kept} {}
  FakeBuffer(FakeBuffer&&) = delete;
  ~FakeBuffer() { shrink_to(0); }

  void append(std::uint64_t incoming) {
    const SpillState state{.in_memory = in_memory_, .incoming = incoming};
    if (policy_.decide(state) != SpillAction::keep || policy_.room(state) < incoming) return shrink_to(0);
    in_memory_ += incoming;
    kept_->fetch_add(incoming);
  }
  void shrink_to(std::uint64_t size) {
    kept_->fetch_sub(in_memory_ - size);
    in_memory_ = size;
    policy_.settle({.in_memory = in_memory_});
  }
  void move_policy() {
    SharedBudget moved{std::move(policy_)};
    policy_ = std::move(moved);
  }
  [[nodiscard]] std::uint64_t in_memory() const { return in_memory_; }
  [[nodiscard]] std::uint64_t held() const { return policy_.held(); }

 private:
  SharedBudget policy_;
  std::atomic<std::uint64_t>* kept_;
  std::uint64_t in_memory_ = 0;
};

BOOST_AUTO_TEST_CASE(many_threads_never_hold_more_than_the_budget_and_return_all_of_it) {
  constexpr std::size_t threads = 8;
  constexpr int rounds = under_sanitizer ? 5'000 : 50'000;
  for (const std::uint64_t total : {1 * step + 7, 3 * step, 20 * step}) {
    const MemoryBudget budget{total};
    std::atomic<std::uint64_t> kept{0};
    std::atomic<int> over{0};
    std::atomic<int> kept_something{0};
    const auto use = [&](std::size_t self) {
      std::mt19937_64 random{seed() + self};
      std::array<std::optional<FakeBuffer>, 3> buffers;
      for (auto& buffer : buffers) buffer.emplace(budget, kept);
      for (int round = 0; round < rounds; ++round) {
        std::optional<FakeBuffer>& buffer = buffers[random() % buffers.size()];
        switch (random() % 8) {
          case 0: buffer->shrink_to(buffer->in_memory() / 2); break;
          case 1: buffer->shrink_to(0); break;
          case 2: buffer->move_policy(); break;
          case 3: buffer.emplace(budget, kept); break;
          default: buffer->append(random() % (step + step / 2)); break;
        }
        if (buffer->in_memory() != 0) ++kept_something;
        if (budget.used() > total || kept.load() > total || buffer->held() < buffer->in_memory()) ++over;
      }
    };

    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(use, i);
    for (std::thread& worker : workers) worker.join();

    BOOST_TEST(over.load() == 0);
    BOOST_TEST(kept_something.load() > 100);
    BOOST_TEST(kept.load() == 0U);
    BOOST_TEST(budget.used() == 0U);
  }
}

}  // namespace
