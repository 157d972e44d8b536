#pragma once

#include <hybridbuffer/transform/encryption_key.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace hybridbuffer::inline v0_1 {

/// The ciphers of encrypted(); the numbers stand in stored headers.
enum class Cipher : std::uint8_t {
  automatic = 0,          ///< aes_256_gcm where the processor has instructions for it, else chacha20_poly1305
  aes_256_gcm = 1,        ///< NIST SP 800-38D
  chacha20_poly1305 = 2,  ///< RFC 8439
};

/// What publish() gives a lasting name.
enum class PublishedForm : std::uint8_t {
  content,    ///< what was written, decrypted
  encrypted,  ///< an encrypted file, which encrypted_file.hpp reads; needs a key, for a random one is gone with the location
};

/// Settings of encrypted().
struct EncryptionOptions {
  static constexpr std::size_t least_chunk = 16;
  static constexpr std::size_t most_chunk = std::size_t{16} << 20U;

  Cipher cipher = Cipher::automatic;  ///< Which cipher; by default the faster one here.
  /// Bytes of content that are encrypted together, 16 to 16 MiB. A read of any of them decrypts all; each takes 16 bytes more of the store.
  std::size_t chunk_bytes = std::size_t{64} * 1024;
  /// Where each location's key comes from; without one it is random and lives as long as the location does.
  std::optional<EncryptionKey> key{};
  PublishedForm published = PublishedForm::content;  ///< What publish() writes.
};

}  // namespace hybridbuffer::inline v0_1
