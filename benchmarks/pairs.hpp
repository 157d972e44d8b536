#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// Groups of cases that are measured in turn, so that each repetition has a subject and its limit side by side.
///
/// A program registers groups; pairs_main.cpp makes Google Benchmark's cases out of them, `group/repetition/case`, in an order in which
/// the cases of one repetition follow each other, first to last and last to first by turns. ratios.py pairs them again. The processor
/// speed of a virtual machine changes within seconds, and so both sides of a ratio meet the same one.

namespace bench {

struct Settings {
  int repetitions = 1;
  bool quick = false;  // each case once with a small volume: whether it works, not how fast
};
inline Settings& settings() {
  static Settings values;
  return values;
}

struct Case {
  std::string name;
  std::function<void(benchmark::State&)> run;
};
struct Group {
  std::string name;
  std::int64_t rounds;  // of each case in a repetition
  std::vector<Case> cases;
  bool has_threads = false;      // whose processor time counts as well
  bool is_on_the_clock = false;  // others do the work: it counts how long that takes
};
inline std::vector<Group>& groups() {
  static std::vector<Group> all;
  return all;
}
/// For a variable at namespace scope.
[[nodiscard]] inline bool add(Group group) {
  groups().push_back(std::move(group));
  return true;
}
[[nodiscard]] inline bool add(std::string name, std::int64_t rounds, std::vector<Case> cases, bool has_threads = false) {
  return add({std::move(name), rounds, std::move(cases), has_threads});
}

/// A volume as it is measured, small in a quick run. Requires: a multiple of 64 MiB, or less than 16 MiB.
[[nodiscard]] inline std::size_t volume(std::size_t bytes) {
  constexpr std::size_t small = std::size_t{16} << 20U;
  return settings().quick && bytes > small ? bytes / 64 : bytes;
}

/// Measures `round`, which answers whether it worked, and works on `bytes` bytes each time; the first time, untimed, warms memory up.
template <class Round>
void measure(benchmark::State& state, std::size_t bytes, Round&& round) {
  bool works = round();
  for (auto _ : state) works = round() && works;
  if (!works) state.SkipWithError("a call failed");
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

inline constexpr std::size_t page_bytes = 4096;

/// Up to 1 MiB of bytes at the start of a page, read and written by all cases.
[[nodiscard]] inline std::span<std::byte> block(std::size_t size) {
  constexpr std::size_t most = std::size_t{1} << 20U;
  static auto* const bytes =
      static_cast<std::byte*>(std::memset(std::aligned_alloc(page_bytes, most + page_bytes), 'x', most + page_bytes));
  return {bytes, size};
}

/// Where files are made: what TMPDIR says, else /var/tmp, as FileStorage does it.
[[nodiscard]] inline std::string directory() {
  const char* const named = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): read before there is a second thread
  return named != nullptr && *named != '\0' ? named : "/var/tmp";
}

/// An anonymous file, as a C program would make it.
class PlainFile {
 public:
  PlainFile() : descriptor_{::open(directory().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)} {}
  ~PlainFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  PlainFile(PlainFile&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;
  PlainFile& operator=(PlainFile&&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool write(std::span<const std::byte> bytes) const {
    return ::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  [[nodiscard]] bool fill(std::size_t bytes, std::size_t piece) const {
    for (std::size_t done = 0; done < bytes; done += piece) {
      if (!write(block(piece))) return false;
    }
    return true;
  }

 private:
  int descriptor_;
};

/// The pointer bump that an append into memory cannot beat, through an object passed by reference.
struct Bump {
  std::byte* cursor;
  std::byte* end;
  [[nodiscard]] bool append(std::span<const std::byte> bytes) {
    if (static_cast<std::size_t>(end - cursor) < bytes.size()) return false;
    std::memcpy(cursor, bytes.data(), bytes.size());
    cursor += bytes.size();
    return true;
  }
};

}  // namespace bench
