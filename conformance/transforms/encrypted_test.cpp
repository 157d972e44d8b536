#include "encrypted_support.hpp"
#include "open_storage.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/detail/little_endian.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

// encrypted(): what stands in the store is what the format says, no secret is left anywhere, and a buffer's content comes back.

#if defined(__x86_64__)
extern "C" {
struct ProcessorModel {
  unsigned vendor;
  unsigned type;
  unsigned subtype;
  unsigned features;
};
extern ProcessorModel __cpu_model;  // NOLINT: libgcc's name
}
#endif

namespace hybridbuffer::testing {
namespace {

BOOST_AUTO_TEST_SUITE(format)

#if defined(__x86_64__)
// Bits of what libgcc found out about the processor, which __builtin_cpu_supports() reads.
constexpr int feature_aes = 18;
constexpr int feature_pclmul = 19;

/// While it lives the processor seems to lack a feature.
class ProcessorWithout {
 public:
  explicit ProcessorWithout(int feature) : before_{__cpu_model.features} { set(before_ & ~(1U << static_cast<unsigned>(feature))); }
  ProcessorWithout(const ProcessorWithout&) = delete;
  ProcessorWithout& operator=(const ProcessorWithout&) = delete;
  ~ProcessorWithout() { set(before_); }

 private:
  static void set(unsigned features) {
    __cpu_model.features = features;
    asm volatile("" ::: "memory");  // the builtin reads it as another type
  }
  unsigned before_;
};
#endif

BOOST_AUTO_TEST_CASE(content_never_stands_in_the_store) {
  World world;
  const std::string_view marker = "a marker of content that nobody may find";
  Bytes content;
  for (int i = 0; i < 100; ++i)
    content.insert(content.end(), std::as_bytes(std::span{marker}).begin(), std::as_bytes(std::span{marker}).end());
  world.store(content);
  const Bytes& stored = world.stored();
  for (std::size_t n = 5; n < 10; ++n) {
    const auto part = std::as_bytes(std::span{marker}).first(n);
    BOOST_TEST((std::search(stored.begin(), stored.end(), part.begin(), part.end()) == stored.end()));
  }
  BOOST_TEST(reads(world.backend, content));
}

BOOST_AUTO_TEST_CASE(a_frame_is_what_the_format_says) {
  // Opened with the primitives alone, from the user's key and the header, as docs/encryption.md says.
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    World world{{.cipher = cipher, .chunk_bytes = chunk, .key = key_of("a key of the user's")}};
    world.store(pattern(chunk + 5));
    const std::span<const std::byte> stored = world.stored();
    BOOST_TEST((std::memcmp(stored.data(), "HYBUFENC", 8) == 0));
    BOOST_TEST((stored[8] == std::byte{1} && stored[9] == static_cast<std::byte>(cipher)));
    BOOST_TEST(detail::load_little_endian<std::uint32_t>(stored.subspan(12)) == chunk);

    const std::string_view material = "a key of the user's";
    std::array<std::byte, 76> derived;
    BOOST_TEST_REQUIRE(
        detail::derive_by_hkdf(std::as_bytes(std::span{material}), stored.subspan(16, 32), stored.first(48), derived).has_value());
    BOOST_TEST(std::equal(derived.begin() + 44, derived.end(), stored.begin() + 48));

    const auto aead = detail::Aead::fetch(cipher == Cipher::aes_256_gcm ? "AES-256-GCM" : "ChaCha20-Poly1305");
    const auto number = detail::load_little_endian<std::uint64_t>(stored.subspan(80)) + 1;  // frames count on from the object's number
    std::size_t at = header;
    for (const std::size_t size : {chunk, std::size_t{5}}) {
      const std::uint64_t index = size == chunk ? 0 : 1;
      std::array<std::byte, 12> nonce;
      std::copy_n(derived.begin() + 32, 12, nonce.begin());
      std::array<std::byte, 8> counter;
      detail::store_little_endian(number + index, counter);
      for (std::size_t i = 0; i != 8; ++i) nonce[4 + i] ^= counter[i];
      std::array<std::byte, 12> additional;
      detail::store_little_endian(index * chunk, additional);
      detail::store_little_endian(static_cast<std::uint32_t>(size), std::span{additional}.subspan(8));
      Bytes plain(size);
      BOOST_TEST((aead->open(std::span{derived}.first<32>(), nonce, additional, stored.subspan(at, size + tag), plain).has_value()));
      const Bytes content = pattern(chunk + 5);
      BOOST_TEST(std::equal(plain.begin(), plain.end(), content.begin() + static_cast<std::ptrdiff_t>(index * chunk)));
      at += size + tag;
    }
    BOOST_TEST(at == stored.size());
  }
}

BOOST_AUTO_TEST_CASE(the_automatic_cipher_is_aes_where_the_processor_has_instructions_for_it) {
#if defined(__x86_64__)
  std::ifstream cpuinfo{"/proc/cpuinfo"};
  std::string flags;
  while (std::getline(cpuinfo, flags) && !flags.starts_with("flags")) {}
  const bool has_aes = flags.find(" aes") != std::string::npos && flags.find(" pclmulqdq") != std::string::npos;
  BOOST_TEST(detail::has_aes_instructions() == has_aes);
#endif
  World world;
  world.store(pattern(1));
  const Cipher best = detail::has_aes_instructions() ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305;
  BOOST_TEST((world.stored()[9] == static_cast<std::byte>(best)));
}

BOOST_AUTO_TEST_CASE(the_automatic_cipher_is_chacha20_where_the_processor_lacks_one_of_them) {
#if defined(__x86_64__)
  for (const int lacking : {feature_aes, feature_pclmul}) {
    const ProcessorWithout processor{lacking};
    BOOST_TEST(!detail::has_aes_instructions());
    const Bytes content = pattern(3 * chunk + 1);
    World world;
    world.store(content);
    BOOST_TEST((world.stored()[9] == static_cast<std::byte>(Cipher::chacha20_poly1305)));
    BOOST_TEST(reads(world.backend, content));
    World chosen{{.cipher = Cipher::aes_256_gcm, .chunk_bytes = chunk}};
    chosen.store(content);
    BOOST_TEST((chosen.stored()[9] == static_cast<std::byte>(Cipher::aes_256_gcm)));
  }
#else
  std::puts("skipped a case: only what libgcc knows of an x86 processor can be replaced");
#endif
}

BOOST_AUTO_TEST_CASE(locations_share_nothing) {
  World world{{.chunk_bytes = chunk, .key = key_of("sixteen bytes...")}};
  std::unordered_set<std::string> seen;
  for (std::size_t i = 1; i <= 200; ++i) {
    Backend location = world.make();
    BOOST_TEST_REQUIRE(write_all(location.create(), Bytes(chunk), 100).has_value());
    const Bytes& stored = world.stored(i);
    seen.insert({reinterpret_cast<const char*>(stored.data()) + 16, 64});         // salt and commitment
    seen.insert({reinterpret_cast<const char*>(stored.data()) + header, frame});  // the same content
  }
  BOOST_TEST(seen.size() == 400U);
}

BOOST_AUTO_TEST_CASE(the_overhead_is_a_header_and_sixteen_bytes_a_chunk) {
  OpenStorage open;
  auto backend = encrypted(open).create_backend();
  const Bytes content(std::size_t{16} << 20U);
  BOOST_TEST_REQUIRE(write_all(backend->create(), content, 100'000).has_value());
  const std::size_t more = open.made->front()->bytes->size() - content.size();
  BOOST_TEST(more == header + 256 * tag);
  BOOST_TEST(more * 2000 < content.size());  // 0.05 %
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_the_options_is_said) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{15}, (std::size_t{16} << 20U) + 1, ~std::size_t{0}}) {
    const auto made = encrypted(OpenStorage{}, {.chunk_bytes = bytes}).create_backend();
    BOOST_TEST((made.error() == errc::invalid_argument));
    BOOST_TEST(made.error().message().find("chunk_bytes") != std::string::npos);
  }
  BOOST_TEST((EncryptionKey::from_bytes(Bytes(15)).error() == errc::invalid_argument));
  BOOST_TEST((EncryptionKey::from_bytes(Bytes(1025)).error() == errc::invalid_argument));
  BOOST_TEST(EncryptionKey::from_bytes(Bytes(16)).has_value());
  BOOST_TEST(encrypted(OpenStorage{}, {.chunk_bytes = 16}).create_backend().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(secrets)

// How often the bytes that `masked` hides stand in the process's memory, without the block that the search itself uses.
[[maybe_unused]] std::size_t times_in_memory(std::span<const std::byte> masked, std::byte mask) {
  std::ifstream maps{"/proc/self/maps"};
  std::ifstream memory{"/proc/self/mem", std::ios::binary};
  std::size_t found = 0;
  const auto matches = [&](const char* at) {
    for (std::size_t i = 0; i != masked.size(); ++i) {
      if ((static_cast<std::byte>(at[i]) ^ mask) != masked[i]) return false;
    }
    return true;
  };
  static std::vector<char> block(std::size_t{1} << 20U);
  std::fill(block.begin(), block.end(), '\0');
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char access[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) != 3 || access[0] != 'r' || line.find("[v") != std::string::npos)
      continue;
    const auto own = reinterpret_cast<std::uint64_t>(block.data());
    for (std::uint64_t at = begin; at < end; at += block.size() - masked.size()) {
      const std::uint64_t n = std::min<std::uint64_t>(block.size(), end - at);
      if (at < own + block.size() && own < at + n) continue;
      memory.clear();
      memory.seekg(static_cast<std::streamoff>(at));
      memory.read(block.data(), static_cast<std::streamsize>(n));
      const auto count = static_cast<std::size_t>(memory.gcount());
      for (std::size_t i = 0; i + masked.size() <= count; ++i) found += matches(block.data() + i) ? 1 : 0;
      std::fill(block.begin(), block.end(), '\0');
    }
  }
  return found;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HYBRIDBUFFER_HAS_SHADOW_MEMORY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HYBRIDBUFFER_HAS_SHADOW_MEMORY
#endif
#endif
// A sanitizer's memory is terabytes large, and keeps what was freed.
#ifndef HYBRIDBUFFER_HAS_SHADOW_MEMORY
BOOST_AUTO_TEST_CASE(no_key_is_found_in_memory_once_all_is_closed) {
  constexpr std::byte mask{0x5A};
  Bytes masked_user(32);
  Bytes masked_cipher(32);
  {
    Bytes material = pattern(32, 99);
    const auto key = EncryptionKey::from_bytes(material);
    for (std::size_t i = 0; i != 32; ++i) masked_user[i] = material[i] ^ mask;
    World world{{.chunk_bytes = 4096, .key = *key}};
    world.store(pattern(100'000));
    BOOST_TEST_REQUIRE(reads(world.backend, pattern(100'000)));
    Bytes derived(76);
    const std::span<const std::byte> stored = world.stored();
    BOOST_TEST_REQUIRE(detail::derive_by_hkdf(material, stored.subspan(16, 32), stored.first(48), derived).has_value());
    for (std::size_t i = 0; i != 32; ++i) masked_cipher[i] = derived[i] ^ mask;
    ::explicit_bzero(derived.data(), derived.size());
    ::explicit_bzero(material.data(), material.size());
    // The search finds what is there.
    BOOST_TEST(times_in_memory(masked_user, mask) > 0U);
    BOOST_TEST(times_in_memory(masked_cipher, mask) > 0U);
  }
  BOOST_TEST(times_in_memory(masked_user, mask) == 0U);
  BOOST_TEST(times_in_memory(masked_cipher, mask) == 0U);
}
#endif

BOOST_AUTO_TEST_CASE(no_error_tells_a_secret) {
  const std::string_view secret = "this is the secret key material!";
  World world{{.chunk_bytes = chunk, .key = key_of(secret)}};
  world.store(pattern(40));
  world.stored()[header] ^= std::byte{1};
  auto reader = world.backend.open();
  const auto read = read_all(*reader, 100);
  BOOST_TEST(read.error().message().find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

// Each extension costs a frame: fewer bytes fit in the end than fitted in the beginning.
BOOST_AUTO_TEST_CASE(a_tiered_object_goes_on_in_another_location_when_extensions_have_filled_one) {
  const MemoryStorage first{{.max_bytes = 10}};
  const MemoryStorage second{{.max_bytes = 4096}};
  auto location = tiered(first, encrypted(second, {.chunk_bytes = 64}), {.replay_bytes = 20}).create_backend().value();
  Bytes content;
  for (std::size_t i = 0; i < 600; ++i) {
    const Bytes byte = pattern(1, i + 1);
    BOOST_TEST_REQUIRE(write_all(location.append(), byte, 1).has_value());
    content.insert(content.end(), byte.begin(), byte.end());
  }

  auto reader = location.open();
  BOOST_TEST_REQUIRE(reader.has_value());
  const auto all = read_all(*reader, 100);
  BOOST_TEST((all && *all == content));
}

BOOST_AUTO_TEST_CASE(a_buffer_keeps_its_content_through_every_spill) {
  OpenStorage open;
  HybridBuffer buffer{SpillAt{1000}, encrypted(open, {.chunk_bytes = 256})};
  const Bytes content = pattern(50'000);
  for (std::size_t at = 0; at < content.size(); at += 77) {
    BOOST_TEST_REQUIRE(buffer.append(std::span{content}.subspan(at, std::min<std::size_t>(77, content.size() - at))).has_value());
  }
  BOOST_TEST(buffer.is_spilled());
  BOOST_TEST(open.made->size() == 1U);
  Bytes out(content.size());
  BOOST_TEST((buffer.read_at(0, out) == content.size()));
  BOOST_TEST((out == content));
}

BOOST_AUTO_TEST_CASE(a_storage_that_was_moved_from_answers_closed) {
  auto storage = encrypted(MemoryStorage{});
  const auto moved = std::move(storage);

  const auto backend = storage.create_backend();  // NOLINT(bugprone-use-after-move): that is the question
  BOOST_TEST((!backend && backend.error() == errc::closed));
  BOOST_TEST(moved.create_backend().has_value());
}

}  // namespace
}  // namespace hybridbuffer::testing
