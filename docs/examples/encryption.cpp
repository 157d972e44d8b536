// The snippet of docs/guide.md on encryption. Needs the component `encryption`.

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/encrypted_file.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

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

Result<void> publish_encrypted(const EncryptionKey& key, const std::string& path) {
  // [file]
  HybridBuffer report{SpillAt{1_MiB}, encrypted(FileStorage{}, {.key = key, .published = PublishedForm::encrypted})};
  if (auto done = report.append("what may be read next year"); !done) return done;
  if (auto done = report.publish(path); !done) return done;

  const auto file = open_encrypted_file(path, key);  // next year, with the key alone
  if (!file) return std::unexpected{file.error()};
  std::array<std::byte, 9> word;
  const auto count = file->read_at(17, word);        // from anywhere in it
  // [file]
  require(count && *count == word.size() && std::memcmp(word.data(), "next year", word.size()) == 0, "the file reads back");
  return {};
}
// clang-format on

}  // namespace

int main() {
  auto done = encrypt();
  const auto key = EncryptionKey::from_bytes(bytes_of_a_key());
  const std::string path = "/var/tmp/hybridbuffer-example-" + std::to_string(::getpid());
  if (done && key) done = publish_encrypted(*key, path);
  ::unlink(path.c_str());
  if (!done) std::fputs(done.error().message().c_str(), stderr);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
