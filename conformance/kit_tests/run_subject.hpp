#pragma once

#include <string>
#include <string_view>

namespace kit_test {

struct Finished {
  int status = -1;
  std::string output{};
  std::string errors{};
};

/// Runs the program that the environment variable KIT_SUBJECT names, through a shell, with that behaviour and these arguments.
/// `redirections` of the shell outweigh those that catch what it prints.
[[nodiscard]] Finished run_subject(std::string_view behaviour, std::string_view arguments, std::string_view redirections = "");

/// The content of a file; empty where there is none.
[[nodiscard]] std::string content_of(const std::string& path);

/// A name for a file that is removed at the end.
class TemporaryFile {
 public:
  TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_ = "/tmp/hybridbuffer-kit-XXXXXX";
};

}  // namespace kit_test
