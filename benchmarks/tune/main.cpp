// hybridbuffer-tune: which composition of a buffer suits a load best on this machine.

#include "load.hpp"
#include "report.hpp"
#include "sweep.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <new>
#include <unistd.h>

namespace {

constexpr int failed = 1;
constexpr int wrong_usage = 2;

int complain(int code, const std::string& message) {
  std::fprintf(stderr, "hybridbuffer-tune: %s%s\n", message.c_str(), code == wrong_usage ? "; try hybridbuffer-tune --help" : "");
  return code;
}

/// A line that is overwritten on a terminal; elsewhere, one line for each measurement.
void show_progress(std::size_t done, std::size_t all, const std::string& next) {
  static const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  std::fprintf(stderr, is_terminal ? "\r\033[K[%zu/%zu] %.100s" : "[%zu/%zu] %s\n", done + 1, all, next.c_str());
  if (is_terminal && done + 1 == all) std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

bool write_file(const std::string& name, const std::string& text) {
  std::ofstream file{name, std::ios::binary | std::ios::trunc};
  file << text;
  file.close();
  return static_cast<bool>(file);
}

/// Whether write_file() can begin. A file that is there stays as it is: it is replaced only by a plot.
bool can_write(const std::string& name) {
  int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file >= 0) ::unlink(name.c_str());
  else if (errno == EEXIST) file = ::open(name.c_str(), O_WRONLY | O_CLOEXEC);
  if (file >= 0) ::close(file);
  return file >= 0;
}

/// False when some of what was to be on standard output did not arrive.
bool print(const char* text) { return std::fputs(text, stdout) >= 0 && std::fflush(stdout) == 0; }

int run(int count, char** arguments) {
  const auto options = tune::parse_options(count, arguments);
  if (!options) return complain(wrong_usage, options.error());
  if (options->help) return print(tune::help_text) ? 0 : complain(failed, "cannot write standard output");
  // Before minutes of measurements, not after them.
  if (!options->plot.empty() && !can_write(options->plot)) return complain(failed, "cannot write " + options->plot);

  const auto sweep = tune::sweep(options->load, options->rounds, show_progress);
  if (!sweep) return complain(failed, sweep.error());
  if (!options->plot.empty() && !write_file(options->plot, tune::svg_plot(options->load, *sweep))) {
    return complain(failed, "cannot write " + options->plot);
  }
  const std::string report = options->json ? tune::json_report(options->load, *sweep) : tune::text_report(options->load, *sweep);
  return print(report.c_str()) ? 0 : complain(failed, "cannot write standard output");
}

}  // namespace

int main(int count, char** arguments) {
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));  // the write at the limit of file sizes fails instead, and that is told
  try {
    return run(count, arguments);
  } catch (const std::bad_alloc&) {
    return complain(failed, "not enough memory: what --memory holds is measured in memory; a smaller --memory or --total is needed");
  } catch (const std::exception& error) {
    return complain(failed, error.what());
  }
}
