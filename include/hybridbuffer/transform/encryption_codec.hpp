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
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Encrypts the frames of one location, or of one encrypted file, with keys of its own. The format, byte by byte: docs/encryption.md.
///
/// Threads: any number at once.
class EncryptionCodec {
 public:
  static constexpr bool is_secret = true;
  static constexpr std::size_t header_bytes = 88;

  /// Errors: `invalid_argument` for a chunk size out of range, `unsupported` when OpenSSL lacks the cipher, `closed` when the key was moved
  ///         from or is another process's; those of getrandom(2); std::bad_alloc.
  [[nodiscard]] static Result<EncryptionCodec> make(const EncryptionOptions& options, detail::Aead aead, Cipher cipher) {
    if (options.published == PublishedForm::content) return make_form(options, std::move(aead), cipher, Form::location);
    auto codec = make_form(options, aead, cipher, Form::location);
    if (codec) codec->published_ = std::make_shared<const Published>(options, std::move(aead), cipher);
    return codec;
  }

  /// The codec of an encrypted file that begins with `header`.
  /// Errors: `corrupted` when it is none, when it was changed, or when `key` is not the one that it was written with; as make().
  [[nodiscard]] static Result<EncryptionCodec> of_file(std::span<const std::byte, header_bytes> header, const EncryptionKey& key) {
    const auto cipher = static_cast<Cipher>(header[9]);
    if (cipher != Cipher::aes_256_gcm && cipher != Cipher::chacha20_poly1305) return no_file("of no cipher that is known");
    const auto chunk_bytes = detail::load_little_endian<std::uint32_t>(header.subspan(12));
    const bool in_range = chunk_bytes >= EncryptionOptions::least_chunk && chunk_bytes <= EncryptionOptions::most_chunk;
    if (!in_range) return no_file("its chunk is out of range");
    const auto object = detail::load_little_endian<std::uint64_t>(header.subspan(bound_bytes + commitment_bytes));
    if (object != 0) return no_file("its header was changed");
    auto aead = detail::Aead::fetch(name_of(cipher));
    if (!aead) return std::unexpected{std::move(aead).error()};
    EncryptionCodec codec{*std::move(aead), chunk_bytes};
    Salt salt;
    std::copy_n(header.begin() + 16, salt.size(), salt.begin());
    if (auto derived = codec.derive(key.bytes(), cipher, salt, Form::file); !derived) return std::unexpected{std::move(derived).error()};
    const bool fits = std::equal(codec.header_.begin(), codec.header_.end(), header.begin());
    if (!fits) return no_file("it is none, was changed, or has another key");
    return codec;
  }

  /// As messages call it.
  [[nodiscard]] static const char* name_of(Cipher cipher) noexcept {
    return cipher == Cipher::chacha20_poly1305 ? "ChaCha20-Poly1305" : "AES-256-GCM";
  }

  // Encrypted files --------------------------------------------------------------------------------------------------------------

  /// The last bytes of a file: its content's length, sealed, so that one that was cut, or goes on, is none.
  static constexpr std::size_t closing_bytes = 8 + detail::aead_tag_bytes;

  /// True when publish() gives a name to an encrypted file.
  [[nodiscard]] bool publishes_encoded() const noexcept { return published_ != nullptr; }

  /// Passes on to `write(span)` what an encrypted file of all that `read(span)` delivers consists of; `read` is short only at the end.
  /// Requires: publishes_encoded(). Errors: those of both and of make(); std::bad_alloc.
  template <class Read, class Write>
  [[nodiscard]] Result<void> publish_encoded(Read&& read, Write&& write) const {
    auto file = make_form(published_->options, published_->aead, published_->cipher, Form::file);
    if (!file) return std::unexpected{std::move(file).error()};
    std::array<std::byte, header_bytes> header;
    file->write_header(0, header);
    if (auto written = write(std::span<const std::byte>{header}); !written) return written;

    const std::size_t most = chunk_bytes_ + detail::aead_tag_bytes;
    detail::FrameMemory plain_memory{is_secret};
    detail::FrameMemory sealed_memory{is_secret};
    const auto plain = plain_memory.first(chunk_bytes_, chunk_bytes_);
    const auto sealed = sealed_memory.first(most, most);
    std::uint64_t length = 0;
    for (std::size_t count = chunk_bytes_; count == chunk_bytes_;) {
      const Result<std::size_t> delivered = read(plain);
      if (!delivered) return std::unexpected{delivered.error()};
      count = *delivered;
      if (count == 0) break;
      auto size = file->seal(file_frame(length, chunk_bytes_), plain.first(count), sealed);
      if (!size) return std::unexpected{std::move(size).error()};
      if (auto written = write(std::span<const std::byte>{sealed.first(*size)}); !written) return written;
      length += count;
    }

    std::array<std::byte, 8> closing_plain;
    std::array<std::byte, closing_bytes> closing;
    detail::store_little_endian(length, closing_plain);
    if (auto size = file->seal(closing_frame, closing_plain, closing); !size) return std::unexpected{std::move(size).error()};
    return write(std::span<const std::byte>{closing});
  }

