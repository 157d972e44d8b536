#include "load.hpp"

#include <array>
#include <charconv>
#include <getopt.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

namespace tune {

const char* const help_text =
    R"(usage: hybridbuffer-tune [OPTION]...

Measures on this machine which composition of a buffer suits a load best, and prints it as a line of C++.

      --write-size SIZE    of one append (default: 4K)
      --total SIZE         how much goes through a buffer (default: 256M)
      --readback HOW       sequential (default), random, or none
      --read-size SIZE     of one read (default: 64K in sequence, 4K at random)
      --memory SIZE        what a buffer may hold in memory, at least 1M (default: 64M)
      --directory DIR      where files are made, absolute (default: /var/tmp)
      --repeated           many buffers, one after the other: their files may be reused
      --rounds N           how often the best ones are measured (default: 5)
      --json               print all figures as JSON
      --plot FILE.svg      draw them
  -h, --help               print this text

SIZE is a number of bytes, or one with a suffix: K, M, G are powers of 1024. Larger loads are measured by a sample. Beside each composition
the same is done by a hand-written loop over write(2), read(2) and pread(2), or over memory if the load fits there: the limit. Progress is
shown on standard error. Nothing is left in DIR.

Exit status: 0 all is well; 1 a measurement or the output failed; 2 wrong usage.
)";

namespace {

using Wrong = std::unexpected<std::string>;

Wrong wrong(std::string_view option, std::string_view text, std::string_view why) {
  return Wrong{std::string{option}.append(" '").append(text).append("': ").append(why)};
}

enum Option : int { write_size = 256, total, readback, read_size, memory, directory, repeated, rounds, json, plot, help = 'h' };

constexpr std::array<option, 12> long_options{{{"write-size", required_argument, nullptr, write_size},
                                               {"total", required_argument, nullptr, total},
                                               {"readback", required_argument, nullptr, readback},
                                               {"read-size", required_argument, nullptr, read_size},
                                               {"memory", required_argument, nullptr, memory},
                                               {"directory", required_argument, nullptr, directory},
                                               {"repeated", no_argument, nullptr, repeated},
                                               {"rounds", required_argument, nullptr, rounds},
                                               {"json", no_argument, nullptr, json},
                                               {"plot", required_argument, nullptr, plot},
                                               {"help", no_argument, nullptr, help},
                                               {nullptr, 0, nullptr, 0}}};

/// Sets `value`. The answer is what is wrong, or empty.
template <class Number>
std::string set_size(Number& value, std::string_view option, std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto size = parse_size(text);
  if (!size) return wrong(option, text, size.error()).error();
  if (*size < least) return wrong(option, text, "less than " + size_literal(least)).error();
  if (*size > most) return wrong(option, text, "more than " + size_literal(most)).error();
  value = static_cast<Number>(*size);
  return {};
}

std::string set_readback(Readback& value, std::string_view text) {
  for (const Readback one : {Readback::none, Readback::sequential, Readback::random}) {
    if (text != name_of(one)) continue;
    value = one;
    return {};
  }
  return wrong("--readback", text, "neither sequential nor random nor none").error();
}

std::string set_rounds(int& value, std::string_view text) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool usable = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() && value >= 1 && value <= 1000;
  return usable ? std::string{} : wrong("--rounds", text, "not a number from 1 to 1000").error();
}

/// What is wrong with an option that getopt_long() refused; `word` is the last that it took.
std::string refused(std::string_view word) {
  // 0 for a long name that is none; the option's own value where it is one, given with a value that it does not take.
  const int option = ::optopt;
  for (const auto& one : long_options) {
    if (option != 0 && one.val == option) return std::string{"--"} + one.name + " takes no value";
  }
  if (option != 0) return std::string{"unknown option -"} + static_cast<char>(option);  // `word` may be the one before
  const std::string_view name = word.substr(0, word.find('='));
  std::string meant;
  for (const auto& one : long_options) {
    if (one.name != nullptr && ("--" + std::string{one.name}).starts_with(name))
      meant.append(meant.empty() ? "--" : ", --").append(one.name);
  }
  if (!meant.empty()) return "ambiguous option " + std::string{name} + ": " + meant;
  return "unknown option " + std::string{word};
}

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

