#pragma once

#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The kit for memory policies: tells the author of one which clauses of the contract it breaks.
///
///     #include <hybridbuffer/conformance/memory_policy.hpp>
///     struct MyHarness {
///       static constexpr std::string_view name = "my-memory";
///       MyMemory make();                                          // a new policy each call
///     };
///     HYBRIDBUFFER_MEMORY_CONFORMANCE(MyHarness)                  // the whole program; --help tells its options
///
/// A harness may have more, and unlocks clauses with it:
///
/// - `static constexpr bool memory_returns = false`: what a policy gave back cannot be had again, as from an arena.
/// - `void fail_allocations(std::uint64_t first, std::uint64_t count)`: of the allocations that the policies make from now on, those from
///   number `first` (≥ 1) on, `count` of them, fail; `first` = 0: none. Allocations of other code may count too.
/// - `std::uint64_t failed_allocations()`: how many failed since then. Goes with fail_allocations().
/// - `std::uint64_t outstanding_bytes()`: what all policies have allocated and not given back; what is pooled for the next one is not part
///   of it.
///
/// What the clauses say: docs/contract_policies.md.

namespace hybridbuffer::conformance {

inline constexpr std::string_view memory_clause_set = "hybridbuffer-memory-policy/1.0";

/// What is known of the policy without asking it.
struct MemoryTraits {
  bool stable = false;                      ///< it declares `stable`
  std::optional<std::uint64_t> max_size{};  ///< its `max_size`
  bool has_chunk_at = false;                ///< it has `chunk_at`
  bool memory_returns = true;               ///< see above
};

/// The hooks of a harness; empty functions where it has none.
struct MemoryHooks {
  std::function<void(std::uint64_t first, std::uint64_t count)> fail_allocations{};
  std::function<std::uint64_t()> failed_allocations{};
  std::function<std::uint64_t()> outstanding_bytes{};
};

namespace detail {

/// A memory policy with its type erased. Nothing here allocates, so that the policy's own allocations can be told from others.
struct ErasedMemory {
  /// Gets each span; returns whether it wants the next.
  using Visit = bool (*)(void* state, std::span<const std::byte> chunk);

  ErasedMemory() = default;
  ErasedMemory(const ErasedMemory&) = delete;
  ErasedMemory& operator=(const ErasedMemory&) = delete;
  virtual ~ErasedMemory() = default;
  [[nodiscard]] virtual std::unique_ptr<ErasedMemory> move_out() = 0;
  virtual void assign_from(ErasedMemory& other) = 0;
  virtual std::span<std::byte> prepare(std::size_t n) = 0;
  virtual void commit(std::size_t n) = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  virtual void walk(Visit visit, void* state) const = 0;
  [[nodiscard]] virtual std::span<const std::byte> chunk_at(std::size_t offset) const = 0;
  virtual void copy_out(std::size_t offset, std::span<std::byte> out) const = 0;
  virtual void drop_front(std::size_t n) = 0;
  virtual void truncate(std::size_t n) = 0;
  virtual void clear() = 0;
  [[nodiscard]] virtual std::uint64_t capacity() const = 0;
};

template <class M>
struct MemoryBox final : ErasedMemory {
  explicit MemoryBox(M&& memory) : held{std::move(memory)} {}
  std::unique_ptr<ErasedMemory> move_out() override { return std::make_unique<MemoryBox>(std::move(held)); }
  void assign_from(ErasedMemory& other) override { held = std::move(static_cast<MemoryBox&>(other).held); }
  std::span<std::byte> prepare(std::size_t n) override { return held.prepare(n); }
  void commit(std::size_t n) override { held.commit(n); }
  [[nodiscard]] std::uint64_t size() const override { return held.size(); }
  void walk(Visit visit, void* state) const override {
    auto&& chunks = held.chunks();
    for (auto position = chunks.begin(); position != chunks.end(); ++position) {
      if (!visit(state, *position)) return;
    }
  }
  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const override { return hybridbuffer::chunk_at(held, offset); }
  void copy_out(std::size_t offset, std::span<std::byte> out) const override { held.copy_out(offset, out); }
  void drop_front(std::size_t n) override { held.drop_front(n); }
  void truncate(std::size_t n) override { held.truncate(n); }
  void clear() override { held.clear(); }
  [[nodiscard]] std::uint64_t capacity() const override { return held.capacity(); }
  M held;
};

template <class Harness>
using policy_of_harness = std::remove_cvref_t<decltype(std::declval<Harness&>().make())>;
template <class Harness>
concept makes_memory_policy = requires(Harness& h) {
  { h.make() } -> memory_policy;
};
template <class Harness>
concept has_policy_name = requires {
  { Harness::name } -> std::convertible_to<std::string_view>;
};

}  // namespace detail

/// A harness of a memory policy with its type erased.
class MemorySubject {
 public:
  MemorySubject() = default;
  MemorySubject(const MemorySubject&) = delete;
  MemorySubject& operator=(const MemorySubject&) = delete;
  virtual ~MemorySubject() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual MemoryTraits traits() const = 0;
  [[nodiscard]] virtual MemoryHooks hooks() = 0;
  [[nodiscard]] virtual std::unique_ptr<detail::ErasedMemory> make() = 0;
};

template <class Harness>
concept memory_harness = detail::makes_memory_policy<Harness> && detail::has_policy_name<Harness>;

/// Stops the compilation with one sentence for each thing that the harness lacks.
template <class Harness>
consteval bool explain_memory_harness() {
  constexpr bool named = detail::has_policy_name<Harness>;
  static_assert(named, "a harness needs: static constexpr std::string_view name;");
  constexpr bool makes = detail::makes_memory_policy<Harness>;
  static_assert(makes, "a harness needs: Policy make(), where Policy satisfies hybridbuffer::memory_policy;");
  return true;
}

namespace detail {

template <class Harness>
class MemoryHarnessSubject final : public MemorySubject {
  using Policy = policy_of_harness<Harness>;

