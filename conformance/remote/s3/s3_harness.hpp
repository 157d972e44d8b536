#pragma once

#include "s3_support.hpp"

#include <hybridbuffer/backend/s3.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <servers/fault_proxy.hpp>
#include <servers/s3_connection.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// S3Backend for the conformance kit: its store is a prefix of a bucket of a real gateway, its primitives are HTTP requests, and all that
/// the backend sends goes through a fault proxy. The harness looks at the store past both.

namespace hybridbuffer::testing {

/// The gateway that the program's first process started, for the processes that it starts.
inline constexpr const char* gateway_variable = "HYBRIDBUFFER_TEST_S3_GATEWAY";

/// Whether HYBRIDBUFFER_TEST_S3_ENGINE asks for OpenStack Swift; else it is Ceph.
inline bool is_swift() {
  const char* const engine = std::getenv("HYBRIDBUFFER_TEST_S3_ENGINE");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return engine != nullptr && std::string_view{engine} == "swift";
}

/// The store, and every hook but those of the backend that is put on it.
class S3Store {
 public:
  static constexpr conformance::CrashResidue crash_residue = conformance::CrashResidue::remains;
  /// Whoever changes an object changes its ETag, to which every request for a range is bound.
  static constexpr conformance::Integrity integrity = conformance::Integrity::checksum;
  /// Swift refuses a condition on what a PUT or a copy writes.
  conformance::PublishKeep publish_keep = is_swift() ? conformance::PublishKeep::unsupported : conformance::PublishKeep::works;

  S3Store() : store_{*servers::S3Endpoint::from_environment(gateway_variable)} {
    proxy_ = std::make_unique<servers::FaultProxy>(
        servers::FaultProxyOptions{.protocol = servers::Protocol::http, .server_port = store_.endpoint().port});
    storage_ = S3Storage{options()};
  }
  S3Store(const S3Store&) = delete;
  S3Store& operator=(const S3Store&) = delete;
  ~S3Store() {
    try {
      for (const auto& object : store_.objects(root_)) store_.remove(object.key);
      for (const auto& upload : store_.uploads(root_)) store_.abort(upload);
    } catch (const std::exception&) {  // the store is gone
    }
  }

  std::size_t stored_objects() { return mine().size() + store_.uploads(prefix_).size(); }
  std::uint64_t stored_bytes() {
    std::uint64_t total = 0;
    for (const auto& object : mine()) total += object.size;
    for (const auto& upload : store_.uploads(prefix_)) {
      for (const std::uint64_t part : store_.parts(upload)) total += part;
    }
    return total;
  }
  std::uint64_t primitive_calls() { return proxy_->totals().requests; }

  bool inject(const conformance::Fault& fault) {
    using enum conformance::FaultMode;
    proxy_->disarm();
    armed_.reset();
    if (fault.k == 0) return true;
    std::optional<servers::Fault> made;
    switch (fault.mode) {
      case error:
        if (const std::string answer = answer_of(fault.category); !answer.empty())
          made = servers::faults::answer(answer).on_request(fault.k);
        break;
      case error_after_effect:
        if (fault.category == errc::unavailable) made = servers::faults::drop_reply().on_reply(fault.k);
        if (fault.category == errc::timeout) made = servers::faults::stall_after(0).on_reply(fault.k);
        break;
      case hang: {
        servers::Fault stall = servers::faults::stall_after(0);
        made = holds_requests_ ? std::move(stall).on_request(fault.k) : std::move(stall).on_reply(fault.k);
        break;
      }
      case short_count: made = servers::faults::truncate_body(7).on_reply(fault.k); break;
      case interrupted: break;
    }
    if (!made) return false;
    if (fault.for_ever) made = std::move(*made).always();
    armed_ = proxy_->arm(*made);
    return true;
  }
  std::uint64_t faults_fired() { return armed_ ? proxy_->fired(*armed_) : 0; }

  bool damage(conformance::Damage kind) {
    using enum conformance::Damage;
    bool any = false;
    for (const auto& object : mine()) {
      if (object.size == 0) continue;
      switch (kind) {
        case truncate: {
          std::string bytes = store_.get(object.key).value_or("");
          bytes.resize(bytes.size() / 2);
          store_.put(object.key, bytes);
          break;
        }
        case drop_middle: store_.remove(object.key); break;
        case flip_first: store_.flip(object.key, 0); break;
        case flip_middle: store_.flip(object.key, object.size / 2); break;
        case flip_last: store_.flip(object.key, object.size - 1); break;
        default: return false;
      }
      any = true;
    }
    return any;
  }

