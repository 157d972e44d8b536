#pragma once

#include "outcome.hpp"

#include <cstdint>
#include <expected>
#include <limits>
#include <string>

namespace spool {

enum class ProgressMode : std::uint8_t { never, on_terminal, always };

/// What the command line asks for.
struct Options {
  std::uint64_t memory = std::uint64_t{64} << 20U;
  std::uint64_t max_storage = std::numeric_limits<std::uint64_t>::max();
  std::string directory;  // absolute; empty: the library's choice, or beside `output`
  std::string storage;    // a URL; empty: files in `directory`
  std::string output;     // empty: standard output
  bool soak = false;
  bool replace = true;
  bool stats = false;
  ProgressMode progress = ProgressMode::never;
};

inline constexpr std::uint64_t least_memory = std::uint64_t{1} << 20U;

/// Reads the command line. `--help` and `--version` are answered on standard output.
///
/// Errors: an outcome that ends the program: success after --help and --version, usage with a message that names the wrong part.
[[nodiscard]] std::expected<Options, Outcome> parse_options(int argc, char** argv);

}  // namespace spool
