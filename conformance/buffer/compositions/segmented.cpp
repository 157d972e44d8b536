#include "../compositions.hpp"

#include <span>
#include <vector>

namespace hybridbuffer::testing {

void add_segmented(std::vector<Composition>& list) {
  add_compositions<2>(list, MemoryModel<SegmentedMemory<>>{"segmented", [] { return SegmentedMemory<>{}; }});
  const auto make = +[] { return SegmentedMemory<>{}; };
  const SpillAt less_while_stored{.threshold = 4096, .while_stored = 100};
  list.push_back(composition<FileBackend>("segmented", make, "spill_at_4096_then_100", less_while_stored, 4096));
  list.push_back(composition<MinimalBackend>("segmented", make, "overlapped_4096_then_100", Overlapped{less_while_stored}, 4096));
  for (Composition& composition : std::span{list}.last(2)) composition.keeps_less_while_stored = true;
}

}  // namespace hybridbuffer::testing
