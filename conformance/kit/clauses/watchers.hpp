#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/conformance/sizes.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance::clauses {

/// Handles of each kind on one object, at different positions, that watch what becomes of it.
class Watchers {
 public:
  /// Opens a reader, and a seeker where there are any, for each of `positions`, and reads up to there; and a ReaderAt.
  Watchers(Context& c, const Location& location, Object object, const Sizes& positions);

  /// What is left to read must be the object's, or an error where `errors` says that one is allowed.
  void expect_old(bool errors, std::string_view what);

 private:
  struct Watcher {
    Reader reader;
    std::uint64_t position;
    bool seeks;
  };

  Context* context_;
  Object object_;
  std::vector<Watcher> readers_;
  std::vector<ReaderAt> windows_;
};

}  // namespace hybridbuffer::conformance::clauses
