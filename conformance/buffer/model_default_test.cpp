#include <hybridbuffer/spill/overlapped.hpp>

#include "compositions.hpp"
#include "model_test_support.hpp"

#include <vector>

// The model test of the default composition, HybridBuffer<>: with its own threshold, and with small ones that spill more often; with and
// without a thread that spills. Together a million operations, under the sanitizers a tenth of them; with HYBRIDBUFFER_FULL a million each.
int main(int argc, char* argv[]) {
  using namespace hybridbuffer;
  using namespace hybridbuffer::testing;
  std::vector<Composition> list;
  const auto add = [&](const std::string& spill_name, auto spill, std::uint64_t threshold) {
    list.push_back(composition<FileBackend>(
        "segmented", +[] { return SegmentedMemory<>{}; }, spill_name + std::to_string(threshold), spill, threshold));
  };
  for (const std::uint64_t threshold : {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{4096}, SpillAt::default_threshold}) {
    add("spill_at_", SpillAt{threshold}, threshold);
    add("overlapped_", Overlapped{SpillAt{threshold}}, threshold);
  }
  return run_model_program(argc, argv, list, 125'000);
}
