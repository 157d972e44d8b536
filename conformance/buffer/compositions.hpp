#pragma once

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_run.hpp"
#include "model_subject.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// \file
/// All memory × spill × backend compositions that the model test runs.
///
/// Each pair of a memory policy and a spill policy is there with one backend, chosen so that each backend meets each memory policy and
/// each spill policy too: a pairwise cover. With HYBRIDBUFFER_ALL_COMPOSITIONS every pair is there with every backend.

namespace hybridbuffer::testing {

#ifdef HYBRIDBUFFER_ALL_COMPOSITIONS
inline constexpr bool all_compositions = true;
#else
inline constexpr bool all_compositions = false;
#endif

using MinimalBackend = examples::VectorBackend;

/// What is known of a backend, beside what it declares.
template <class Backend>
inline constexpr std::string_view backend_name = "memory";
template <>
inline constexpr std::string_view backend_name<FileBackend> = "file";
template <>
inline constexpr std::string_view backend_name<MinimalBackend> = "minimal";

/// A memory policy and how it is made.
template <class Memory>
struct MemoryModel {
  std::string name;
  Memory (*make)();
  Memory (*make_large)() = make;  ///< where the threshold is large
};

/// Below two discards of 1 MiB each nothing need be given back; a backend that cannot shrink and discard may hold any amount.
template <class Backend>
[[nodiscard]] constexpr std::uint64_t most_dead_bytes() {
  const bool gives_back = may_have<Backend>(Capability::shrink) && may_have<Backend>(Capability::discard);
  return gives_back ? std::uint64_t{2} << 20U : unlimited;
}

template <class Memory>
[[nodiscard]] constexpr std::uint64_t memory_max_size() {
  if constexpr (requires { Memory::max_size; }) return Memory::max_size;
  else return unlimited;
}

template <class Backend, class Memory, class Spill>
[[nodiscard]] Composition composition(const std::string& memory_name, Memory (*make_memory)(), const std::string& spill_name, Spill spill,
                                      std::uint64_t threshold) {
  constexpr bool may_spill = !std::is_same_v<Spill, NeverSpill>;
  using Buffer = HybridBuffer<Memory, Spill, Backend>;
  const auto make_buffer = [=] { return Buffer{make_memory(), spill}; };
  return {.name = memory_name + "/" + spill_name + "/" + std::string{backend_name<Backend>},
          .make = [=]() -> std::unique_ptr<Subject> { return std::make_unique<SubjectOf<decltype(make_buffer)>>(make_buffer); },
          .threshold = threshold,
          .most_in_memory = may_spill ? threshold : unlimited,
          .memory_full_at = may_spill ? unlimited : memory_max_size<Memory>(),
          .most_dead_stored = most_dead_bytes<Backend>()};
}

template <class Backend, class Memory>
[[nodiscard]] Composition capped_composition(const MemoryModel<Memory>& memory) {
  constexpr std::uint64_t limit = 5000;
  auto capped = composition<Backend>(memory.name, memory.make, "capped", Capped{SpillAt{100}, limit}, 100);
  capped.content_limit = limit;
  return capped;
}

// A SharedBudget cannot be copied: each buffer gets its own on the same budget.
template <class Backend, class Memory>
[[nodiscard]] Composition budget_composition(const MemoryModel<Memory>& memory) {
  constexpr std::uint64_t total = 1000;
  const MemoryBudget budget{total};
  const auto make_memory = memory.make;
  const auto make_buffer = [=] { return HybridBuffer<Memory, SharedBudget, Backend>{make_memory(), SharedBudget{budget}}; };
  return {.name = memory.name + "/shared_budget/" + std::string{backend_name<Backend>},
          .make = [=]() -> std::unique_ptr<Subject> { return std::make_unique<SubjectOf<decltype(make_buffer)>>(make_buffer); },
          .threshold = total,
          .most_in_memory = total,
          .most_dead_stored = most_dead_bytes<Backend>(),
          .budget = budget};
}

/// Calls `add.template operator()<Backend>()` for the backends that the pair (row, column) of the cover is run with.
template <std::size_t row, std::size_t column, class Add>
void for_chosen_backends(Add&& add) {
  constexpr std::size_t chosen = (row + column) % 3;
  if constexpr (all_compositions || chosen == 0) add.template operator()<FileBackend>();
  if constexpr (all_compositions || chosen == 1) add.template operator()<MemoryBackend>();
  if constexpr (all_compositions || chosen == 2) add.template operator()<MinimalBackend>();
}

/// Adds one memory policy with every spill policy. `row` is its number in the cover.
template <std::size_t row, class Memory>
void add_compositions(std::vector<Composition>& list, const MemoryModel<Memory>& memory) {
  const auto add_spill_at = [&]<std::size_t column>(const std::string& name, Memory (*make)(), std::uint64_t threshold) {
    for_chosen_backends<row, column>(
        [&]<class Backend> { list.push_back(composition<Backend>(memory.name, make, name, SpillAt{threshold}, threshold)); });
  };
  add_spill_at.template operator()<0>("spill_at_0", memory.make, 0);
  add_spill_at.template operator()<1>("spill_at_1", memory.make, 1);
  add_spill_at.template operator()<2>("spill_at_100", memory.make, 100);
  add_spill_at.template operator()<3>("spill_at_4096", memory.make, 4096);
  add_spill_at.template operator()<4>("spill_at_default", memory.make_large, SpillAt::default_threshold);
  for_chosen_backends<row, 5>(
      [&]<class Backend> { list.push_back(composition<Backend>(memory.name, memory.make, "never_spill", NeverSpill{}, 0)); });
  for_chosen_backends<row, 6>(
      [&]<class Backend> { list.push_back(composition<Backend>(memory.name, memory.make, "always_spill", AlwaysSpill{}, 0)); });
  for_chosen_backends<row, 7>([&]<class Backend> { list.push_back(budget_composition<Backend>(memory)); });
  for_chosen_backends<row, 8>([&]<class Backend> { list.push_back(capped_composition<Backend>(memory)); });
  if constexpr (is_stable_memory<Memory>) {
    for_chosen_backends<row, 9>([&]<class Backend> {
      list.push_back(composition<Backend>(memory.name, memory.make, "overlapped_4096", Overlapped{SpillAt{4096}}, 4096));
    });
  }
}

// A file each (compositions/), so that no file takes long to compile.
void add_segmented_16(std::vector<Composition>& list);
void add_segmented_4096(std::vector<Composition>& list);
void add_segmented(std::vector<Composition>& list);
void add_inline_64(std::vector<Composition>& list);
void add_contiguous(std::vector<Composition>& list);
void add_pmr(std::vector<Composition>& list);
void add_mapped(std::vector<Composition>& list);
void add_locked(std::vector<Composition>& list);
void add_odd(std::vector<Composition>& list);

}  // namespace hybridbuffer::testing
