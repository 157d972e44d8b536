#pragma once

#include <hybridbuffer/detail/compression_engines.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hybridbuffer::inline v0_1::detail {

/// Which codec the next chunk takes: that whose time for a byte, and what it leaves of it at the store's speed, are least together.
///
/// What a codec takes and leaves is a running average over the chunks that it got and that can be compressed; CompressionSample tells
/// which cannot. One that is not the best gets a chunk now and then, so
/// that other content is noticed: after as many chunks as make these trials cost 1/64 of the best's time, but after 1 024 at the latest.
/// A chunk is compressed once, trial or not, and stored so.
/// Threads: any number at once. Without a lock, which a child that was forked while another thread held it would wait for for ever: of two
/// chunks that are recorded at the same moment one may be lost, and one be chosen for by half of what another has just taught.
class CompressionChoice {
 public:
  static constexpr std::array<Compressor, 4> candidates{
      {{FrameCodec::lz4, 0}, {FrameCodec::zstd, 1}, {FrameCodec::zstd, 3}, {FrameCodec::raw, 0}}};

  explicit CompressionChoice(std::uint64_t store_bytes_per_second) noexcept
      : store_nanoseconds_{1e9 / static_cast<double>(std::max<std::uint64_t>(store_bytes_per_second, 1))} {}

  /// What tells whether a chunk can be compressed by any of the candidates: it finds what repeats, and what some bytes are used more.
  static constexpr Compressor judge{FrameCodec::zstd, 1};

  /// The index of the candidate for the next chunk. Each has one recorded before any gets a second.
  [[nodiscard]] std::size_t next() noexcept {
    const std::uint64_t chunk = chunks_.fetch_add(1, relaxed) + 1;
    std::size_t chosen = candidates.size();
    for (std::size_t i = 0; i != candidates.size() && chosen == candidates.size(); ++i) {
      if (!estimates_[i].is_known.load(acquire)) chosen = i;
    }
    if (chosen == candidates.size()) chosen = due(chunk);
    estimates_[chosen].last_chunk.store(chunk, relaxed);
    return chosen;
  }

  /// The index of the best candidate so far, for a chunk that is too small to learn from.
  [[nodiscard]] std::size_t best() const noexcept { return best_known(); }

  /// What came of a chunk. `stored` is that of a raw frame when the chunk did not shrink.
  void record(std::size_t candidate, std::size_t content, std::size_t stored, std::uint64_t nanoseconds) noexcept {
    Estimate& e = estimates_[candidate];
    double time = static_cast<double>(nanoseconds) / static_cast<double>(content);
    const double ratio = static_cast<double>(stored) / static_cast<double>(content);
    if (e.is_known.load(acquire)) {
      const double time_before = e.time.load(relaxed);
      const double ratio_before = e.ratio.load(relaxed);
      time = std::min(time, 2 * time_before + 1);  // a thread that was not running meanwhile says nothing of the codec
      e.time.store(time_before + (time - time_before) / 4, relaxed);
      e.ratio.store(ratio_before + (ratio - ratio_before) / 4, relaxed);
    } else {
      e.time.store(time, relaxed);
      e.ratio.store(ratio, relaxed);
      e.is_known.store(true, release);
    }
  }

 private:
  static constexpr auto relaxed = std::memory_order_relaxed;
  static constexpr auto acquire = std::memory_order_acquire;
  static constexpr auto release = std::memory_order_release;

  struct Estimate {
    std::atomic<double> time{0};   // nanoseconds for a byte of content
    std::atomic<double> ratio{1};  // what is stored of it
    std::atomic<bool> is_known{false};
    std::atomic<std::uint64_t> last_chunk{0};  // that it was given; 0: none
  };

  [[nodiscard]] double cost(const Estimate& e) const noexcept { return e.time.load(relaxed) + e.ratio.load(relaxed) * store_nanoseconds_; }

  [[nodiscard]] std::size_t best_known() const noexcept {
    std::size_t found = 0;
    for (std::size_t i = 1; i != candidates.size(); ++i) {
      if (!estimates_[i].is_known.load(acquire)) continue;
      if (!estimates_[found].is_known.load(acquire) || cost(estimates_[i]) < cost(estimates_[found])) found = i;
    }
    return found;
  }

  [[nodiscard]] std::size_t due(std::uint64_t chunk) const noexcept {
    const std::size_t best = best_known();
    const double least = cost(estimates_[best]);
    for (std::size_t i = 0; i != candidates.size(); ++i) {
      const double wait = std::clamp(64 * (cost(estimates_[i]) / least - 1), 16.0, 1024.0);
      const std::uint64_t last = estimates_[i].last_chunk.load(relaxed);  // another thread may be ahead
      if (i != best && chunk > last && static_cast<double>(chunk - last) >= wait) return i;
    }
    return best;
  }

  double store_nanoseconds_;  // for a byte
  std::atomic<std::uint64_t> chunks_{0};
  std::array<Estimate, candidates.size()> estimates_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