/// Errors of one option.
std::string set(Options& options, int found, std::string_view text) {
  constexpr std::uint64_t largest_piece = 64 * mebibyte;
  constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
  switch (found) {
    case write_size: return set_size(options.load.write_size, "--write-size", text, 1, largest_piece);
    case total: return set_size(options.load.total, "--total", text, 1, unlimited);
    case readback: return set_readback(options.load.readback, text);
    case read_size: return set_size(options.load.read_size, "--read-size", text, 1, largest_piece);
    case memory: return set_size(options.load.memory, "--memory", text, mebibyte, unlimited);
    case rounds: return set_rounds(options.rounds, text);
    case directory: options.load.directory = text; break;
    case plot: options.plot = text; break;
    case repeated: options.load.repeated = true; break;
    case json: options.json = true; break;
    case help: options.help = true; break;
    default: break;
  }
  return {};
}

/// What is wrong with the load as a whole, or empty.
std::string check(const Options& options) {
  const Load& load = options.load;
  if (load.write_size > load.total) return "--write-size is more than --total";
  if (load.readback != Readback::none && load.read_size > load.total) return "--read-size is more than --total";
  struct stat status{};
  if (load.directory.empty() || load.directory.front() != '/') return wrong("--directory", load.directory, "not an absolute path").error();
  if (::stat(load.directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return wrong("--directory", load.directory, "there is no such directory").error();
  }
  if (::access(load.directory.c_str(), W_OK | X_OK) != 0)
    return wrong("--directory", load.directory, "no permission to write there").error();
  if (!options.plot.empty() && !options.plot.ends_with(".svg"))
    return wrong("--plot", options.plot, "its name does not end in .svg").error();
  return {};
}

}  // namespace

std::string_view name_of(Readback readback) {
  switch (readback) {
    case Readback::none: return "none";
    case Readback::random: return "random";
    case Readback::sequential: break;
  }
  return "sequential";
}

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view suffix{parsed.ptr, text.data() + text.size()};
  if (parsed.ec == std::errc::result_out_of_range) return Wrong{"more than 64 bits hold"};
  if (parsed.ec != std::errc{}) return Wrong{"not a size"};
  constexpr std::string_view suffixes = "KMGT";
  if (suffix.empty()) return value;
  const std::size_t power = suffixes.find(suffix.front());
  if (power == std::string_view::npos || (suffix.size() != 1 && suffix.substr(1) != "iB")) return Wrong{"not a size"};
  const auto shift = static_cast<unsigned>(10 * (power + 1));
  if (value > (std::numeric_limits<std::uint64_t>::max() >> shift)) return Wrong{"more than 64 bits hold"};
  return value << shift;
}

std::string size_literal(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> units{"", "_KiB", "_MiB", "_GiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes).append(units[unit]);
}

std::expected<Options, std::string> parse_options(int count, char** arguments) {
  Options options;
  ::opterr = 0;
  for (;;) {
    const int found = ::getopt_long(count, arguments, ":h", long_options.data(), nullptr);  // NOLINT(concurrency-mt-unsafe): one thread
    if (found == -1) break;
    if (found == ':') return Wrong{std::string{arguments[::optind - 1]} + " needs a value"};
    if (found == '?') return Wrong{refused(arguments[::optind - 1])};
    if (auto error = set(options, found, ::optarg != nullptr ? ::optarg : ""); !error.empty()) return Wrong{std::move(error)};
  }
  if (::optind != count) return Wrong{"unexpected argument " + std::string{arguments[::optind]}};
  if (options.help) return options;
  if (auto error = check(options); !error.empty()) return Wrong{std::move(error)};
  if (options.load.read_size == 0) {
    const std::uint64_t usual = options.load.readback == Readback::random ? 4096 : 65536;
    options.load.read_size = static_cast<std::size_t>(usual < options.load.total ? usual : options.load.total);
  }
  return options;
}

}  // namespace tune
