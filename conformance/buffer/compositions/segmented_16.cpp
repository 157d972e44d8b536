#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_segmented_16(std::vector<Composition>& list) {
  add_compositions<0>(list, MemoryModel<SegmentedMemory<16>>{"segmented_16", [] { return SegmentedMemory<16>{}; }});
}

}  // namespace hybridbuffer::testing
