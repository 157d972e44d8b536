#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// \file
/// Control of the system calls that system_faults.cpp puts into a test program in place of the C library's: counts those of the thread
/// that asks for it, and fails or shortens the k-th. A program that does not link that file has the C library's own.

namespace hybridbuffer::testing {

/// The calls that can be made to fail, by their C names.
enum class SystemCall : std::uint8_t {
  open_at,
  link_at,
  unlink_at,
  rename_at,
  rename_at2,
  status_at,
  access_at,
  close,
  status,
  file_system_status,
  set_mode,
  sync,
  seek,
  read_at,
  write_at,
  truncate,
  allocate,
  map,
  read,
  write,
  write_pieces,
  copy_range,
  send_file,
  splice,
  random,
  poll,
};

/// The C name, for messages.
[[nodiscard]] std::string_view name_of(SystemCall call) noexcept;

/// What happens to the k-th call, counted from 1 over all kinds unless `only` is set.
struct SystemFault {
  static constexpr int moves_less = 0;      ///< half of what was asked, one byte at least
  static constexpr int moves_nothing = -1;  ///< the answer is 0

  std::uint64_t k = 0;                            ///< 0: none
  int error = moves_less;                         ///< errno, or what a call that moves bytes does instead
  bool for_ever = false;                          ///< every later call of the same kind, too
  std::optional<SystemCall> only = std::nullopt;  ///< k counts calls of this kind
  void (*meanwhile)() = nullptr;  ///< runs before the call, which then does what it always does: what another thread might do
};

/// While it lives, the calling thread's system calls are noted, and one of them fails.
class SystemFaults {
 public:
  /// Notes only.
  SystemFaults() noexcept : SystemFaults{SystemFault{}} {}
  explicit SystemFaults(SystemFault fault) noexcept;
  /// The k-th call of one kind.
  SystemFaults(SystemCall kind, int error, bool for_ever = false, std::uint64_t k = 1) noexcept
      : SystemFaults{SystemFault{.k = k, .error = error, .for_ever = for_ever, .only = kind}} {}
  ~SystemFaults();
  SystemFaults(const SystemFaults&) = delete;
  SystemFaults& operator=(const SystemFaults&) = delete;

  /// How many calls failed or were shortened so far.
  [[nodiscard]] std::uint64_t fired() const noexcept;
  /// The kinds of the calls so far, in order; the first 512 of them.
  [[nodiscard]] std::span<const SystemCall> calls() const noexcept;
  [[nodiscard]] std::size_t count(SystemCall kind) const noexcept;
};

/// The calls of all threads: how many there were, and one of them that fails. For a program that cannot say in which thread, or in which
/// block, the call will be.
class ProcessFaults {
 public:
  enum class Mode : std::uint8_t {
    none,
    fail,          ///< with the given errno, and without an effect
    move_less,     ///< half of what was asked, one byte at least; counts only calls that move bytes
    move_nothing,  ///< the answer is 0; counts only calls that move bytes
    interrupt,     ///< EINTR; counts only calls that a signal can interrupt
  };

  /// Only calls on files beneath `root` count for a fault, and those that go by name; may be called for several. Without: all.
  static void watch_only(std::string_view root) noexcept;
  /// The k-th call from now on, and with `for_ever` every later one; forgets what was armed before. Threads: while no call is under way.
  static void arm(std::uint64_t k, Mode mode, int error = 0, bool for_ever = false) noexcept;
  static void disarm() noexcept { arm(0, Mode::none); }
  /// How many calls failed or were shortened since arm().
  [[nodiscard]] static std::uint64_t fired() noexcept;
  /// The kind of the call that failed or was shortened last.
  [[nodiscard]] static SystemCall last() noexcept;
  /// How many calls the process made so far.
  [[nodiscard]] static std::uint64_t calls() noexcept;

  /// While it lives, the calling thread's calls are nobody's business.
  class Pause {
   public:
    Pause() noexcept;
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
  };
};

}  // namespace hybridbuffer::testing
