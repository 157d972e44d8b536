#include "../../support/forked_child.hpp"
#include "s3_support.hpp"

#include <hybridbuffer/backend/s3.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <limits>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

// How a store is addressed, and what becomes of a request that it refuses for its time or for its credentials, which ran out.

namespace {

/// By how much this machine's clock is wrong.
std::atomic<std::time_t> skew{0};

}  // namespace

/// In place of the C library's: of the library under test, of libcurl and of the test's own requests.
extern "C" std::time_t time(std::time_t* out) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::time_t seconds = now.tv_sec + skew.load();
  if (out != nullptr) *out = seconds;
  return seconds;
}

namespace {

using namespace hybridbuffer;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Bytes = std::vector<std::byte>;

constexpr std::size_t part = std::size_t{5} << 20U;  // as the store wants it

/// What libcurl leads to this machine.
constexpr const char* dns_name = "s3.localhost";

servers::CephGateway& gateway() {
  static servers::CephGateway running{{.dns_name = dns_name}};
  return running;
}

struct Skew {
  explicit Skew(std::chrono::seconds by) { skew = by.count(); }
  Skew(const Skew&) = delete;
  Skew& operator=(const Skew&) = delete;
  ~Skew() { skew = 0; }
};

Bytes content(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + i / 251) & 0xFFU);
  return bytes;
}

/// A storage behind a proxy of its own.
struct Place {
  explicit Place(bool is_tls = false)
      : proxy{{.protocol = servers::Protocol::http, .server_port = gateway().endpoint().port, .tls = is_tls}} {
    options.prefix = "access/" + detail::s3_random_name().value() + "/";
    options.part_bytes = options.range_bytes = part;
    if (!is_tls) return;
    options.endpoint.replace(0, 4, "https");
    options.ca_file = proxy.certificate_authority();
  }
  [[nodiscard]] std::size_t left() {
    return gateway().connection().objects(options.prefix).size() + gateway().connection().uploads(options.prefix).size();
  }
  /// How many requests a check of that storage takes; it must succeed.
  std::uint64_t requests_of_check(const S3Storage& storage) {
    const std::uint64_t before = proxy.totals().requests;
    const auto checked = storage.check();
    BOOST_TEST(checked.has_value(), (checked ? std::string{} : checked.error().message()));
    return proxy.totals().requests - before;
  }

  servers::FaultProxy proxy;
  S3Options options = testing::options_for(gateway().endpoint(), proxy.port());
};

Result<void> store(S3Backend& backend, const Bytes& bytes) {
  auto writer = backend.create();
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}

bool holds(const S3Backend& backend, const Bytes& bytes) {
  auto reader = backend.open_reader_at();
  Bytes found(bytes.size());
  return reader && reader->read_at(0, found).value_or(0) == bytes.size() && found == bytes;
}

/// A fault that never happens: it counts the requests that contain `words`.
servers::Fault counter(std::string_view words) {
  return faults::drop_reply().on_request(std::numeric_limits<std::uint64_t>::max()).matching(words);
}

/// What a source lends, in turn; the last for ever.
struct Lender {
  [[nodiscard]] S3CredentialSource source() {
    return [this](std::chrono::milliseconds) -> Result<S3Credentials> {
      const std::size_t which = std::min(fetched++, all.size() - 1);
      if (all[which].access_key.empty()) return failure(errc::unavailable, "ask for credentials");
      return all[which];
    };
  }
  std::vector<S3Credentials> all;
  std::size_t fetched = 0;
};

S3Credentials real_ones() { return {.access_key = gateway().endpoint().access_key, .secret_key = gateway().endpoint().secret_key}; }
S3Credentials expired_ones() { return {.access_key = "EXPIRED", .secret_key = "not-for-messages", .session_token = "old-token"}; }

}  // namespace

