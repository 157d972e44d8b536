#pragma once

#include <hybridbuffer/backend/file_options.hpp>
#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <cstdlib>
#include <linux/magic.h>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// The directory of a FileStorage: found, checked, held by a descriptor; and the making of files without a name in it.

namespace hybridbuffer::inline v0_1::detail {

/// Owns a descriptor; closing it touches no content, so a forked child may destroy it.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int number) noexcept : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
  /// Returns: false with errno when the kernel reports a late error.
  bool close() noexcept { return number_ < 0 || system_calls::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_ = -1;
};

/// A directory that was found fit for files without a name.
struct FileDirectory {
  Descriptor descriptor;
  std::string path;
  bool in_memory = false;             // tmpfs or ramfs
  Atomic<bool> lacks_tmpfile{false};  // found out by the first file; saves the later ones a call that cannot work
};

/// A new file without a name, mode 0600, length 0.
struct AnonymousFile {
  Descriptor descriptor;
  bool linkable = false;  // false: it was unlinked, and no kernel gives it a name again
};

/// `prefix` and 128 random bits.
[[nodiscard]] inline Result<std::string> unique_name(std::string_view prefix) {
  std::array<std::byte, 16> random{};
  const ssize_t drawn = system_calls::random_bytes({random.data(), random.size()});
  if (drawn != static_cast<ssize_t>(random.size())) return failure_from_errno("draw a random file name");
  std::string name{prefix};
  for (const std::byte value : random) {
    constexpr std::string_view digits = "0123456789abcdef";
    name.push_back(digits[std::to_integer<std::size_t>(value >> 4U)]);
    name.push_back(digits[std::to_integer<std::size_t>(value & std::byte{15})]);
  }
  return name;
}

/// Removes a temporary name, trying twice: a name that stays is the one thing that a caller cannot repair.
inline bool remove_name(int directory, const std::string& name) noexcept {
  return system_calls::unlink_at(directory, name.c_str()) == 0 || errno == ENOENT ||
         system_calls::unlink_at(directory, name.c_str()) == 0 || errno == ENOENT;
}

/// Mode 0600 whatever the umask took away.
[[nodiscard]] inline bool make_private(int descriptor) noexcept {
  struct stat status{};
  if (system_calls::status(descriptor, status) != 0) return false;
  constexpr mode_t wanted = S_IRUSR | S_IWUSR;
  return (status.st_mode & mode_t{07777}) == wanted || system_calls::set_mode(descriptor, wanted) == 0;
}

/// A new file in `directory` under a name of its own, which is put into `name`.
[[nodiscard]] inline Result<Descriptor> create_named(int directory, std::string& name, std::string_view prefix, std::string_view path) {
  constexpr int attempts = 8;
  for (int attempt = 0;; ++attempt) {
    auto drawn = unique_name(prefix);
    if (!drawn) return std::unexpected{std::move(drawn).error()};
    name = *std::move(drawn);
    Descriptor file{system_calls::open_at(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR)};
    if (!file && errno == EEXIST && attempt < attempts) continue;
    if (!file) return failure_from_errno("create file in", path);
    if (!make_private(file.number())) {
      auto error = failure_from_errno("set the mode of a file in", path);
      remove_name(directory, name);
      return error;
    }
    return file;
  }
}

/// How file systems say that they have no O_TMPFILE; ENOENT and EINVAL also mean other things, which the next attempt finds out.
[[nodiscard]] constexpr bool may_lack_tmpfile(int error) noexcept {
  return error == EOPNOTSUPP || error == EISDIR || error == ENOENT || error == EINVAL || error == ENOSYS;
}

/// A new file without a name, by O_TMPFILE. Linking it later is what O_EXCL would forbid.
/// Errors: `unsupported` where the file system may lack it.
[[nodiscard]] inline Result<Descriptor> create_tmpfile(int directory, std::string_view path) {
  Descriptor file{system_calls::open_at(directory, ".", O_TMPFILE | O_RDWR, S_IRUSR | S_IWUSR)};
  if (!file && may_lack_tmpfile(errno)) {
    return failure(errc::unsupported, "create file without a name in", path);
  }
  if (!file) return failure_from_errno("create file in", path);
  if (!make_private(file.number())) return failure_from_errno("set the mode of a file in", path);
  return file;
}

/// A new file without a name: O_TMPFILE, or else created and unlinked at once.
[[nodiscard]] inline Result<AnonymousFile> create_anonymous(FileDirectory& directory, std::string_view prefix) {
  const int number = directory.descriptor.number();
  if (!directory.lacks_tmpfile.load(Order::relaxed)) {
    auto file = create_tmpfile(number, directory.path);
    if (file) return AnonymousFile{*std::move(file), true};
    if (file.error() != errc::unsupported) return std::unexpected{std::move(file).error()};
  }
  std::string name;
  auto file = create_named(number, name, prefix, directory.path);
  if (!file) return std::unexpected{std::move(file).error()};
  if (!remove_name(number, name)) return failure_from_errno("unlink a new file in", directory.path);
  directory.lacks_tmpfile.store(true, Order::relaxed);
  return AnonymousFile{*std::move(file), false};
}

/// Opens `path` if files may safely be kept there.
[[nodiscard]] inline Result<Descriptor> open_directory(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
    return failure(errc::invalid_argument, "use a directory that is not an absolute path:", path);
  }
  Descriptor directory{system_calls::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY)};
  if (!directory) return failure_from_errno("open directory", path);
  struct stat status{};
  if (system_calls::status(directory.number(), status) != 0) return failure_from_errno("inspect directory", path);
  if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return failure(errc::permission, "use a world-writable directory without the sticky bit:", path);
  }
  if (system_calls::access_at(directory.number(), ".", W_OK | X_OK) != 0) return failure_from_errno("write in directory", path);
  return directory;
}

[[nodiscard]] inline FileDirectory* hold_directory(Descriptor directory, const std::string& path) {
  struct statfs status{};
  const bool known = system_calls::file_system_status(directory.number(), status) == 0;
  const bool in_memory = known && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
  return new FileDirectory{std::move(directory), path, in_memory, false};
}

/// The directory that `options` name, or the first usable of the usual ones; the caller owns it.
/// Errors: why it is not usable; when none of several is, why the first is not.
[[nodiscard]] inline Result<FileDirectory*> find_directory(const FileOptions& options) {
  constexpr std::array<const char*, 2> usual_directories{"/var/tmp", "/tmp"};
  constexpr std::size_t longest_prefix = 200;  // a name has 255 bytes at most
  if (options.prefix.size() > longest_prefix || options.prefix.find('/') != std::string::npos ||
      options.prefix.find('\0') != std::string::npos) {
    return failure(errc::invalid_argument, "use a file name prefix that cannot begin a name:", options.prefix);
  }
  const char* from_environment = options.directory.empty() ? ::secure_getenv("TMPDIR") : nullptr;
  const bool has_environment = from_environment != nullptr && *from_environment != '\0';
  const std::string wanted =
      options.directory.empty() ? (has_environment ? from_environment : usual_directories.front()) : options.directory;

  auto first = open_directory(wanted);
  if (first) return hold_directory(*std::move(first), wanted);
  if (!options.directory.empty() || first.error() == errc::invalid_argument) return std::unexpected{std::move(first).error()};
  for (const char* usual : usual_directories) {
    if (wanted == usual) continue;
    auto next = open_directory(usual);
    if (next) return hold_directory(*std::move(next), usual);
  }
  return std::unexpected{std::move(first).error()};
}

}  // namespace hybridbuffer::inline v0_1::detail
