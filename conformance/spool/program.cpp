#include "program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <set>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace spool_test {

namespace {

[[noreturn]] void throw_errno(const char* what) { throw std::system_error{errno, std::system_category(), what}; }

bool is_ready(int descriptor, short events, milliseconds limit) {
  pollfd watched{descriptor, events, 0};
  const int ready = ::poll(&watched, 1, static_cast<int>(limit.count()));
  if (ready < 0) throw_errno("poll");
  return ready > 0;
}

void wait_until_readable(int descriptor) {
  if (!is_ready(descriptor, POLLIN, patience)) throw std::runtime_error{"hybrid-spool said nothing for a minute"};
}

std::string binary() {
  const char* path = std::getenv("HYBRID_SPOOL");
  if (path == nullptr) throw std::runtime_error{"HYBRID_SPOOL must name the program that is to be tested"};
  return path;
}

/// Starts the binary with these three descriptors, whose numbers are above 2.
pid_t spawn(const Start& start, int input, int output, int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, start.working_directory.c_str());
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGXFSZ}) sigaddset(&defaults, signal);  // a shell in the background ignores some
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

  std::string path = binary();
  std::vector<std::string> words = start.arguments;
  std::vector<char*> argv{path.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error{error, std::system_category(), path};
  return pid;
}

}  // namespace

void Fd::reset() noexcept {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
  return {Fd{ends[0]}, Fd{ends[1]}};
}

Program::Program(Start start) {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  pid_ = spawn(start, start.input < 0 ? input.read_end.get() : start.input, start.output < 0 ? output.write_end.get() : start.output,
               errors.write_end.get());
  // Only the test's own ends are made non-blocking: an end is a file description of its own.
  if (::fcntl(input.write_end.get(), F_SETFL, O_NONBLOCK) != 0) throw_errno("fcntl");
  if (start.input < 0) input_ = std::move(input.write_end);
  if (start.output < 0) output_ = std::move(output.read_end);
  errors_ = std::move(errors.read_end);
}

Program::~Program() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::size_t Program::feed(std::span<const std::byte> bytes, milliseconds limit) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    if (!is_ready(input_.get(), POLLOUT, limit)) return done;
    const ssize_t count = ::write(input_.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EPIPE) return done;
    if (count < 0 && errno != EAGAIN) throw_errno("write to hybrid-spool");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return done;
}

std::vector<std::byte> Program::read(std::size_t most) {
  wait_until_readable(output_.get());
  std::vector<std::byte> bytes(most);
  const ssize_t count = ::read(output_.get(), bytes.data(), bytes.size());
  if (count < 0) throw_errno("read from hybrid-spool");
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

bool Program::writes_within(milliseconds limit) const { return is_ready(output_.get(), POLLIN, limit); }

std::string Program::read_all_text() {
  std::string text;
  for (auto bytes = read(1U << 16U); !bytes.empty(); bytes = read(1U << 16U))
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text;
}

std::string Program::errors() {
  std::string text;
  std::array<char, 4096> block{};
  for (;;) {
    wait_until_readable(errors_.get());
    const ssize_t count = ::read(errors_.get(), block.data(), block.size());
    if (count <= 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
}

int Program::exit_code() {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended < 0) throw_errno("waitpid");
    if (ended == pid_) break;
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error{"hybrid-spool did not end within a minute"};
    ::usleep(1000);
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : killed + WTERMSIG(status);
}

Finished run(std::vector<std::string> arguments, std::string_view input) {
  Program program{std::move(arguments)};
  program.feed(input);
  program.end_input();
  Finished finished;
  finished.output = program.read_all_text();
  finished.errors = program.errors();
  finished.exit_code = program.exit_code();
  return finished;
}

Directory::Directory(const std::string& parent) : path_{parent + "/hybrid-spool-test-XXXXXX"} {
  if (::mkdtemp(path_.data()) == nullptr) throw_errno("mkdtemp");
}
Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> Directory::names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{path_}) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{"cannot read " + path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, std::string_view content) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << content;
  if (!file.flush()) throw std::runtime_error{"cannot write " + path};
}

