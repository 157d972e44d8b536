#include <hybridbuffer/memory/pmr.hpp>

#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_pmr(std::vector<Composition>& list) {
  add_compositions<5>(
      list, MemoryModel<PmrMemory>{"pmr", [] { return PmrMemory{std::pmr::get_default_resource(), 48}; }, [] { return PmrMemory{}; }});
}

}  // namespace hybridbuffer::testing
