#pragma once

#include "load.hpp"

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace tune {

/// What one run of a load took.
struct Figures {
  double write_seconds = 0;
  double read_seconds = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  [[nodiscard]] double seconds() const { return write_seconds + read_seconds; }
};

inline constexpr std::size_t most_random_reads = 16384;

/// Runs the load on `target` for `volume` bytes: `append(piece)`, then `read(out)` from the start until it gives 0, or `read_at(offset,
/// out)`. Each answers a Result. Errors: theirs; `corrupted` when other bytes come back than went in.
template <class Target>
[[nodiscard]] hybridbuffer::Result<Figures> run_load(Target& target, const Load& load, std::uint64_t volume) {
  using Clock = std::chrono::steady_clock;
  const std::vector<std::byte> piece(load.write_size, std::byte{'x'});
  std::vector<std::byte> out(load.read_size);
  Figures figures{.written = volume};

  const auto begin = Clock::now();
  for (std::uint64_t done = 0; done < volume;) {
    const auto next = std::span{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), volume - done)));
    if (auto appended = target.append(next); !appended) return std::unexpected{appended.error()};
    done += next.size();
  }
  const auto middle = Clock::now();
  if (load.readback == Readback::sequential) {
    for (;;) {
      const auto count = target.read(out);
      if (!count) return std::unexpected{count.error()};
      if (*count == 0) break;
      figures.read += *count;
    }
    if (figures.read != volume || out.front() != piece.front()) return hybridbuffer::failure(hybridbuffer::errc::corrupted, "read back");
  } else if (load.readback == Readback::random) {
    std::mt19937_64 random{42};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same reads each time
    const std::uint64_t reads = std::min<std::uint64_t>(most_random_reads, volume / out.size());
    for (std::uint64_t i = 0; i != reads; ++i) {
      const auto count = target.read_at(random() % (volume - out.size() + 1), out);
      if (!count) return std::unexpected{count.error()};
      if (*count != out.size() || out.front() != piece.front()) return hybridbuffer::failure(hybridbuffer::errc::corrupted, "read back");
      figures.read += *count;
    }
  }
  const auto end = Clock::now();
  figures.write_seconds = std::chrono::duration<double>{middle - begin}.count();
  figures.read_seconds = std::chrono::duration<double>{end - middle}.count();
  return figures;
}

}  // namespace tune
