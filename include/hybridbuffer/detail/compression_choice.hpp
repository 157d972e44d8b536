#pragma once

#include <hybridbuffer/detail/compression_engines.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace hybridbuffer::inline v0_1::detail {

/// Which codec the next chunk takes: that whose time for a byte, and what it leaves of it at the store's speed, are least together.
///
/// What a codec takes and leaves is a running average over the chunks that it got and that can be compressed; CompressionSample tells
/// which cannot. One that is not the best gets a chunk now and then, so
/// that other content is noticed: after as many chunks as make these trials cost 1/64 of the best's time, but after 1 024 at the latest.
/// A chunk is compressed once, trial or not, and stored so.
/// Threads: any number at once.
class CompressionChoice {
 public:
  static constexpr std::array<Compressor, 4> candidates{
      {{FrameCodec::lz4, 0}, {FrameCodec::zstd, 1}, {FrameCodec::zstd, 3}, {FrameCodec::raw, 0}}};

  explicit CompressionChoice(std::uint64_t store_bytes_per_second) noexcept
      : store_nanoseconds_{1e9 / static_cast<double>(std::max<std::uint64_t>(store_bytes_per_second, 1))} {}

  /// What tells whether a chunk can be compressed by any of the candidates: it finds what repeats, and what some bytes are used more.
  static constexpr Compressor judge{FrameCodec::zstd, 1};

  /// The index of the candidate for the next chunk. Each has one recorded before any gets a second.
  [[nodiscard]] std::size_t next() {
    const std::scoped_lock lock{mutex_};
    const std::uint64_t chunk = ++chunks_;
    std::size_t chosen = candidates.size();
    for (std::size_t i = 0; i != candidates.size() && chosen == candidates.size(); ++i) {
      if (!estimates_[i].is_known) chosen = i;
    }
    if (chosen == candidates.size()) chosen = due(chunk);
    estimates_[chosen].last_chunk = chunk;
    return chosen;
  }

  /// The index of the best candidate so far, for a chunk that is too small to learn from.
  [[nodiscard]] std::size_t best() const {
    const std::scoped_lock lock{mutex_};
    return best_known();
  }

  /// What came of a chunk. `stored` is that of a raw frame when the chunk did not shrink.
  void record(std::size_t candidate, std::size_t content, std::size_t stored, std::uint64_t nanoseconds) {
    const std::scoped_lock lock{mutex_};
    Estimate& e = estimates_[candidate];
    double time = static_cast<double>(nanoseconds) / static_cast<double>(content);
    const double ratio = static_cast<double>(stored) / static_cast<double>(content);
    if (e.is_known) {
      time = std::min(time, 2 * e.time + 1);  // a thread that was not running meanwhile says nothing of the codec
      e.time += (time - e.time) / 4;
      e.ratio += (ratio - e.ratio) / 4;
    } else {
      e.time = time;
      e.ratio = ratio;
      e.is_known = true;
    }
  }

 private:
  struct Estimate {
    double time = 0;   // nanoseconds for a byte of content
    double ratio = 1;  // what is stored of it
    bool is_known = false;
    std::uint64_t last_chunk = 0;  // that it was given; 0: none
  };

  [[nodiscard]] double cost(const Estimate& e) const noexcept { return e.time + e.ratio * store_nanoseconds_; }

  [[nodiscard]] std::size_t best_known() const noexcept {
    std::size_t found = 0;
    for (std::size_t i = 1; i != candidates.size(); ++i) {
      if (!estimates_[i].is_known) continue;
      if (!estimates_[found].is_known || cost(estimates_[i]) < cost(estimates_[found])) found = i;
    }
    return found;
  }

  [[nodiscard]] std::size_t due(std::uint64_t chunk) const noexcept {
    const std::size_t best = best_known();
    const double least = cost(estimates_[best]);
    for (std::size_t i = 0; i != candidates.size(); ++i) {
      const double wait = std::clamp(64 * (cost(estimates_[i]) / least - 1), 16.0, 1024.0);
      if (i != best && static_cast<double>(chunk - estimates_[i].last_chunk) >= wait) return i;
    }
    return best;
  }

  double store_nanoseconds_;  // for a byte
  mutable std::mutex mutex_;
  std::uint64_t chunks_ = 0;
  std::array<Estimate, candidates.size()> estimates_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
