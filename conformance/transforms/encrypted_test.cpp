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
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

// encrypted(): whatever somebody does to the stored bytes, nothing wrong is ever read.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t header = EncryptionCodec::header_bytes;
constexpr std::size_t tag = detail::aead_tag_bytes;
constexpr std::size_t chunk = 16;
constexpr std::size_t frame = chunk + tag;

using Backend = EncryptedBackend<OpenBackend>;

EncryptionKey key_of(std::string_view text) { return EncryptionKey::from_bytes(std::as_bytes(std::span{text})).value(); }

struct World {
  explicit World(EncryptionOptions options = {.chunk_bytes = chunk}) : storage{encrypted(open, std::move(options))}, backend{make()} {}

  Backend make() {
    auto made = storage.create_backend();
    BOOST_TEST_REQUIRE(made.has_value());
    return *std::move(made);
  }
  [[nodiscard]] Bytes& stored(std::size_t location = 0) const { return *(*open.made)[location]->bytes; }
  void store(const Bytes& content) { BOOST_TEST_REQUIRE(write_all(backend.create(), content, content.size() + 1).has_value()); }

  OpenStorage open;
  EncryptedStorage<OpenStorage> storage;
  Backend backend;
};

void expect_corrupted_read(const char* route, const Result<std::size_t>& count, std::span<const std::byte> out) {
  BOOST_TEST_CONTEXT(route) {
    BOOST_TEST_REQUIRE(!count.has_value());
    BOOST_TEST_REQUIRE((count.error() == errc::corrupted), count.error().message());
    BOOST_TEST_REQUIRE(std::all_of(out.begin(), out.end(), [](std::byte b) { return b == std::byte{}; }));
  }
}

void expect_corrupted_reader(const Backend& backend, const Bytes& content) {
  auto reader = backend.open();
  BOOST_TEST_REQUIRE((reader.has_value() || reader.error() == errc::corrupted));
  for (std::size_t at = 0; reader;) {
    Bytes piece(chunk);
    const auto count = reader->read(piece);
    if (!count) return expect_corrupted_read("reader", count, piece);
    BOOST_TEST_REQUIRE(*count != 0U);
    BOOST_TEST_REQUIRE(
        std::equal(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count), content.begin() + static_cast<std::ptrdiff_t>(at)));
    at += *count;
  }
}

/// On every route: an error, and no byte of `content` that is not right. The route that comes first is the one that finds the damage.
void expect_corrupted(const Backend& backend, const Bytes& content, bool reader_first = true) {
  if (reader_first) expect_corrupted_reader(backend, content);
  auto reader_at = backend.open_reader_at();
  BOOST_TEST_REQUIRE((reader_at.has_value() || reader_at.error() == errc::corrupted));
  if (reader_at) {
    Bytes out(content.size() + 1);
    expect_corrupted_read("reader_at", reader_at->read_at(0, out), out);
  }
  expect_corrupted_reader(backend, content);
}

bool reads(const Backend& backend, const Bytes& content) {
  auto reader = backend.open();
  if (!reader) return false;
  const auto all = read_all(*reader, 7);
  return all && *all == content;
}

BOOST_AUTO_TEST_SUITE(attacks)

const Bytes three_chunks = pattern(3 * chunk - 3);

BOOST_AUTO_TEST_CASE(every_bit_of_the_object_is_bound) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    std::size_t flipped = 0;
    World first{{.cipher = cipher, .chunk_bytes = chunk}};
    first.store(three_chunks);
    for (std::size_t bit = 0; bit < 8 * first.stored().size(); ++bit) {
      BOOST_TEST_CONTEXT("bit " << bit) {
        World world{{.cipher = cipher, .chunk_bytes = chunk}};
        world.store(three_chunks);
        BOOST_TEST_REQUIRE(reads(world.backend, three_chunks));
        world.stored()[bit / 8] ^= std::byte{1} << (bit % 8);
        expect_corrupted(world.backend, three_chunks, bit % 2 == 0);
        ++flipped;
      }
    }
    BOOST_TEST(flipped == 8 * (header + 3 * frame - 3));
  }
}

BOOST_AUTO_TEST_CASE(a_cut_at_every_length_is_found) {
  World whole;
  whole.store(three_chunks);
  for (std::size_t length = 0; length < whole.stored().size(); ++length) {
    BOOST_TEST_CONTEXT("cut to " << length) {
      World world;
      world.store(three_chunks);
      world.stored().resize(length);
      expect_corrupted(world.backend, three_chunks);
    }
  }
}

BOOST_AUTO_TEST_CASE(bytes_behind_the_end_are_found) {
  for (const std::size_t more : {std::size_t{1}, tag, frame, 3 * frame}) {
    World world;
    world.store(three_chunks);
    world.stored().resize(world.stored().size() + more);
    auto reader = world.backend.open();
    BOOST_TEST((read_all(*reader, 5).error() == errc::corrupted));
    auto reader_at = world.backend.open_reader_at();
    Bytes out(three_chunks.size() + 1);
    BOOST_TEST((reader_at->read_at(0, out).error() == errc::corrupted));
    BOOST_TEST((out == Bytes(out.size())));
  }
}

