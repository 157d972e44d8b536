#include "system_faults.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t longest_log = 512;

// Usable before main and without allocation: these functions serve the run-time libraries as well.
struct State {
  bool watching = false;
  SystemFault fault;
  bool reached = false;
  SystemCall reached_kind = SystemCall::open_at;
  std::uint64_t counted = 0;
  std::uint64_t fired = 0;
  std::size_t logged = 0;
  std::array<SystemCall, longest_log> log{};
};

State& state() noexcept {
  static thread_local constinit State current{};
  return current;
}

enum class Verdict : std::uint8_t { run, shorten, nothing, fail };

// What is armed for all threads. Relaxed throughout: an order between the threads would hide their races.
struct ProcessState {
  std::atomic<std::uint64_t> k{0};
  std::atomic<ProcessFaults::Mode> mode{ProcessFaults::Mode::none};
  std::atomic<int> error{0};
  std::atomic<bool> for_ever{false};
  std::atomic<std::uint64_t> counted{0};
  std::atomic<std::uint64_t> fired{0};
  std::atomic<SystemCall> last{SystemCall::open_at};
  std::atomic<std::uint64_t> calls{0};
};
constinit ProcessState process{};

// The directories to watch; set before threads start.
struct Root {
  std::array<char, 256> path{};
  std::size_t length = 0;
};
constinit std::array<Root, 4> roots{};
constinit std::size_t root_count = 0;

constexpr int by_name = -1000;  // in the place of a descriptor: the call goes by a name
constexpr int nothing = -1;

