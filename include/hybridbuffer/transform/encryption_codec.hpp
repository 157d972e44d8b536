#pragma once

#include <hybridbuffer/detail/aead.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/little_endian.hpp>
#include <hybridbuffer/detail/secret_page.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/transform/encryption_options.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hybridbuffer {

/// Encrypts the frames of one location, with keys of its own. The format, byte by byte: docs/encryption.md.
///
/// Threads: any number at once.
class EncryptionCodec {
 public:
  static constexpr bool is_secret = true;
  static constexpr std::size_t header_bytes = 88;

  /// Errors: `invalid_argument` for a chunk size out of range, `unsupported` when OpenSSL lacks the cipher, those of getrandom(2);
  ///         std::bad_alloc.
  [[nodiscard]] static Result<EncryptionCodec> make(const EncryptionOptions& options, detail::Aead aead, Cipher cipher) {
    EncryptionCodec codec{std::move(aead), options.chunk_bytes};
    Salt salt;
    if (auto filled = detail::fill_randomly(salt); !filled) return std::unexpected{std::move(filled).error()};
    detail::SecretPage random;
    const auto fresh = random.bytes().first(detail::aead_key_bytes);
    if (!options.key) {
      if (auto filled = detail::fill_randomly(fresh); !filled) return std::unexpected{std::move(filled).error()};
    }
    if (auto derived = codec.derive(options.key ? options.key->bytes() : std::span<const std::byte>{fresh}, cipher, salt); !derived) {
      return std::unexpected{std::move(derived).error()};
    }
    return codec;
  }

  [[nodiscard]] detail::FrameShape shape() const noexcept {
    return {.header_bytes = header_bytes, .chunk_bytes = chunk_bytes_, .overhead_bytes = detail::aead_tag_bytes, .fixed_overhead = true};
  }

  void write_header(std::uint64_t object, std::span<std::byte> out) const noexcept {
    std::copy(header_.begin(), header_.end(), out.begin());
    detail::store_little_endian(object, out.subspan(header_.size()));
  }

  /// Errors: `corrupted` when it differs from this location's.
  [[nodiscard]] Result<std::uint64_t> read_header(std::span<const std::byte> in) const noexcept {
    if (in.size() < header_bytes || !std::equal(header_.begin(), header_.end(), in.begin())) {
      return failure(errc::corrupted, "read the header of an encrypted object");
    }
    return detail::load_little_endian<std::uint64_t>(in.subspan(header_.size()));
  }

  [[nodiscard]] Result<std::size_t> encode(detail::FrameId id, std::span<const std::byte> plain, std::span<std::byte> stored) const {
    const auto out = stored.first(plain.size() + detail::aead_tag_bytes);
    if (auto sealed = aead_.seal(key(), nonce(id.number), additional(id, plain.size()), plain, out); !sealed) {
      return std::unexpected{std::move(sealed).error()};
    }
    return out.size();
  }

  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    if (stored.size() != plain.size() + detail::aead_tag_bytes) return failure(errc::corrupted, "decrypt", "a frame of another length");
    return aead_.open(key(), nonce(id.number), additional(id, plain.size()), stored, plain);
  }

 private:
  using Salt = std::array<std::byte, 32>;
  using Nonce = std::array<std::byte, detail::aead_nonce_bytes>;
  using Additional = std::array<std::byte, 12>;
  static constexpr std::size_t bound_bytes = 48;       // of the header: all that is known before the key
  static constexpr std::size_t commitment_bytes = 32;  // behind them

  EncryptionCodec(detail::Aead aead, std::size_t chunk_bytes) : aead_{std::move(aead)}, chunk_bytes_{chunk_bytes} {}

  // Header and secrets. A commitment to the key stands in the header: without it an object could be made that two keys open, each
  // to other content (GCM and Poly1305 do not bind the key).
  [[nodiscard]] Result<void> derive(std::span<const std::byte> material, Cipher cipher, const Salt& salt) {
    static constexpr std::array<unsigned char, 8> magic{'H', 'Y', 'B', 'U', 'F', 'E', 'N', 'C'};
    std::transform(magic.begin(), magic.end(), header_.begin(), [](unsigned char c) { return std::byte{c}; });
    header_[8] = std::byte{1};  // version of the format
    header_[9] = static_cast<std::byte>(cipher);
    detail::store_little_endian(static_cast<std::uint32_t>(chunk_bytes_), std::span{header_}.subspan(12));
    std::copy(salt.begin(), salt.end(), header_.begin() + 16);

    const auto derived = secrets_.bytes().first(secret_bytes + commitment_bytes);
    auto done = detail::derive_by_hkdf(material, salt, std::span{header_}.first(bound_bytes), derived);
    if (!done) return done;
    std::copy_n(derived.begin() + secret_bytes, commitment_bytes, header_.begin() + bound_bytes);
    return {};
  }

  static constexpr std::size_t secret_bytes = detail::aead_key_bytes + detail::aead_nonce_bytes;

  [[nodiscard]] detail::Aead::Key key() const noexcept { return secrets_.bytes().first<detail::aead_key_bytes>(); }

  // The location's own nonce, with the frame's number in its last eight bytes: no number is used twice.
  [[nodiscard]] Nonce nonce(std::uint64_t number) const noexcept {
    Nonce nonce;
    std::copy_n(secrets_.bytes().begin() + detail::aead_key_bytes, nonce.size(), nonce.begin());
    std::array<std::byte, 8> counter;
    detail::store_little_endian(number, counter);
    for (std::size_t i = 0; i != counter.size(); ++i) nonce[4 + i] ^= counter[i];
    return nonce;
  }

  [[nodiscard]] static Additional additional(detail::FrameId id, std::size_t size) noexcept {
    Additional bytes;
    detail::store_little_endian(id.offset, bytes);
    detail::store_little_endian(static_cast<std::uint32_t>(size), std::span{bytes}.subspan(8));
    return bytes;
  }

  detail::Aead aead_;
  std::size_t chunk_bytes_;
  std::array<std::byte, bound_bytes + commitment_bytes> header_{};
  detail::SecretPage secrets_;  // the cipher's key, the base of its nonces
};

static_assert(detail::frame_codec<EncryptionCodec>);

}  // namespace hybridbuffer
