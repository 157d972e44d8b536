#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// SHA-256, HMAC-SHA-256 and MD5 from OpenSSL, as the S3 protocol uses them.

namespace hybridbuffer::inline v0_1::detail {

using Sha256 = std::array<unsigned char, 32>;
using Md5 = std::array<unsigned char, 16>;

/// Takes bytes piece by piece. Errors: std::bad_alloc. `finish` says false where the library cannot do this digest (MD5 under FIPS).
template <std::size_t Bytes>
class S3Digest {
 public:
  explicit S3Digest(const EVP_MD* algorithm) : context_{::EVP_MD_CTX_new()} {
    if (context_ == nullptr) throw std::bad_alloc{};
    works_ = ::EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1;
  }
  void restart() noexcept { works_ = ::EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1; }
  void add(std::span<const std::byte> bytes) noexcept {
    works_ = works_ && ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }
  [[nodiscard]] bool finish(std::array<unsigned char, Bytes>& digest) noexcept {
    return works_ && ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool works_ = false;
};

[[nodiscard]] inline Sha256 sha256_of(std::span<const std::byte> bytes) {
  S3Digest<32> digest{::EVP_sha256()};
  Sha256 result{};
  digest.add(bytes);
  if (!digest.finish(result)) throw std::bad_alloc{};
  return result;
}
[[nodiscard]] inline Sha256 sha256_of(std::string_view text) { return sha256_of(std::as_bytes(std::span{text})); }

[[nodiscard]] inline Sha256 hmac_sha256(std::span<const unsigned char> key, std::string_view message) {
  Sha256 result{};
  unsigned length = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
  if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), result.data(), &length) == nullptr) {
    throw std::bad_alloc{};
  }
  return result;
}

[[nodiscard]] inline std::string base64_of(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace hybridbuffer::inline v0_1::detail
