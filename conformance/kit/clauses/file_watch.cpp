#include "file_watch.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {
namespace {

namespace fs = std::filesystem;

struct OpenFile {
  int descriptor = -1;
  std::string path{};
  bool closes_on_exec = false;
  struct stat status{};
};

std::vector<OpenFile> open_files() {
  std::vector<OpenFile> files;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator{"/proc/self/fd", problem}) {
    OpenFile file;
    file.descriptor = std::atoi(entry.path().filename().c_str());
    file.path = fs::read_symlink(entry.path(), problem).string();
    const int flags = ::fcntl(file.descriptor, F_GETFD);
    if (flags == -1 || ::fstat(file.descriptor, &file.status) != 0) continue;  // the one that reads the directory
    file.closes_on_exec = (flags & FD_CLOEXEC) != 0;
    if (file.path.starts_with("/proc/")) continue;
    files.push_back(std::move(file));
  }
  return files;
}

bool is_below(const std::string& path, const std::vector<std::string>& roots) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
    std::error_code problem;
    const std::string place = fs::weakly_canonical(root, problem).string();
    return path == place || path.starts_with(place.ends_with('/') ? place : place + "/");
  });
}

// Names only: of the places where a backend falls back to. Files that others make there meanwhile are told apart by their content.
std::set<std::string> names_in(const std::vector<std::string>& places) {
  std::set<std::string> names;
  for (const std::string& place : places) {
    std::error_code problem;
    for (fs::directory_iterator at{place, fs::directory_options::skip_permission_denied, problem}, end; !problem && at != end;
         at.increment(problem)) {
      names.insert(at->path().string());
    }
  }
  return names;
}

bool holds(const std::string& path, std::string_view key) {
  std::error_code problem;
  if (!fs::is_regular_file(path, problem)) return false;
  std::ifstream file{path, std::ios::binary};
  std::string text(std::size_t{1} << 20U, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  return std::string_view{text}.substr(0, static_cast<std::size_t>(file.gcount())).find(key) != std::string_view::npos;
}

std::string octal(unsigned mode) {
  return std::string{static_cast<char>('0' + (mode >> 6U & 7U)), static_cast<char>('0' + (mode >> 3U & 7U)),
                     static_cast<char>('0' + (mode & 7U))};
}

}  // namespace

EmptyWorkingDirectory::EmptyWorkingDirectory() : before_{::open(".", O_PATH | O_CLOEXEC)} {
  std::string pattern = "/tmp/conformance-XXXXXX";
  if (before_.get() >= 0 && ::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  if (!path_.empty() && ::chdir(path_.c_str()) != 0) leave();
}

void EmptyWorkingDirectory::leave() noexcept {
  if (path_.empty()) return;
  static_cast<void>(::fchdir(before_.get()) == 0);
  std::error_code problem;
  fs::remove_all(path_, problem);
  path_.clear();
}

FileWatch::FileWatch(Context& c) : c_{&c} {
  has_roots_ = static_cast<bool>(c.hooks().roots);
  if (has_roots_) roots_ = c.hooks().roots();
  std::error_code problem;
  places_ = {"/tmp", "/var/tmp", "/dev/shm", fs::current_path(problem).string()};
  for (const char* const variable : {"TMPDIR", "TMP", "TEMP", "HOME"}) {
    if (const char* const value = std::getenv(variable); value != nullptr && value[0] == '/') places_.emplace_back(value);
  }
  names_ = names_in(places_);
  // Whoever names roots that are absolute needs no working directory.
  const auto is_absolute = [](const std::string& root) { return root.starts_with('/'); };
  if (has_roots_ && std::all_of(roots_.begin(), roots_.end(), is_absolute)) directory_.emplace();
  for (const OpenFile& file : open_files()) known_.insert(file.descriptor);
}

void FileWatch::look(std::string_view when, std::string_view key) {
  for (const OpenFile& file : open_files()) {
    const bool ours = !known_.contains(file.descriptor) || (!roots_.empty() && is_below(file.path, roots_));
    if (!ours) continue;
    const std::string what = "descriptor " + std::to_string(file.descriptor) + " (" + file.path + "), open " + std::string{when};
    c_->check(file.closes_on_exec, what + ", has no FD_CLOEXEC: every program that is started inherits it");
    if (!S_ISREG(file.status.st_mode) || file.path.starts_with("/memfd:")) continue;
    c_->check((file.status.st_mode & 077U) == 0, what + ", is a file that others may open: mode " + octal(file.status.st_mode & 0777U));
    if (has_roots_) c_->check(is_below(file.path, roots_), what + ", is outside the declared roots");
  }
  for (const std::string& root : roots_) look_below(root, when);
  if (!has_roots_) return;
  if (directory_) {
    const std::set<std::string> strays = names_in({directory_->path()});
    c_->check(strays.empty(), "something was made in the working directory, outside the declared roots, " + std::string{when} + ": " +
                                  (strays.empty() ? "" : fs::path{*strays.begin()}.filename().string()));
  }
  for (const std::string& name : names_in(places_)) {
    if (names_.contains(name) || is_below(name, roots_)) continue;
    c_->check(!holds(name, key), name + ", made " + std::string{when} + ", holds what was stored, and is outside the declared roots");
  }
}

void FileWatch::look_below(const std::string& root, std::string_view when) {
  std::error_code problem;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at{root, options, problem}, end; !problem && at != end; at.increment(problem)) {
    struct stat status{};
    const std::string path = at->path().string();
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (!first_look_ && !seen_.contains(path)) {
      c_->check((status.st_mode & 077U) == 0,
                path + ", made " + std::string{when} + ", may be opened by others: mode " + octal(status.st_mode & 0777U));
    }
    seen_.insert(path);
  }
  if (&root == &roots_.back()) first_look_ = false;
}

}  // namespace hybridbuffer::conformance::clauses
