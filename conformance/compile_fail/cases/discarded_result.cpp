// Expect: ignoring return value of
#include <hybridbuffer/hybrid_buffer.hpp>

void append(hybridbuffer::HybridBuffer<>& buffer) { EITHER(, (void)) buffer.append("text"); }
