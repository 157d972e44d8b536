#pragma once

#include <hybridbuffer/detail/framed_backend.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/encryption_codec.hpp>
#include <hybridbuffer/transform/encryption_options.hpp>

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// A location whose object is stored encrypted and authenticated, in a location of `Inner`.
///
/// Whoever can read and change the store learns how long objects are and when they change, nothing else; whatever he changes, removes,
/// reorders, repeats, brings back from an earlier time or takes from elsewhere reads as `corrupted`. Keeps reader_at, seeker, append,
/// shrink, discard, publish (of the content, decrypted unless the options say otherwise) and max_object_size where `Inner` has them.
template <storage_backend Inner>
using EncryptedBackend = detail::FramedBackend<EncryptionCodec, Inner>;

/// Makes locations whose content is encrypted, in the locations that `Inner` makes.
///
///     HybridBuffer secret{LockedMemory{}, SpillAt{1_MiB}, encrypted(FileStorage{})};
///
/// Each location has a key of its own: random, or derived from `options.key`. Link HybridBuffer::encryption (OpenSSL 3).
/// Cost: a location takes a page of locked memory and some 20 µs to make; content a pass of the cipher each way.
template <storage_factory Inner>
class EncryptedStorage {
 public:
  /// What is wrong with the options is said by create_backend().
  explicit EncryptedStorage(Inner inner, EncryptionOptions options = {})
      : inner_{std::make_shared<const Inner>(std::move(inner))},
        options_{std::move(options)},
        cipher_{chosen(options_.cipher)},
        aead_{detail::Aead::fetch(EncryptionCodec::name_of(cipher_))} {}

  /// Errors: `invalid_argument` for options out of range, `unsupported` when OpenSSL has no such cipher, `closed` after a move and, with a
  ///         key, in a forked child; `no_space` (memory); those of getrandom(2) and of the storage beneath.
  /// Threads: any number at once.
  [[nodiscard]] Result<EncryptedBackend<backend_of_t<Inner>>> create_backend() const {
    if (inner_ == nullptr) return failure(errc::closed, "use an encrypted storage that was moved from");
    if (options_.chunk_bytes < EncryptionOptions::least_chunk || options_.chunk_bytes > EncryptionOptions::most_chunk) {
      return failure(errc::invalid_argument, "make an encrypted location", "chunk_bytes is not within 16 bytes and 16 MiB");
    }
    if (options_.published == PublishedForm::encrypted && !options_.key) {
      return failure(errc::invalid_argument, "make an encrypted location", "nobody could read what it publishes encrypted without a key");
    }
    if (!aead_) return std::unexpected{aead_.error()};
    try {
      auto codec = EncryptionCodec::make(options_, *aead_, cipher_);
      if (!codec) return std::unexpected{std::move(codec).error()};
      auto inner = inner_->create_backend();
      if (!inner) return std::unexpected{std::move(inner).error()};
      return EncryptedBackend<backend_of_t<Inner>>{std::make_shared<const EncryptionCodec>(std::move(*codec)), std::move(*inner),
                                                   [storage = inner_] { return storage->create_backend(); }};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "make an encrypted location", "out of memory");
    }
  }

  /// What the storage beneath warns of; nothing after a move. Errors: std::bad_alloc. Threads: any number at once.
  [[nodiscard]] std::vector<std::string> warnings() const { return inner_ == nullptr ? std::vector<std::string>{} : warnings_of(*inner_); }

 private:
  static Cipher chosen(Cipher wanted) noexcept {
    if (wanted != Cipher::automatic) return wanted;
    return detail::has_aes_instructions() ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305;
  }

  std::shared_ptr<const Inner> inner_;  // which locations use to publish
  EncryptionOptions options_;
  Cipher cipher_;
  Result<detail::Aead> aead_;
};

/// Encrypts what `inner` stores.
template <storage_factory Inner>
[[nodiscard]] EncryptedStorage<Inner> encrypted(Inner inner, EncryptionOptions options = {}) {
  return EncryptedStorage<Inner>{std::move(inner), std::move(options)};
}

}  // namespace hybridbuffer::inline v0_1
