#include "s3_harness.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <optional>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Every fault of the proxy on every operation. Once: the operation goes on and is right. For ever: the documented category within the
// deadline. In both cases nothing is left in the store afterwards.

namespace {

using namespace hybridbuffer;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t part = std::size_t{64} * 1024;
constexpr S3Timeouts timeouts{.connect = 300ms, .call = 500ms, .low_speed = 250ms, .operation = 1'200ms, .cleanup = 600ms};

servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{};
  }();
  return running;
}

Bytes content(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + i / 251) & 0xFFU);
  return bytes;
}

/// A storage behind a proxy of its own, and what is under its prefix.
struct Place {
  Place() {
    options = testing::options_for(gateway().endpoint(), proxy.port());
    options.prefix = "fault/" + detail::s3_random_name().value() + "/";
    options.part_bytes = options.range_bytes = part;
    options.timeouts = timeouts;
    options.retry = {.attempts = 8, .base = 40ms, .cap = 160ms, .budget = 1'000'000};
    storage = S3Storage{options};
  }
  [[nodiscard]] std::size_t left() {
    return gateway().connection().objects(options.prefix).size() + gateway().connection().uploads(options.prefix).size();
  }

  servers::FaultProxy proxy{{.protocol = servers::Protocol::http, .server_port = gateway().endpoint().port}};
  S3Options options;
  S3Storage storage;
};

Result<void> store(S3Backend& backend, const Bytes& bytes) {
  auto writer = backend.create();
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}

