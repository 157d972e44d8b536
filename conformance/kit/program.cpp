#include <hybridbuffer/conformance/program.hpp>

#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/conformance/run.hpp>

#include "command_line.hpp"
#include "render.hpp"
#include "storage_kit.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

/// Tells a person at a terminal which clause runs; nothing where standard error is none.
class Progress {
 public:
  explicit Progress(std::size_t clauses) : clauses_{clauses}, shown_{::isatty(STDERR_FILENO) == 1} {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  void start(const Clause& clause) {
    ++started_;
    if (shown_) std::fprintf(stderr, "\r\x1b[K%zu/%zu %.*s", started_, clauses_, static_cast<int>(clause.id.size()), clause.id.data());
  }

 private:
  std::size_t clauses_;
  std::size_t started_ = 0;
  bool shown_;
};

/// Whoever hangs once hangs often: after the first time a clause gets less, so that the report does not take hours.
class Patience {
 public:
  Patience(Tier tier, const std::optional<std::chrono::milliseconds>& hang_after) {
    if (tier == Tier::slow) watchdog_ = {.operation = std::chrono::minutes{5}, .clause = std::chrono::minutes{30}};  // gigabytes
    if (!hang_after) return;
    watchdog_.operation = *hang_after;
    watchdog_.clause = std::max(watchdog_.clause, 6 * *hang_after);
  }
  [[nodiscard]] const Watchdog& watchdog() const noexcept { return watchdog_; }
  void learn(const ClauseResult& result) {
    if (result.cause != Cause::ended || result.seen.find("hangs") == std::string::npos) return;
    watchdog_.operation = std::min(watchdog_.operation, std::chrono::milliseconds{2000});
    watchdog_.clause = std::min(watchdog_.clause, std::chrono::milliseconds{10'000});
  }

 private:
  Watchdog watchdog_;
};

std::size_t clauses_to_run(const Kit& kit, const CommandLine& line) {
  return static_cast<std::size_t>(std::count_if(kit.clauses.begin(), kit.clauses.end(),
                                                [&](const Clause* clause) { return line.wants(*clause) || clause->family() == "META"; }));
}

Report run_once(const Kit& kit, const CommandLine& line, const Options& options, const std::string& program) {
  const auto session = kit.open();
  Report report = session->start_report(options);
  report.program = program;
  report.arguments = kit.arguments;
  report.clauses_in_set = kit.clauses.size();
  Patience patience{options.tier, line.hang_after};
  Progress progress{clauses_to_run(kit, line)};
  TracePage page;
  const ClauseRunner runner = [&](const Clause& clause, const Options& current) {
    progress.start(clause);
    if (line.in_process) {
      page.count = page.case_start = 0;
      return session->run_clause(clause, current, page);
    }
    ClauseResult result = run_in_child("/proc/self/exe", kit.arguments, clause, current, patience.watchdog());
    patience.learn(result);
    return result;
  };
  finish_report(report, session->run_clauses(runner, options, [&](const Clause& clause) { return line.wants(clause); }));
  return report;
}

bool write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

bool write_files(const CommandLine& line, const Report& report) {
  bool written = true;
  for (const auto& [path, render] :
       {std::pair{&line.html, &render_html}, std::pair{&line.json, &render_json}, std::pair{&line.junit, &render_junit}}) {
    if (path->empty() || write_file(*path, render(report))) continue;
    std::fprintf(stderr, "cannot write %s\n", path->c_str());
    written = false;
  }
  return written;
}

bool wants_colour() { return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

// A failure outweighs what is merely unclear.
int worse(int one, int other) {
  if (one == 1 || other == 1) return 1;
  return std::max(one, other);
}

/// A report that does not arrive is no pass. Returns: what to exit with instead of `status`.
int when_printed(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fputs("cannot write standard output\n", stderr);
  return worse(status, 2);
}

/// A standard descriptor that was closed would be given to the next that is opened, where a child's own output would go over it.
void open_standard_descriptors() {
  int opened = 0;
  do {
    opened = ::open("/dev/null", O_RDWR);  // and stays open in a child, which needs them as well
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) ::close(opened);
}

int run_rounds(const Kit& kit, const CommandLine& line, const std::string& program) {
  int status = 0;
  std::optional<Report> shown;
  for (std::uint64_t round = 0; round < line.repeat; ++round) {
    Options options = line.options;
    options.seed += round;
    Report report = run_once(kit, line, options, program);
    std::fputs(render_text(report, wants_colour()).c_str(), stdout);
    std::fflush(stdout);
    status = worse(status, report.exit_code());
    if (!shown || shown->passed()) shown = std::move(report);
  }
  return when_printed(shown && !write_files(line, *shown) ? worse(status, 2) : status);
}

int run_one_as_child(const Kit& kit, const CommandLine& line) {
  const auto session = kit.open();
  const Clause* clause = line.clauses.empty() ? nullptr : kit.find(line.clauses.front());
  if (clause == nullptr) return 2;
  Options options = line.options;
  options.own_process = true;
  return run_as_child([&](TracePage& page) { return session->run_clause(*clause, options, page); }, *line.child);
}

void list_clauses(const Kit& kit) {
  for (const Clause* clause : kit.clauses) std::printf("%-12s %s\n", std::string{clause->id}.c_str(), std::string{clause->rule}.c_str());
}

}  // namespace

int run_program(const Kit& kit, const std::vector<std::string>& arguments) {
  open_standard_descriptors();
  const CommandLine line = parse_command_line(arguments, kit.clauses);
  const std::string program = arguments.empty() ? "" : arguments.front();
  if (!line.error.empty()) {
    std::fprintf(stderr, "%s: %s\nTry %s --help.\n", program.c_str(), line.error.c_str(), program.c_str());
    return 2;
  }
  if (line.help) return std::fputs(usage_text(), stdout), when_printed(0);
  if (line.list) return list_clauses(kit), when_printed(0);
  try {
    return line.child ? run_one_as_child(kit, line) : run_rounds(kit, line, program);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: the harness or the kit failed: %s\n", program.c_str(), error.what());
    return 2;
  }
}

int run_program(const MakeSubject& make_subject, const std::vector<std::string>& arguments) {
  return run_program(storage_kit(make_subject), arguments);
}

std::optional<int> run_if_child(const MakeSubject& make_subject, const std::vector<std::string>& arguments) {
  const Kit kit = storage_kit(make_subject);
  const CommandLine line = parse_command_line(arguments, kit.clauses);
  if (!line.error.empty() || !line.child) return {};
  return run_one_as_child(kit, line);
}

}  // namespace hybridbuffer::conformance
