#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/// \file
/// How much memory the process takes, and took at most: read from /proc.

namespace hybridbuffer::conformance {

/// The value of a line "Key:   1234 kB" of a file in /proc, in bytes; 0 when there is none.
[[nodiscard]] inline std::uint64_t kilobytes_line(const char* path, std::string_view key) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ':')
      return std::stoull(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

/// Bytes of memory that could be had without swapping.
[[nodiscard]] inline std::uint64_t available_memory() { return kilobytes_line("/proc/meminfo", "MemAvailable"); }

/// False where instrumented memory says nothing about the program's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_is_measurable = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool memory_is_measurable = false;
#else
inline constexpr bool memory_is_measurable = true;
#endif
#else
inline constexpr bool memory_is_measurable = true;
#endif

/// What the process takes while something runs, beyond what it takes before and after.
class PeakMemory {
 public:
  /// Starts a measurement. Where the kernel cannot reset the peak, look() between the operations tells it.
  PeakMemory() {
    before_ = resting();
    std::ofstream reset{"/proc/self/clear_refs"};
    reset << "5" << std::flush;
    resets_ = reset.good() && peak_of_process() < before_ + slack;
    look();
  }
  void look() {
    const std::uint64_t now = kilobytes_line("/proc/self/status", resets_ ? "VmHWM" : "VmRSS");
    peak_ = now > peak_ ? now : peak_;
  }
  /// What it took at most beyond what it took before, seen by the last look().
  [[nodiscard]] std::uint64_t growth() const { return peak_ > before_ ? peak_ - before_ : 0; }
  /// Ends it, with everything released that was made meanwhile. What stays is the store's, if it is in this process.
  [[nodiscard]] std::uint64_t excess() const {
    const std::uint64_t after = resting();
    const std::uint64_t rest = after > before_ ? after : before_;
    return peak_ > rest ? peak_ - rest : 0;
  }

 private:
  static constexpr std::uint64_t slack = std::uint64_t{1} << 20U;

  [[nodiscard]] static std::uint64_t peak_of_process() { return kilobytes_line("/proc/self/status", "VmHWM"); }
  // With what the allocator keeps given back.
  [[nodiscard]] static std::uint64_t resting() {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
    return kilobytes_line("/proc/self/status", "VmRSS");
  }

  std::uint64_t before_ = 0;
  std::uint64_t peak_ = 0;
  bool resets_ = false;
};

}  // namespace hybridbuffer::conformance
