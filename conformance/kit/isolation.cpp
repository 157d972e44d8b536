#include <hybridbuffer/conformance/isolation.hpp>

#include <hybridbuffer/conformance/run.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace hybridbuffer::conformance {
namespace {

using Clock = std::chrono::steady_clock;

// The result as lines "key<tab>text", newlines in a text escaped ----------------------------------------------------------------------

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) out += text[i];
    else out += text[++i] == 'n' ? '\n' : text[i];
  }
  return out;
}

std::string encoded(const ClauseResult& result) {
  std::string text;
  const auto line = [&](std::string_view key, std::string_view value) { text.append(key).append("\t").append(escaped(value)).append("\n"); };
  line("verdict", std::to_string(static_cast<int>(result.verdict)));
  line("seen", result.seen);
  for (const std::string& part : result.parts_not_run) line("part", part);
  for (const std::string& operation : result.trace) line("trace", operation);
  line("checks", std::to_string(result.checks));
  line("size", std::to_string(result.size_reached));
  line("seconds", std::to_string(result.seconds));
  line("missing", result.missing ? "1" : "0");
  line("end", "");
  return text;
}

// Returns: false when the text is not a whole result.
bool decode(std::string_view text, ClauseResult& result) {
  bool ended = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) return false;
    const std::string_view key = line.substr(0, tab);
    std::string value = unescaped(line.substr(tab + 1));
    if (key == "verdict") result.verdict = static_cast<Verdict>(std::stoi(value));
    else if (key == "seen") result.seen = std::move(value);
    else if (key == "part") result.parts_not_run.push_back(std::move(value));
    else if (key == "trace") result.trace.push_back(std::move(value));
    else if (key == "checks") result.checks = std::stoull(value);
    else if (key == "size") result.size_reached = std::stoull(value);
    else if (key == "seconds") result.seconds = std::stod(value);
    else if (key == "missing") result.missing = value == "1";
    else if (key == "end") ended = true;
  }
  return ended;
}

// What the parent holds of a child ----------------------------------------------------------------------------------------------------

class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_{value} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset() noexcept {
    if (value_ >= 0) ::close(std::exchange(value_, -1));
  }
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

// Memory in which a child leaves its trace.
class SharedPage {
 public:
  SharedPage() : memory_{::memfd_create("trace", MFD_CLOEXEC)} {
    if (memory_.get() < 0 || ::ftruncate(memory_.get(), sizeof(TracePage)) != 0) return;
    void* address = ::mmap(nullptr, sizeof(TracePage), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (address != MAP_FAILED) page_ = new (address) TracePage{};
  }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage() {
    if (page_ != nullptr) ::munmap(page_, sizeof(TracePage));
  }
  [[nodiscard]] TracePage* page() const noexcept { return page_; }
  [[nodiscard]] int descriptor() const noexcept { return memory_.get(); }

 private:
  Descriptor memory_;
  TracePage* page_ = nullptr;
};

std::string_view tier_name(Tier tier) { return tier == Tier::quick ? "quick" : tier == Tier::full ? "full" : "slow"; }

std::vector<std::string> child_arguments(const std::string& program, const std::vector<std::string>& arguments, const Clause& clause,
                                         const Options& options, int result, int trace) {
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--clause", std::string{clause.id}, "--seed", std::to_string(options.seed), "--tier", std::string{tier_name(options.tier)},
                         "--child", std::to_string(result) + "," + std::to_string(trace)});
  for (const std::string& hook : options.distrusted) all.insert(all.end(), {"--distrust", hook});
  return all;
}

// Why the watchdog ends the child now; empty while it need not.
std::string overdue(const TracePage& page, Clock::time_point started, const Watchdog& watchdog) {
  const auto now = Clock::now();
  const std::int64_t since = page.started.load(std::memory_order_acquire);
  const auto running = std::chrono::nanoseconds{now.time_since_epoch().count() - since};
  if (since != 0 && running > watchdog.operation) {
    return "an operation hangs: it did not return within " + std::to_string(watchdog.operation.count()) + " ms";
  }
  if (now - started > watchdog.clause) return "hangs: the clause did not end within " + std::to_string(watchdog.clause.count()) + " ms";
  return {};
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = ::strsignal(WTERMSIG(status));
    return std::string{"crashed: "} + (name != nullptr ? name : "signal " + std::to_string(WTERMSIG(status)));
  }
  return "ended the process with status " + std::to_string(WEXITSTATUS(status)) + " in the middle of the clause";
}

}  // namespace

ClauseResult run_in_child(const std::string& program, const std::vector<std::string>& arguments, const Clause& clause,
                          const Options& options, const Watchdog& watchdog) {
  ClauseResult result;
  result.clause = &clause;
  const auto kit_failure = [&](std::string why) {
    result.verdict = Verdict::unknown;
    result.seen = std::move(why);
    return result;
  };
  const SharedPage shared;
  int ends[2];
  if (shared.page() == nullptr || ::pipe2(ends, O_CLOEXEC) != 0) return kit_failure("no memory or pipe for a child");
  Descriptor from_child{ends[0]};
  Descriptor to_parent{ends[1]};

  std::vector<std::string> words = child_arguments(program, arguments, clause, options, to_parent.get(), shared.descriptor());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // Several children may be started at once: each gets its own two ends, and keeps no other's open. (dup2 onto itself clears
  // close-on-exec here.)
  for (const int own : {to_parent.get(), shared.descriptor()}) ::posix_spawn_file_actions_adddup2(&actions, own, own);
  // A group of its own, so that the watchdog also ends what the child starts.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  const auto started = Clock::now();
  const int spawned = ::posix_spawn(&child, program.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (spawned != 0) return kit_failure("cannot start " + program + ": " + std::strerror(spawned));
  to_parent.reset();

  std::string text;
  std::string hang;
  for (;;) {
    pollfd readable{from_child.get(), POLLIN, 0};
    const int ready = ::poll(&readable, 1, 50);
    if (ready > 0) {
      char block[4096];
      const ssize_t count = ::read(from_child.get(), block, sizeof block);
      if (count > 0) text.append(block, static_cast<std::size_t>(count));
      if (count == 0) break;
    }
    hang = overdue(*shared.page(), started, watchdog);
    if (!hang.empty()) break;
  }
  if (!hang.empty()) ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  ::kill(-child, SIGKILL);  // what the clause may have started and not ended

  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (hang.empty() && decode(text, result)) {
    result.seconds = seconds;
    return result;
  }
  result = ClauseResult{};
  result.clause = &clause;
  result.verdict = Verdict::fail;
  result.seen = hang.empty() ? end_of(status) : hang;
  result.trace = lines_of(*shared.page());
  result.seconds = seconds;
  return result;
}

int run_as_child(Subject& subject, const Clause& clause, const Options& options, const ChildChannel& channel) {
  // Neither is for what the clause starts.
  ::fcntl(channel.result, F_SETFD, FD_CLOEXEC);
  void* address = ::mmap(nullptr, sizeof(TracePage), PROT_READ | PROT_WRITE, MAP_SHARED, channel.trace, 0);
  ::close(channel.trace);
  if (address == MAP_FAILED) return 2;
  Options own = options;
  own.own_process = true;
  const ClauseResult result = run_clause(subject, clause, own, *static_cast<TracePage*>(address));
  const std::string text = encoded(result);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(channel.result, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return 2;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  ::close(channel.result);
  return 0;
}

}  // namespace hybridbuffer::conformance
