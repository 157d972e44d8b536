#include "bases.hpp"
#include "fake_time.hpp"

#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/retrying.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

// The conformance clauses on transforms that change bytes, one above the other over files, in chunks that do not divide each other.

namespace {

using namespace hybridbuffer;

constexpr CompressionOptions compression{.chunk_bytes = 5000};
constexpr std::size_t encrypted_bytes = 4096;

struct EncryptedCompressed {
  [[maybe_unused]] static constexpr std::string_view name = "encrypted over compressed";
  static auto wrap(auto storage) { return encrypted(compressed(std::move(storage), Lz4{}, compression), {.chunk_bytes = encrypted_bytes}); }
};
struct CompressedEncrypted {
  [[maybe_unused]] static constexpr std::string_view name = "compressed over encrypted";
  static auto wrap(auto storage) {
    return compressed(encrypted(std::move(storage), {.chunk_bytes = encrypted_bytes}), Zstd{}, compression);
  }
};
struct RetryingEncryptedCompressedChecksummed {
  [[maybe_unused]] static constexpr std::string_view name = "retrying over encrypted over compressed over checksummed";
  static auto wrap(auto storage) {
    auto verified = checksummed(std::move(storage), {.chunk_bytes = 3000});
    auto coded = encrypted(compressed(std::move(verified), Lz4{}, compression), {.chunk_bytes = encrypted_bytes});
    return retrying(std::move(coded), {.attempts = 3}, std::make_shared<testing::FakeTime>());
  }
};

struct Harness : testing::TransformHarness<testing::FileBase, HYBRIDBUFFER_STACK> {
  static constexpr conformance::Integrity integrity = conformance::Integrity::checksum;
};

}  // namespace

int main(int count, char** arguments) { return conformance::run_program<Harness>(count, arguments); }
