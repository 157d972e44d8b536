// Overlapped: a producer that computes what it appends, and a storage that takes about as long to store it. Each iteration runs the
// producer alone, the storage alone, both in turn (SpillAt) and both side by side (Overlapped), so that all four meet the same
// disturbances. `of_longer` is the time of Overlapped in units of the longer one alone, its limit; `of_sum` the same for SpillAt.
// Medians of the iterations' ratios. Two processors are needed where the storage computes, as compression does.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::literals;

constexpr std::size_t volume = 128_MiB;
constexpr std::size_t piece_bytes = 64_KiB;
constexpr std::uint64_t threshold = 8_MiB;

/// Memory behind a line that takes so many bytes a second.
class SlowBackend {
 public:
  static constexpr std::uint64_t bytes_per_second = 400'000'000;

  class Writer {
   public:
    explicit Writer(MemoryBackend::Writer inner) : inner_{std::move(inner)} {}
    Result<void> write(std::span<const std::byte> bytes) {
      std::this_thread::sleep_for(std::chrono::nanoseconds{bytes.size() * 1'000'000'000U / bytes_per_second});
      return inner_.write(bytes);
    }
    Result<void> close() { return inner_.close(); }

   private:
    MemoryBackend::Writer inner_;
  };

  static constexpr Capabilities capabilities() { return {Capability::append, Capability::reader_at}; }
  Result<Writer> create() { return wrap(inner_.create()); }
  Result<Writer> append() { return wrap(inner_.append()); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto open_reader_at() const { return inner_.open_reader_at(); }
  Result<void> remove() { return inner_.remove(); }

 private:
  static Result<Writer> wrap(auto opened) {
    if (!opened) return std::unexpected{opened.error()};
    return Writer{std::move(*opened)};
  }
  MemoryBackend inner_;
};
struct SlowStorage {
  [[nodiscard]] static Result<SlowBackend> create_backend() { return SlowBackend{}; }
};

/// Computes text that compresses to a third or so; `rounds` sets how long it takes.
void produce(std::span<std::byte> out, std::uint64_t& state, int rounds) {
  for (std::size_t i = 0; i + 8 <= out.size(); i += 8) {
    for (int round = 0; round < rounds; ++round) state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    const std::uint64_t letters = 0x2020202020202020U + ((state >> 33U) & 0x0F0F07030F010703U);
    std::memcpy(out.data() + i, &letters, sizeof letters);
  }
}

/// Seconds that a buffer with these parts takes for the volume; negative when a call failed.
template <class Spill, class Storage>
double run(Spill spill, Storage storage, int rounds) {
  HybridBuffer buffer{SegmentedMemory<>{}, std::move(spill), std::move(storage)};
  std::vector<std::byte> piece(piece_bytes);
  std::uint64_t state = 1;
  produce(piece, state, 1);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t done = 0; done < volume; done += piece_bytes) {
    if (rounds != 0) produce(piece, state, rounds);
    if (!buffer.append(piece)) return -1;
  }
  if constexpr (!std::is_same_v<Spill, NeverSpill>) {
    if (!buffer.spill()) return -1;
  }
  return std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class MakeStorage>
void overlap(benchmark::State& state, MakeStorage&& make_storage) {
  // As many rounds as make the producer about as slow as the storage.
  const double storing = run(SpillAt{threshold}, make_storage(), 0);
  const double producing = run(NeverSpill{}, MemoryStorage{}, 8);
  const int rounds = std::max(1, static_cast<int>(8 * storing / producing));

  std::vector<double> of_longer;
  std::vector<double> of_sum;
  std::vector<double> throughput;
  for (auto _ : state) {
    const double produce_alone = run(NeverSpill{}, MemoryStorage{}, rounds);
    const double store_alone = run(SpillAt{threshold}, make_storage(), 0);
    const double in_turn = run(SpillAt{threshold}, make_storage(), rounds);
    const double side_by_side = run(Overlapped{SpillAt{threshold}}, make_storage(), rounds);
    if (std::min({produce_alone, store_alone, in_turn, side_by_side}) < 0) return state.SkipWithError("a call failed");
    of_longer.push_back(side_by_side / std::max(produce_alone, store_alone));
    of_sum.push_back(in_turn / (produce_alone + store_alone));
    throughput.push_back(static_cast<double>(volume) / side_by_side);
    state.SetIterationTime(side_by_side);
  }
  state.counters["of_longer"] = median(of_longer);
  state.counters["of_sum"] = median(of_sum);
  state.counters["bytes_per_second"] = benchmark::Counter(median(throughput), benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
}

void overlap_zstd(benchmark::State& state) {
  overlap(state, [] { return compressed(MemoryStorage{}, Zstd{}); });
}
void overlap_slow_line(benchmark::State& state) {
  overlap(state, [] { return SlowStorage{}; });
}
BENCHMARK(overlap_zstd)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(overlap_slow_line)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
