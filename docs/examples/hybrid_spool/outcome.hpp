#pragma once

#include <string>

namespace spool {

/// What the program exits with.
enum class ExitCode {
  success = 0,
  failure = 1,         ///< input, output or storage failed
  usage = 2,           ///< the command line cannot mean anything
  storage_full = 3,    ///< everything must be kept, and there is no room for it
  exists = 4,          ///< --no-replace, and the file is there
  consumer_left = 141  ///< nobody reads the output any more; what a shell reports of a program that SIGPIPE ended
};

/// How a run ended, and the line that says why; none for success, and none when the consumer left.
struct Outcome {
  ExitCode code = ExitCode::success;
  std::string message;

  [[nodiscard]] bool is_success() const noexcept { return code == ExitCode::success; }
};

}  // namespace spool
