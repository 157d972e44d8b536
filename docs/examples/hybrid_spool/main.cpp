#include "collect.hpp"
#include "input.hpp"
#include "options.hpp"
#include "output.hpp"
#include "output_file.hpp"
#include "place.hpp"
#include "relay.hpp"
#include "report.hpp"
#include "shortcut.hpp"
#include "spool_buffer.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace spool {
namespace {

/// A standard descriptor that was closed would be given to the next file that is opened, and data would go there.
Outcome secure_standard_descriptors(bool needs_output) {
  const bool has_input = ::fcntl(STDIN_FILENO, F_GETFD) >= 0;
  const bool has_output = ::fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  int opened = 0;
  do {
    opened = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) ::close(opened);
  if (!has_input) return {ExitCode::failure, "standard input is closed"};
  if (!has_output && needs_output) return {ExitCode::failure, "standard output is closed"};
  return {};
}

/// Whether the output goes behind what is still to be read, in the same file: its end would never come.
bool feeds_itself() {
  struct stat input{};
  struct stat output{};
  if (::fstat(STDIN_FILENO, &input) != 0 || ::fstat(STDOUT_FILENO, &output) != 0) return false;
  if (!S_ISREG(input.st_mode) || input.st_dev != output.st_dev || input.st_ino != output.st_ino) return false;
  const bool appends = (::fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND) != 0;
  return ::lseek(STDIN_FILENO, 0, SEEK_CUR) < (appends ? output.st_size : ::lseek(STDOUT_FILENO, 0, SEEK_CUR));
}

/// Makes the failing call answer instead: EPIPE when the consumer leaves, EFBIG at the limit of file sizes.
void ignore_signals() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
}

Outcome pass_on(const Options& options, const std::optional<OutputFile>& file, Console& console, Counters& counters) {
  auto storage = find_place(options, file, console);
  if (!storage) return std::move(storage).error();
  BufferSource buffers{options.memory, options.max_storage, *std::move(storage)};
  Input input{STDIN_FILENO, file ? -1 : STDOUT_FILENO};
  if (file) return collect_into(*file, input, buffers, counters);
  Output output{STDOUT_FILENO, buffers.give_back_step(), counters};
  if (options.soak) return soak(input, output, buffers, counters);
  return Relay{input, output, Shortcut{STDIN_FILENO, STDOUT_FILENO}, buffers, counters, console}.run();
}

Outcome run(const Options& options) {
  if (Outcome secured = secure_standard_descriptors(options.output.empty()); !secured.is_success()) return secured;
  ignore_signals();
  const bool is_relay = options.output.empty() && !options.soak;
  if (is_relay && feeds_itself()) return {ExitCode::failure, "the output would be read as input again: both are one file; use --soak"};
  std::optional<OutputFile> file;
  if (!options.output.empty()) {
    auto found = OutputFile::find(options.output, options.replace);
    if (!found) return std::move(found).error();
    file = *std::move(found);
  }
  const bool on_terminal = options.progress == ProgressMode::on_terminal && ::isatty(STDERR_FILENO) == 1;
  Counters counters;
  Console console{counters, on_terminal || options.progress == ProgressMode::always};
  Outcome outcome = pass_on(options, file, console, counters);
  console.finish();
  if (options.stats) console.print_stats();
  return outcome;
}

}  // namespace
}  // namespace spool

int main(int argc, char** argv) {
  spool::Outcome outcome;
  try {
    auto options = spool::parse_options(argc, argv);
    outcome = options ? spool::run(*options) : std::move(options).error();
  } catch (const std::exception& error) {  // std::bad_alloc; std::system_error of a thread that cannot be started
    outcome = {spool::ExitCode::failure, error.what()};
  }
  if (!outcome.message.empty()) std::fprintf(stderr, "hybrid-spool: %s\n", outcome.message.c_str());
  return static_cast<int>(outcome.code);
}
