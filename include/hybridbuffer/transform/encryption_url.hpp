#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string>
#include <unistd.h>

namespace hybridbuffer::inline v0_1 {

/// The key material that a file holds, all of it: 16 to 1024 bytes.
/// Errors: as EncryptionKey::from_bytes; those of reading the file.
[[nodiscard]] inline Result<EncryptionKey> encryption_key_from_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failure_from_errno("open a key file");
  std::array<std::byte, EncryptionKey::most_bytes + 1> material;
  std::size_t size = 0;
  Result<EncryptionKey> key = failure(errc::io, "read a key file");
  for (;;) {
    const ssize_t count = ::read(file, material.data() + size, material.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) key = failure_from_errno("read a key file");
    if (count > 0) size += static_cast<std::size_t>(count);
    if (count > 0 && size < material.size()) continue;
    if (count >= 0) key = EncryptionKey::from_bytes(std::span{material}.first(size));
    break;
  }
  ::close(file);
  ::explicit_bzero(material.data(), material.size());
  return key;
}

/// `encrypt=aes-256-gcm`, or `chacha20-poly1305`, or `auto`: encrypted() for a storage URL. With `encrypt_chunk=64KiB`,
/// `encrypt_key_file=/path` and `encrypt_publish=content` or `encrypted`; the key itself never stands in a URL, which ends up in logs.
///
///     StorageRegistry registry = default_registry();
///     if (auto added = registry.add(encryption_transform()); !added) return added;
///     auto storage = storage_from_url("file:///var/tmp?encrypt=auto", registry);
[[nodiscard]] inline StorageTransform encryption_transform() {
  return {.parameter = "encrypt",
          .parameters = {"encrypt_chunk", "encrypt_key_file", "encrypt_publish"},
          .make = [](const AnyStorage& inner, const UrlParameters& parameters) -> Result<AnyStorage> {
            EncryptionOptions options;
            std::string key_file;
            UrlParameterReader reader{parameters};
            reader
                .choice<Cipher>(
                    "encrypt", options.cipher,
                    {{"auto", Cipher::automatic}, {"aes-256-gcm", Cipher::aes_256_gcm}, {"chacha20-poly1305", Cipher::chacha20_poly1305}})
                .size("encrypt_chunk", options.chunk_bytes)
                .text("encrypt_key_file", key_file)
                .choice<PublishedForm>("encrypt_publish", options.published,
                                       {{"content", PublishedForm::content}, {"encrypted", PublishedForm::encrypted}});
            if (options.published == PublishedForm::encrypted && key_file.empty()) {
              reader.refuse("encrypt_publish", "nobody could read it without encrypt_key_file");
            }
            if (parameters.has("encrypt_key_file") && key_file.empty()) reader.refuse("encrypt_key_file", "not the path of a file");
            if (options.chunk_bytes < EncryptionOptions::least_chunk || options.chunk_bytes > EncryptionOptions::most_chunk) {
              reader.refuse("encrypt_chunk", "not within 16 bytes and 16 MiB");
            }
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            if (!key_file.empty()) {
              auto key = encryption_key_from_file(key_file);
              if (!key) return std::unexpected{std::move(key).error()};
              options.key = *std::move(key);
            }
            return encrypted(inner, std::move(options));
          }};
}

}  // namespace hybridbuffer::inline v0_1
