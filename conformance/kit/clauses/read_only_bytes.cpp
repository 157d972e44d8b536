#include "read_only_bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

namespace hybridbuffer::conformance::clauses {

ReadOnlyBytes::ReadOnlyBytes(std::span<const std::byte> bytes, bool at_end) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t inside = std::max<std::size_t>((bytes.size() + page - 1) / page, 1) * page;
  length_ = inside + 2 * page;
  address_ = ::mmap(nullptr, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    throw std::bad_alloc{};
  }
  auto* const start = static_cast<std::byte*>(address_) + page;
  if (::mprotect(start, inside, PROT_READ | PROT_WRITE) != 0) {
    unmap();
    throw std::bad_alloc{};
  }
  bytes_ = {start + (at_end ? inside - bytes.size() : 0), bytes.size()};
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  ::mprotect(start, inside, PROT_READ);
}

void ReadOnlyBytes::scribble() noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  ::mprotect(static_cast<std::byte*>(address_) + page, length_ - 2 * page, PROT_READ | PROT_WRITE);
  std::fill(bytes_.begin(), bytes_.end(), std::byte{0xA5});
}

void ReadOnlyBytes::unmap() noexcept {
  if (address_ == nullptr) return;
  ::munmap(address_, length_);
  address_ = nullptr;
  bytes_ = {};
}

}  // namespace hybridbuffer::conformance::clauses