bool is_beneath_a_root(int descriptor) noexcept {
  if (descriptor < 0) return false;
  const int error = errno;
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  std::array<char, 4096> target{};
  const long length = ::syscall(SYS_readlink, link.data(), target.data(), target.size());
  errno = error;
  const std::string_view path{target.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
  return std::any_of(roots.begin(), roots.begin() + static_cast<std::ptrdiff_t>(root_count),
                     [&](const Root& root) { return path.starts_with(std::string_view{root.path.data(), root.length}); });
}
thread_local constinit unsigned pauses = 0;

bool moves_bytes(SystemCall kind) noexcept {
  switch (kind) {
    case SystemCall::read_at:
    case SystemCall::write_at:
    case SystemCall::read:
    case SystemCall::write:
    case SystemCall::write_pieces:
    case SystemCall::copy_range:
    case SystemCall::send_file:
    case SystemCall::splice: return true;
    default: return false;
  }
}

bool can_be_interrupted(SystemCall kind) noexcept {
  return moves_bytes(kind) || kind == SystemCall::open_at || kind == SystemCall::sync || kind == SystemCall::truncate ||
         kind == SystemCall::allocate || kind == SystemCall::poll;
}

Verdict judge_for_process(SystemCall kind, int first, int second) noexcept {
  using Mode = ProcessFaults::Mode;
  constexpr auto relaxed = std::memory_order_relaxed;
  if (pauses != 0) return Verdict::run;
  process.calls.fetch_add(1, relaxed);
  const std::uint64_t k = process.k.load(relaxed);
  const Mode mode = process.mode.load(relaxed);
  if (k == 0 || ((mode == Mode::move_less || mode == Mode::move_nothing) && !moves_bytes(kind)) ||
      (mode == Mode::interrupt && !can_be_interrupted(kind)))
    return Verdict::run;
  if (root_count != 0 && first != by_name && !is_beneath_a_root(first) && !is_beneath_a_root(second)) return Verdict::run;
  const std::uint64_t number = process.counted.fetch_add(1, relaxed) + 1;
  if (number != k && !(number > k && process.for_ever.load(relaxed))) return Verdict::run;
  process.last.store(kind, relaxed);
  process.fired.fetch_add(1, relaxed);
  if (mode == Mode::move_less) return Verdict::shorten;
  if (mode == Mode::move_nothing) return Verdict::nothing;
  errno = mode == Mode::interrupt ? EINTR : process.error.load(relaxed);
  return Verdict::fail;
}

// `first` and `second` are the descriptors that the call works on.
Verdict judge(SystemCall kind, int first, int second = nothing) noexcept {
  State& now = state();
  if (!now.watching) return judge_for_process(kind, first, second);
  if (now.logged < longest_log) now.log[now.logged++] = kind;
  const SystemFault& fault = now.fault;
  if (fault.k == 0) return Verdict::run;
  const bool counts = !fault.only || *fault.only == kind;
  if (counts) ++now.counted;
  const bool is_kth = counts && !now.reached && now.counted == fault.k;
  const bool is_later = now.reached && fault.for_ever && now.reached_kind == kind;
  if (!is_kth && !is_later) return Verdict::run;
  now.reached = true;
  now.reached_kind = kind;
  ++now.fired;
  if (fault.meanwhile != nullptr) {
    now.watching = false;
    fault.meanwhile();
    now.watching = true;
    return Verdict::run;
  }
  if (fault.error == SystemFault::moves_less) return Verdict::shorten;
  if (fault.error == SystemFault::moves_nothing) return Verdict::nothing;
  errno = fault.error;
  return Verdict::fail;
}

// A call that succeeds wholly or fails.
template <class Answer, class Call>
Answer whole(SystemCall kind, int descriptor, Answer failed, Call call) noexcept {
  if (judge(kind, descriptor) == Verdict::fail) return failed;
  return static_cast<Answer>(call());
}

// A call that moves up to n bytes.
template <class Call>
ssize_t counted(SystemCall kind, int first, int second, std::size_t n, Call call) noexcept {
  const Verdict verdict = judge(kind, first, second);
  if (verdict == Verdict::fail) return -1;
  if (verdict == Verdict::nothing) return 0;
  return static_cast<ssize_t>(call(verdict == Verdict::shorten && n > 1 ? n / 2 : n));
}

// A call on pieces: shortened to half of the bytes, which may end within a piece.
template <class Call>
ssize_t counted_pieces(SystemCall kind, int descriptor, const iovec* pieces, int n, Call call) noexcept {
  const Verdict verdict = judge(kind, descriptor);
  if (verdict == Verdict::fail) return -1;
  if (verdict == Verdict::nothing) return 0;
  std::array<iovec, 1024> some;
  std::size_t left = 0;
  for (int i = 0; i < n; ++i) left += pieces[i].iov_len;
  if (verdict == Verdict::run || left < 2 || n > static_cast<int>(some.size())) return static_cast<ssize_t>(call(pieces, n));
  left /= 2;
  int count = 0;
  for (; left != 0; ++count) {
    some[static_cast<std::size_t>(count)] = {pieces[count].iov_base, std::min(left, pieces[count].iov_len)};
    left -= some[static_cast<std::size_t>(count)].iov_len;
  }
  return static_cast<ssize_t>(call(some.data(), count));
}

}  // namespace

std::string_view name_of(SystemCall call) noexcept {
  constexpr std::array<std::string_view, 26> names{
      "openat",  "linkat", "unlinkat", "renameat",        "renameat2", "fstatat", "faccessat", "close",     "fstat",
      "fstatfs", "fchmod", "fsync",    "lseek",           "pread",     "pwritev", "ftruncate", "fallocate", "mmap",
      "read",    "write",  "writev",   "copy_file_range", "sendfile",  "splice",  "getrandom", "poll"};
  return names.at(static_cast<std::size_t>(call));
}

SystemFaults::SystemFaults(SystemFault fault) noexcept {
  State& now = state();
  now = State{};
  now.fault = fault;
  now.watching = true;
}
SystemFaults::~SystemFaults() { state().watching = false; }

