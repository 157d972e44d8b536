#include "output_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace spool {

namespace {

constexpr mode_t permission_bits = 0777;
constexpr mode_t private_mode = 0600;  // what the library publishes with

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr), &std::free};
  if (!real) return std::nullopt;
  return std::string{real.get()};
}

Outcome failure(const std::string& path, const std::string& reason, ExitCode code = ExitCode::failure) {
  return {code, "--output '" + path + "': " + reason};
}
Outcome failure_from_errno(const std::string& path, int number) { return failure(path, std::system_category().message(number)); }

/// The mode that open(2) with 0666 would give.
mode_t default_mode() {
  const mode_t mask = ::umask(0);  // can only be read by setting it; no other thread runs yet
  ::umask(mask);
  return 0666 & ~mask;
}

/// The absolute path of a file that does not exist.
std::optional<std::string> path_of_new_file(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  auto parent = real_path(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  if (!parent || name.empty()) {
    if (parent) errno = EISDIR;
    return std::nullopt;
  }
  return (*parent == "/" ? "" : *std::move(parent)) + "/" + name;
}

}  // namespace

std::expected<OutputFile, Outcome> OutputFile::find(const std::string& path, bool replace) {
  struct stat status{};
  mode_t mode = default_mode();
  std::optional<std::string> target;
  if (::stat(path.c_str(), &status) == 0) {
    if (!replace) return std::unexpected{failure(path, "exists", ExitCode::exists)};
    if (!S_ISREG(status.st_mode)) return std::unexpected{failure(path, "exists and is no regular file")};
    mode = status.st_mode & permission_bits;
    target = real_path(path);
  } else if (errno != ENOENT) {
    return std::unexpected{failure_from_errno(path, errno)};
  } else if (::lstat(path.c_str(), &status) == 0) {
    return std::unexpected{failure(path, "is a symbolic link to nothing")};
  } else {
    target = path_of_new_file(path);
  }
  if (!target) return std::unexpected{failure_from_errno(path, errno)};
  OutputFile file{*std::move(target), mode, replace};
  if (::access(file.directory().c_str(), W_OK | X_OK) != 0) {
    return std::unexpected{failure(path, "cannot write in " + file.directory() + ": " + std::system_category().message(errno))};
  }
  return file;
}

std::string OutputFile::directory() const {
  const std::size_t slash = path_.rfind('/');
  return path_.substr(0, slash == 0 ? 1 : slash);
}

Outcome OutputFile::publish(SpoolBuffer& buffer) const {
  using hybridbuffer::PublishMode;
  const auto published = buffer.publish(path_, replace_ ? PublishMode::replace : PublishMode::keep);
  if (!published) {
    const hybridbuffer::Error& error = published.error();
    if (error == hybridbuffer::errc::already_exists) return failure(path_, "exists", ExitCode::exists);
    return failure(path_, error.message(), means_full(error) ? ExitCode::storage_full : ExitCode::failure);
  }
  if (!set_permissions()) return failure(path_, "is complete, but keeps mode 0600: cannot set its permissions");
  return {};
}

/// The file was private until now. Its permissions are widened through a descriptor, and only if it is what was just published: others
/// may have put something else there. Its size tells nothing: what is published encrypted is longer than the content.
bool OutputFile::set_permissions() const {
  if (mode_ == private_mode) return true;
  const int file = ::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return false;
  struct stat status{};
  const bool is_ours =
      ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 07777) == private_mode && status.st_uid == ::geteuid();
  const bool set = is_ours && ::fchmod(file, mode_) == 0;
  ::close(file);
  return set;
}

}  // namespace spool
