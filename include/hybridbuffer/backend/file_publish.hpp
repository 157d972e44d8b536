#pragma once

#include <hybridbuffer/backend/file_directory.hpp>
#include <hybridbuffer/backend/file_object.hpp>
#include <hybridbuffer/backend/file_options.hpp>
#include <hybridbuffer/backend/file_transfer.hpp>
#include <hybridbuffer/detail/system_calls.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <string>
#include <string_view>
#include <utility>

/// \file
/// Giving a stored file a lasting name: by a link where the file system can, else by a copy that gets the name once it is whole.

namespace hybridbuffer::inline v0_1::detail {

/// Where a published object goes: a name in a directory that is held, so that every step means the same one.
struct Destination {
  Descriptor parent;
  std::string name;
  std::string_view path;  // as the caller gave it, for messages
};

/// Errors: `invalid_argument` for what cannot name a file, `not_found` naming the parent, `already_exists`.
[[nodiscard]] inline Result<Destination> find_destination(std::string_view path, PublishMode mode) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string_view::npos) {
    return failure(errc::invalid_argument, "publish to", path);
  }
  const std::string parent{slash == std::string_view::npos ? std::string_view{"."} : path.substr(0, slash == 0 ? 1 : slash)};
  Destination destination{Descriptor{system_calls::open_at(AT_FDCWD, parent.c_str(), O_PATH | O_DIRECTORY)}, std::string{name}, path};
  if (!destination.parent) return failure_from_errno("publish into directory", parent);
  struct stat status{};
  if (system_calls::status_at(destination.parent.number(), destination.name.c_str(), status) != 0) {
    if (errno != ENOENT) return failure_from_errno("publish to", path);
    return destination;
  }
  if (S_ISDIR(status.st_mode)) return failure(errc::invalid_argument, "publish to a directory:", path);
  if (mode == PublishMode::keep) return failure(errc::already_exists, "publish to", path);
  return destination;
}