/// Changes of the store, told in words, by somebody who knows its format.
struct Attack {
  const char* what;
  std::function<void(World&)> act;
};

auto frame_at(Bytes& stored, std::size_t index) { return stored.begin() + static_cast<std::ptrdiff_t>(header + index * frame); }

BOOST_AUTO_TEST_CASE(frames_cannot_be_moved_repeated_removed_or_taken_from_elsewhere) {
  const Bytes content = pattern(4 * chunk);
  const std::vector<Attack> attacks{
      {"swap", [](World& w) { std::swap_ranges(frame_at(w.stored(), 0), frame_at(w.stored(), 1), frame_at(w.stored(), 1)); }},
      {"duplicate", [](World& w) { std::copy_n(frame_at(w.stored(), 0), frame, frame_at(w.stored(), 2)); }},
      {"delete", [](World& w) { w.stored().erase(frame_at(w.stored(), 1), frame_at(w.stored(), 2)); }},
      {"zero", [](World& w) { std::fill_n(frame_at(w.stored(), 1), frame, std::byte{}); }},
      {"insert", [](World& w) { w.stored().insert(frame_at(w.stored(), 1), frame, std::byte{7}); }},
      {"the same frame of another location",
       [](World& w) {
         Backend other = w.make();
         BOOST_TEST_REQUIRE(write_all(other.create(), pattern(4 * chunk), 100).has_value());
         std::copy_n(frame_at(w.stored(1), 1), frame, frame_at(w.stored(), 1));
       }},
      {"the whole object of another location",
       [](World& w) {
         Backend other = w.make();
         BOOST_TEST_REQUIRE(write_all(other.create(), pattern(4 * chunk), 100).has_value());
         w.stored() = w.stored(1);
       }},
      {"an earlier object of this location",
       [](World& w) {
         const Bytes before = w.stored();
         w.store(pattern(4 * chunk, 2));
         w.store(pattern(4 * chunk));
         w.stored() = before;
       }},
      {"a frame of an earlier object of this location",
       [](World& w) {
         const Bytes before = w.stored();
         w.store(pattern(4 * chunk));
         std::copy_n(before.begin() + header, frame, w.stored().begin() + header);
       }},
      {"a frame that was cut off and written again",
       [](World& w) {
         const Bytes before = w.stored();
         BOOST_TEST_REQUIRE(w.backend.shrink(3 * chunk).has_value());
         const Bytes content_again = pattern(4 * chunk);
         BOOST_TEST_REQUIRE(write_all(w.backend.append(), std::span{content_again}.subspan(3 * chunk), 100).has_value());
         BOOST_TEST_REQUIRE(before.size() == w.stored().size());
         BOOST_TEST_REQUIRE((before != w.stored()));
         w.stored() = before;
       }},
      {"another cipher in the header", [](World& w) { w.stored()[9] ^= std::byte{3}; }},
      {"another version in the header", [](World& w) { w.stored()[8] = std::byte{2}; }},
      {"another chunk size in the header", [](World& w) { w.stored()[12] = std::byte{32}; }},
      {"another salt", [](World& w) { w.stored()[20] ^= std::byte{1}; }},
      {"another commitment", [](World& w) { w.stored()[60] ^= std::byte{1}; }},
      {"another object's number", [](World& w) { w.stored()[80] ^= std::byte{1}; }},
      {"an empty store", [](World& w) { w.stored().clear(); }},
  };
  for (const EncryptionOptions& options :
       {EncryptionOptions{.chunk_bytes = chunk}, {.chunk_bytes = chunk, .key = key_of("sixteen bytes...")}}) {
    for (const Attack& attack : attacks) {
      BOOST_TEST_CONTEXT(attack.what) {
        World world{options};
        world.store(content);
        BOOST_TEST_REQUIRE(reads(world.backend, content));
        const Bytes before = world.stored();
        attack.act(world);
        expect_corrupted(world.backend, content);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_frame_stays_so_and_the_others_are_read) {
  World world;
  world.store(three_chunks);
  auto reader_at = world.backend.open_reader_at();
  Bytes out(4);
  world.stored()[header + frame] ^= std::byte{1};
  BOOST_TEST((reader_at->read_at(chunk + 2, out).error() == errc::corrupted));
  world.stored()[header + frame] ^= std::byte{1};

  BOOST_TEST((reader_at->read_at(chunk + 2, out).error() == errc::corrupted));
  BOOST_TEST((world.backend.open_reader_at()->read_at(chunk + 2, out).error() == errc::corrupted));
  BOOST_TEST((reader_at->read_at(2, out) == 4U));
  BOOST_TEST(std::equal(out.begin(), out.end(), three_chunks.begin() + 2));
  BOOST_TEST((reader_at->read_at(2 * chunk, out) == 4U));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(format)

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

BOOST_AUTO_TEST_SUITE(primitives)

Bytes hex(std::string_view text) {
  Bytes bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  return bytes;
}

struct Vector {
  const char* source;
  const char* cipher;
  const char* key;
  const char* nonce;
  const char* additional;
  const char* plain;
  const char* sealed;
};

constexpr std::array vectors{
    Vector{"McGrew and Viega, The Galois/Counter Mode of Operation, test case 14", "AES-256-GCM",
           "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
           "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    Vector{"McGrew and Viega, The Galois/Counter Mode of Operation, test case 16", "AES-256-GCM",
           "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
           "feedfacedeadbeeffeedfacedeadbeefabaddad2",
           "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
           "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
           "76fc6ece0f4e1768cddf8853bb2d551b"},
    Vector{"RFC 8439, 2.8.2", "ChaCha20-Poly1305", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
           "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
           "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f"
           "75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
           "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67e"
           "cd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a"
           "7e902ecbd0600691"},
};

BOOST_AUTO_TEST_CASE(published_vectors_hold) {
  for (const Vector& v : vectors) {
    BOOST_TEST_CONTEXT(v.source) {
      const auto aead = detail::Aead::fetch(v.cipher);
      const Bytes key = hex(v.key);
      const Bytes nonce = hex(v.nonce);
      const Bytes plain = hex(v.plain);
      const Bytes expected = hex(v.sealed);
      BOOST_TEST_REQUIRE((key.size() == 32U && nonce.size() == 12U && expected.size() == plain.size() + tag));
      const std::span<const std::byte, 32> k{key};
      const std::span<const std::byte, 12> n{nonce};
      Bytes sealed(expected.size());
      BOOST_TEST(aead->seal(k, n, hex(v.additional), plain, sealed).has_value());
      BOOST_TEST((sealed == expected));
      Bytes opened(plain.size());
      BOOST_TEST(aead->open(k, n, hex(v.additional), sealed, opened).has_value());
      BOOST_TEST((opened == plain));
    }
  }
}

BOOST_AUTO_TEST_CASE(whatever_is_changed_the_tag_tells) {
  for (const Vector& v : vectors) {
    BOOST_TEST_CONTEXT(v.source) {
      const auto aead = detail::Aead::fetch(v.cipher);
      struct Parts {
        Bytes key, nonce, additional, sealed;
      };
      const Parts right{hex(v.key), hex(v.nonce), hex(v.additional), hex(v.sealed)};
      const auto opens = [&](const Parts& p) {
        Bytes plain(p.sealed.size() - tag);
        return aead->open(std::span<const std::byte, 32>{p.key}, std::span<const std::byte, 12>{p.nonce}, p.additional, p.sealed, plain);
      };
      BOOST_TEST_REQUIRE(opens(right).has_value());
      for (Bytes Parts::* part : {&Parts::key, &Parts::nonce, &Parts::additional, &Parts::sealed}) {
        for (std::size_t bit = 0; bit < 8 * (right.*part).size(); ++bit) {
          Parts wrong = right;
          (wrong.*part)[bit / 8] ^= std::byte{1} << (bit % 8);
          BOOST_TEST_REQUIRE((opens(wrong).error() == errc::corrupted));
        }
      }
      // Tags that implementations have let pass: zeros, ones, the tag's complement, a part of it.
      for (const auto& change : std::initializer_list<std::function<void(std::span<std::byte>)>>{
               [](std::span<std::byte> t) { std::fill(t.begin(), t.end(), std::byte{0}); },
               [](std::span<std::byte> t) { std::fill(t.begin(), t.end(), std::byte{0xFF}); },
               [](std::span<std::byte> t) { std::transform(t.begin(), t.end(), t.begin(), [](std::byte b) { return ~b; }); },
               [](std::span<std::byte> t) { std::fill(t.begin() + 12, t.end(), std::byte{0}); }}) {
        Parts wrong = right;
        change(std::span{wrong.sealed}.last(tag));
        BOOST_TEST((opens(wrong).error() == errc::corrupted));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(hkdf_is_that_of_rfc_5869_with_sha_512) {
  // RFC 5869 has vectors for SHA-256 and SHA-1 only. Extract and expand by HMAC, as its section 2 says.
  const auto hmac = [](std::span<const std::byte> key, std::span<const std::byte> data) {
    Bytes out(64);
    std::size_t length = 0;
    BOOST_TEST_REQUIRE(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA512", nullptr, key.data(), key.size(), detail::bytes_of(data), data.size(),
                                 detail::bytes_of(std::span{out}), out.size(), &length) != nullptr);
    BOOST_TEST_REQUIRE(length == 64U);
    return out;
  };
  const Bytes material = pattern(40, 5);
  const Bytes salt = pattern(32, 6);
  const Bytes info = pattern(48, 7);
  const Bytes extracted = hmac(salt, material);
  Bytes first_input = info;
  first_input.push_back(std::byte{1});
  const Bytes first = hmac(extracted, first_input);
  Bytes second_input = first;
  second_input.insert(second_input.end(), info.begin(), info.end());
  second_input.push_back(std::byte{2});
  Bytes expected = first;
  const Bytes second = hmac(extracted, second_input);
  expected.insert(expected.end(), second.begin(), second.begin() + 12);

  Bytes derived(76);
  BOOST_TEST(detail::derive_by_hkdf(material, salt, info, derived).has_value());
  BOOST_TEST((derived == expected));
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
