#include <hybridbuffer/memory/mapped.hpp>

#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_mapped(std::vector<Composition>& list) {
  add_compositions<6>(list, MemoryModel<MappedMemory>{"mapped", [] { return MappedMemory{{.chunk_bytes = 4096, .huge_pages = false}}; },
                                                      [] { return MappedMemory{}; }});
}

}  // namespace hybridbuffer::testing
