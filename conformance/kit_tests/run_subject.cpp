#include "run_subject.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace kit_test {

Finished run_subject(std::string_view behaviour, std::string_view arguments, std::string_view redirections) {
  const char* program = std::getenv("KIT_SUBJECT");
  if (program == nullptr) throw std::runtime_error{"KIT_SUBJECT must name the program"};
  const TemporaryFile output;
  const TemporaryFile errors;
  const std::string command = "KIT_BEHAVIOUR=" + std::string{behaviour} + " '" + program + "' " + std::string{arguments} + " >" +
                              output.path() + " 2>" + errors.path() + " </dev/null " + std::string{redirections};
  const int status = std::system(command.c_str());  // NOLINT(cert-env33-c,concurrency-mt-unsafe): the shell does the redirections
  Finished finished;
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  finished.output = content_of(output.path());
  finished.errors = content_of(errors.path());
  return finished;
}

std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TemporaryFile::TemporaryFile() {
  const int descriptor = ::mkstemp(path_.data());
  if (descriptor < 0) throw std::runtime_error{"cannot make " + path_};
  ::close(descriptor);
}
TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

}  // namespace kit_test
