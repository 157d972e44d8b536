#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace tune {

enum class Readback : std::uint8_t { none, sequential, random };

/// What a program does with its buffers, as its author describes it.
struct Load {
  std::size_t write_size = 4096;
  std::uint64_t total = std::uint64_t{256} << 20U;
  Readback readback = Readback::sequential;
  std::size_t read_size = 0;  // 0: 64 KiB in sequence, 4 KiB at random
  std::uint64_t memory = std::uint64_t{64} << 20U;
  std::string directory = "/var/tmp";
  bool repeated = false;  // one buffer after the other, so that files can be reused
};

struct Options {
  Load load;
  bool json = false;
  std::string plot{};  // empty: none
  int rounds = 5;      // of the finalists
  bool help = false;
};

extern const char* const help_text;

/// Errors: one sentence that names the wrong argument.
[[nodiscard]] std::expected<Options, std::string> parse_options(int count, char** arguments);

/// "512", "64K", "2G": bytes, or powers of 1024.
[[nodiscard]] std::expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// As a C++ literal: 16_MiB, 512.
[[nodiscard]] std::string size_literal(std::uint64_t bytes);

[[nodiscard]] std::string_view name_of(Readback readback);

}  // namespace tune
