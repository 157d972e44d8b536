#pragma once

#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The kit for spill policies: tells the author of one which clauses of the contract it breaks.
///
///     #include <hybridbuffer/conformance/spill_policy.hpp>
///     struct MyHarness {
///       static constexpr std::string_view name = "my-spill";
///       MySpill make();                                           // a new policy each call
///     };
///     HYBRIDBUFFER_SPILL_CONFORMANCE(MyHarness)                   // the whole program; --help tells its options
///
/// Where policies share something, such as a budget, make() called twice gives two policies that share it. A harness may have more:
///
/// - `static constexpr bool looks_outside = true`: answers depend on more than the policies of this harness, such as the free memory of
///   the machine, so that two equal questions may have different answers.
/// - `std::uint64_t used()`: what all policies together have been granted and not given back.
/// - `std::uint64_t total()`: the most that used() may ever be.
///
/// Both hooks are called from several threads at once. What the clauses say: docs/contract_policies.md.

namespace hybridbuffer::conformance {

inline constexpr std::string_view spill_clause_set = "hybridbuffer-spill-policy/1.0";

struct SpillTraits {
  bool looks_outside = false;  ///< see above
};

/// The hooks of a harness; empty functions where it has none.
struct SpillHooks {
  std::function<std::uint64_t()> used{};
  std::function<std::uint64_t()> total{};
};

namespace detail {

/// A spill policy with its type erased.
struct ErasedSpill {
  ErasedSpill() = default;
  ErasedSpill(const ErasedSpill&) = delete;
  ErasedSpill& operator=(const ErasedSpill&) = delete;
  virtual ~ErasedSpill() = default;
  [[nodiscard]] virtual std::unique_ptr<ErasedSpill> move_out() = 0;
  virtual void assign_from(ErasedSpill& other) = 0;
  [[nodiscard]] virtual SpillAction decide(const SpillState& state) const = 0;
  [[nodiscard]] virtual std::uint64_t room(const SpillState& state) = 0;
  virtual void settle(const SpillState& state) = 0;
};

template <class P>
struct SpillBox final : ErasedSpill {
  explicit SpillBox(P&& policy) : held{std::move(policy)} {}
  std::unique_ptr<ErasedSpill> move_out() override { return std::make_unique<SpillBox>(std::move(held)); }
  void assign_from(ErasedSpill& other) override { held = std::move(static_cast<SpillBox&>(other).held); }
  [[nodiscard]] SpillAction decide(const SpillState& state) const override { return held.decide(state); }
  std::uint64_t room(const SpillState& state) override { return held.room(state); }
  void settle(const SpillState& state) override { held.settle(state); }
  P held;
};

template <class Harness>
concept makes_spill_policy = requires(Harness& h) {
  { h.make() } -> spill_policy;
};
template <class Harness>
concept has_spill_name = requires {
  { Harness::name } -> std::convertible_to<std::string_view>;
};

}  // namespace detail

/// A harness of a spill policy with its type erased.
class SpillSubject {
 public:
  SpillSubject() = default;
  SpillSubject(const SpillSubject&) = delete;
  SpillSubject& operator=(const SpillSubject&) = delete;
  virtual ~SpillSubject() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual SpillTraits traits() const = 0;
  [[nodiscard]] virtual SpillHooks hooks() = 0;
  [[nodiscard]] virtual std::unique_ptr<detail::ErasedSpill> make() = 0;
};

template <class Harness>
concept spill_harness = detail::makes_spill_policy<Harness> && detail::has_spill_name<Harness>;

/// Stops the compilation with one sentence for each thing that the harness lacks.
template <class Harness>
consteval bool explain_spill_harness() {
  constexpr bool named = detail::has_spill_name<Harness>;
  static_assert(named, "a harness needs: static constexpr std::string_view name;");
  constexpr bool makes = detail::makes_spill_policy<Harness>;
  static_assert(makes, "a harness needs: Policy make(), where Policy satisfies hybridbuffer::spill_policy;");
  return true;
}

namespace detail {

template <class Harness>
class SpillHarnessSubject final : public SpillSubject {
  using Policy = std::remove_cvref_t<decltype(std::declval<Harness&>().make())>;

 public:
  [[nodiscard]] std::string_view name() const override { return Harness::name; }
  [[nodiscard]] SpillTraits traits() const override {
    SpillTraits traits;
    if constexpr (requires { Harness::looks_outside; }) traits.looks_outside = Harness::looks_outside;
    return traits;
  }
  [[nodiscard]] SpillHooks hooks() override {
    SpillHooks hooks;
    if constexpr (requires(Harness& h) { h.used(); }) {
      hooks.used = [this] { return static_cast<std::uint64_t>(harness_.used()); };
    }
    if constexpr (requires(Harness& h) { h.total(); }) {
      hooks.total = [this] { return static_cast<std::uint64_t>(harness_.total()); };
    }
    return hooks;
  }
  [[nodiscard]] std::unique_ptr<ErasedSpill> make() override { return std::make_unique<SpillBox<Policy>>(harness_.make()); }

 private:
  Harness harness_{};
};

}  // namespace detail

/// Every clause of spill policies, in the order of the contract page.
[[nodiscard]] std::span<const Clause* const> spill_catalogue();

/// The clauses of spill policies on the policies that `make_subject` makes.
[[nodiscard]] Kit spill_kit(std::function<std::unique_ptr<SpillSubject>()> make_subject);

/// The same for one type of harness, which is made anew for each run.
template <class Harness>
  requires(explain_spill_harness<Harness>() && spill_harness<Harness>)
[[nodiscard]] Kit spill_kit() {
  return spill_kit([] { return std::make_unique<detail::SpillHarnessSubject<Harness>>(); });
}

}  // namespace hybridbuffer::conformance

/// Makes a whole test program out of a harness of a spill policy. Requires: Harness is default-constructible.
#define HYBRIDBUFFER_SPILL_CONFORMANCE(Harness)                                                            \
  int main(int count, char** arguments) {                                                                  \
    return hybridbuffer::conformance::run_program(hybridbuffer::conformance::spill_kit<Harness>(),         \
                                                  std::vector<std::string>(arguments, arguments + count)); \
  }
