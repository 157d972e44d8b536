#include "sweep.hpp"

#include "limit.hpp"

#include <algorithm>
#include <array>

namespace tune {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr std::size_t finalists = 5;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}
template <class Value>
double median_of(const std::vector<Figures>& runs, Value value) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const Figures& figures : runs) values.push_back(std::invoke(value, figures));
  return median(std::move(values));
}

/// Each composition with each threshold under which it stays within the load's memory: a chunk beside what the threshold allows, and the
/// read-ahead.
std::vector<Candidate> candidates_for(const Load& load) {
  constexpr std::array<std::uint64_t, 7> thresholds{mebibyte / 4,  mebibyte / 2,   2 * mebibyte,   16 * mebibyte,
                                                    64 * mebibyte, 256 * mebibyte, 1024 * mebibyte};
  constexpr std::uint64_t read_ahead = mebibyte / 16;
  std::vector<Candidate> all;
  for (const Composition& composition : compositions()) {
    if (composition.recycles && !load.repeated) continue;
    const std::uint64_t beside = composition.chunk_bytes + read_ahead;
    const std::uint64_t most = load.memory > beside ? load.memory - beside : 0;
    bool any = false;
    for (const std::uint64_t threshold : thresholds) {
      if (threshold > most || threshold < composition.chunk_bytes) continue;
      all.push_back({&composition, threshold});
      any = true;
    }
    // All that is allowed, where that keeps the whole load in memory.
    if (load.total <= most && load.total > mebibyte / 4) all.push_back({&composition, most / (mebibyte / 4) * (mebibyte / 4)});
    else if (!any && most >= composition.chunk_bytes) all.push_back({&composition, composition.chunk_bytes});
  }
  return all;
}

/// A load that spills is measured by a sample that spills as well.
std::uint64_t sample(const Load& load, const std::vector<Candidate>& candidates) {
  if (load.total <= load.memory) return load.total;
  std::uint64_t largest = 0;
  for (const Candidate& candidate : candidates) largest = std::max(largest, candidate.threshold);
  return std::min(load.total, std::max({64 * mebibyte, 4 * largest, load.memory + load.write_size}));
}

std::string describe(const Candidate& candidate, const Load& load) { return candidate.composition->line(load, candidate.threshold); }

class Measuring {
 public:
  Measuring(const Load& load, std::uint64_t volume, std::size_t all, const Progress& progress)
      : load_{load}, volume_{volume}, all_{all}, progress_{progress} {}

  /// One run of the candidate beside one of the limit, either one first by turns. The answer is what went wrong, or empty.
  [[nodiscard]] std::string measure(Candidate& candidate) {
    progress_(done_, all_, describe(candidate, load_));
    const bool limit_first = done_++ % 2 == 0;
    auto limit = limit_first ? run_limit(load_, volume_) : hybridbuffer::Result<Figures>{};
    const auto figures = candidate.composition->run(load_, candidate.threshold, volume_);
    if (!limit_first) limit = run_limit(load_, volume_);
    if (!limit) return "the hand-written loop: " + limit.error().message();
    if (!figures) return describe(candidate, load_) + ": " + figures.error().message();
    candidate.runs.push_back(*figures);
    candidate.margins.push_back(limit->seconds() / figures->seconds());
    limits_.push_back(limit->seconds());
    return {};
  }
  [[nodiscard]] double limit_seconds() const { return median(limits_); }

 private:
  const Load& load_;
  std::uint64_t volume_;
  std::size_t all_;
  const Progress& progress_;
  std::size_t done_ = 0;
  std::vector<double> limits_;
};

void sort_best_first(std::vector<Candidate>& candidates, std::size_t count) {
  std::ranges::sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), std::greater{}, &Candidate::margin);
}

}  // namespace

double Candidate::margin() const { return median(margins); }
double Candidate::seconds() const { return median_of(runs, &Figures::seconds); }
double Candidate::write_speed() const {
  return median_of(runs, [](const Figures& one) { return static_cast<double>(one.written) / one.write_seconds; });
}
double Candidate::read_speed() const {
  return median_of(runs, [](const Figures& one) { return one.read == 0 ? 0 : static_cast<double>(one.read) / one.read_seconds; });
}

std::expected<Sweep, std::string> sweep(const Load& load, int rounds, const Progress& progress) {
  Sweep result;
  result.candidates = candidates_for(load);
  result.volume = sample(load, result.candidates);
  const std::size_t best = std::min(finalists, result.candidates.size());
  const std::size_t all = result.candidates.size() + best * static_cast<std::size_t>(rounds);
  Measuring measuring{load, result.volume, all, progress};
  if (const auto warm = run_limit(load, result.volume); !warm) return std::unexpected{"the hand-written loop: " + warm.error().message()};

  for (Candidate& candidate : result.candidates) {
    if (auto error = measuring.measure(candidate); !error.empty()) return std::unexpected{std::move(error)};
  }
  sort_best_first(result.candidates, result.candidates.size());
  for (int round = 0; round != rounds; ++round) {
    for (std::size_t i = 0; i != best; ++i) {
      if (auto error = measuring.measure(result.candidates[i]); !error.empty()) return std::unexpected{std::move(error)};
    }
  }
  sort_best_first(result.candidates, best);
  result.limit_seconds = measuring.limit_seconds();
  return result;
}

}  // namespace tune
