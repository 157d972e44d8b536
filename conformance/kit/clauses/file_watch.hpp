#pragma once

#include "../life.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Which files a backend opens and makes, where, and who may read them.

namespace hybridbuffer::conformance::clauses {

/// A working directory of its own, in which nothing else appears.
class EmptyWorkingDirectory {
 public:
  EmptyWorkingDirectory();
  EmptyWorkingDirectory(const EmptyWorkingDirectory&) = delete;
  EmptyWorkingDirectory& operator=(const EmptyWorkingDirectory&) = delete;
  ~EmptyWorkingDirectory() { leave(); }
  /// Empty where there is none.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  void leave() noexcept;
  OwnDescriptor before_;
  std::string path_;
};

/// Watches the descriptors and the files that come up while a backend works. Where the harness declares roots, what was stored may stand
/// below them only.
class FileWatch {
 public:
  explicit FileWatch(Context& c);

  /// Looks at what is open and what stands there now. `key`: bytes of what was stored.
  void look(std::string_view when, std::string_view key);

 private:
  void look_below(const std::string& root, std::string_view when);

  Context* c_;
  std::set<int> known_;
  bool has_roots_ = false;
  std::optional<EmptyWorkingDirectory> directory_;
  std::vector<std::string> roots_;
  std::vector<std::string> places_;
  std::set<std::string> names_;
  std::set<std::string> seen_;  // files below the roots; those of the first look may be anybody's
  bool first_look_ = true;
};

}  // namespace hybridbuffer::conformance::clauses
