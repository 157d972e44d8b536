#pragma once

#include <hybridbuffer/backend/s3_options.hpp>
#include <hybridbuffer/detail/s3_place.hpp>
#include <hybridbuffer/detail/s3_text.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hybridbuffer::inline v0_1::detail {

inline constexpr OperationName s3_settings{"use an S3 storage"};

[[nodiscard]] inline bool is_s3_bucket(std::string_view name) noexcept {
  constexpr std::size_t longest = 255;  // 63 on AWS; older stores have longer ones
  const auto is_legal = [](char c) { return is_s3_unreserved(c) && c != '~'; };
  return name.size() >= 3 && name.size() <= longest && std::all_of(name.begin(), name.end(), is_legal) && name.front() != '.';
}
/// A single label of a host name, which a wildcard certificate covers.
[[nodiscard]] inline bool is_host_label(std::string_view name) noexcept {
  constexpr std::size_t longest = 63;
  return name.size() <= longest && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

/// Errors: `invalid_argument` that names the setting.
[[nodiscard]] inline Result<void> check_s3_sizes(const S3Options& options) {
  constexpr std::uint64_t most_part = std::uint64_t{5} << 30U;
  constexpr unsigned most_parallel = 64;
  const auto wrong = [](std::string_view what) { return failure(errc::invalid_argument, s3_settings, what); };
  if (options.part_bytes == 0 || options.part_bytes > most_part) return wrong("part_bytes: not within 1 byte and 5 GiB");
  if (options.parallel_parts == 0 || options.parallel_parts > most_parallel) return wrong("parallel_parts: not within 1 and 64");
  if (options.range_bytes == 0) return wrong("range_bytes: 0");
  if (options.parallel_ranges == 0 || options.parallel_ranges > most_parallel) return wrong("parallel_ranges: not within 1 and 64");
  if (options.retry.attempts == 0) return wrong("retry.attempts: 0");
  const S3Timeouts& timeouts = options.timeouts;
  constexpr std::chrono::hours longest{24 * 366 * 100};
  for (const auto time : {timeouts.connect, timeouts.call, timeouts.low_speed, timeouts.operation, timeouts.cleanup}) {
    if (time.count() <= 0 || time > longest) return wrong("timeouts: not all above 0 and within 100 years");
  }
  if (std::max(options.retry.base, options.retry.cap) > longest) return wrong("retry: base or cap of more than 100 years");
  constexpr std::size_t longest_prefix = 512;
  if (options.prefix.size() > longest_prefix || options.prefix.starts_with('/')) {
    return wrong("prefix: longer than 512 bytes, or with a slash at its beginning");
  }
  for (const auto& [name, value] : options.object_headers) {
    const bool is_name = name.starts_with("x-amz-") &&
                         std::none_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c == ':' || (c >= 'A' && c <= 'Z'); });
    const bool is_value = std::none_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
    if (!is_name || !is_value) return wrong("object_headers: not x-amz-… in lower case with a value of one line");
  }
  return {};
}

/// Errors: `invalid_argument` that names the setting and holds nothing of an endpoint, which could have a password in it.
[[nodiscard]] inline Result<S3Endpoint> s3_endpoint(const S3Options& options) {
  const auto wrong = [](std::string_view what) { return failure(errc::invalid_argument, s3_settings, what); };
  if (!is_s3_bucket(options.bucket)) return wrong("bucket: no name of one");
  const bool region_is_word =
      !options.region.empty() && std::all_of(options.region.begin(), options.region.end(), [](char c) { return is_s3_unreserved(c); });
  if (!region_is_word) return wrong("region: no name of one");
  std::string_view text{options.endpoint};
  S3Endpoint endpoint{.scheme = "https"};
  const bool is_aws = text.empty();
  std::string aws_host{"s3."};
  if (is_aws) {
    aws_host.append(options.region).append(options.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
    text = aws_host;
  } else if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
    endpoint.scheme = "http";
  } else {
    return wrong("endpoint: not http://host:port or https://host:port");
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  const bool is_host = !text.empty() && std::all_of(text.begin(), text.end(),
                                                    [](char c) { return is_s3_unreserved(c) || c == ':' || c == '[' || c == ']'; });
  if (!is_host) return wrong("endpoint: not http://host:port or https://host:port");
  const std::string_view default_port = endpoint.scheme == "http" ? ":80" : ":443";
  if (text.ends_with(default_port)) text.remove_suffix(default_port.size());

  const bool by_host = options.addressing == S3Addressing::virtual_host ||
                       (options.addressing == S3Addressing::automatic && is_aws && is_host_label(options.bucket));
  if (by_host) endpoint.host.append(options.bucket).append(".");
  else endpoint.path_prefix.append("/").append(options.bucket);
  endpoint.host.append(text);
  return endpoint;
}

}  // namespace hybridbuffer::inline v0_1::detail
