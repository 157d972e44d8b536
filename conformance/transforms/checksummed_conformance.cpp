#include "bases.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/checksummed.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

// The conformance clauses on checksummed(HYBRIDBUFFER_BASE), in chunks of HYBRIDBUFFER_CHUNK_BYTES.

namespace {

using namespace hybridbuffer;

struct Checksummed {
  static constexpr std::string_view name = "checksummed";
  static auto wrap(auto storage) { return checksummed(std::move(storage), {.chunk_bytes = HYBRIDBUFFER_CHUNK_BYTES}); }
};

struct Harness : testing::TransformHarness<testing::HYBRIDBUFFER_BASE, Checksummed> {
  static constexpr conformance::Integrity integrity = conformance::Integrity::checksum;
};

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
