#pragma once

#include "outcome.hpp"
#include "spool_buffer.hpp"

#include <expected>
#include <string>
#include <sys/types.h>

namespace spool {

/// The file that the result becomes.
class OutputFile {
 public:
  /// Finds what `path` means, a symbolic link followed, and whether a file can be put there.
  ///
  /// Errors: the directory is missing or cannot be written; something that is no regular file stands there; `replace` is false and there
  ///         is a file already.
  [[nodiscard]] static std::expected<OutputFile, Outcome> find(const std::string& path, bool replace);

  /// The directory, absolute: what is stored in it can get the name without a copy.
  [[nodiscard]] std::string directory() const;

  /// Puts the content of `buffer` in place, at once and whole, with the permissions that the file had, or that the umask gives.
  [[nodiscard]] Outcome publish(SpoolBuffer& buffer) const;

 private:
  OutputFile(std::string path, mode_t mode, bool replace) : path_{std::move(path)}, mode_{mode}, replace_{replace} {}

  [[nodiscard]] bool set_permissions() const;

  std::string path_;  // absolute, without symbolic links
  mode_t mode_;
  bool replace_;
};

}  // namespace spool