  /// Names beside the backend's, and such as it could have made.
  void plant_foreign() {
    for (const std::string_view one : foreign) store_.put(prefix_ + std::string{one}, one);
  }
  bool foreign_intact() {
    for (const std::string_view one : foreign) {
      if (store_.get(prefix_ + std::string{one}) != one) return false;
    }
    return true;
  }

  void trim() { storage_.trim(); }

  std::string publish_destination() { return root_ + "published/" + std::to_string(++destinations_) + " und so.bin"; }
  std::optional<std::vector<std::byte>> read_published(std::string_view destination) {
    const auto text = store_.get(destination);
    if (!text) return {};
    const auto bytes = std::as_bytes(std::span{*text});
    return std::vector<std::byte>{bytes.begin(), bytes.end()};
  }
  void remove_published(std::string_view destination) { store_.remove(destination); }

  std::vector<std::string> roots() { return {}; }
  std::vector<std::string> secrets() { return {store_.endpoint().secret_key}; }

 protected:
  /// Swift copies and removes an object part by part inside one request, and takes a thousand of them.
  std::size_t part_bytes = std::size_t{is_swift() ? 1024U : 64U} * 1024;

  /// A store that hangs holds back the reply from now on, not the request: that would arrive when the fault is over, after its location
  /// has ended, which docs/s3.md excepts.
  void hold_replies() noexcept { holds_requests_ = false; }
  [[nodiscard]] S3Options options() const {
    S3Options options = options_for(store_.endpoint(), proxy_->port());
    options.prefix = prefix_;
    options.part_bytes = options.range_bytes = part_bytes;
    options.retry.attempts = 1;  // each failure is to be seen; s3_fault_test.cpp has the retries
    using std::chrono::milliseconds;
    options.timeouts = {.connect = milliseconds{1'500},
                        .call = milliseconds{2'000},
                        .low_speed = milliseconds{1'000},
                        .operation = milliseconds{2'500},
                        .cleanup = milliseconds{1'500}};
    // Swift takes tens of milliseconds for a request and one request at a time: what eight threads ask for waits.
    if (is_swift()) {
      options.timeouts.call = milliseconds{3'000};
      options.timeouts.low_speed = milliseconds{1'500};
      options.timeouts.operation = milliseconds{3'500};
    }
    return options;
  }
  [[nodiscard]] const S3Storage& storage() const noexcept { return storage_; }

 private:
  static constexpr std::array<std::string_view, 3> foreign{"hybridbuffer-0123456789ab-0123456789abcdef0123456789abcdef.1", "hybridbuffer-",
                                                           "somebody"};

  /// What a store says that fails like that; empty: none does.
  static std::string answer_of(errc category) {
    using servers::faults::s3_error;
    switch (category) {
      case errc::no_space: return s3_error("403 Forbidden", "QuotaExceeded");
      case errc::permission: return s3_error("403 Forbidden", "AccessDenied");
      case errc::timeout: return s3_error("408 Request Timeout", "RequestTimeout");
      case errc::unavailable: return s3_error("503 Slow Down", "SlowDown");
      case errc::limit_exceeded: return s3_error("400 Bad Request", "EntityTooLarge");
      case errc::busy: return s3_error("409 Conflict", "OperationAborted");
      case errc::unsupported: return s3_error("501 Not Implemented", "NotImplemented");
      case errc::io: return s3_error("418 I'm a teapot", "Teapot");
      default: return {};
    }
  }

  std::vector<servers::S3Object> mine() {
    std::vector<servers::S3Object> all = store_.objects(prefix_);
    std::erase_if(all, [&](const servers::S3Object& object) {
      for (const std::string_view one : foreign) {
        if (object.key == prefix_ + std::string{one}) return true;
      }
      return false;
    });
    return all;
  }

  servers::S3Connection store_;
  std::unique_ptr<servers::FaultProxy> proxy_;
  std::string root_ = "conformance/" + detail::s3_random_name().value() + "/";
  std::string prefix_ = root_ + "place/";
  S3Storage storage_;
  std::optional<servers::FaultProxy::Armed> armed_;
  unsigned destinations_ = 0;
  bool holds_requests_ = true;
};

class S3Harness : public S3Store {
 public:
  static constexpr std::string_view name = "S3Backend";
  std::uint64_t chunk_size = part_bytes;
  std::chrono::milliseconds op_deadline{is_swift() ? 5'000 : 4'500};

  Result<S3Backend> make_backend() { return storage().create_backend(); }
  Result<S3Storage> make_storage() { return S3Storage{options()}; }
};

}  // namespace hybridbuffer::testing
