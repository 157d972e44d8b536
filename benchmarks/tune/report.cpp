#include "report.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace tune {

namespace {

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::string text(512, '\0');
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  text.resize(length < 0 ? 0 : std::min<std::size_t>(static_cast<std::size_t>(length), text.size() - 1));
  return text;
}

constexpr double mega = 1e6;

std::string figures(const Candidate& candidate) {
  std::string text = print("written %.0f MB/s", candidate.write_speed() / mega);
  if (candidate.read_speed() > 0) text += print(", read %.0f MB/s", candidate.read_speed() / mega);
  return text + print(", %.2f times as fast as the hand-written loop", candidate.margin());
}

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char unit : text) {
    const auto code = static_cast<unsigned char>(unit);
    if (unit == '"' || unit == '\\') quoted.append({'\\', unit});
    else if (code < 0x20) quoted += print("\\u%04x", static_cast<unsigned>(code));
    else quoted += unit;
  }
  return quoted + '"';
}

std::string json_candidate(const Load& load, const Candidate& candidate) {
  return "{\"line\": " + json_string(candidate.composition->line(load, candidate.threshold)) +
         print(
             ", \"threshold\": %llu, \"seconds\": %.6f, \"write_bytes_per_second\": %.0f, \"read_bytes_per_second\": %.0f, \"margin\": "
             "%.4f, "
             "\"runs\": %zu}",
             static_cast<unsigned long long>(candidate.threshold), candidate.seconds(), candidate.write_speed(), candidate.read_speed(),
             candidate.margin(), candidate.runs.size());
}

}  // namespace

std::string text_report(const Load& load, const Sweep& sweep) {
  const Candidate& best = sweep.candidates.front();
  std::string text = best.composition->line(load, best.threshold) + "\n    " + figures(best) + "\n\n";
  text += print("Measured with %s in all: appends of %s, ", size_literal(sweep.volume).c_str(), size_literal(load.write_size).c_str());
  text += load.readback == Readback::none ? std::string{"nothing read back"}
                                          : "read back " + std::string{load.readback == Readback::random ? "at random" : "in sequence"} +
                                                " by " + size_literal(load.read_size);
  text += print("; the hand-written loop took %.3f s. The next best:\n", sweep.limit_seconds);
  for (std::size_t i = 1; i < sweep.candidates.size() && i < 5; ++i) {
    const Candidate& next = sweep.candidates[i];
    text += next.composition->line(load, next.threshold) + "\n    " + figures(next) + "\n";
  }
  return text;
}

std::string json_report(const Load& load, const Sweep& sweep) {
  std::string text = "{\n  \"load\": {";
  text += print("\"write_size\": %zu, \"total\": %llu, \"readback\": ", load.write_size, static_cast<unsigned long long>(load.total));
  text += json_string(name_of(load.readback));
  text += print(", \"read_size\": %zu, \"memory\": %llu, \"directory\": ", load.read_size, static_cast<unsigned long long>(load.memory));
  text += json_string(load.directory) + ", \"repeated\": " + (load.repeated ? "true" : "false") + "},\n";
  text += print("  \"volume\": %llu,\n  \"limit_seconds\": %.6f,\n  \"recommended\": ", static_cast<unsigned long long>(sweep.volume),
                sweep.limit_seconds);
  text += json_candidate(load, sweep.candidates.front()) + ",\n  \"measured\": [";
  for (std::size_t i = 0; i != sweep.candidates.size(); ++i) {
    text += (i == 0 ? "\n    " : ",\n    ") + json_candidate(load, sweep.candidates[i]);
  }
  return text + "\n  ]\n}\n";
}

}  // namespace tune
