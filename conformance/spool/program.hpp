#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace spool_test {

using std::chrono::milliseconds;

/// A step that takes longer than this has hung; the test then ends with an exception.
inline constexpr milliseconds patience{60'000};

/// Owns a descriptor.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int number) noexcept : number_{number} {}
  Fd(Fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  void reset() noexcept;

 private:
  int number_ = -1;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};
[[nodiscard]] Pipe make_pipe();

/// How hybrid-spool is started. A descriptor of −1: a pipe to the test.
struct Start {
  std::vector<std::string> arguments{};
  int input = -1;
  int output = -1;
  std::string working_directory = "/";
};

/// A running hybrid-spool; the binary is named by the environment variable HYBRID_SPOOL. Killed when the test leaves it behind.
class Program {
 public:
  static constexpr int killed = 256;  // added to the number of the signal that ended it

  explicit Program(Start start);
  explicit Program(std::vector<std::string> arguments) : Program{Start{.arguments = std::move(arguments)}} {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Writes all of `bytes` to its input.
  /// Returns: how many it took before `limit` passed without it taking any.
  std::size_t feed(std::span<const std::byte> bytes, milliseconds limit = patience);
  std::size_t feed(std::string_view text) { return feed(std::as_bytes(std::span{text})); }
  void end_input() noexcept { input_.reset(); }

  /// The next bytes of its output, at most `most`; none at its end.
  [[nodiscard]] std::vector<std::byte> read(std::size_t most);
  /// True when it writes something, or ends its output, within `limit`.
  [[nodiscard]] bool writes_within(milliseconds limit) const;
  [[nodiscard]] std::string read_all_text();
  void leave_output() noexcept { output_.reset(); }

  /// What it says on standard error until it ends.
  [[nodiscard]] std::string errors();
  /// Waits for its end. Returns: the exit code, or `killed` + the signal.
  [[nodiscard]] int exit_code();

  [[nodiscard]] int input() const noexcept { return input_.get(); }
  [[nodiscard]] int output() const noexcept { return output_.get(); }

 private:
  pid_t pid_ = -1;
  Fd input_;
  Fd output_;
  Fd errors_;
};

/// What a run left, for those that need no more than that.
struct Finished {
  int exit_code;
  std::string output;
  std::string errors;
};
[[nodiscard]] Finished run(std::vector<std::string> arguments, std::string_view input = {});

/// A new directory under `parent`, removed with what is in it.
class Directory {
 public:
  explicit Directory(const std::string& parent = "/var/tmp");
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string{name}; }
  /// The names in it, sorted.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::string path_;
};

[[nodiscard]] std::string content_of(const std::string& path);
void write_file(const std::string& path, std::string_view content);

/// Bytes that are a function of their offset, so that a misplaced byte shows.
class Pattern {
 public:
  [[nodiscard]] static std::vector<std::byte> bytes(std::uint64_t offset, std::size_t count);
  /// The first offset at which `bytes`, said to begin at `offset`, are wrong; −1 when they are right.
  [[nodiscard]] static std::int64_t first_difference(std::uint64_t offset, std::span<const std::byte> bytes);
};

/// Feeds `count` bytes of the pattern from `offset` on, until none was taken for `limit` once the program has begun to read. Returns: how
/// many were taken.
std::uint64_t feed_pattern(Program& program, std::uint64_t offset, std::uint64_t count, milliseconds limit = patience);

/// Reads up to `count` bytes and compares them with the pattern.
/// Returns: how many were read and right, up to the end of the output or the first wrong one.
[[nodiscard]] std::uint64_t read_pattern(Program& program, std::uint64_t offset, std::uint64_t count);

/// A file without a name that a process has open.
struct AnonymousFile {
  ino_t inode;
  std::uint64_t held_bytes;  // of storage
  std::string path;          // as the kernel tells it: the directory, then "/#", the inode and " (deleted)"
};
[[nodiscard]] std::vector<AnonymousFile> anonymous_files(pid_t pid);

/// The number behind `name` in the output of --stats; −1 when it is not there.
[[nodiscard]] std::int64_t stat_of(const std::string& errors, std::string_view name);

}  // namespace spool_test
