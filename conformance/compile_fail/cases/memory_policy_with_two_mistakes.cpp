// Expect: a memory policy needs: std::span<std::byte> prepare(std::size_t n);
// Expect: a memory policy needs: void truncate(std::size_t n) noexcept;
#include <hybridbuffer/hybrid_buffer.hpp>

using namespace hybridbuffer;

struct Memory {
  std::span<EITHER(char, std::byte)> prepare(std::size_t n);
  void commit(std::size_t n) noexcept;
  std::size_t size() const noexcept;
  std::span<const std::span<const std::byte>> chunks() const;
  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept;
  void drop_front(std::size_t n) noexcept;
  void truncate(std::size_t n) EITHER(, noexcept);
  void clear() noexcept;
  std::size_t capacity() const noexcept;
};

// A pointer: what is tested are the signatures, not a policy that works.
using Buffer = HybridBuffer<Memory>;
Buffer* buffer = nullptr;
