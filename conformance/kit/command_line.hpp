#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hybridbuffer::conformance {

/// What the command line of a conformance program asks for.
struct CommandLine {
  Options options{};
  std::vector<std::string> clauses{};  ///< ids and families; empty: all
  std::uint64_t repeat = 1;
  std::optional<std::chrono::milliseconds> hang_after{};
  bool list = false;
  bool in_process = false;
  bool help = false;
  std::string html{};
  std::string json{};
  std::string junit{};
  std::optional<ChildChannel> child{};
  std::string error{};  ///< why it makes no sense; empty: it does

  [[nodiscard]] bool wants(const Clause& clause) const;
};

/// `arguments` begin with the program's name; `clauses` are those that it knows.
[[nodiscard]] CommandLine parse_command_line(const std::vector<std::string>& arguments, std::span<const Clause* const> clauses);

[[nodiscard]] const char* usage_text();

}  // namespace hybridbuffer::conformance
