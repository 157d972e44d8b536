#pragma once

#include <hybridbuffer/backend/s3_credentials.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// Where the bucket's name stands in a URL.
enum class S3Addressing : std::uint8_t {
  automatic,     ///< the host name on AWS, for names that a certificate can cover; the path elsewhere
  path,          ///< https://endpoint/bucket/key
  virtual_host,  ///< https://bucket.endpoint/key
};

/// How long an S3 storage waits. All run on the steady clock, and only while a call of the caller's is under way. With libcurl before 7.87
/// the look-up of a host name outlasts them, for as long as the system's own times are: use addresses where that matters.
struct S3Timeouts {
  std::chrono::milliseconds connect{5'000};      ///< for a connection, TLS included
  std::chrono::milliseconds call{60'000};        ///< for one HTTP request, its answer included
  std::chrono::milliseconds low_speed{10'000};   ///< a body that moves less than `low_speed_bytes` in this time is given up;
                                                 ///< of what a store answers while it copies or completes any byte is enough
  std::uint64_t low_speed_bytes = 10'240;        ///< Fewer bytes a second than this count as none.
  std::chrono::milliseconds operation{120'000};  ///< for one call of the caller's, retries and pauses included; one that sends or fetches
                                                 ///< several parts begins anew with each that is done
  std::chrono::milliseconds cleanup{10'000};     ///< for what a destructor, and a writer's close() beside its own time, deletes or aborts
};

/// When a request is sent again: after no answer, a broken or cut one, 400 without an error of S3's, 408, 409, 429, 5xx but 501 and 507,
/// and their like in an answer of 200.
///
/// After the n-th failure (from 0) it waits for a random time between 0 and min(cap, base · 2^n), and at least for as long as the store
/// asks (Retry-After). The budget is what all requests of a storage share, so that an outage is not answered with a storm: each retry takes
/// `retry_cost`, each success gives 1 back; an empty one ends retries.
struct S3RetryOptions {
  unsigned attempts = 6;                 ///< Attempts in all.
  std::chrono::milliseconds base{50};    ///< The first pause; each further one is longer.
  std::chrono::milliseconds cap{5'000};  ///< The longest pause.
  unsigned budget = 500;                 ///< What retries may use up together before they end, for a store that is overloaded.
  unsigned retry_cost = 5;               ///< What one retry takes from `budget`.
};

/// Settings of an S3Storage.
///
///     S3Options options{.bucket = "spill", .prefix = "app/", .endpoint = "https://ceph.example:7480", .region = "default"};
///
/// Memory of a writer: at most part_bytes · (parallel_parts + 1), and no more than what was written. Of a reader: at most
/// range_bytes · (parallel_ranges + 1), and no more than the object's size. Beside that libcurl has buffers of 80 KiB for each
/// part and 320 KiB for each range under way.
struct S3Options {
  std::string bucket{};                               ///< The name of the bucket.
  std::string prefix{};                               ///< what all object names begin with
  std::string endpoint{};                             ///< http://host:port or https://host; empty: AWS, by the region
  std::string region = "us-east-1";                   ///< The region that requests are signed for.
  S3Addressing addressing = S3Addressing::automatic;  ///< Where in a URL the bucket stands.
  S3CredentialSource credentials{};                   ///< empty: default_credentials(), which looks where the AWS tools look

  std::size_t part_bytes = std::size_t{8} << 20U;  ///< of an upload in parts; an object of one part is a single PUT. S3 wants 5 MiB or more
  unsigned parallel_parts = 4;                     ///< under way at once
  std::size_t range_bytes = std::size_t{4} << 20U;  ///< that a reader asks for at once
  unsigned parallel_ranges = 4;                     ///< under way at once
  /// Whether a body that is stored carries its MD5, and is compared with the ETag of the answer. The store checks its SHA-256, which the
  /// signature covers, in any case; an MD5 runs at 0.6 GB/s, and protects beside that what a store that does not check has taken and, over
  /// plain http, the ETag.
  bool content_md5 = true;
  std::uint64_t max_object_size = std::uint64_t{5} << 40U;  ///< a lower limit than the store's 5 TiB and the 10 000 parts of an upload

  S3Timeouts timeouts{};   ///< How long to wait for what.
  S3RetryOptions retry{};  ///< How often to try again, and when.

  bool verify_tls = true;              ///< certificate and host name
  std::string ca_file{};               ///< PEM, the only authorities then; empty: the system's
  std::optional<std::string> proxy{};  ///< nothing: as the environment says (https_proxy, no_proxy, …); empty: none

  /// Headers for each object that is stored, such as {"x-amz-storage-class", "ONEZONE_IA"}, {"x-amz-server-side-encryption", "aws:kms"},
  /// {"x-amz-tagging", "lifetime=day"}. Names begin with "x-amz-" and are in lower case.
  std::vector<std::pair<std::string, std::string>> object_headers{};
};

}  // namespace hybridbuffer::inline v0_1
