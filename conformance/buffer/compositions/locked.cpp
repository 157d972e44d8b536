#include <hybridbuffer/memory/locked.hpp>

#include "../compositions.hpp"

namespace hybridbuffer::testing {

void add_locked(std::vector<Composition>& list) {
  add_compositions<7>(list, MemoryModel<LockedMemory>{"locked", [] { return LockedMemory{4096}; }, [] { return LockedMemory{}; }});
}

}  // namespace hybridbuffer::testing