 public:
  [[nodiscard]] std::string_view name() const override { return Harness::name; }
  [[nodiscard]] MemoryTraits traits() const override {
    MemoryTraits traits{.stable = is_stable_memory<Policy>};
    if constexpr (requires { Policy::max_size; }) traits.max_size = Policy::max_size;
    traits.has_chunk_at = requires(const Policy& policy) { policy.chunk_at(std::size_t{}); };
    if constexpr (requires { Harness::memory_returns; }) traits.memory_returns = Harness::memory_returns;
    return traits;
  }
  [[nodiscard]] MemoryHooks hooks() override {
    MemoryHooks hooks;
    if constexpr (requires(Harness& h) { h.fail_allocations(std::uint64_t{}, std::uint64_t{}); }) {
      hooks.fail_allocations = [this](std::uint64_t first, std::uint64_t count) { harness_.fail_allocations(first, count); };
      hooks.failed_allocations = [this] { return static_cast<std::uint64_t>(harness_.failed_allocations()); };
    }
    if constexpr (requires(Harness& h) { h.outstanding_bytes(); }) {
      hooks.outstanding_bytes = [this] { return static_cast<std::uint64_t>(harness_.outstanding_bytes()); };
    }
    return hooks;
  }
  [[nodiscard]] std::unique_ptr<ErasedMemory> make() override { return std::make_unique<MemoryBox<Policy>>(harness_.make()); }

 private:
  Harness harness_{};
};

}  // namespace detail

/// Every clause of memory policies, in the order of the contract page.
[[nodiscard]] std::span<const Clause* const> memory_catalogue();

/// The clauses of memory policies on the policies that `make_subject` makes.
[[nodiscard]] Kit memory_kit(std::function<std::unique_ptr<MemorySubject>()> make_subject);

/// The same for one type of harness, which is made anew for each run.
template <class Harness>
  requires(explain_memory_harness<Harness>() && memory_harness<Harness>)
[[nodiscard]] Kit memory_kit() {
  return memory_kit([] { return std::make_unique<detail::MemoryHarnessSubject<Harness>>(); });
}

}  // namespace hybridbuffer::conformance

/// Makes a whole test program out of a harness of a memory policy. Requires: Harness is default-constructible.
#define HYBRIDBUFFER_MEMORY_CONFORMANCE(Harness)                                                           \
  int main(int count, char** arguments) {                                                                  \
    return hybridbuffer::conformance::run_program(hybridbuffer::conformance::memory_kit<Harness>(),        \
                                                  std::vector<std::string>(arguments, arguments + count)); \
  }
