#include <hybridbuffer/conformance/isolation.hpp>

#include <hybridbuffer/conformance/run.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <new>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
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
  const auto line = [&](std::string_view key, std::string_view value) {
    text.append(key).append("\t").append(escaped(value)).append("\n");
  };
  line("verdict", std::to_string(static_cast<int>(result.verdict)));
  line("seen", result.seen);
  for (const std::string& part : result.parts_not_run) line("part", part);
  for (const std::string& operation : result.trace) line("trace", operation);
  line("checks", std::to_string(result.checks));
  line("size", std::to_string(result.size_reached));
  line("seconds", std::to_string(result.seconds));
  line("missing", result.missing ? "1" : "0");
  line("cause", std::to_string(static_cast<int>(result.cause)));
  if (result.capabilities) {
    for (const Capability capability : all_capabilities) {
      if (result.capabilities->has(capability)) line("capability", name_of(capability));
    }
    line("capabilities", "known");
  }
  line("end", "");
  return text;
}

Capabilities capability_named(std::string_view name) {
  const auto* found = std::find_if(all_capabilities.begin(), all_capabilities.end(), [&](Capability c) { return name_of(c) == name; });
  return found == all_capabilities.end() ? Capabilities{} : Capabilities{*found};
}

// Returns: false when the text is not a whole result.
bool decode(std::string_view text, ClauseResult& result) {
  bool ended = false;
  Capabilities declared;
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
    else if (key == "cause") result.cause = static_cast<Cause>(std::stoi(value));
    else if (key == "capability") declared = declared.with(capability_named(value));
    else if (key == "capabilities") result.capabilities = declared;
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

std::vector<std::string> child_arguments(const std::string& program, const std::vector<std::string>& arguments, const Clause& clause,
                                         const Options& options, int result, int trace) {
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--clause", std::string{clause.id}, "--seed", std::to_string(options.seed), "--tier",
                         std::string{name_of(options.tier)}, "--child", std::to_string(result) + "," + std::to_string(trace)});
  for (const std::string& hook : options.distrusted) all.insert(all.end(), {"--distrust", hook});
  return all;
}

// Looks whether a child still gets on.
class Watch {
 public:
  Watch(const TracePage& page, const Watchdog& limits) : page_{&page}, limits_{limits} {}

  /// Ends the wait with a verdict and its reason; nothing while the child may go on.
  [[nodiscard]] std::optional<std::pair<Verdict, std::string>> overdue() {
    const auto now = Clock::now();
    const std::int64_t since = page_->started.load(std::memory_order_acquire);
    const auto seen = std::pair{page_->count.load(std::memory_order_acquire), since};
    if (std::exchange(last_seen_, seen) != seen) last_change_ = now;
    if (since != 0 && std::chrono::nanoseconds{now.time_since_epoch().count() - since} > limits_.operation) {
      return std::pair{Verdict::fail, "an operation hangs: it did not return within " + text_of(limits_.operation)};
    }
    if (now - started_ <= limits_.clause) return {};
    // Whoever gets on is slow; whoever does not waits for something that does not come.
    if (now - last_change_ <= limits_.operation) {
      return std::pair{Verdict::unknown, "the clause took more than " + text_of(limits_.clause) + " and still got on: too slow to tell"};
    }
    return std::pair{Verdict::fail, "the clause hangs: it did not end within " + text_of(limits_.clause)};
  }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

 private:
  [[nodiscard]] static std::string text_of(std::chrono::milliseconds time) { return std::to_string(time.count()) + " ms"; }

  const TracePage* page_;
  Watchdog limits_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point last_change_ = started_;
  std::pair<std::uint64_t, std::int64_t> last_seen_{};
};

std::string end_of(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = ::strsignal(WTERMSIG(status));
    return std::string{"crashed: "} + (name != nullptr ? name : "signal " + std::to_string(WTERMSIG(status)));
  }
  return "the process ended with status " + std::to_string(WEXITSTATUS(status)) + "";
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
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);  // what a backend prints is no part of the report
  // A group of its own, so that the watchdog also ends what the child starts.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  Watch watch{*shared.page(), watchdog};
  const int spawned = ::posix_spawn(&child, program.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (spawned != 0) return kit_failure("cannot start " + program + ": " + std::strerror(spawned));
  to_parent.reset();

  std::string text;
  const auto take = [&](int wait) {  // false at the end of what the child says
    pollfd readable{from_child.get(), POLLIN, 0};
    if (::poll(&readable, 1, wait) <= 0) return true;
    std::array<char, 4096> block{};
    const ssize_t count = ::read(from_child.get(), block.data(), block.size());
    if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
    return count != 0;
  };
  std::optional<std::pair<Verdict, std::string>> overdue;
  int status = 0;
  bool ended = false;
  for (bool more = true; !ended && !overdue;) {
    if (more) more = take(50);
    else std::this_thread::sleep_for(std::chrono::milliseconds{1});
    ended = ::waitpid(child, &status, WNOHANG) == child;
    if (!ended) overdue = watch.overdue();
  }
  // What it said last. The pipe may stay open longer than the child lives, in what the clause started.
  for (std::size_t before = text.size() + 1; before != text.size();) {
    before = text.size();
    take(0);
  }
  if (overdue) ::kill(-child, SIGKILL);
  while (!ended && ::waitpid(child, &status, 0) == -1 && errno == EINTR) {}
  ::kill(-child, SIGKILL);  // what the clause may have started and not ended

  const bool told = decode(text, result);
  if (told && (status == 0 || result.verdict == Verdict::fail)) {
    result.seconds = watch.seconds();
    return result;
  }
  result = ClauseResult{};
  result.clause = &clause;
  result.verdict = overdue ? overdue->first : Verdict::fail;
  result.cause = Cause::ended;
  result.seen = (overdue ? overdue->second : end_of(status)) + (told ? ", after the clause was over" : "");
  result.trace = lines_of(*shared.page());
  result.seconds = watch.seconds();
  return result;
}

int run_as_child(Subject& subject, const Clause& clause, const Options& options, const ChildChannel& channel) {
  Options own = options;
  own.own_process = true;
  return run_as_child([&](TracePage& page) { return run_clause(subject, clause, own, page); }, channel);
}

int run_as_child(const std::function<ClauseResult(TracePage&)>& run_clause, const ChildChannel& channel) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it has a process group of its own, which Ctrl-C at the terminal does not reach
  // Neither is for what the clause starts.
  ::fcntl(channel.result, F_SETFD, FD_CLOEXEC);
  void* address = ::mmap(nullptr, sizeof(TracePage), PROT_READ | PROT_WRITE, MAP_SHARED, channel.trace, 0);
  ::close(channel.trace);
  ClauseResult result;
  result.seen = "the kit failed: no memory for the trace";
  if (address != MAP_FAILED) result = run_clause(*static_cast<TracePage*>(address));
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
