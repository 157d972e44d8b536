#pragma once

#include "../policy_context.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/spill_policy.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What the clauses of spill policies work with, and their families, a source file each.

namespace hybridbuffer::conformance {

inline constexpr std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();

/// "in_memory 5, stored 0, incoming 7"
[[nodiscard]] std::string words(const SpillState& state);
[[nodiscard]] std::string_view name_of(SpillAction action) noexcept;
/// The sum, or the largest number when that is less.
[[nodiscard]] constexpr std::uint64_t sum(std::uint64_t left, std::uint64_t right) noexcept {
  return right < most_bytes - left ? left + right : most_bytes;
}

/// The spill policy under test. Each call goes to the real type unchanged and is traced; an exception that leaves it, and an answer that is
/// none, fail the clause.
class Spill {
 public:
  Spill(Trace& trace, std::unique_ptr<detail::ErasedSpill> held) : trace_{&trace}, number_{trace.new_handle()}, held_{std::move(held)} {}
  Spill(Spill&&) noexcept = default;
  Spill& operator=(Spill&&) noexcept = default;
  ~Spill() { destroy(); }

  void destroy() noexcept;
  /// The policy under test moved into a new object; this one keeps the moved-from one.
  [[nodiscard]] Spill moved();
  void assign_from(Spill& other);

  [[nodiscard]] SpillAction decide(const SpillState& state) const;
  [[nodiscard]] std::uint64_t room(const SpillState& state);
  void settle(const SpillState& state);

 private:
  Trace* trace_;
  std::uint32_t number_;
  std::unique_ptr<detail::ErasedSpill> held_;
};

class SpillContext : public PolicyContext {
 public:
  SpillContext(SpillSubject& subject, TracePage& page, const Options& options);

  [[nodiscard]] const SpillTraits& traits() const noexcept { return traits_; }
  [[nodiscard]] const SpillHooks& hooks() const noexcept { return hooks_; }
  [[nodiscard]] Spill make();

  /// False, noted as not run, where equal questions may have different answers.
  [[nodiscard]] bool answers_are_comparable();
  /// Whether used() exists and sees what a policy is granted.
  [[nodiscard]] bool sees_grants();

  /// Amounts round which policies have boundaries: small, powers of two, those at which this one's answer changes, and some at random.
  [[nodiscard]] const Sizes& amounts() const noexcept { return amounts_; }
  /// Some states out of those amounts, none of whose sums is above `most`.
  [[nodiscard]] std::vector<SpillState> states(std::size_t count, std::uint64_t most);
  /// An amount that a new policy keeps, as large as possible up to `most`; 0 when it keeps nothing.
  [[nodiscard]] std::uint64_t largest_kept(std::uint64_t most);

 private:
  void find_amounts();

  SpillSubject* subject_;
  SpillTraits traits_;
  SpillHooks hooks_;
  Sizes amounts_;
};

/// A clause, and how it is tried. Its own `run` is not used.
struct SpillClause {
  Clause clause;
  void (*run)(SpillContext&) = nullptr;
};

namespace spill_clauses {

[[nodiscard]] std::span<const SpillClause> deciding();
[[nodiscard]] std::span<const SpillClause> granting();
[[nodiscard]] std::span<const SpillClause> moves();
[[nodiscard]] std::span<const SpillClause> together();

}  // namespace spill_clauses

}  // namespace hybridbuffer::conformance
