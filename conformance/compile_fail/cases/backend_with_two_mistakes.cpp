// Expect: a storage backend needs: Result<Reader> open() const; where Reader models hybridbuffer::reader
// Expect: a storage backend needs: Result<void> remove();
#include <hybridbuffer/hybrid_buffer.hpp>

#include "../parts.hpp"

using namespace hybridbuffer;

struct Backend {
  Result<Writer> create();
  Result<Reader> open() EITHER(, const);
  Result<EITHER(bool, void)> remove();
};

HybridBuffer<SegmentedMemory<>, SpillAt, Backend> buffer;
