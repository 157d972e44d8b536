#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/transform/observation.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace hybridbuffer::inline v0_1 {

/// What an OperationCounts had counted at a moment: a value.
struct OperationSnapshot {
  static constexpr std::size_t buckets = 40;                                         ///< Of the histogram of durations.
  static constexpr std::size_t categories = static_cast<std::size_t>(errc::io) + 1;  ///< Of errors.

  /// Calls of one operation.
  struct Row {
    std::uint64_t calls = 0;     ///< failed ones too
    std::uint64_t failures = 0;  ///< How many failed, by category.
    std::uint64_t bytes = 0;
    std::chrono::nanoseconds total{};                   ///< time spent in them
    std::array<std::uint64_t, buckets> latencies{};     ///< [i]: calls of less than 2^i ns, and not of a bucket before; the last takes all
    std::array<std::uint64_t, categories> failed_as{};  ///< by errc

    /// How many failed with that category.
    [[nodiscard]] std::uint64_t failures_of(errc code) const noexcept { return failed_as[static_cast<std::size_t>(code)]; }

    /// How long the fastest `share` (0 to 1) of the calls took at most, to the next power of two.
    [[nodiscard]] std::chrono::nanoseconds within(double share) const noexcept {
      const double wanted = share * static_cast<double>(calls);
      std::uint64_t seen = 0;
      std::size_t bucket = 0;
      while (bucket + 1 < buckets && (seen += latencies[bucket], static_cast<double>(seen) < wanted)) ++bucket;
      return std::chrono::nanoseconds{calls == 0 ? 0 : std::int64_t{1} << bucket};
    }
  };

  std::array<Row, operation_count> rows{};  ///< A row for each operation.

  /// The row of an operation.
  [[nodiscard]] const Row& of(Operation operation) const noexcept { return rows[static_cast<std::size_t>(operation)]; }

  /// A table for people: a line for each operation that was called. Errors: std::bad_alloc.
  [[nodiscard]] std::string text() const {
    std::string table = "operation            calls   failed            bytes      mean µs   half within    99% within\n";
    for (std::size_t i = 0; i != rows.size(); ++i) {
      const Row& row = rows[i];
      if (row.calls == 0) continue;
      constexpr double ns_in_us = 1000;
      const auto us = [](std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / ns_in_us; };
      std::array<char, 160> line{};
      const std::string_view name = name_of(static_cast<Operation>(i));
      std::snprintf(line.data(), line.size(), "%-15.*s %10llu %8llu %16llu %12.1f %10.1f µs %10.1f µs\n", static_cast<int>(name.size()),
                    name.data(), static_cast<unsigned long long>(row.calls), static_cast<unsigned long long>(row.failures),
                    static_cast<unsigned long long>(row.bytes), us(row.total) / static_cast<double>(row.calls), us(row.within(0.5)),
                    us(row.within(0.99)));
      table += line.data();
    }
    return table;
  }
};

/// A sink that counts: calls, failures by category, bytes, and how long they took, in buckets of powers of two.
///
///     OperationCounts counts;
///     HybridBuffer buffer{SpillAt{1_MiB}, observed(FileStorage{}, counts)};
///     …
///     std::fputs(counts.snapshot().text().c_str(), stderr);
///
/// Threads: any number at once. Cost: a few relaxed additions a call; 9 KiB.
class OperationCounts {
 public:
  OperationCounts() = default;

  /// Counts one call. Threads: any.
  void operator()(const Observation& observation) noexcept {
    Row& row = rows_[static_cast<std::size_t>(observation.operation)];
    const std::int64_t ns = std::max<std::int64_t>(observation.duration.count(), 0);
    const auto bucket = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(ns)));
    add(row.latencies[std::min(bucket, OperationSnapshot::buckets - 1)], 1);
    add(row.nanoseconds, static_cast<std::uint64_t>(ns));
    add(row.bytes, observation.bytes);
    if (observation.error) add(row.failed_as[static_cast<std::size_t>(*observation.error)], 1);
  }

  /// What was counted so far. A call that ends meanwhile may be in one number and not yet in another.
  [[nodiscard]] OperationSnapshot snapshot() const noexcept {
    OperationSnapshot now;
    for (std::size_t i = 0; i != operation_count; ++i) {
      const Row& from = rows_[i];
      OperationSnapshot::Row& to = now.rows[i];
      for (std::size_t j = 0; j != to.latencies.size(); ++j) to.calls += to.latencies[j] = read(from.latencies[j]);
      for (std::size_t j = 0; j != to.failed_as.size(); ++j) to.failures += to.failed_as[j] = read(from.failed_as[j]);
      to.bytes = read(from.bytes);
      to.total = std::chrono::nanoseconds{static_cast<std::int64_t>(read(from.nanoseconds))};
    }
    return now;
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  struct Row {
    Counter bytes{0};
    Counter nanoseconds{0};
    std::array<Counter, OperationSnapshot::buckets> latencies{};
    std::array<Counter, OperationSnapshot::categories> failed_as{};
  };

  static void add(Counter& counter, std::uint64_t n) noexcept { counter.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] static std::uint64_t read(const Counter& counter) noexcept { return counter.load(std::memory_order_relaxed); }

  std::array<Row, operation_count> rows_{};
};

static_assert(observation_sink<OperationCounts>);

}  // namespace hybridbuffer::inline v0_1
