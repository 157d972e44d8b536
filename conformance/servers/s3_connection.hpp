#pragma once

#include "workspace.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::servers {

/// How a client reaches an S3 store, and as whom. Plain data.
struct S3Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  bool tls = false;
  std::string certificate_authority;  // a PEM file to verify the server with; empty without TLS
  std::string region = "us-east-1";
  std::string access_key;
  std::string secret_key;
  std::string bucket;  // there, and empty when the gateway is ready

  /// "http://127.0.0.1:port" or "https://…".
  [[nodiscard]] std::string url() const;

  /// For a process that this one starts: sets the environment variable `name`, from which from_environment() makes it again.
  void to_environment(const char* name) const;
  /// Returns: nothing when the variable is not set.
  [[nodiscard]] static std::optional<S3Endpoint> from_environment(const char* name);
};

struct S3Response {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct S3Object {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;  // as the store writes it, with its quotation marks
};

struct S3Upload {
  std::string key;
  std::string identifier;
};

/// Raw requests to an S3 store, past the code under test: libcurl and a Signature Version 4 of its own, path style. One connection, kept.
///
/// Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference.
/// Errors: throws ServerFailure when there is no answer within ten seconds; all but request() also for a status that is not 2xx.
/// Threads: one object needs external locking.
class S3Connection {
 public:
  explicit S3Connection(S3Endpoint endpoint);
  S3Connection(S3Connection&&) noexcept;
  S3Connection& operator=(S3Connection&&) noexcept;
  ~S3Connection();

  [[nodiscard]] const S3Endpoint& endpoint() const noexcept { return endpoint_; }

  using Parameters = std::vector<std::pair<std::string, std::string>>;
  /// Any request, signed. `key`: empty for the bucket itself. `headers`: also signed; names in lower case.
  [[nodiscard]] S3Response request(std::string_view method, std::string_view key, const Parameters& query = {}, std::string_view body = {},
                                   const Parameters& headers = {});
  /// Whether it answers now, no matter what.
  [[nodiscard]] bool is_reached() noexcept;
  /// Whether it answers the list of all buckets now.
  [[nodiscard]] bool answers() noexcept;

  /// No error when it is there already.
  void create_bucket();
  /// In the order of the keys; all pages, of `page` objects each.
  [[nodiscard]] std::vector<S3Object> objects(std::string_view prefix = {}, unsigned page = 1'000);
  /// Multipart uploads that were begun and neither completed nor aborted; all pages.
  [[nodiscard]] std::vector<S3Upload> uploads(std::string_view prefix = {}, unsigned page = 1'000);
  /// The sizes of the parts that an upload has, at most the first 1000.
  [[nodiscard]] std::vector<std::uint64_t> parts(const S3Upload& upload);
  [[nodiscard]] std::optional<std::string> get(std::string_view key);
  void put(std::string_view key, std::string_view bytes);
  /// XOR of one byte: the object is read and written again. Throws: also when there is no such byte.
  void flip(std::string_view key, std::uint64_t offset, unsigned char mask = 1);
  /// No error when it is not there.
  void remove(std::string_view key);
  void abort(const S3Upload& upload);

 private:
  struct Session;
  S3Response expect(std::string_view method, std::string_view key, const Parameters& query = {}, std::string_view body = {});

  S3Endpoint endpoint_;
  std::unique_ptr<Session> session_;
};

}  // namespace hybridbuffer::servers
