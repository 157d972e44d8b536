#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// A page for keys: left out of core dumps, zero in a forked child, never swapped where RLIMIT_MEMLOCK allows, wiped at the end.
///
/// Zeros are a key as well, and one that everybody knows: whoever uses what it holds asks is_wiped() first. Its last word, never 0 before,
/// tells, whichever process this is taken for.
class SecretPage {
 public:
  /// Errors: std::bad_alloc.
  SecretPage() : size_{static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))} {
    void* page = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc{};
    bytes_ = static_cast<std::byte*>(page);
    // Each is a help, none a condition: a kernel or a limit that refuses leaves memory as safe as any other.
    static_cast<void>(::madvise(bytes_, size_, MADV_DONTDUMP));
    static_cast<void>(::madvise(bytes_, size_, MADV_WIPEONFORK));
    static_cast<void>(::mlock(bytes_, size_));
    std::memcpy(bytes_ + room(), &intact, sizeof(intact));
  }
  SecretPage(SecretPage&& other) noexcept : bytes_{std::exchange(other.bytes_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  SecretPage& operator=(SecretPage&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SecretPage() {
    if (bytes_ == nullptr) return;
    ::explicit_bzero(bytes_, size_);
    ::munmap(bytes_, size_);
  }

  /// True in a forked child, and after a move: bytes() are not what was put there.
  [[nodiscard]] bool is_wiped() const noexcept {
    if (bytes_ == nullptr) return true;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_ + room(), sizeof(word));
    return word != intact;
  }

  /// Requires: it was not moved from.
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {bytes_, room()}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_, room()}; }

 private:
  static constexpr std::uint64_t intact = 0x7365637265742121;
  [[nodiscard]] std::size_t room() const noexcept { return size_ - sizeof(intact); }

  std::byte* bytes_ = nullptr;
  std::size_t size_;
};

}  // namespace hybridbuffer::inline v0_1::detail
