#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>
#include <hybridbuffer/transform/checksummed.hpp>

namespace hybridbuffer::inline v0_1 {

/// `checksum=crc32c`: checksummed() for a storage URL. With `checksum_chunk=64KiB`.
[[nodiscard]] inline StorageTransform checksum_transform() {
  return {.parameter = "checksum",
          .parameters = {"checksum_chunk"},
          .make = [](const AnyStorage& inner, const UrlParameters& parameters) -> Result<AnyStorage> {
            ChecksumOptions options;
            bool is_crc32c = true;
            UrlParameterReader reader{parameters};
            reader.choice("checksum", is_crc32c, {{"crc32c", true}}).size("checksum_chunk", options.chunk_bytes);
            if (options.chunk_bytes == 0 || options.chunk_bytes > ChecksumOptions::most_chunk) {
              reader.refuse("checksum_chunk", "not within 1 byte and 16 MiB");
            }
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            return checksummed(inner, options);
          }};
}

}  // namespace hybridbuffer::inline v0_1
