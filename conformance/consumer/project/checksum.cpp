#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/checksummed.hpp>

int main() {
  hybridbuffer::HybridBuffer buffer{hybridbuffer::SpillAt{0}, hybridbuffer::checksummed(hybridbuffer::MemoryStorage{})};
  return buffer.append("bytes").has_value() && buffer.to_string() == "bytes" ? 0 : 1;
}
