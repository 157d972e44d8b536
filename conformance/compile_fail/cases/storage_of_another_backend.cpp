// Expect: the storage must make the buffer's own backend: Result<Backend> create_backend() const;
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

using namespace hybridbuffer;

HybridBuffer<SegmentedMemory<>, SpillAt, FileBackend, EITHER(MemoryStorage, FileStorage)> buffer;
