#include "compositions.hpp"
#include "model_test_support.hpp"

#include <vector>

// The model test of all compositions that compositions.hpp chooses.
int main(int argc, char* argv[]) {
  using namespace hybridbuffer::testing;
  std::vector<Composition> list;
  for (const auto add :
       {add_segmented_16, add_segmented_4096, add_segmented, add_inline_64, add_contiguous, add_pmr, add_mapped, add_locked, add_odd}) {
    add(list);
  }
  return run_model_program(argc, argv, list, 50'000);
}
