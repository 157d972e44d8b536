#include "open_storage.hpp"

#include <hybridbuffer/detail/aead.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <openssl/evp.h>
#include <span>
#include <string_view>
#include <vector>

// The primitives of encrypted(): they are those of the standards, and the tag tells whatever was changed.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t tag = detail::aead_tag_bytes;

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

}  // namespace
}  // namespace hybridbuffer::testing
