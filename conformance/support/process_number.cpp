#include "process_number.hpp"

#include <cstdlib>

// For programs that run twice: with the truth, and with HYBRIDBUFFER_ONE_NUMBER set.

namespace hybridbuffer::testing {
namespace {

[[maybe_unused]] const bool is_told = [] {
  if (std::getenv("HYBRIDBUFFER_ONE_NUMBER") == nullptr) told_number = 0;
  return told_number != 0;
}();

}  // namespace
}  // namespace hybridbuffer::testing
