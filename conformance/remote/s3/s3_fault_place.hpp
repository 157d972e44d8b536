#pragma once

#include "../objects.hpp"
#include "s3_support.hpp"

#include <hybridbuffer/backend/s3.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <servers/ceph_gateway.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/s3_connection.hpp>
#include <string>

/// \file
/// A store behind a proxy that spoils what it is told to: what the tests of faults share.

namespace hybridbuffer::testing {

inline constexpr std::size_t part = std::size_t{64} * 1024;
inline constexpr S3Timeouts short_timeouts{.connect = std::chrono::milliseconds{300},
                                           .call = std::chrono::milliseconds{500},
                                           .low_speed = std::chrono::milliseconds{250},
                                           .operation = std::chrono::milliseconds{1'200},
                                           .cleanup = std::chrono::milliseconds{600}};
/// For what makes no claim about time: nothing passes them on a busy machine.
inline constexpr S3Timeouts patient_timeouts{.connect = std::chrono::seconds{5},
                                             .call = std::chrono::seconds{5},
                                             .low_speed = std::chrono::seconds{5},
                                             .operation = std::chrono::seconds{20},
                                             .cleanup = std::chrono::seconds{5}};

/// One for the whole program.
inline servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{};
  }();
  return running;
}

inline Bytes content(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + i / 251) & 0xFFU);
  return bytes;
}

/// A storage behind a proxy of its own, and what is under its prefix.
struct Place {
  explicit Place(S3Timeouts timeouts = patient_timeouts, bool is_tls = false)
      : proxy{{.protocol = servers::Protocol::http, .server_port = gateway().endpoint().port, .tls = is_tls}} {
    options = options_for(gateway().endpoint(), proxy.port());
    if (is_tls) {
      options.endpoint.replace(0, 4, "https");
      options.ca_file = proxy.certificate_authority();
    }
    options.prefix = "fault/" + detail::s3_random_name().value() + "/";
    options.part_bytes = options.range_bytes = part;
    options.timeouts = timeouts;
    options.retry = {.attempts = 8, .base = std::chrono::milliseconds{40}, .cap = std::chrono::milliseconds{160}, .budget = 1'000'000};
    storage = S3Storage{options};
  }
  [[nodiscard]] std::size_t left() { return raw.objects(options.prefix).size() + raw.uploads(options.prefix).size(); }

  servers::FaultProxy proxy;
  servers::S3Connection raw{gateway().endpoint()};
  S3Options options;
  S3Storage storage;
};

}  // namespace hybridbuffer::testing
