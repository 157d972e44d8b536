// Sorts more lines than memory may hold: sorted runs in buffers that spill, merged into one that spills.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "external_sort.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// [external_sort]
constexpr std::uint64_t run_bytes = 256_KiB;  // what is sorted in memory at once
constexpr std::uint64_t kept_bytes = 64_KiB;  // what each run, and the output, keeps in memory

Result<HybridBuffer<>> sorted_run(HybridBuffer<>& input) {
  std::vector<std::string> lines;
  for (std::uint64_t taken = 0; taken < run_bytes;) {
    auto read = input.read_line();
    if (!read) return std::unexpected{read.error()};
    std::optional<std::string> line = *std::move(read);
    if (!line) break;  // the end
    taken += line->size();
    lines.push_back(*std::move(line));
  }
  if (auto done = input.discard_read(); !done) return std::unexpected{done.error()};  // the input shrinks as the runs grow

  std::ranges::sort(lines);
  HybridBuffer<> run{SpillAt{kept_bytes}};
  for (std::string& line : lines) {
    if (auto done = run.append(line += '\n'); !done) return std::unexpected{done.error()};
  }
  return run;
}

Result<HybridBuffer<>> merged(std::vector<HybridBuffer<>>& runs) {
  using Head = std::pair<std::string, std::size_t>;  // the next line of a run, and which run
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto take_head = [&](std::size_t index) -> Result<void> {
    auto read = runs[index].read_line();
    if (!read) return std::unexpected{read.error()};
    std::optional<std::string> line = *std::move(read);
    if (line) heads.emplace(*std::move(line), index);
    return {};
  };

  for (std::size_t index = 0; index != runs.size(); ++index) {
    if (auto done = take_head(index); !done) return std::unexpected{done.error()};
  }
  HybridBuffer<> output{SpillAt{kept_bytes}};
  while (!heads.empty()) {
    auto [line, index] = heads.top();
    heads.pop();
    if (auto done = output.append(line += '\n'); !done) return std::unexpected{done.error()};
    if (auto done = take_head(index); !done) return std::unexpected{done.error()};
  }
  return output;
}

Result<HybridBuffer<>> sort_lines(HybridBuffer<> input) {
  std::vector<HybridBuffer<>> runs;
  while (input.unread() != 0) {
    auto run = sorted_run(input);
    if (!run) return run;
    runs.push_back(std::move(*run));
  }
  return merged(runs);
}
// [external_sort]

}  // namespace

int main() {
  HybridBuffer<> input{SpillAt{kept_bytes}};
  std::vector<std::string> expected;
  std::mt19937 random{1};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same lines every time
  for (int count = 0; count != 200'000; ++count) {
    expected.push_back(std::to_string(random()));
    require(input.append(expected.back()).has_value() && input.append('\n').has_value(), "append");
  }
  require(input.size() > 7 * run_bytes, "more than fits into memory");

  auto output = sort_lines(std::move(input));

  require(output.has_value() && output->is_spilled(), "it was sorted through storage");
  std::ranges::sort(expected);
  for (const std::string& line : expected) require(output->read_line() == line, "every line, in order");
  require(output->unread() == 0, "and no other");
  std::printf("%zu lines sorted, %zu bytes in memory at the end\n", expected.size(), std::size_t{output->stats().in_memory});
  return 0;
}