std::uint64_t SystemFaults::fired() const noexcept { return state().fired; }
std::span<const SystemCall> SystemFaults::calls() const noexcept { return std::span{state().log}.first(state().logged); }
std::size_t SystemFaults::count(SystemCall kind) const noexcept {
  return static_cast<std::size_t>(std::count(calls().begin(), calls().end(), kind));
}

void ProcessFaults::watch_only(std::string_view root) noexcept {
  if (root_count == roots.size() || root.size() > roots[0].path.size()) return;
  Root& added = roots[root_count++];
  std::copy(root.begin(), root.end(), added.path.begin());
  added.length = root.size();
}
void ProcessFaults::arm(std::uint64_t k, Mode mode, int error, bool for_ever) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  process.k.store(0, relaxed);
  process.mode.store(mode, relaxed);
  process.error.store(error, relaxed);
  process.for_ever.store(for_ever, relaxed);
  process.counted.store(0, relaxed);
  process.fired.store(0, relaxed);
  process.k.store(k, relaxed);
}
std::uint64_t ProcessFaults::fired() noexcept { return process.fired.load(std::memory_order_relaxed); }
SystemCall ProcessFaults::last() noexcept { return process.last.load(std::memory_order_relaxed); }
std::uint64_t ProcessFaults::calls() noexcept { return process.calls.load(std::memory_order_relaxed); }
ProcessFaults::Pause::Pause() noexcept { ++pauses; }
ProcessFaults::Pause::~Pause() { --pauses; }

}  // namespace hybridbuffer::testing

// The C library's functions, as its headers declare them ---------------------------------------------------------------------------

using namespace hybridbuffer::testing;

