#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_segmented_4096(std::vector<Composition>& list) {
  add_compositions<1>(list, MemoryModel<SegmentedMemory<4096>>{"segmented_4096", [] { return SegmentedMemory<4096>{}; }});
}

}  // namespace hybridbuffer::testing
