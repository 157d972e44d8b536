#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dirent.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// What the tests of faults, kills and forks need of the system around them.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

/// The build is slowed down, and its memory inflated, by a sanitizer.
inline constexpr bool sanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

/// True when the long tier was asked for.
[[nodiscard]] inline bool runs_long_tier() { return std::getenv("HYBRIDBUFFER_FULL") != nullptr; }

/// Where temporary directories are made: on the disk, or in memory where it is the number of files that matters.
enum class Medium : std::uint8_t { disk, memory };

/// A new directory, removed with all that is in it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(Medium medium = Medium::disk) {
    const char* chosen = std::getenv("TMPDIR");
    std::string parent = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
    if (medium == Medium::memory && ::access("/dev/shm", W_OK | X_OK) == 0) parent = "/dev/shm";
    path_ = parent + "/hybridbuffer-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"cannot make a directory like " + path_};
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string{name}; }

 private:
  std::string path_;
};

/// The names in a directory.
[[nodiscard]] inline std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) names.push_back(entry.path().filename().string());
  return names;
}

/// How many descriptors this process has open.
[[nodiscard]] inline std::size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) throw std::runtime_error{"cannot read /proc/self/fd"};
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count - 3;  // ".", ".." and the directory's own
}

[[nodiscard]] inline Bytes content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

/// The byte that stands at `offset` of a stream: no stretch of it repeats within 64 KiB, and every value occurs.
[[nodiscard]] constexpr std::byte byte_at(std::uint64_t offset, std::uint64_t salt = 0) noexcept {
  std::uint64_t mixed = (offset + salt * 0x9E3779B9U) * 0x9E3779B97F4A7C15U;
  mixed ^= mixed >> 32U;
  return static_cast<std::byte>(mixed >> 13U);
}
/// The bytes of a stream from `offset` on.
[[nodiscard]] inline Bytes stream_bytes(std::uint64_t offset, std::size_t count, std::uint64_t salt = 0) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = byte_at(offset + i, salt);
  return bytes;
}

}  // namespace hybridbuffer::testing
