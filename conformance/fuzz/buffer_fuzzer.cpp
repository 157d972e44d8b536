#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/segmented.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/spill/spill_at.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include "../buffer/fault_storage.hpp"
#include "../buffer/model_run.hpp"
#include "../transforms/fake_time.hpp"
#include "fault_subject.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

// Any bytes as operations on a buffer, compared with a vector after each. The first bytes choose its parts (memory and spill policy, up to
// two transforms, the storage) and which storage calls fail; a call that failed must have changed nothing and succeed when it is made
// again. In the end no location, no handle and no grant of a budget is left.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

using SmallBlockStorage = BasicMemoryStorage<32>;

/// Where the bytes go in the end; it fails as planned.
AnyStorage store(std::uint64_t choice) {
  switch (choice) {
    case 0: return FaultyStorage<SmallBlockStorage>{};
    case 1: return FaultyStorage<SmallBlockStorage>{SmallBlockStorage{{.max_bytes = 5000}}};
    case 2: return FaultyStorage<InPlaceStorage<ThreeCallBackend>>{};
    default: return FaultyStorage<FileStorage>{FileStorage{{.directory = "/dev/shm"}}};
  }
}

AnyStorage transformed(std::uint64_t choice, AnyStorage inner) {
  switch (choice) {
    case 0: return encrypted(std::move(inner), {.chunk_bytes = 64});
    case 1: return compressed(std::move(inner), Lz4{}, {.chunk_bytes = 128});
    case 2: return checksummed(std::move(inner), {.chunk_bytes = 48});
    case 3: return retrying(std::move(inner), {.attempts = 3, .replay_bytes = 500}, std::make_shared<FakeTime>());
    case 4: return tiered(FaultyStorage<SmallBlockStorage>{SmallBlockStorage{{.max_bytes = 900}}}, std::move(inner), {.replay_bytes = 200});
    case 5: return observed(std::move(inner), std::make_shared<OperationCounts>());
    default: return inner;
  }
}

template <class Memory, class Spill, class MakeSpill>
std::unique_ptr<Subject> subject_of(MakeSpill make_spill, const AnyStorage& storage) {
  const auto make = [=] { return HybridBuffer<Memory, Spill, AnyBackend, AnyStorage>{Memory{}, make_spill(), storage}; };
  return std::make_unique<SubjectOf<decltype(make)>>(make);
}

/// Completes a composition: what its policies promise, and how it is made over `storage`.
Composition composition(std::uint64_t choice, const AnyStorage& storage) {
  constexpr std::uint64_t threshold = 100;
  Composition made{.name = "policies " + std::to_string(choice), .make = {}, .threshold = threshold, .most_in_memory = threshold};
  switch (choice) {
    case 0: made.make = [=] { return subject_of<SegmentedMemory<16>, SpillAt>([] { return SpillAt{threshold}; }, storage); }; break;
    case 1: {
      const MemoryBudget budget{threshold};
      made.budget = budget;
      made.make = [=] { return subject_of<ContiguousMemory, SharedBudget>([=] { return SharedBudget{budget}; }, storage); };
      break;
    }
    case 2:
      made.content_limit = 5000;
      made.make = [=] { return subject_of<InlineMemory<64>, Capped<SpillAt>>([] { return Capped{SpillAt{threshold}, 5000}; }, storage); };
      break;
    default:
      made.threshold = made.most_in_memory = 0;
      made.make = [=] { return subject_of<SegmentedMemory<4096>, AlwaysSpill>([] { return AlwaysSpill{}; }, storage); };
      break;
  }
  return made;
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BytePool pool{std::size_t{1} << 17U};
  constexpr std::size_t most_parts = 64;  // bytes that choose them
  constexpr std::uint64_t most_operations = 2000;
  const View input = std::as_bytes(std::span{data, size});
  if (input.size() <= most_parts) return 0;
  Random choices{input.first(most_parts)};

  try {
    const std::uint64_t policies = choices.below(4);
    AnyStorage storage = store(choices.below(4));
    const std::uint64_t inner = choices.below(8);
    const std::uint64_t outer = choices.below(8);
    storage = transformed(outer, transformed(inner, std::move(storage)));
    Composition parts = composition(policies, storage);
    parts.name += ", transforms " + std::to_string(inner) + " in " + std::to_string(outer);
    FaultSchedule schedule{choices};
    parts.make = [&, make = parts.make] { return std::make_unique<FaultSubject>(make(), schedule); };
    ModelRun run{parts, pool, input.subspan(most_parts)};
    run.run(most_operations);
  } catch (const Difference& difference) {
    std::fprintf(stderr, "%s\n", difference.what());
    std::abort();
  }
  require(Live<BackendTag>::count == 0, "no location outlives its buffer");
  require(Live<HandleTag>::count == 0, "no handle outlives its buffer");
  require(Live<ObjectTag>::count == 0, "no stored object outlives its buffer");
  return 0;
}