namespace {

/// The pattern's eight bytes number `index`: the finaliser of splitmix64, which is a bijection.
std::uint64_t word_at(std::uint64_t index) {
  std::uint64_t word = (index + 1) * 0x9e3779b97f4a7c15U;
  word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
  word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
  return word ^ (word >> 31U);
}

constexpr std::size_t block_bytes = std::size_t{256} << 10U;

}  // namespace

std::vector<std::byte> Pattern::bytes(std::uint64_t offset, std::size_t count) {
  const std::uint64_t first = offset / sizeof(std::uint64_t);
  const std::size_t skipped = offset % sizeof(std::uint64_t);
  std::vector<std::uint64_t> words((skipped + count + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = word_at(first + i);
  const auto all = std::as_bytes(std::span{words}).subspan(skipped, count);
  return {all.begin(), all.end()};
}

std::int64_t Pattern::first_difference(std::uint64_t offset, std::span<const std::byte> bytes) {
  const auto expected = Pattern::bytes(offset, bytes.size());
  if (std::equal(bytes.begin(), bytes.end(), expected.begin())) return -1;
  const auto wrong = std::mismatch(bytes.begin(), bytes.end(), expected.begin()).first;
  return static_cast<std::int64_t>(offset) + (wrong - bytes.begin());
}

std::uint64_t feed_pattern(Program& program, std::uint64_t offset, std::uint64_t count, milliseconds limit) {
  // On a busy machine it takes seconds until a program with a sanitizer in it has begun; what a pipe holds says nothing of that.
  constexpr std::uint64_t pipe_bytes = 65536;
  constexpr milliseconds until_it_begins{30'000};
  std::uint64_t done = 0;
  while (done < count) {
    const bool has_begun = offset + done > pipe_bytes;
    const auto block = Pattern::bytes(offset + done, static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, count - done)));
    const std::size_t taken = program.feed(block, has_begun ? limit : std::max(limit, until_it_begins));
    done += taken;
    if (taken < block.size()) break;
  }
  return done;
}

std::uint64_t read_pattern(Program& program, std::uint64_t offset, std::uint64_t count) {
  std::uint64_t done = 0;
  while (done < count) {
    const auto bytes = program.read(static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, count - done)));
    if (bytes.empty()) break;
    if (const std::int64_t wrong = Pattern::first_difference(offset + done, bytes); wrong >= 0) {
      return static_cast<std::uint64_t>(wrong) - offset;
    }
    done += bytes.size();
  }
  return done;
}

namespace {

// Calls `use` with the path below /proc and the status of each file without a name that the process has open.
template <class Use>
void for_each_anonymous_file(const std::string& process, Use&& use) {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/" + process + "/fd"}) {
    struct stat status{};
    if (::stat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 0) continue;
    use(entry.path(), status);
  }
}

}  // namespace

std::vector<AnonymousFile> anonymous_files(pid_t pid) {
  // Whoever runs the tests may have handed down a log that was deleted meanwhile.
  std::set<std::pair<dev_t, ino_t>> inherited;
  for_each_anonymous_file("self", [&](const auto&, const struct stat& status) { inherited.emplace(status.st_dev, status.st_ino); });
  std::vector<AnonymousFile> files;
  for_each_anonymous_file(std::to_string(pid), [&](const std::filesystem::path& descriptor, const struct stat& status) {
    if (inherited.contains({status.st_dev, status.st_ino})) return;
    std::error_code closed_meanwhile;
    const auto path = std::filesystem::read_symlink(descriptor, closed_meanwhile);
    files.push_back({status.st_ino, static_cast<std::uint64_t>(status.st_blocks) * 512, path.string()});
  });
  return files;
}

std::int64_t stat_of(const std::string& errors, std::string_view name) {
  std::istringstream lines{errors};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(":")) continue;
    return std::strtoll(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return -1;
}

}  // namespace spool_test