Result<Bytes> read_all(const S3Backend& backend) {
  auto reader = backend.open();
  if (!reader) return std::unexpected{reader.error()};
  Bytes all;
  Bytes piece(10'000);
  for (;;) {
    auto count = reader->read(piece);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

struct Operation {
  std::string_view name;
  std::function<Result<void>(S3Backend&)> run;  // on a location that holds an object of three parts
  Clock::duration longest = timeouts.operation;
};

const Bytes before = content(3 * part - 7);

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all{
      {"store a small object",
       [](S3Backend& backend) {
         auto stored = store(backend, content(1'000));
         if (stored) BOOST_TEST((read_all(backend).value_or(Bytes{}) == content(1'000)));
         return stored;
       },
       timeouts.operation + timeouts.cleanup},
      {"store an object in parts",
       [](S3Backend& backend) {
         auto stored = store(backend, content(5 * part + 1));
         if (stored) BOOST_TEST((read_all(backend).value_or(Bytes{}) == content(5 * part + 1)));
         return stored;
       },
       timeouts.operation + timeouts.cleanup},
      {"abandon an upload",
       [](S3Backend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(content(5 * part + 1));
       },
       timeouts.operation + timeouts.cleanup},
      {"read in order",
       [](S3Backend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         BOOST_TEST((*bytes == before));
         return {};
       }},
      {"read a window",
       [](S3Backend& backend) -> Result<void> {
         Bytes window(2 * part + 100);
         auto reader = backend.open_reader_at();
         if (!reader) return std::unexpected{reader.error()};
         auto count = reader->read_at(part / 2, window);
         if (!count) return std::unexpected{count.error()};
         BOOST_TEST(*count == window.size());
         BOOST_TEST(std::equal(window.begin(), window.end(), before.begin() + part / 2));
         return {};
       }},
      {"publish",
       [](S3Backend& backend) {
         constexpr std::string_view lasting = "fault-published";
         auto published = backend.publish(lasting, PublishMode::replace);
         if (published) {
           const std::string copy = gateway().connection().get(lasting).value_or("");
           BOOST_TEST(std::ranges::equal(std::as_bytes(std::span{copy}), before));
         }
         gateway().connection().remove(lasting);
         return published;
       }},
      {"remove", [](S3Backend& backend) { return backend.remove(); }},
  };
  return all;
}

struct Case {
  std::string_view name;
  servers::Fault fault;
  std::vector<errc> categories;  // of the failure, when it lasts
};

const std::vector<Case>& cases() {
  using enum errc;
  static const std::vector<Case> all{
      {"refused connections", faults::refuse(30ms), {unavailable, timeout}},
      {"a reset request", faults::reset_after(100).on_request(1), {unavailable, timeout}},
      {"a lost reply", faults::drop_reply(), {unavailable, timeout}},
      {"a reset in the reply's head", faults::reset_after(30), {unavailable, timeout}},
      {"a half-closed reply", faults::half_close_after(40), {unavailable, timeout}},
      {"a stalled request", faults::stall_after(50).on_request(1), {timeout}},
      {"a stalled reply", faults::stall_after(0), {timeout}},
      {"one byte a second", faults::one_byte_per(), {timeout}},
      {"a restart of the server", faults::server_restart(30ms), {unavailable, timeout}},
      {"an endless redirection", faults::http_redirect(), {unavailable, timeout}},
      {"slow down", faults::answer(faults::s3_error("503 Slow Down", "SlowDown")), {unavailable, timeout}},
      {"an internal error", faults::answer(faults::s3_error("500 Internal Server Error", "InternalError")), {unavailable, timeout}},
      {"a page of a gateway", faults::answer(faults::http("502 Bad Gateway", "<html>no")), {unavailable, timeout}},
  };
  return all;
}

void expect_nothing_left(Place& place, std::string_view what) {
  BOOST_TEST_CONTEXT(what) { BOOST_TEST(place.left() == 0U); }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure) {
  for (const Case& one : cases()) {
    for (const Operation& operation : operations()) {
      BOOST_TEST_CONTEXT(one.name << " while it should " << operation.name) {
        Place place;
        {
          S3Backend backend = place.storage.create_backend().value();
          BOOST_REQUIRE(store(backend, before));
          const auto armed = place.proxy.arm(one.fault);
          if (one.name == "refused connections") place.storage.trim();

          const auto done = operation.run(backend);

          BOOST_TEST(done.has_value(), (done ? std::string{} : done.error().message()));
          if (one.name != "refused connections") BOOST_TEST(place.proxy.fired(armed) == 1U);
          place.proxy.drop_connections();  // what is held back must not arrive later
          place.proxy.disarm();
        }
        BOOST_TEST(place.left() == 0U);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_in_time_with_its_category_and_nothing_is_left) {
  for (const Case& one : cases()) {
    for (const Operation& operation : operations()) {
      BOOST_TEST_CONTEXT(one.name << " for ever while it should " << operation.name) {
        // Anything may hold up a process on a busy machine: a call that took too long is to be in time when it is made again.
        Clock::duration took{};
        const Clock::duration most = operation.longest + operation.longest / 10;
        for (int again = 0; again < 3 && (again == 0 || took > most); ++again) {
          Place place;
          S3Backend backend = place.storage.create_backend().value();
          BOOST_REQUIRE(store(backend, before));
          servers::Fault fault = one.fault;
          if (one.name == "refused connections") fault.time = servers::for_ever;
          const auto armed = place.proxy.arm(std::move(fault).always());
          if (one.name == "refused connections") place.proxy.drop_connections();

          const auto begin = Clock::now();
          const auto done = operation.run(backend);
          took = Clock::now() - begin;

          if (one.name != "refused connections") BOOST_TEST(place.proxy.fired(armed) >= 1U);
          place.proxy.drop_connections();  // what is held back must not arrive later
          place.proxy.disarm();
          BOOST_REQUIRE(!done);
          const bool is_documented = std::find(one.categories.begin(), one.categories.end(), done.error().code()) != one.categories.end();
          BOOST_TEST(is_documented, done.error().message());
          BOOST_TEST(done.error().message().find(place.options.credentials(1s)->secret_key) == std::string::npos);
          if (operation.name != "remove") BOOST_TEST((read_all(backend).value_or(Bytes{}) == before));
          BOOST_TEST(backend.remove().has_value());
          expect_nothing_left(place, "after remove()");
        }
        BOOST_TEST((took <= most), "took " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_cut_body_is_resumed_and_never_the_end) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, before));
  const auto armed = place.proxy.arm(faults::truncate_body(20'000).matching("GET ").always());

  const auto bytes = read_all(backend);

  BOOST_REQUIRE(bytes.has_value());
  BOOST_TEST((*bytes == before));
  BOOST_TEST(place.proxy.fired(armed) > 3U);
}

BOOST_AUTO_TEST_CASE(a_byte_that_flips_on_the_way_into_the_store_is_sent_again) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  const auto armed = place.proxy.arm(faults::flip_byte(500).on_request(1).matching("PUT "));

  BOOST_REQUIRE(store(backend, before));

  BOOST_TEST(place.proxy.fired(armed) == 1U);
  BOOST_TEST((read_all(backend).value_or(Bytes{}) == before));
}

BOOST_AUTO_TEST_CASE(an_error_in_an_answer_of_200_is_one) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  const std::string error = faults::s3_error("200 OK", "InternalError");
  const auto once = place.proxy.arm(faults::replace_reply(error).matching("POST /test-bucket/fault/"));
  BOOST_REQUIRE(store(backend, before));
  BOOST_TEST(place.proxy.fired(once) == 1U);

  place.proxy.arm(faults::answer(error).matching("uploadId=").always());
  place.proxy.arm(faults::answer(error).matching("HEAD ").always());
  const auto stored = store(backend, content(4 * part));
  place.proxy.disarm();

  BOOST_REQUIRE(!stored);
  BOOST_TEST((read_all(backend).value_or(Bytes{}) == before));
  BOOST_REQUIRE(backend.remove());
  expect_nothing_left(place, "after an upload that could not be completed");
}

BOOST_AUTO_TEST_CASE(the_lost_answer_of_a_completion_is_resolved_by_looking) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  auto writer = backend.create().value();
  BOOST_REQUIRE(writer.write(before));
  const auto armed = place.proxy.arm(faults::drop_reply().matching("POST "));

  BOOST_REQUIRE(writer.close());

  BOOST_TEST(place.proxy.fired(armed) == 1U);
  BOOST_TEST((read_all(backend).value_or(Bytes{}) == before));
  BOOST_REQUIRE(backend.remove());
  expect_nothing_left(place, "after a completion without an answer");
}

BOOST_AUTO_TEST_CASE(retry_after_is_obeyed) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  place.proxy.arm(faults::slow_down(1).matching("PUT "));

  const auto begin = Clock::now();
  BOOST_REQUIRE(store(backend, content(10)));

  BOOST_TEST((Clock::now() - begin >= 1s));
}

BOOST_AUTO_TEST_CASE(an_empty_retry_budget_ends_retries) {
  Place place;
  place.options.retry.budget = 10;  // two retries
  const S3Storage storage{place.options};
  S3Backend backend = storage.create_backend().value();
  const auto armed = place.proxy.arm(faults::answer(faults::s3_error("503 Slow Down", "SlowDown")).matching("PUT ").always());

  BOOST_REQUIRE(!store(backend, content(10)));

  BOOST_TEST(place.proxy.fired(armed) == 3U);
}

BOOST_AUTO_TEST_CASE(a_changed_object_is_never_mixed) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, before));
  auto reader = backend.open().value();
  Bytes piece(part);
  BOOST_REQUIRE(reader.read(std::span{piece}.first(10)));
  auto& store_connection = gateway().connection();
  store_connection.flip(store_connection.objects(place.options.prefix).front().key, before.size() - 1);

  Result<std::size_t> count = 1;
  std::size_t delivered = 10;
  while (count && *count != 0) {
    count = reader.read(piece);
    if (count)
      BOOST_TEST(std::equal(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count),
                            before.begin() + static_cast<std::ptrdiff_t>(delivered)));
    if (count) delivered += *count;
  }

  BOOST_REQUIRE(!count);
  BOOST_TEST((count.error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_wrong_secret_is_permission_and_not_shown) {
  Place place;
  place.options.credentials = fixed_credentials({.access_key = gateway().endpoint().access_key, .secret_key = "wrong-secret"});

  const auto checked = S3Storage{place.options}.check();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::permission));
  BOOST_TEST(checked.error().message().find("wrong-secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_bucket_is_not_found) {
  Place place;
  place.options.bucket = "no-such-bucket";

  const auto checked = S3Storage{place.options}.check();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_bad_certificate_is_refused_at_once) {
  for (const std::string_view flaw : {"wrong_host", "expired", "self_signed"}) {
    BOOST_TEST_CONTEXT(flaw) {
      servers::FaultProxy proxy{{.protocol = servers::Protocol::http, .server_port = gateway().endpoint().port, .tls = true}};
      S3Options options = testing::options_for(gateway().endpoint(), proxy.port());
      options.endpoint.replace(0, 4, "https");
      options.ca_file = proxy.certificate_authority();
      BOOST_TEST(S3Storage{options}.check().has_value());
      const auto armed = proxy.arm(faults::bad_certificate(flaw).always());

      const auto checked = S3Storage{options}.check();

      BOOST_REQUIRE(!checked);
      BOOST_TEST((checked.error() == errc::permission), checked.error().message());
      BOOST_TEST(proxy.fired(armed) == 1U);
      options.verify_tls = false;
      BOOST_TEST(S3Storage{options}.check().has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_an_earlier_process_left_is_found_and_cleared) {
  Place place;
  auto& raw = gateway().connection();
  const std::string name = place.options.prefix + "hybridbuffer-000000000000-0123.1";
  raw.put(name, "left");
  BOOST_REQUIRE(raw.request("POST", name, {{"uploads", ""}}).status == 200);
  raw.put(place.options.prefix + "somebody", "else's");
  S3Backend own = place.storage.create_backend().value();
  BOOST_REQUIRE(store(own, content(10)));

  const auto young = place.storage.orphans(1h);
  const auto orphans = place.storage.orphans(-10s);

  BOOST_REQUIRE(young);
  BOOST_TEST(young->empty());
  BOOST_REQUIRE(orphans);
  BOOST_TEST(orphans->size() == 2U);
  BOOST_REQUIRE(place.storage.remove_orphans(*orphans));
  BOOST_TEST(place.left() == 2U);  // its own, and somebody's
  BOOST_TEST((read_all(own).value_or(Bytes{}) == content(10)));
  BOOST_TEST(raw.get(place.options.prefix + "somebody").has_value());
}
