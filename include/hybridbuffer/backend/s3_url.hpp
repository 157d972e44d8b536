#pragma once

#include <hybridbuffer/backend/s3.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// `s3://bucket/prefix?endpoint=https://host:port&region=…`: an S3Storage. Parameters are the fields of S3Options, and `profile` of the
/// shared credentials file. Keys never stand in a URL, which ends up in logs. What a URL leaves out is as `defaults` say.
///
///     StorageRegistry registry = default_registry();
///     if (auto added = registry.add(s3_scheme()); !added) return added;
///     auto storage = storage_from_url("s3://spill/app/?endpoint=http://127.0.0.1:7480", registry);
///
/// Errors: `invalid_argument` that names the wrong part. No request is sent: S3Storage::check() tells whether the place works.
[[nodiscard]] inline StorageScheme s3_scheme(S3Options defaults = {}) {
  return {.name = "s3",
          .parameters = {"endpoint", "region", "addressing", "profile", "part_bytes", "parallel_parts", "range_bytes", "parallel_ranges",
                         "content_md5", "max_object_size", "connect_timeout", "call_timeout", "operation_timeout", "attempts", "verify_tls",
                         "ca_file"},
          .takes_host = true,
          .takes_path = true,
          .make = [defaults = std::move(defaults)](const StorageUrl& url) -> Result<AnyStorage> {
            if (url.host().empty()) return wrong_url("host", "missing: the bucket, as in s3://bucket/prefix");
            if (url.port()) return wrong_url("port", "none in an S3 URL: it stands in the parameter 'endpoint'");
            S3Options options = defaults;
            options.bucket = url.host();
            if (!url.path().empty()) options.prefix = url.path().substr(1);
            std::string profile;
            UrlParameterReader reader{url.parameters()};
            reader.text("endpoint", options.endpoint)
                .text("region", options.region)
                .choice<S3Addressing>(
                    "addressing", options.addressing,
                    {{"automatic", S3Addressing::automatic}, {"path", S3Addressing::path}, {"virtual_host", S3Addressing::virtual_host}})
                .text("profile", profile)
                .size("part_bytes", options.part_bytes)
                .count("parallel_parts", options.parallel_parts)
                .size("range_bytes", options.range_bytes)
                .count("parallel_ranges", options.parallel_ranges)
                .flag("content_md5", options.content_md5)
                .size("max_object_size", options.max_object_size)
                .duration("connect_timeout", options.timeouts.connect)
                .duration("call_timeout", options.timeouts.call)
                .duration("operation_timeout", options.timeouts.operation)
                .count("attempts", options.retry.attempts)
                .flag("verify_tls", options.verify_tls)
                .text("ca_file", options.ca_file);
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            if (!profile.empty()) {
              options.credentials = [profile](std::chrono::milliseconds) { return credentials_from_shared_file(profile); };
            }
            S3Storage storage{std::move(options)};
            if (auto usable = storage.create_backend(); !usable) return std::unexpected{std::move(usable).error()};
            return storage;
          }};
}

}  // namespace hybridbuffer::inline v0_1
