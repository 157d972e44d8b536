#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <utility>
#include <vector>

// encrypted() beside its limits in the same run: what OpenSSL takes for the same chunks with one context, and the same work unencrypted.

namespace {

using namespace hybridbuffer;

constexpr std::size_t chunk_bytes = 64_KiB;
constexpr std::size_t object_bytes = 16_MiB;

std::vector<std::byte> some_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937_64 random{1};
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

const char* openssl_name(Cipher cipher) { return cipher == Cipher::aes_256_gcm ? "AES-256-GCM" : "ChaCha20-Poly1305"; }

void count_bytes(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(each));
}

// One context for all chunks, the key set once: the fastest that OpenSSL goes.
void raw_seal(benchmark::State& state, Cipher cipher) {
  const auto plain = some_bytes(object_bytes);
  std::vector<unsigned char> sealed(chunk_bytes + 16);
  const std::array<unsigned char, 32> key{1};
  std::array<unsigned char, 12> nonce{};
  EVP_CIPHER* fetched = EVP_CIPHER_fetch(nullptr, openssl_name(cipher), nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex2(context, fetched, key.data(), nonce.data(), nullptr);
  for (auto _ : state) {
    for (std::size_t at = 0; at < object_bytes; at += chunk_bytes) {
      ++nonce[0];
      int n = 0;
      EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr);
      EVP_EncryptUpdate(context, sealed.data(), &n, reinterpret_cast<const unsigned char*>(plain.data()) + at, chunk_bytes);
      EVP_EncryptFinal_ex(context, sealed.data() + n, &n);
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, sealed.data() + chunk_bytes);
      benchmark::DoNotOptimize(sealed.data());
    }
  }
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(fetched);
  count_bytes(state, object_bytes);
}

// A spill of 16 MiB, in the pieces that a buffer hands over.
template <class Storage>
void spill(benchmark::State& state, const Storage& storage) {
  const auto content = some_bytes(object_bytes);
  auto backend = storage.create_backend();
  for (auto _ : state) {
    auto writer = backend->create();
    bool stored = writer.has_value();
    for (std::size_t at = 0; stored && at < content.size(); at += chunk_bytes)
      stored = writer->write(std::span{content}.subspan(at, chunk_bytes)).has_value();
    if (!stored || !writer->close()) return state.SkipWithError("spill");
  }
  count_bytes(state, object_bytes);
}

template <class Storage>
void read_back(benchmark::State& state, const Storage& storage) {
  const auto content = some_bytes(object_bytes);
  auto backend = storage.create_backend();
  auto writer = backend->create();
  if (!writer->write(content) || !writer->close()) return state.SkipWithError("store");
  std::vector<std::byte> out(chunk_bytes);
  for (auto _ : state) {
    auto reader = backend->open();
    std::size_t all = 0;
    for (auto count = reader->read(out); count && *count != 0; count = reader->read(out)) all += *count;
    if (all != object_bytes) return state.SkipWithError("read");
  }
  count_bytes(state, object_bytes);
}

// Windows of state.range(0) bytes anywhere.
template <class Storage>
void read_anywhere(benchmark::State& state, const Storage& storage) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto content = some_bytes(object_bytes);
  auto backend = storage.create_backend();
  auto writer = backend->create();
  if (!writer->write(content) || !writer->close()) return state.SkipWithError("store");
  const auto reader = backend->open_reader_at();
  std::vector<std::byte> out(size);
  std::mt19937_64 random{2};
  for (auto _ : state) {
    const std::uint64_t at = random() % (object_bytes / size) * size;
    const auto count = reader->read_at(at, out);
    if (!count || *count != size) return state.SkipWithError("read");
  }
  count_bytes(state, size);
}

// One chunk anywhere in as much memory as the object takes: what a window cannot go below, for it needs the whole chunk.
void raw_open_anywhere(benchmark::State& state, Cipher cipher) {
  const auto aead = detail::Aead::fetch(openssl_name(cipher));
  const auto plain = some_bytes(chunk_bytes);
  constexpr std::size_t sealed_bytes = chunk_bytes + 16;
  constexpr std::size_t chunks = object_bytes / chunk_bytes;
  std::vector<std::byte> sealed(chunks * sealed_bytes);
  std::vector<std::byte> out(chunk_bytes);
  const std::array<std::byte, 32> key{};
  const std::array<std::byte, 12> nonce{};
  for (std::size_t i = 0; i < chunks; ++i) {
    if (!aead->seal(key, nonce, {}, plain, std::span{sealed}.subspan(i * sealed_bytes, sealed_bytes))) return state.SkipWithError("seal");
  }
  std::mt19937_64 random{2};
  for (auto _ : state) {
    const auto chunk = std::span{std::as_const(sealed)}.subspan(random() % chunks * sealed_bytes, sealed_bytes);
    if (!aead->open(key, nonce, {}, chunk, out)) return state.SkipWithError("open");
  }
  count_bytes(state, chunk_bytes);
}

template <class Storage>
void register_all(const char* place, const Storage& storage) {
  const std::string name{place};
  benchmark::RegisterBenchmark((name + "/spill/plain").c_str(), [=](benchmark::State& s) { spill(s, storage); });
  benchmark::RegisterBenchmark((name + "/read_back/plain").c_str(), [=](benchmark::State& s) { read_back(s, storage); });
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    const std::string suffix = cipher == Cipher::aes_256_gcm ? "/aes_256_gcm" : "/chacha20_poly1305";
    const auto secret = encrypted(storage, {.cipher = cipher});
    benchmark::RegisterBenchmark((name + "/spill" + suffix).c_str(), [=](benchmark::State& s) { spill(s, secret); });
    benchmark::RegisterBenchmark((name + "/read_back" + suffix).c_str(), [=](benchmark::State& s) { read_back(s, secret); });
    benchmark::RegisterBenchmark((name + "/read_anywhere" + suffix).c_str(), [=](benchmark::State& s) {
      read_anywhere(s, secret);
    })->Arg(4096);
  }
}

}  // namespace

int main(int count, char** arguments) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    const std::string suffix = cipher == Cipher::aes_256_gcm ? "/aes_256_gcm" : "/chacha20_poly1305";
    benchmark::RegisterBenchmark(("limit/seal_64_KiB" + suffix).c_str(), [=](benchmark::State& s) { raw_seal(s, cipher); });
    benchmark::RegisterBenchmark(("limit/open_64_KiB_anywhere" + suffix).c_str(),
                                 [=](benchmark::State& s) { raw_open_anywhere(s, cipher); });
  }
  register_all("memory", MemoryStorage{});
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