BOOST_AUTO_TEST_CASE(the_bucket_stands_in_the_host_name_of_every_request) {
  for (const bool is_tls : {false, true}) {
    BOOST_TEST_CONTEXT((is_tls ? "over TLS" : "over plain http")) {
      Place place{is_tls};
      place.options.endpoint = (is_tls ? "https://" : "http://") + (dns_name + (":" + std::to_string(place.proxy.port())));
      place.options.addressing = S3Addressing::virtual_host;
      place.options.prefix += "with blanks, ü + %2F/";
      const std::string bucket = gateway().endpoint().bucket;
      const auto by_host = place.proxy.arm(counter("Host: " + bucket + "." + dns_name + ":"));
      std::vector<servers::FaultProxy::Armed> by_path;
      for (const char* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
        by_path.push_back(place.proxy.arm(counter(std::string{method} + " /" + bucket)));
      }
      const S3Storage storage{place.options};
      const std::string lasting = "access/published, ü + %2F";
      const auto checked = storage.check();
      BOOST_TEST_REQUIRE(checked.has_value(), (checked ? std::string{} : checked.error().message()));
      {
        auto backend = storage.create_backend().value();
        for (const std::size_t size : {std::size_t{0}, std::size_t{1'000}, 2 * part + 1}) {
          BOOST_TEST_CONTEXT(size << " bytes") {
            const Bytes bytes = content(size);
            const auto stored = store(backend, bytes);
            BOOST_TEST_REQUIRE(stored.has_value(), (stored ? std::string{} : stored.error().message()));
            BOOST_TEST(holds(backend, bytes));
            BOOST_TEST(gateway().connection().objects(place.options.prefix).size() == 1U);  // that key, in that bucket

            for (const PublishMode mode : {PublishMode::keep, PublishMode::replace}) BOOST_TEST(backend.publish(lasting, mode).has_value());
            const auto published = gateway().connection().get(lasting);
            BOOST_REQUIRE(published);
            BOOST_TEST(std::ranges::equal(std::as_bytes(std::span{*published}), bytes));
            gateway().connection().remove(lasting);
          }
        }
        const auto orphans = S3Storage{place.options}.orphans(-10s);
        BOOST_REQUIRE(orphans);
        BOOST_TEST(orphans->size() == 1U);
      }

      BOOST_TEST(place.left() == 0U);
      BOOST_TEST(place.proxy.seen(by_host) == place.proxy.totals().requests);
      for (const auto method : by_path) BOOST_TEST(place.proxy.seen(method) == 0U);
      BOOST_TEST(place.proxy.seen(by_host) > 20U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_gateway_s_own_TLS_takes_the_bucket_in_the_host_name_and_its_certificate_must_cover_that) {
  servers::CephGateway secure{{.tls = true, .dns_name = dns_name}};
  const std::uint16_t port = secure.endpoint().port;
  S3Options options = testing::options_for(secure.endpoint(), port);
  options.endpoint = std::string{"https://"} + dns_name + ":" + std::to_string(port);
  options.addressing = S3Addressing::virtual_host;
  options.ca_file = secure.endpoint().certificate_authority;
  options.part_bytes = options.range_bytes = part;
  {
    auto backend = S3Storage{options}.create_backend().value();
    for (const std::size_t size : {std::size_t{1'000}, 2 * part + 1}) {
      const auto stored = store(backend, content(size));
      BOOST_TEST_REQUIRE(stored.has_value(), (stored ? std::string{} : stored.error().message()));
      BOOST_TEST(holds(backend, content(size)));
      BOOST_TEST(secure.connection().objects().size() == 1U);  // of the bucket, by its path
    }
  }
  BOOST_TEST(secure.connection().objects().empty());
  BOOST_TEST(secure.connection().uploads().empty());

  S3Options uncovered = options;
  uncovered.bucket = "two.labels";
  const auto refused = S3Storage{uncovered}.check();
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error() == errc::permission), refused.error().message());
  uncovered = options;
  uncovered.ca_file.clear();
  const auto untrusted = S3Storage{uncovered}.check();
  BOOST_REQUIRE(!untrusted);
  BOOST_TEST((untrusted.error() == errc::permission), untrusted.error().message());
}

// Neither a connection nor what libcurl wakes itself with. A program gives those numbers to files of its own later.
BOOST_AUTO_TEST_CASE(what_is_printed_to_a_standard_descriptor_that_was_closed_goes_to_no_store) {
  for (const bool is_tls : {false, true}) {
    for (const int first_closed : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      const Place place{is_tls};
      const S3Storage storage{place.options};

      const int first_failure = testing::first_failure_in_forked_child([&](auto holds_true) {
        for (int standard = first_closed; standard <= STDERR_FILENO; ++standard) ::close(standard);
        auto backend = storage.create_backend();
        holds_true(backend && store(*backend, content(1'000)));
        for (int standard = first_closed; standard <= STDERR_FILENO; ++standard) holds_true(::write(standard, "a message", 9) == -1);
        holds_true(backend && holds(*backend, content(1'000)));
        // The program opens files there, and goes on: they stay its own.
        while (::open("/dev/null", O_RDWR | O_CLOEXEC) < STDERR_FILENO) {}
        holds_true(backend && backend->remove());
        storage.trim();
        for (int standard = first_closed; standard <= STDERR_FILENO; ++standard) holds_true(::write(standard, "a message", 9) == 9);
      });

      BOOST_TEST(first_failure == 0, (is_tls ? "TLS" : "http") << " from " << first_closed << ": check " << first_failure);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_hours_off_is_noticed_once_and_the_stores_taken) {
  for (const std::chrono::seconds by : {std::chrono::seconds{3h}, std::chrono::seconds{-3h}}) {
    BOOST_TEST_CONTEXT(by.count() << " s") {
      Place place;
      const std::uint64_t usual = place.requests_of_check(S3Storage{place.options});
      const Skew wrong{by};
      const S3Storage storage{place.options};

      BOOST_TEST(place.requests_of_check(storage) == usual + 1);
      BOOST_TEST(place.requests_of_check(storage) == usual);
    }
  }
}

// The answer to a HEAD has no body, which would hold the reason.
BOOST_AUTO_TEST_CASE(a_clock_that_jumps_before_a_head_is_noticed_too) {
  Place place;
  const S3Storage storage{place.options};
  auto backend = storage.create_backend().value();
  const Bytes bytes = content(1'000);
  BOOST_REQUIRE(store(backend, bytes));
  const auto heads = place.proxy.arm(counter("HEAD "));
  const std::string lasting = "access/published-late";

  Result<void> published{};
  {
    const Skew wrong{3h};
    published = backend.publish(lasting, PublishMode::keep);
  }

  BOOST_TEST(published.has_value(), (published ? std::string{} : published.error().message()));
  BOOST_TEST(place.proxy.seen(heads) == 2U);
  BOOST_TEST(gateway().connection().get(lasting).value_or("").size() == bytes.size());
  gateway().connection().remove(lasting);
}

// As of a key that is free, where one may not list.
BOOST_AUTO_TEST_CASE(who_may_not_look_publishes_an_object_of_one_part_and_keeps_what_is_there) {
  Place place;
  auto backend = S3Storage{place.options}.create_backend().value();
  const Bytes bytes = content(1'000);
  BOOST_REQUIRE(store(backend, bytes));
  const std::string lasting = "access/published-blindly";
  const auto heads = place.proxy.arm(faults::answer(faults::http("403 Forbidden")).matching("HEAD ").always());

  const auto published = backend.publish(lasting, PublishMode::keep);
  const auto again = backend.publish(lasting, PublishMode::keep);

  BOOST_TEST(published.has_value(), (published ? std::string{} : published.error().message()));
  BOOST_TEST(gateway().connection().get(lasting).value_or("").size() == bytes.size());
  BOOST_REQUIRE(!again);
  BOOST_TEST((again.error() == errc::already_exists), again.error().message());
  BOOST_TEST(place.proxy.fired(heads) == 2U);
  gateway().connection().remove(lasting);
}

BOOST_AUTO_TEST_CASE(a_head_that_is_forbidden_is_asked_once_while_the_clock_is_right) {
  Place place;
  auto backend = S3Storage{place.options}.create_backend().value();
  BOOST_REQUIRE(store(backend, content(part + 1)));
  char date[40];
  const std::time_t now = std::time(nullptr);
  tm utc{};
  ::gmtime_r(&now, &utc);
  std::strftime(std::data(date), std::size(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  const auto heads = place.proxy.arm(faults::answer(faults::http("403 Forbidden", {}, std::data(date))).matching("HEAD ").always());

  const auto published = backend.publish("access/forbidden", PublishMode::keep);

  BOOST_REQUIRE(!published);
  BOOST_TEST((published.error() == errc::permission), published.error().message());
  BOOST_TEST(place.proxy.fired(heads) == 1U);
}

BOOST_AUTO_TEST_CASE(a_store_that_never_agrees_on_the_time_is_permission_after_one_more_try) {
  Place place;
  const S3Storage storage{place.options};
  const auto with_time = place.proxy.arm(
      faults::answer(faults::s3_error("403 Forbidden", "RequestTimeTooSkewed", "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n")).always());
  const auto checked = storage.check();
  place.proxy.disarm();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::permission), checked.error().message());
  BOOST_TEST(checked.error().message().find("RequestTimeTooSkewed") != std::string::npos);
  BOOST_TEST(place.proxy.fired(with_time) == 2U);
  BOOST_TEST(storage.check().has_value());  // by the clock of the real store again

  const auto without = place.proxy.arm(faults::answer(faults::s3_error("403 Forbidden", "RequestTimeTooSkewed")).always());
  const auto again = storage.check();
  BOOST_REQUIRE(!again);
  BOOST_TEST((again.error() == errc::permission), again.error().message());
  BOOST_TEST(place.proxy.fired(without) == 1U);
}

BOOST_AUTO_TEST_CASE(a_token_that_expired_is_fetched_anew_and_nothing_fails) {
  for (const std::string_view word : {"ExpiredToken", "TokenRefreshRequired", "InvalidToken"}) {
    BOOST_TEST_CONTEXT(word) {
      Place place;
      Lender lender{.all = {expired_ones(), real_ones()}};
      place.options.credentials = lender.source();
      const auto refused =
          place.proxy.arm(faults::answer(faults::s3_error("400 Bad Request", word)).matching("x-amz-security-token: old-token").always());

      const auto checked = S3Storage{place.options}.check();

      BOOST_TEST(checked.has_value(), (checked ? std::string{} : checked.error().message()));
      BOOST_TEST(place.proxy.fired(refused) == 1U);
      BOOST_TEST(lender.fetched == 2U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_token_that_expires_amid_an_upload_costs_no_part_of_it) {
  Place place;
  Lender lender{.all = {real_ones()}};
  place.options.credentials = lender.source();
  std::vector<servers::FaultProxy::Armed> refused;
  for (const std::uint64_t k : {1U, 2U, 3U}) {
    refused.push_back(
        place.proxy.arm(faults::answer(faults::s3_error("400 Bad Request", "ExpiredToken")).on_request(k).matching("partNumber=")));
  }
  refused.push_back(place.proxy.arm(faults::answer(faults::s3_error("400 Bad Request", "ExpiredToken")).matching("POST ")));
  {
    auto backend = S3Storage{place.options}.create_backend().value();
    const Bytes bytes = content(4 * part + 3);

    const auto stored = store(backend, bytes);

    BOOST_TEST_REQUIRE(stored.has_value(), (stored ? std::string{} : stored.error().message()));
    BOOST_TEST(holds(backend, bytes));
    for (const auto armed : refused) BOOST_TEST(place.proxy.fired(armed) == 1U);
    BOOST_TEST(lender.fetched >= 3U);
  }
  BOOST_TEST(place.left() == 0U);
}

BOOST_AUTO_TEST_CASE(a_token_that_stays_expired_is_permission_after_one_more_try) {
  Place place;
  Lender lender{.all = {expired_ones()}};
  place.options.credentials = lender.source();
  const auto refused = place.proxy.arm(faults::answer(faults::s3_error("400 Bad Request", "ExpiredToken")).always());

  const auto checked = S3Storage{place.options}.check();

  BOOST_REQUIRE(!checked);
  const std::string message = checked.error().message();
  BOOST_TEST((checked.error() == errc::permission), message);
  BOOST_TEST(message.find("ExpiredToken") != std::string::npos);
  for (const std::string_view secret : {"not-for-messages", "old-token"}) BOOST_TEST(message.find(secret) == std::string::npos);
  BOOST_TEST(place.proxy.fired(refused) == 2U);
  BOOST_TEST(lender.fetched == 2U);
}

BOOST_AUTO_TEST_CASE(a_token_that_cannot_be_fetched_anew_is_permission_at_once) {
  Place place;
  Lender lender{.all = {expired_ones(), {}}};
  place.options.credentials = lender.source();
  const auto refused = place.proxy.arm(faults::answer(faults::s3_error("400 Bad Request", "ExpiredToken")).always());

  const auto checked = S3Storage{place.options}.check();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::permission), checked.error().message());
  BOOST_TEST(place.proxy.fired(refused) == 1U);
  BOOST_TEST(lender.fetched == 2U);
}

// AWS answers a HEAD with an expired token with 400, and says no more.
BOOST_AUTO_TEST_CASE(a_head_with_a_token_that_expired_is_asked_again_with_another) {
  Place place;
  Lender lender{.all = {expired_ones(), real_ones()}};
  place.options.credentials = lender.source();
  const auto head = place.proxy.arm(faults::answer(faults::http("400 Bad Request")).matching("HEAD ").always());
  S3Options options = place.options;
  options.retry.attempts = 1;
  detail::S3PlaceRef shared = std::make_shared<detail::S3Place>(options, detail::s3_endpoint(options).value());
  const detail::S3Lease lease{shared};
  detail::S3Call call;
  call.request = {.operation = "ask", .method = detail::S3Method::head, .key = "access/absent"};

  const auto refused = lease.engine().run(*shared, call, std::chrono::steady_clock::now() + 10s);
  place.proxy.disarm();
  const auto absent = lease.engine().run(*shared, call, std::chrono::steady_clock::now() + 10s);

  BOOST_TEST(!refused.has_value());
  BOOST_TEST(place.proxy.fired(head) == 2U);  // with the second token, which is none, not once more
  BOOST_TEST(lender.fetched == 2U);
  BOOST_REQUIRE(!absent);
  BOOST_TEST((absent.error() == errc::not_found), absent.error().message());
}

#ifdef EXAMPLE_S3
BOOST_AUTO_TEST_CASE(the_example_of_the_page_runs_and_leaves_nothing) {
  const servers::S3Endpoint& endpoint = gateway().endpoint();
  const std::vector<std::string> environment{"AWS_ACCESS_KEY_ID=" + endpoint.access_key, "AWS_SECRET_ACCESS_KEY=" + endpoint.secret_key};

  servers::run_program(gateway().workspace(), {EXAMPLE_S3, std::to_string(endpoint.port), endpoint.bucket}, environment, 240s);

  BOOST_TEST(gateway().connection().objects("app/").empty());
  BOOST_TEST(gateway().connection().uploads("app/").empty());
  BOOST_TEST(gateway().connection().objects("reports/").size() == 1U);  // what it published
}

BOOST_AUTO_TEST_CASE(hybrid_spool_spills_into_s3_and_leaves_nothing) {
  const servers::S3Endpoint& endpoint = gateway().endpoint();
  const std::vector<std::string> environment{"AWS_ACCESS_KEY_ID=" + endpoint.access_key, "AWS_SECRET_ACCESS_KEY=" + endpoint.secret_key};
  Place place;
  place.options.prefix = "spool/";
  const auto stored = place.proxy.arm(counter("PUT /" + endpoint.bucket + "/spool/hybridbuffer-"));
  const std::string url = "s3://" + endpoint.bucket + "/spool/?endpoint=http://127.0.0.1:" + std::to_string(place.proxy.port());
  const std::string pipe = "yes 0123456789 | head -c 15000000 | '" HYBRID_SPOOL "' --memory 1M --soak --storage '" + url + "' | cksum; ";
  const std::string plain = "yes 0123456789 | head -c 15000000 | cksum";

  const std::string sums = servers::run_program(gateway().workspace(), {"/bin/sh", "-c", pipe + plain}, environment, 240s);

  const std::size_t middle = sums.size() / 2;
  BOOST_TEST(!sums.empty());
  BOOST_TEST(sums.substr(0, middle) == sums.substr(middle));
  BOOST_TEST(place.proxy.seen(stored) > 1U);  // it went through the store
  BOOST_TEST(place.left() == 0U);
}
#endif
