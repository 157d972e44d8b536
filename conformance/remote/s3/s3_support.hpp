#pragma once

#include <hybridbuffer/backend/s3.hpp>

#include <cstdint>
#include <servers/s3_connection.hpp>
#include <string>

/// \file
/// What the tests of the S3 backend, and its benchmark, share.

namespace hybridbuffer::testing {

/// `port`: of what stands before the endpoint, or the endpoint's own.
inline S3Options options_for(const servers::S3Endpoint& endpoint, std::uint16_t port) {
  S3Options options{.bucket = endpoint.bucket, .endpoint = "http://127.0.0.1:" + std::to_string(port), .region = endpoint.region};
  options.credentials = fixed_credentials({.access_key = endpoint.access_key, .secret_key = endpoint.secret_key});
  options.proxy = "";
  return options;
}

}  // namespace hybridbuffer::testing
