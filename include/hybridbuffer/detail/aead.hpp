#pragma once

#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <span>
#include <string_view>
#include <sys/random.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

/// \file
/// The primitives of encrypted(), as OpenSSL 3 has them.

namespace hybridbuffer::inline v0_1::detail {

inline constexpr std::size_t aead_key_bytes = 32;
inline constexpr std::size_t aead_nonce_bytes = 12;
inline constexpr std::size_t aead_tag_bytes = 16;

[[nodiscard]] inline const unsigned char* bytes_of(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
[[nodiscard]] inline unsigned char* bytes_of(std::span<std::byte> bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes.data()); }

/// Whether AES is as fast as ChaCha20 here: without these instructions it is many times slower, and its tables leak through the cache.
[[nodiscard]] inline bool has_aes_instructions() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("pclmul") != 0;
#elif defined(__aarch64__)
  constexpr unsigned long aes = 1UL << 3U;
  constexpr unsigned long pmull = 1UL << 4U;
  return (::getauxval(AT_HWCAP) & (aes | pmull)) == (aes | pmull);
#else
  return false;
#endif
}

/// Fills `out` from the kernel's generator, which waits until it is seeded. Errors: those of getrandom(2).
[[nodiscard]] inline Result<void> fill_randomly(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure_from_errno("get random bytes");
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

/// HKDF with SHA-512 (RFC 5869): out.size() bytes that depend on all of the others.
/// Errors: `unsupported` when OpenSSL has no HKDF or no SHA-512, `io` when it fails.
[[nodiscard]] inline Result<void> derive_by_hkdf(std::span<const std::byte> material, std::span<const std::byte> salt,
                                                 std::span<const std::byte> info, std::span<std::byte> out) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free};
  if (kdf == nullptr) return failure(errc::unsupported, "derive a key", "OpenSSL has no HKDF");
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context{EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free};
  if (context == nullptr) return failure(errc::no_space, "derive a key", "out of memory");
  char digest[] = "SHA512";
  // OpenSSL's parameters are not const, and it does not write to them.
  const auto octets = [](const char* name, std::span<const std::byte> bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
  };
  const std::array<OSSL_PARAM, 5> parameters{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                             octets(OSSL_KDF_PARAM_KEY, material), octets(OSSL_KDF_PARAM_SALT, salt),
                                             octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  if (EVP_KDF_derive(context.get(), bytes_of(out), out.size(), parameters.data()) <= 0) return failure(errc::io, "derive a key");
  return {};
}

/// A cipher with authentication that OpenSSL offers: fetched once, for it takes longer than encrypting a frame.
///
/// Each call makes and frees a context of its own: that holds the expanded key, and OpenSSL wipes it.
/// Threads: any number at once.
class Aead {
 public:
  /// Errors: `unsupported` when OpenSSL has no such cipher with a key of 32 bytes and a nonce of 12.
  [[nodiscard]] static Result<Aead> fetch(const char* name) {
    Aead aead{std::shared_ptr<EVP_CIPHER>{EVP_CIPHER_fetch(nullptr, name, nullptr), &EVP_CIPHER_free}};
    const EVP_CIPHER* cipher = aead.cipher_.get();
    if (cipher == nullptr || EVP_CIPHER_get_key_length(cipher) != static_cast<int>(aead_key_bytes) ||
        EVP_CIPHER_get_iv_length(cipher) != static_cast<int>(aead_nonce_bytes)) {
      return failure(errc::unsupported, "find a cipher in OpenSSL", name);
    }
    return aead;
  }

  using Key = std::span<const std::byte, aead_key_bytes>;
  using Nonce = std::span<const std::byte, aead_nonce_bytes>;

  /// `out` is the ciphertext and the tag: plain.size() + aead_tag_bytes. Errors: `no_space` (memory), `io`.
  [[nodiscard]] Result<void> seal(Key key, Nonce nonce, std::span<const std::byte> additional, std::span<const std::byte> plain,
                                  std::span<std::byte> out) const {
    const Context context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
    if (context == nullptr) return failure(errc::no_space, "encrypt", "out of memory");
    EVP_CIPHER_CTX* c = context.get();
    int n = 0;
    const bool sealed = EVP_EncryptInit_ex2(c, cipher_.get(), bytes_of(key), bytes_of(nonce), nullptr) == 1 &&
                        EVP_EncryptUpdate(c, nullptr, &n, bytes_of(additional), length(additional)) == 1 &&
                        EVP_EncryptUpdate(c, bytes_of(out), &n, bytes_of(plain), length(plain)) == 1 &&
                        EVP_EncryptFinal_ex(c, bytes_of(out) + plain.size(), &n) == 1 &&
                        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, aead_tag_bytes, bytes_of(out) + plain.size()) == 1;
    if (!sealed) return failure(errc::io, "encrypt");
    return {};
  }

  /// `sealed` is the ciphertext and the tag: plain.size() + aead_tag_bytes. On a failure `plain` holds anything: the caller wipes it.
  /// Errors: `corrupted` when the tag is not that of the other three, `no_space` (memory), `io`.
  [[nodiscard]] Result<void> open(Key key, Nonce nonce, std::span<const std::byte> additional, std::span<const std::byte> sealed,
                                  std::span<std::byte> plain) const {
    const Context context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
    if (context == nullptr) return failure(errc::no_space, "decrypt", "out of memory");
    EVP_CIPHER_CTX* c = context.get();
    std::array<unsigned char, aead_tag_bytes> tag;
    std::memcpy(tag.data(), sealed.data() + plain.size(), tag.size());
    int n = 0;
    const bool set = EVP_DecryptInit_ex2(c, cipher_.get(), bytes_of(key), bytes_of(nonce), nullptr) == 1 &&
                     EVP_DecryptUpdate(c, nullptr, &n, bytes_of(additional), length(additional)) == 1 &&
                     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, aead_tag_bytes, tag.data()) == 1 &&
                     EVP_DecryptUpdate(c, bytes_of(plain), &n, bytes_of(sealed), length(plain)) == 1;
    if (!set) return failure(errc::io, "decrypt");
    std::array<unsigned char, aead_tag_bytes> rest;  // both ciphers are streams: nothing comes here
    if (EVP_DecryptFinal_ex(c, rest.data(), &n) != 1) return failure(errc::corrupted, "decrypt", "the tag does not match");
    return {};
  }

 private:
  using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
  explicit Aead(std::shared_ptr<EVP_CIPHER> cipher) noexcept : cipher_{std::move(cipher)} {}

  static int length(std::span<const std::byte> bytes) noexcept { return static_cast<int>(bytes.size()); }

  std::shared_ptr<EVP_CIPHER> cipher_;
};

}  // namespace hybridbuffer::inline v0_1::detail