/// Gives the file a name in the destination's directory.
/// Errors: `already_exists`; `unsupported` where a link cannot be made and a copy may.
[[nodiscard]] inline Result<void> link_as(int file, const Destination& destination, const std::string& name) {
  const std::string self = "/proc/self/fd/" + std::to_string(file);  // AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH
  if (system_calls::link_at(AT_FDCWD, self.c_str(), destination.parent.number(), name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  switch (errno) {
    case EXDEV:   // another file system
    case ENOENT:  // no /proc
    case EPERM:   // a file system without hard links
    case EACCES:  // a /proc that hides descriptors
    case ELOOP:
    case EINVAL:
    case EMLINK:
    case ENOSYS:
    case EOPNOTSUPP: return failure(errc::unsupported, "publish by a link to", destination.path);
    default: return failure_from_errno("publish to", destination.path);
  }
}

/// Puts the file named `temporary` in the destination's place; the temporary name is gone either way.
[[nodiscard]] inline Result<void> rename_over(const Destination& destination, const std::string& temporary) {
  const int parent = destination.parent.number();
  Result<void> renamed;
  if (system_calls::rename_at(parent, temporary.c_str(), destination.name.c_str()) != 0) {
    renamed = failure_from_errno("publish to", destination.path);
  }
  remove_name(parent, temporary);  // also after success: renaming onto the same file does nothing and leaves the name
  return renamed;
}

/// As rename_over, only where the destination does not exist.
[[nodiscard]] inline Result<void> rename_beside(const Destination& destination, const std::string& temporary) {
  const int parent = destination.parent.number();
  Result<void> renamed;
  int failed = system_calls::rename_to_unused_at(parent, temporary.c_str(), destination.name.c_str());
  if (failed != 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
    failed = system_calls::link_at(parent, temporary.c_str(), parent, destination.name.c_str(), 0);
  }
  if (failed != 0) renamed = failure_from_errno("publish to", destination.path);
  remove_name(parent, temporary);
  return renamed;
}

/// Publishes the file by linking it; an existing destination is replaced by way of a temporary name, because no link replaces.
/// Errors: as link_as.
[[nodiscard]] inline Result<void> link_file(int file, const Destination& destination, PublishMode mode, std::string_view prefix) {
  constexpr int attempts = 8;
  auto linked = link_as(file, destination, destination.name);
  if (linked || mode == PublishMode::keep) return linked;
  for (int attempt = 0; !linked && linked.error() == errc::already_exists && attempt < attempts; ++attempt) {
    auto temporary = unique_name(prefix);
    if (!temporary) return std::unexpected{std::move(temporary).error()};
    linked = link_as(file, destination, *temporary);
    if (linked) return rename_over(destination, *temporary);
  }
  return linked;
}

[[nodiscard]] inline Result<void> sync_file(int file, std::string_view path) {
  if (system_calls::sync(file) != 0) return failure_from_errno("synchronise", path);
  return {};
}

/// Publishes a copy through a file that has a temporary name while it is filled.
[[nodiscard]] inline Result<void> copy_through_name(const StoredFile& file, const Destination& destination, PublishMode mode,
                                                    const FileOptions& options) {
  const int parent = destination.parent.number();
  std::string name;
  auto copy = create_named(parent, name, options.prefix, destination.path);
  if (!copy) return std::unexpected{std::move(copy).error()};
  auto filled = copy_content(file, file.size(), copy->number(), destination.path);
  if (filled && options.sync_on_publish) filled = sync_file(copy->number(), destination.path);
  if (!copy->close() && filled) filled = failure_from_errno("close", destination.path);
  if (!filled) {
    remove_name(parent, name);
    return filled;
  }
  return mode == PublishMode::replace ? rename_over(destination, name) : rename_beside(destination, name);
}

/// Publishes a copy: where it can be, through a file without a name, so that not even a kill leaves a trace.
[[nodiscard]] inline Result<void> copy_file(const StoredFile& file, const Destination& destination, PublishMode mode,
                                            const FileOptions& options) {
  auto copy = create_tmpfile(destination.parent.number(), destination.path);
  if (copy) {
    auto filled = copy_content(file, file.size(), copy->number(), destination.path);
    if (filled && options.sync_on_publish) filled = sync_file(copy->number(), destination.path);
    if (!filled) return filled;
    auto linked = link_file(copy->number(), destination, mode, options.prefix);
    if (linked || linked.error() != errc::unsupported) return linked;
  } else if (copy.error() != errc::unsupported) {
    return std::unexpected{std::move(copy).error()};
  }
  return copy_through_name(file, destination, mode, options);
}

/// Gives the file itself the destination's name, else a copy of it, and seals it.
[[nodiscard]] inline Result<void> place_at(StoredFile& file, const Destination& destination, PublishMode mode, const FileOptions& options) {
  if (file.is_linkable()) {
    auto linked = link_file(file.descriptor(), destination, mode, options.prefix);
    if (linked) file.seal(true);
    if (linked || linked.error() != errc::unsupported) return linked;
  }
  auto copied = copy_file(file, destination, mode, options);
  if (copied) file.seal(false);
  return copied;
}

/// Gives the committed object of `file` the name `path` and seals it. Nobody may write to the file meanwhile.
///
/// Errors: as find_destination; `corrupted`; the system's. The destination is as it was. `unavailable`: it may be, or the name is there
///         and may not last, because its directory could not be synchronised.
[[nodiscard]] inline Result<void> publish_file(StoredFile& file, std::string_view path, PublishMode mode, const FileOptions& options) {
  auto destination = find_destination(path, mode);
  if (!destination) return std::unexpected{std::move(destination).error()};
  Descriptor directory;
  if (options.sync_on_publish) {
    directory = Descriptor{system_calls::open_at(destination->parent.number(), ".", O_RDONLY | O_DIRECTORY)};
    if (!directory) return failure_from_errno("open the directory to synchronise of", path);
  }
  auto done = file.cut_to_size();
  if (done && options.sync_on_publish) done = sync_file(file.descriptor(), file.path());
  if (!done) return done;
  auto linked = place_at(file, *destination, mode, options);
  if (!linked && linked.error() == errc::no_space) {
    file.owner().reclaim();
    linked = place_at(file, *destination, mode, options);
  }
  if (!linked) return linked;
  // The name is there, and only whether it lasts is unknown.
  if (directory && system_calls::sync(directory.number()) != 0) {
    return std::unexpected{Error{errc::unavailable, "synchronise the directory of", std::error_code{errno, std::system_category()}, path}};
  }
  return {};
}

}  // namespace hybridbuffer::inline v0_1::detail
