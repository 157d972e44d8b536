#include "bases.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/compressed.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

// The conformance clauses on compressed(HYBRIDBUFFER_BASE) with HYBRIDBUFFER_CODEC, in chunks of HYBRIDBUFFER_CHUNK_BYTES.

namespace {

using namespace hybridbuffer;

struct Compressed {
  static constexpr std::string_view name = "compressed";
  static auto wrap(auto storage) { return compressed(std::move(storage), HYBRIDBUFFER_CODEC{}, {.chunk_bytes = HYBRIDBUFFER_CHUNK_BYTES}); }
};

struct Harness : testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Compressed> {
  static constexpr conformance::Integrity integrity = conformance::Integrity::checksum;
};

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
