// The snippet of docs/guide.md on encryption. Needs the component `encryption`.

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "encryption.cpp: does not hold: %s\n", what);
  std::exit(1);
}

std::array<std::byte, 32> bytes_of_a_key() {
  std::array<std::byte, 32> bytes;
  bytes.fill(std::byte{42});
  return bytes;
}

// clang-format off
Result<void> encrypt() {
  // [encrypted]
  HybridBuffer secret{LockedMemory{}, SpillAt{1_MiB}, encrypted(FileStorage{})};  // a random key for each location, gone with it

  const auto key = EncryptionKey::from_bytes(bytes_of_a_key());  // or keys derived from yours
  if (!key) return std::unexpected{key.error()};
  HybridBuffer yours{LockedMemory{}, SpillAt{1_MiB}, encrypted(FileStorage{}, {.key = *key})};
  // [encrypted]
  const std::string line = "what nobody else may read\n";
  for (int i = 0; i != 100'000; ++i) {
    if (auto done = secret.append(line); !done) return done;
    if (auto done = yours.append(line); !done) return done;
  }
  require(secret.is_spilled() && yours.is_spilled(), "both spilled");
  require(secret.read_line().value_or("") == "what nobody else may read", "what was stored is read back");
  return {};
}
// clang-format on

}  // namespace

int main() {
  const auto done = encrypt();
  if (!done) std::fputs(done.error().message().c_str(), stderr);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
