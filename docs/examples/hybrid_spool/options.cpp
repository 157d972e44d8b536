#include "options.hpp"

#include "sizes.hpp"

#include <hybridbuffer/storage_registry.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace spool {

namespace {

constexpr const char* help_text =
    R"(usage: producer | hybrid-spool [OPTION]... | consumer
       producer | hybrid-spool [OPTION]... --output FILE

Passes standard input on to standard output and keeps what the consumer does not take yet: in memory up to a bound, beyond it in a file
without a name. The producer never waits for the consumer. Output starts at once; what was consumed is given back.

  -m, --memory SIZE       memory to use for the data, at least 1M (default: 64M)
  -d, --directory DIR     where to keep what memory cannot hold (default: beside FILE with --output, else $TMPDIR, /var/tmp or /tmp)
      --storage URL       keep it in another store, or with settings: file:///DIR?compress=zstd&encrypt=auto, memory:,
                          redis://HOST/0?prefix=app:, s3://BUCKET/PREFIX?endpoint=URL; not with --directory
      --max-storage SIZE  keep no more of the data in storage than this; then the producer has to wait (default: no limit). Compression
                          and encryption make what is stored smaller or larger
      --soak              read everything before anything is written
  -o, --output FILE       write to FILE, which appears or is replaced whole once the input has ended; never after a failure
      --no-replace        fail when FILE exists
      --progress[=WHEN]   show what passes on standard error: auto (default: if it is a terminal), always or never
      --stats             print a summary on standard error at the end
  -h, --help              print this text
  -V, --version           print the version

SIZE is a number of bytes, or one with a suffix: K, M, G, T, P (or KiB, MiB, ...) are powers of 1024, KB, MB, ... powers of 1000; 1.5G works.

When storage is full the producer has to wait until the consumer has made room. With --soak and --output nothing can make room: that is
an error. FILE keeps the permissions that it had; a new one has those that the umask gives. A symbolic link is followed.

Exit status: 0 all is well; 1 input, output or storage failed; 2 wrong usage; 3 storage is full (--soak, --output);
4 FILE exists (--no-replace); 141 the consumer left before the end.
)";

enum Option : int {
  memory = 'm',
  directory = 'd',
  output = 'o',
  help = 'h',
  version = 'V',
  max_storage = 256,
  storage,
  soak,
  no_replace,
  progress,
  stats
};

constexpr std::array<option, 12> long_options{{{"memory", required_argument, nullptr, memory},
                                               {"directory", required_argument, nullptr, directory},
                                               {"storage", required_argument, nullptr, storage},
                                               {"max-storage", required_argument, nullptr, max_storage},
                                               {"soak", no_argument, nullptr, soak},
                                               {"output", required_argument, nullptr, output},
                                               {"no-replace", no_argument, nullptr, no_replace},
                                               {"progress", optional_argument, nullptr, progress},
                                               {"stats", no_argument, nullptr, stats},
                                               {"help", no_argument, nullptr, help},
                                               {"version", no_argument, nullptr, version},
                                               {nullptr, 0, nullptr, 0}}};

std::unexpected<Outcome> usage_error(std::string message) {
  return std::unexpected{Outcome{ExitCode::usage, std::move(message) + "; try hybrid-spool --help"}};
}

std::unexpected<Outcome> answer(const char* text) {
  const bool written = std::fputs(text, stdout) >= 0 && std::fflush(stdout) == 0;
  return std::unexpected{written ? Outcome{} : Outcome{ExitCode::failure, "cannot write standard output"}};
}

std::expected<std::uint64_t, Outcome> size_argument(const std::string& name, const char* text) {
  const auto size = parse_size(text);
  if (!size) return usage_error(name + ": not a size: '" + text + "'");
  return *size;
}

std::expected<std::string, Outcome> directory_argument(const char* path) {
  const std::unique_ptr<char, decltype(&std::free)> absolute{::realpath(path, nullptr), &std::free};
  if (!absolute) {
    const std::string reason = std::system_category().message(errno);
    return std::unexpected{Outcome{ExitCode::usage, std::string{"--directory: '"} + path + "': " + reason}};
  }
  return std::string{absolute.get()};
}

/// What a URL names is looked at later; that it is one is told at once. The text is not repeated: it may hold a password.
std::expected<std::string, Outcome> url_argument(const char* text) {
  if (const auto url = hybridbuffer::StorageUrl::parse(text); !url) return usage_error("--storage: " + url.error().message());
  return std::string{text};
}

std::expected<ProgressMode, Outcome> progress_argument(const char* text) {
  const std::string_view when = text != nullptr ? text : "auto";
  if (when == "auto") return ProgressMode::on_terminal;
  if (when == "always") return ProgressMode::always;
  if (when == "never") return ProgressMode::never;
  return usage_error("--progress: not auto, always or never: '" + std::string{when} + "'");
}

template <class T>
std::expected<void, Outcome> assign(T& target, std::expected<T, Outcome> value) {
  if (!value) return std::unexpected{std::move(value).error()};
  target = *std::move(value);
  return {};
}

std::expected<void, Outcome> apply(Options& options, int option, const char* argument) {
  switch (option) {
    case memory: return assign(options.memory, size_argument("--memory", argument));
    case max_storage: return assign(options.max_storage, size_argument("--max-storage", argument));
    case directory: return assign(options.directory, directory_argument(argument));
    case progress: return assign(options.progress, progress_argument(argument));
    case output: options.output = argument; break;
    case storage: return assign(options.storage, url_argument(argument));
    case soak: options.soak = true; break;
    case no_replace: options.replace = false; break;
    case stats: options.stats = true; break;
    case help: return answer(help_text);
    case version: return answer("hybrid-spool " HYBRID_SPOOL_VERSION "\n");
    default: return std::unexpected{Outcome{ExitCode::usage, {}}};  // getopt_long has named what is wrong
  }
  return {};
}

}  // namespace

std::expected<Options, Outcome> parse_options(int argc, char** argv) {
  Options options;
  bool has_output = false;
  for (;;) {
    const int option = ::getopt_long(argc, argv, "m:d:o:hV", long_options.data(), nullptr);  // NOLINT(concurrency-mt-unsafe): no thread yet
    if (option == -1) break;
    if (auto applied = apply(options, option, optarg); !applied) return std::unexpected{std::move(applied).error()};
    has_output = has_output || option == output;
  }
  if (optind < argc) return usage_error(std::string{"unexpected argument '"} + argv[optind] + "'");
  if (has_output && options.output.empty()) return usage_error("--output: no file named");
  if (!options.replace && !has_output) return usage_error("--no-replace: only with --output");
  if (!options.storage.empty() && !options.directory.empty()) return usage_error("--storage: not together with --directory");
  if (!options.storage.empty() && has_output && hybridbuffer::StorageUrl::parse(options.storage)->scheme() != "file") {
    return usage_error("--storage: only file: together with --output, which names a file");
  }
  if (options.memory < least_memory) return usage_error("--memory: at least " + format_size(least_memory) + " is needed");
  return options;
}

}  // namespace spool
