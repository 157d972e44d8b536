#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_segmented(std::vector<Composition>& list) {
  add_compositions<2>(list, MemoryModel<SegmentedMemory<>>{"segmented", [] { return SegmentedMemory<>{}; }});
}

}  // namespace hybridbuffer::testing
