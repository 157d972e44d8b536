#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>
#include <hybridbuffer/transform/compressed.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// `compress=zstd`, or `lz4`, `snappy`, `gzip`, `zlib`, `deflate`, `auto`: compressed() for a storage URL. With `level=fastest` (`fast`),
/// `default`, `better` or `best`, and `compress_chunk=64KiB`. Snappy and auto have no level.
///
///     StorageRegistry registry = default_registry();
///     if (auto added = registry.add(compression_transform()); !added) return added;
///     auto storage = storage_from_url("file:///var/tmp?compress=zstd&level=fast", registry);
[[nodiscard]] inline StorageTransform compression_transform() {
  return {.parameter = "compress",
          .parameters = {"level", "compress_chunk"},
          .make = [](const AnyStorage& inner, const UrlParameters& parameters) -> Result<AnyStorage> {
            CompressionLevel level = CompressionLevel::standard;
            CompressionOptions options;
            UrlParameterReader reader{parameters};
            reader
                .choice<CompressionLevel>("level", level,
                                          {{"fastest", CompressionLevel::fastest},
                                           {"fast", CompressionLevel::fastest},
                                           {"default", CompressionLevel::standard},
                                           {"better", CompressionLevel::better},
                                           {"best", CompressionLevel::best}})
                .size("compress_chunk", options.chunk_bytes);
            enum class Method { zstd, lz4, snappy, gzip, zlib, deflate, automatic };
            Method method = Method::zstd;
            reader.choice<Method>("compress", method,
                                  {{"zstd", Method::zstd},
                                   {"lz4", Method::lz4},
                                   {"snappy", Method::snappy},
                                   {"gzip", Method::gzip},
                                   {"zlib", Method::zlib},
                                   {"deflate", Method::deflate},
                                   {"auto", Method::automatic}});
            if (parameters.has("level") && (method == Method::snappy || method == Method::automatic)) {
              reader.refuse("level", "this codec has none");
            }
            if (options.chunk_bytes < CompressionOptions::least_chunk || options.chunk_bytes > CompressionOptions::most_chunk) {
              reader.refuse("compress_chunk", "not within 16 bytes and 16 MiB");
            }
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            switch (method) {
              case Method::zstd: return compressed(inner, Zstd{level}, options);
              case Method::lz4: return compressed(inner, Lz4{level}, options);
              case Method::snappy: return compressed(inner, Snappy{}, options);
              case Method::gzip: return compressed(inner, Gzip{level}, options);
              case Method::zlib: return compressed(inner, Zlib{level}, options);
              case Method::deflate: return compressed(inner, Deflate{level}, options);
              case Method::automatic: break;
            }
            return compressed(inner, Auto{}, options);
          }};
}

}  // namespace hybridbuffer::inline v0_1