extern "C" {

int openat(int directory, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return whole(SystemCall::open_at, by_name, -1, [&] { return ::syscall(SYS_openat, directory, name, flags, mode); });
}
int linkat(int from_directory, const char* from, int directory, const char* name, int flags) noexcept {
  return whole(SystemCall::link_at, by_name, -1, [&] { return ::syscall(SYS_linkat, from_directory, from, directory, name, flags); });
}
int unlinkat(int directory, const char* name, int flags) noexcept {
  return whole(SystemCall::unlink_at, by_name, -1, [&] { return ::syscall(SYS_unlinkat, directory, name, flags); });
}
int renameat(int from_directory, const char* from, int directory, const char* to) noexcept {
  return whole(SystemCall::rename_at, by_name, -1, [&] { return ::syscall(SYS_renameat2, from_directory, from, directory, to, 0); });
}
int renameat2(int from_directory, const char* from, int directory, const char* to, unsigned flags) noexcept {
  return whole(SystemCall::rename_at2, by_name, -1, [&] { return ::syscall(SYS_renameat2, from_directory, from, directory, to, flags); });
}
int fstatat(int directory, const char* name, struct stat* status, int flags) noexcept {
  return whole(SystemCall::status_at, by_name, -1, [&] { return ::syscall(SYS_newfstatat, directory, name, status, flags); });
}
int faccessat(int directory, const char* name, int mode, int flags) noexcept {
  return whole(SystemCall::access_at, by_name, -1, [&] { return ::syscall(SYS_faccessat2, directory, name, mode, flags); });
}
int close(int descriptor) {  // one that fails closes, too
  const bool fails = judge(SystemCall::close, descriptor) == Verdict::fail;
  const int error = errno;
  const auto answer = static_cast<int>(::syscall(SYS_close, descriptor));
  if (fails) errno = error;
  return fails ? -1 : answer;
}
int fstat(int descriptor, struct stat* status) noexcept {
  return whole(SystemCall::status, descriptor, -1, [&] { return ::syscall(SYS_fstat, descriptor, status); });
}
int fstatfs(int descriptor, struct statfs* status) noexcept {
  return whole(SystemCall::file_system_status, descriptor, -1, [&] { return ::syscall(SYS_fstatfs, descriptor, status); });
}
int fchmod(int descriptor, mode_t mode) noexcept {
  return whole(SystemCall::set_mode, descriptor, -1, [&] { return ::syscall(SYS_fchmod, descriptor, mode); });
}
int fsync(int descriptor) {
  return whole(SystemCall::sync, descriptor, -1, [&] { return ::syscall(SYS_fsync, descriptor); });
}
off_t lseek(int descriptor, off_t offset, int whence) noexcept {
  return whole(SystemCall::seek, descriptor, off_t{-1}, [&] { return ::syscall(SYS_lseek, descriptor, offset, whence); });
}
int ftruncate(int descriptor, off_t length) noexcept {
  return whole(SystemCall::truncate, descriptor, -1, [&] { return ::syscall(SYS_ftruncate, descriptor, length); });
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return whole(SystemCall::allocate, descriptor, -1, [&] { return ::syscall(SYS_fallocate, descriptor, mode, offset, length); });
}
void* mmap(void* address, std::size_t length, int protection, int flags, int descriptor, off_t offset) noexcept {
  return reinterpret_cast<void*>(
      whole(SystemCall::map, descriptor, -1L, [&] { return ::syscall(SYS_mmap, address, length, protection, flags, descriptor, offset); }));
}
int poll(pollfd* descriptors, nfds_t n, int timeout) {
  const timespec time{timeout / 1000, timeout % 1000 * 1'000'000L};
  return whole(SystemCall::poll, nothing, -1, [&] { return ::ppoll(descriptors, n, timeout < 0 ? nullptr : &time, nullptr); });
}

ssize_t pread(int descriptor, void* bytes, std::size_t n, off_t offset) {
  return counted(SystemCall::read_at, descriptor, nothing, n,
                 [&](std::size_t some) { return ::syscall(SYS_pread64, descriptor, bytes, some, offset); });
}
ssize_t pwritev(int descriptor, const iovec* pieces, int n, off_t offset) {
  return counted_pieces(SystemCall::write_at, descriptor, pieces, n,
                        [&](const iovec* some, int count) { return ::syscall(SYS_pwritev, descriptor, some, count, offset, 0); });
}
ssize_t read(int descriptor, void* bytes, std::size_t n) {
  return counted(SystemCall::read, descriptor, nothing, n, [&](std::size_t some) { return ::syscall(SYS_read, descriptor, bytes, some); });
}
ssize_t write(int descriptor, const void* bytes, std::size_t n) {
  return counted(SystemCall::write, descriptor, nothing, n,
                 [&](std::size_t some) { return ::syscall(SYS_write, descriptor, bytes, some); });
}
ssize_t writev(int descriptor, const iovec* pieces, int n) {
  return counted_pieces(SystemCall::write_pieces, descriptor, pieces, n,
                        [&](const iovec* some, int count) { return ::syscall(SYS_writev, descriptor, some, count); });
}
ssize_t copy_file_range(int from, off_t* from_offset, int to, off_t* to_offset, std::size_t n, unsigned flags) {
  return counted(SystemCall::copy_range, from, to, n,
                 [&](std::size_t some) { return ::syscall(SYS_copy_file_range, from, from_offset, to, to_offset, some, flags); });
}
ssize_t sendfile(int to, int from, off_t* offset, std::size_t n) noexcept {
  return counted(SystemCall::send_file, from, to, n, [&](std::size_t some) { return ::syscall(SYS_sendfile, to, from, offset, some); });
}
ssize_t splice(int from, off_t* from_offset, int to, off_t* to_offset, std::size_t n, unsigned flags) {
  return counted(SystemCall::splice, from, to, n,
                 [&](std::size_t some) { return ::syscall(SYS_splice, from, from_offset, to, to_offset, some, flags); });
}
ssize_t getrandom(void* bytes, std::size_t n, unsigned flags) {
  return counted(SystemCall::random, by_name, nothing, n, [&](std::size_t some) { return ::syscall(SYS_getrandom, bytes, some, flags); });
}

}  // extern "C"
