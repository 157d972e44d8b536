#include <hybridbuffer/memory/inline.hpp>

#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_inline_64(std::vector<Composition>& list) {
  add_compositions<3>(list, MemoryModel<InlineMemory<64>>{"inline_64", [] { return InlineMemory<64>{}; }});
}

}  // namespace hybridbuffer::testing
