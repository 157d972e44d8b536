#pragma once

#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <string>

/// \file
/// The fields of an endpoint in an environment variable, a line each, for the processes that a test starts.

namespace hybridbuffer::servers {

inline void write_environment(const char* name, std::initializer_list<std::string> fields) {
  std::string text;
  for (const std::string& field : fields) text.append(field).append("\n");
  ::setenv(name, text.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): before the processes are started
}

class EnvironmentFields {
 public:
  /// Nothing where there is no such variable.
  [[nodiscard]] static std::optional<EnvironmentFields> of(const char* name) {
    const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (text == nullptr) return std::nullopt;
    return EnvironmentFields{text};
  }
  /// The next; empty behind the last.
  [[nodiscard]] std::string next() {
    std::string line;
    std::getline(text_, line);
    return line;
  }

 private:
  explicit EnvironmentFields(const char* text) : text_{text} {}
  std::istringstream text_;
};

}  // namespace hybridbuffer::servers
