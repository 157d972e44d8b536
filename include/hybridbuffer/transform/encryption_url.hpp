#pragma once

#include <hybridbuffer/detail/url.hpp>
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
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// The key material that a file holds, all of it: 16 to 1024 bytes.
/// Errors: as EncryptionKey::from_bytes; `invalid_argument` for what is no regular file (a pipe would be waited for, and a device has no
///         end); those of reading the file. None of them shows the path, or what the file holds.
[[nodiscard]] inline Result<EncryptionKey> encryption_key_from_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return failure_from_errno("open a key file");
  struct stat status{};
  const bool is_known = ::fstat(file, &status) == 0;
  if (!is_known || !S_ISREG(status.st_mode)) {
    const auto refused =
        is_known ? failure(errc::invalid_argument, "read a key file", "that is no regular file") : failure_from_errno("look at a key file");
    ::close(file);
    return refused;
  }
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

namespace detail {

/// Says which part of the URL named the file. The category and the system's answer stay; of the file and its path nothing is shown.
[[nodiscard]] inline std::unexpected<Error> wrong_key_file(const Error& error) noexcept {
  BoundedText text;
  text.add("parameter 'encrypt_key_file': ").add(error.operation());
  if (!error.subject().empty()) text.add(" ").add(error.subject());
  return std::unexpected<Error>{std::in_place, error.code(), reading_a_url, error.native(), text.view()};
}

}  // namespace detail

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
              if (!key) return detail::wrong_key_file(key.error());
              options.key = *std::move(key);
            }
            return encrypted(inner, std::move(options));
          }};
}

}  // namespace hybridbuffer::inline v0_1
