#pragma once

#include "../support/system_faults.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// FileBackend for the conformance kit: its store is a directory, its primitives are system calls.

namespace hybridbuffer::testing {

/// A directory of its own beneath `parent`, removed with all it holds by the process that made it.
class OwnDirectory {
 public:
  explicit OwnDirectory(const std::string& parent) : path_{parent + "/hybridbuffer-conformance-XXXXXX"} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"no directory can be made in " + parent};
  }
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;
  ~OwnDirectory() {
    if (process_ != ::getpid()) return;
    const ProcessFaults::Pause pause;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  pid_t process_ = ::getpid();
};

/// `Variant` names the test and says where the files are and how they are kept:
///     struct Variant {
///       static constexpr std::string_view name;
///       static constexpr const char* parent;
///       static FileOptions options();
///     };
template <class Variant>
class FileHarness {
 public:
  static constexpr std::string_view name = Variant::name;
  static constexpr std::uint64_t memory_bound = std::uint64_t{1} << 20U;
  static constexpr conformance::CrashResidue crash_residue = conformance::CrashResidue::none;

  FileHarness() {
    for (const std::string& root : roots()) ProcessFaults::watch_only(root);
  }

  Result<FileBackend> make_backend() { return storage_.create_backend(); }
  Result<FileStorage> make_storage() { return FileStorage{options()}; }

  /// Names in the directory, and files without one that the process holds open.
  std::size_t stored_objects() {
    const ProcessFaults::Pause pause;
    std::size_t count = descriptors().size();
    for (const auto& entry : std::filesystem::directory_iterator{store_.path()}) {
      if (!is_foreign(entry.path().filename().string())) ++count;
    }
    return count;
  }
  std::uint64_t stored_bytes() {
    const ProcessFaults::Pause pause;
    constexpr std::uint64_t block = 512;
    std::uint64_t total = 0;
    for (const std::string& path : descriptors()) {
      struct stat status{};
      if (::stat(path.c_str(), &status) == 0) total += static_cast<std::uint64_t>(status.st_blocks) * block;
    }
    return total;
  }
  std::uint64_t primitive_calls() { return ProcessFaults::calls(); }

  /// A system call either has its effect or fails, and none of those that are made here waits for long.
  bool inject(const conformance::Fault& fault) {
    using enum conformance::FaultMode;
    using Mode = ProcessFaults::Mode;
    ProcessFaults::disarm();
    if (fault.k == 0) return true;
    switch (fault.mode) {
      case error: {
        const int number = errno_of(fault.category);
        if (number != 0) ProcessFaults::arm(fault.k, Mode::fail, number, fault.for_ever);
        return number != 0;
      }
      case short_count: ProcessFaults::arm(fault.k, Mode::move_less, 0, fault.for_ever); return true;
      case interrupted: ProcessFaults::arm(fault.k, Mode::interrupt); return !fault.for_ever;
      case error_after_effect:
      case hang: return false;
    }
    return false;
  }
  std::uint64_t faults_fired() { return ProcessFaults::fired(); }

  /// A file has no chunks that could be missing: it can be cut, and its bits can flip.
  bool damage(conformance::Damage kind) {
    using enum conformance::Damage;
    const ProcessFaults::Pause pause;
    bool any = false;
    for (const std::string& path : descriptors()) {
      struct stat status{};
      if (::stat(path.c_str(), &status) != 0 || status.st_size == 0) continue;
      switch (kind) {
        case truncate:
        case drop_last: any = ::truncate(path.c_str(), Variant::cut(status.st_size)) == 0 || any; break;
        case flip_first: any = flip(path, 0) || any; break;
        case flip_middle: any = flip(path, status.st_size / 2) || any; break;
        case flip_last: any = flip(path, status.st_size - 1) || any; break;
        default: return false;
      }
    }
    return any;
  }

  /// Names as the backend's own temporary ones could be.
  void plant_foreign() {
    const ProcessFaults::Pause pause;
    for (const std::string_view file : foreign) std::ofstream{store_.path() + "/" + std::string{file}} << file;
  }
  bool foreign_intact() {
    const ProcessFaults::Pause pause;
    for (const std::string_view file : foreign) {
      std::ifstream stream{store_.path() + "/" + std::string{file}};
      const std::string text{std::istreambuf_iterator<char>{stream}, {}};
      if (text != file) return false;
    }
    return true;
  }

  void trim() { storage_.trim(); }

  /// In a directory of the same file system and of another one, in turn.
  std::string publish_destination() {
    ++destinations_;
    return (destinations_ % 2 == 0 ? near_ : far_).path() + "/published-" + std::to_string(destinations_);
  }
  std::optional<std::vector<std::byte>> read_published(std::string_view destination) {
    const ProcessFaults::Pause pause;
    std::ifstream file{std::string{destination}, std::ios::binary};
    if (!file) return {};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto bytes = std::as_bytes(std::span{text});
    return std::vector<std::byte>{bytes.begin(), bytes.end()};
  }
  void remove_published(std::string_view destination) {
    const ProcessFaults::Pause pause;
    std::error_code ignored;
    std::filesystem::remove(std::string{destination}, ignored);
  }

  std::vector<std::string> roots() { return {store_.path(), near_.path(), far_.path()}; }

 private:
  static constexpr std::array<std::string_view, 3> foreign{"hybridbuffer-0123456789abcdef0123456789abcdef", "hybridbuffer-", ".somebody"};

  static bool is_foreign(const std::string& file) {
    for (const std::string_view one : foreign) {
      if (file == one) return true;
    }
    return false;
  }

  /// 0: no system call fails like that, or the backend may take it for something else than a failure.
  static int errno_of(errc category) {
    switch (category) {
      case errc::no_space: return ENOSPC;
      case errc::permission: return EACCES;
      case errc::timeout: return ETIMEDOUT;
      case errc::unavailable: return EHOSTUNREACH;
      case errc::limit_exceeded: return EFBIG;
      case errc::busy: return EBUSY;
      case errc::io: return EIO;
      default: return 0;
    }
  }

  [[nodiscard]] FileOptions options() const {
    FileOptions options = Variant::options();
    options.directory = store_.path();
    return options;
  }

  /// The open files of the directory that have no name, as paths beneath /proc; each file once.
  [[nodiscard]] std::vector<std::string> descriptors() const {
    std::vector<std::string> paths;
    std::vector<ino_t> seen;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
      struct stat status{};
      if (!target.starts_with(store_.path() + "/") || !target.ends_with(" (deleted)") || ::stat(entry.path().c_str(), &status) != 0)
        continue;
      if (std::find(seen.begin(), seen.end(), status.st_ino) != seen.end()) continue;
      seen.push_back(status.st_ino);
      paths.push_back(entry.path().string());
    }
    return paths;
  }

  static bool flip(const std::string& path, off_t offset) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    char byte = 0;
    const bool read = file >= 0 && ::pread(file, &byte, 1, offset) == 1;
    byte = static_cast<char>(byte ^ 0x10);
    const bool written = read && ::pwrite(file, &byte, 1, offset) == 1;
    if (file >= 0) ::close(file);
    return written;
  }

  OwnDirectory near_{Variant::parent};
  OwnDirectory far_{std::string_view{Variant::parent} == "/dev/shm" ? "/var/tmp" : "/dev/shm"};
  OwnDirectory store_{Variant::parent};
  FileStorage storage_{options()};
  std::size_t destinations_ = 0;
};

}  // namespace hybridbuffer::testing
