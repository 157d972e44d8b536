#include <hybridbuffer/memory/contiguous.hpp>

#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_contiguous(std::vector<Composition>& list) {
  add_compositions<4>(list, MemoryModel<ContiguousMemory>{"contiguous", [] { return ContiguousMemory{}; }});
}

}  // namespace hybridbuffer::testing
