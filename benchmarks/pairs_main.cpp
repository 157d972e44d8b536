// The main function of programs whose cases are measured in pairs; pairs.hpp says how.

#include "pairs.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

/// Takes --repetitions=N and --quick out of the arguments. False when one is wrong.
bool take_settings(int& count, char** arguments) {
  constexpr std::string_view repetitions = "--repetitions=";
  int kept = 1;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--quick") {
      bench::settings().quick = true;
    } else if (argument.starts_with(repetitions)) {
      const std::string_view number = argument.substr(repetitions.size());
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), bench::settings().repetitions);
      if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size() || bench::settings().repetitions < 1) return false;
    } else {
      arguments[kept++] = arguments[i];
    }
  }
  count = kept;
  return true;
}

void register_group(const bench::Group& group) {
  for (int repetition = 0; repetition != bench::settings().repetitions; ++repetition) {
    auto cases = group.cases;
    if (repetition % 2 == 1) std::reverse(cases.begin(), cases.end());
    for (const auto& one : cases) {
      const std::string name = group.name + '/' + std::to_string(repetition) + '/' + one.name;
      auto* registered = benchmark::RegisterBenchmark(name.c_str(), one.run);
      registered->Iterations(bench::settings().quick ? 1 : group.rounds);
      if (group.has_threads) registered->MeasureProcessCPUTime();
      if (group.is_on_the_clock) registered->UseRealTime();
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (!take_settings(count, arguments)) {
    std::fputs("--repetitions= needs a number above 0\n", stderr);
    return 2;
  }
  for (const auto& group : bench::groups()) register_group(group);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  return benchmark::RunSpecifiedBenchmarks() == 0;
}
