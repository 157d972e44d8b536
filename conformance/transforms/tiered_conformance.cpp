#include "bases.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <cstddef>
#include <string_view>
#include <utility>

// The conformance clauses on tiered(HYBRIDBUFFER_BASE, HYBRIDBUFFER_BASE). Where a location can be limited, the first storage takes
// HYBRIDBUFFER_FIRST_BYTES, so that most objects lie in both.

namespace {

using namespace hybridbuffer;

[[maybe_unused]] FileStorage limited(const FileStorage& storage) {
  FileOptions options = storage.options();
  options.max_bytes = HYBRIDBUFFER_FIRST_BYTES;
  return FileStorage{options};
}
template <std::size_t block_bytes>
BasicMemoryStorage<block_bytes> limited(const BasicMemoryStorage<block_bytes>& /*storage*/) {
  return BasicMemoryStorage<block_bytes>{MemoryOptions{.max_bytes = HYBRIDBUFFER_FIRST_BYTES}};
}
template <class Storage>
Storage limited(const Storage& storage) {
  return storage;
}

struct Tiered {
  static constexpr std::string_view name = "tiered";
  static auto wrap(auto storage) {
    auto first = limited(storage);
    return tiered(std::move(first), std::move(storage), {.replay_bytes = HYBRIDBUFFER_REPLAY_BYTES});
  }
};

using Harness = testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Tiered>;

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