  /// The frame of a file that begins at `offset` of its content.
  [[nodiscard]] static detail::FrameId file_frame(std::uint64_t offset, std::size_t chunk_bytes) noexcept {
    return {.number = 1 + offset / chunk_bytes, .offset = offset};
  }

  /// The length of a file's content. Errors: `corrupted` when `closing` is not the last record of it.
  [[nodiscard]] Result<std::uint64_t> read_closing(std::span<const std::byte, closing_bytes> closing) const {
    std::array<std::byte, 8> length;
    if (auto opened = decode(closing_frame, closing, length); !opened) return std::unexpected{std::move(opened).error()};
    return detail::load_little_endian<std::uint64_t>(length);
  }

  // Frames -----------------------------------------------------------------------------------------------------------------------

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

  [[nodiscard]] Result<detail::EncodedFrame> encode(const detail::EncodingHistory& /*each frame is made alike*/, detail::FrameId id,
                                                    std::span<const std::byte> plain, std::span<std::byte> stored) const {
    auto size = seal(id, plain, stored);
    if (!size) return std::unexpected{std::move(size).error()};
    return detail::EncodedFrame{*size};
  }

  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    if (stored.size() != plain.size() + detail::aead_tag_bytes) return failure(errc::corrupted, "decrypt", "a frame of another length");
    if (secrets_.is_wiped()) return keyless("decrypt");
    return aead_.open(key(), nonce(id.number), additional(id, plain.size()), stored, plain);
  }

 private:
  [[nodiscard]] Result<std::size_t> seal(detail::FrameId id, std::span<const std::byte> plain, std::span<std::byte> stored) const {
    if (secrets_.is_wiped()) return keyless("encrypt");
    const auto out = stored.first(plain.size() + detail::aead_tag_bytes);
    if (auto sealed = aead_.seal(key(), nonce(id.number), additional(id, plain.size()), plain, out); !sealed) {
      return std::unexpected{std::move(sealed).error()};
    }
    return out.size();
  }

  [[nodiscard]] static std::unexpected<Error> keyless(OperationName operation) noexcept {
    return failure(errc::closed, operation, "the key is another process's");
  }

  // What a header is of; its byte 10.
  enum class Form : std::uint8_t { location = 0, file = 1 };

  // No frame has number 0, nor begins there.
  static constexpr detail::FrameId closing_frame{.number = 0, .offset = std::numeric_limits<std::uint64_t>::max()};

  [[nodiscard]] static Result<EncryptionCodec> make_form(const EncryptionOptions& options, detail::Aead aead, Cipher cipher, Form form) {
    EncryptionCodec codec{std::move(aead), options.chunk_bytes};
    Salt salt;
    if (auto filled = detail::fill_randomly(salt); !filled) return std::unexpected{std::move(filled).error()};
    detail::SecretPage random;
    const auto fresh = random.bytes().first(detail::aead_key_bytes);
    if (!options.key) {
      if (auto filled = detail::fill_randomly(fresh); !filled) return std::unexpected{std::move(filled).error()};
    }
    if (auto derived = codec.derive(options.key ? options.key->bytes() : std::span<const std::byte>{fresh}, cipher, salt, form); !derived) {
      return std::unexpected{std::move(derived).error()};
    }
    return codec;
  }

  [[nodiscard]] static std::unexpected<Error> no_file(std::string_view why) noexcept {
    return failure(errc::corrupted, "read an encrypted file", why);
  }

  using Salt = std::array<std::byte, 32>;
  using Nonce = std::array<std::byte, detail::aead_nonce_bytes>;
  using Additional = std::array<std::byte, 12>;
  static constexpr std::size_t bound_bytes = 48;       // of the header: all that is known before the key
  static constexpr std::size_t commitment_bytes = 32;  // behind them

  EncryptionCodec(detail::Aead aead, std::size_t chunk_bytes) : aead_{std::move(aead)}, chunk_bytes_{chunk_bytes} {}

  // Header and secrets. A commitment to the key stands in the header: without it an object could be made that two keys open, each
  // to other content (GCM and Poly1305 do not bind the key).
  // Errors: `closed` without material: that of a key that was moved from, or that belongs to the process before a fork.
  [[nodiscard]] Result<void> derive(std::span<const std::byte> material, Cipher cipher, const Salt& salt, Form form) {
    if (material.empty()) return failure(errc::closed, "use an encryption key", "it was moved from, or is another process's");
    static constexpr std::array<unsigned char, 8> magic{'H', 'Y', 'B', 'U', 'F', 'E', 'N', 'C'};
    std::transform(magic.begin(), magic.end(), header_.begin(), [](unsigned char c) { return std::byte{c}; });
    header_[8] = std::byte{1};  // version of the format
    header_[9] = static_cast<std::byte>(cipher);
    header_[10] = static_cast<std::byte>(form);
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

  // What encrypted files are made with; null where publish() decrypts.
  struct Published {
    Published(EncryptionOptions chosen, detail::Aead with, Cipher by) : options{std::move(chosen)}, aead{std::move(with)}, cipher{by} {}
    EncryptionOptions options;
    detail::Aead aead;
    Cipher cipher;
  };
  std::shared_ptr<const Published> published_{};
};

static_assert(detail::frame_codec<EncryptionCodec>);

}  // namespace hybridbuffer::inline v0_1
