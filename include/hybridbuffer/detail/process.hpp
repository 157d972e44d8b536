#pragma once

#include <hybridbuffer/detail/atomic.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

/// \file
/// Which process this is. Its number does not tell: a child may have the one of its parent, in a PID namespace of its own or where numbers
/// come round again.

namespace hybridbuffer::inline v0_1::detail {

/// Differs from that of each process that this one was forked from and that had asked for its own by then, whatever their numbers are.
/// Never 0.
using ProcessIdentity = std::uint64_t;

/// What the kernel sets to zero in a forked child (MADV_WIPEONFORK, Linux 4.14). Who shares the memory instead, as after vfork(), is the
/// same process here.
struct ProcessWords {
  Atomic<ProcessIdentity> identity{0};  // 0: nobody has asked in this process
  Atomic<std::uint64_t> noise{0};       // of process_noise.hpp
};

// All of these are seen by every shared object of the program, however it hides its own symbols: a handle may pass from one to another.

/// In the place of a page, and never written: while nobody has asked, and where the kernel refused one.
[[gnu::visibility("default")]] inline constinit ProcessWords process_words_not_made{};
[[gnu::visibility("default")]] inline constinit ProcessWords process_words_refused{};
/// The page: one a process, never freed; a forked child goes on with it.
[[gnu::visibility("default")]] inline constinit Atomic<ProcessWords*> process_words{&process_words_not_made};
/// How many identities were drawn, here and in all processes that this one was forked from.
[[gnu::visibility("default")]] inline constinit Atomic<std::uint32_t> process_identities{0};

/// Makes them if nobody did. Without a lock: a child that was forked while another thread is at it would wait for ever.
[[nodiscard, gnu::noinline]] inline ProcessWords& find_process_words() noexcept {
  ProcessWords* known = process_words.load(Order::acquire);
  if (known != &process_words_not_made) return *known;
  const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  ProcessWords* made = &process_words_refused;
  if (void* page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); page != MAP_FAILED) {
    if (::madvise(page, page_size, MADV_WIPEONFORK) == 0) made = new (page) ProcessWords{};
    else ::munmap(page, page_size);
  }
  if (process_words.compare_exchange(known, made, Order::acq_rel)) return *made;
  if (made != &process_words_refused) ::munmap(made, page_size);
  return *known;
}

[[nodiscard, gnu::noinline]] inline ProcessIdentity find_process_identity() noexcept {
  ProcessWords& words = find_process_words();
  const auto of_number = static_cast<ProcessIdentity>(static_cast<std::uint32_t>(::getpid())) << 32U;
  if (&words == &process_words_refused) return of_number;
  // Counted before it is seen: whatever a child inherits of this process's making, it has inherited the count too, and draws another one.
  const ProcessIdentity drawn = of_number | (process_identities.fetch_add(1, Order::acq_rel) + 1);
  ProcessIdentity known = 0;
  return words.identity.compare_exchange(known, drawn, Order::acq_rel) ? drawn : known;
}

/// Two loads: 0.5 ns against 107 ns of getpid(), which has to do where the kernel cannot wipe a page.
[[nodiscard]] inline ProcessIdentity process_identity() noexcept {
  const ProcessIdentity identity = process_words.load(Order::acquire)->identity.load(Order::relaxed);
  if (identity != 0) [[likely]]
    return identity;
  return find_process_identity();
}

}  // namespace hybridbuffer::inline v0_1::detail
