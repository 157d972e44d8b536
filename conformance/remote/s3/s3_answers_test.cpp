#include "../flipped_reply.hpp"
#include "s3_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What single answers of a store come to; s3_fault_test.cpp has every fault on every operation.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

const Bytes before = content(3 * part - 7);
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

void expect_nothing_left(Place& place, std::string_view what) {
  BOOST_TEST_CONTEXT(what) { BOOST_TEST(place.left() == 0U); }
}

}  // namespace

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

// What a request before it was answered twice leaves on a kept connection looks so.
BOOST_AUTO_TEST_CASE(an_answer_without_an_etag_is_none_for_a_part) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  const std::string other = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const auto once = place.proxy.arm(faults::replace_reply(other).matching("partNumber=2"));

  BOOST_REQUIRE(store(backend, before));

  BOOST_TEST(place.proxy.fired(once) == 1U);
  BOOST_TEST(holds(backend, before));
  const auto always = place.proxy.arm(faults::replace_reply(other).matching("partNumber=2").always());
  const auto stored = store(backend, content(4 * part));
  BOOST_TEST(place.proxy.fired(always) > 1U);
  place.proxy.disarm();
  BOOST_REQUIRE(!stored);
  BOOST_TEST((stored.error() == errc::unavailable), stored.error().message());
  BOOST_TEST(holds(backend, before));
  BOOST_REQUIRE(backend.remove());
  expect_nothing_left(place, "after an upload whose parts got no answer");
}

BOOST_AUTO_TEST_CASE(a_byte_that_flips_on_the_way_into_the_store_is_sent_again) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  const auto armed = place.proxy.arm(faults::flip_byte(500).on_request(1).matching("PUT "));

  BOOST_REQUIRE(store(backend, before));

  BOOST_TEST(place.proxy.fired(armed) == 1U);
  BOOST_TEST((read_all(backend).value_or(Bytes{}) == before));
}

BOOST_AUTO_TEST_CASE(without_an_md5_the_store_finds_a_byte_that_flips_by_the_sha256_that_is_signed) {
  Place place;
  const auto count_md5 = [&] { return place.proxy.arm(faults::drop_reply().on_request(never).matching("content-md5: ")); };
  S3Backend with_md5 = place.storage.create_backend().value();
  const auto carried = count_md5();
  BOOST_REQUIRE(store(with_md5, before));
  BOOST_TEST(place.proxy.seen(carried) == 3U);
  place.proxy.disarm();

  place.options.content_md5 = false;
  S3Backend backend = S3Storage{place.options}.create_backend().value();
  for (const Bytes& bytes : {content(part / 2), before}) {  // one PUT, and parts
    const auto carried_without = count_md5();
    const auto armed = place.proxy.arm(faults::flip_byte(500).on_request(1).matching("PUT "));

    BOOST_REQUIRE(store(backend, bytes));

    BOOST_TEST(place.proxy.fired(armed) == 1U);
    BOOST_TEST(place.proxy.seen(carried_without) == 0U);
    BOOST_TEST((read_all(backend).value_or(Bytes{}) == bytes));
    place.proxy.disarm();
  }
  BOOST_REQUIRE(backend.remove());
  BOOST_REQUIRE(with_md5.remove());
  expect_nothing_left(place, "after bodies without an MD5");
}

BOOST_AUTO_TEST_CASE(a_byte_that_flips_on_the_way_from_the_store_is_found_beneath_encrypted) {
  Place place;
  expect_flip_to_be_found_beneath_encrypted(place, before, faults::flip_byte(500).matching("GET ").always());
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

// Else each outage that it lives through would cost a location memory for good.
BOOST_AUTO_TEST_CASE(requests_that_were_given_up_are_looked_for_once_more_and_not_remembered_without_bound) {
  constexpr unsigned many = 200;
  Place place;
  const auto shared = std::make_shared<detail::S3Place>(place.options, detail::s3_endpoint(place.options).value());
  detail::S3Waste waste;
  for (unsigned i = 0; i < many; ++i) {
    auto given_up = detail::S3Waste::entry(place.options.prefix + std::to_string(i));
    given_up.front().may_return = true;
    waste.add(std::move(given_up));
    BOOST_TEST_REQUIRE(waste.clear(shared, 5s).has_value());
  }
  const auto before_the_end = place.proxy.totals().requests;

  waste.look_again();
  BOOST_TEST_REQUIRE(waste.clear(shared, 20s).has_value());

  BOOST_TEST(place.proxy.totals().requests - before_the_end <= 5U);
  BOOST_TEST(place.proxy.totals().requests == 2U * many);
}

BOOST_AUTO_TEST_CASE(an_upload_that_may_not_be_looked_for_keeps_nothing_else_from_being_removed) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  place.proxy.arm(faults::drop_reply().matching("POST "));  // its name never comes back
  BOOST_REQUIRE(store(backend, before));
  const auto lists = place.proxy.arm(faults::answer(faults::s3_error("403 Forbidden", "AccessDenied")).matching("uploads=").always());

  const auto removed = backend.remove();

  BOOST_REQUIRE(!removed);
  BOOST_TEST((removed.error() == errc::permission), removed.error().message());
  BOOST_TEST(place.proxy.fired(lists) > 0U);
  BOOST_TEST(place.raw.objects(place.options.prefix).empty());
  place.proxy.disarm();
  BOOST_TEST(backend.remove().has_value());
  expect_nothing_left(place, "after the right to list has come");
}

BOOST_AUTO_TEST_CASE(an_object_header_without_a_value_is_sent_as_it_is_signed) {
  Place place;
  place.options.object_headers = {{"x-amz-meta-empty", ""}, {"x-amz-meta-blank", " "}};
  const auto carried = place.proxy.arm(faults::drop_reply().on_request(never).matching("x-amz-meta-empty:"));
  S3Backend backend = S3Storage{place.options}.create_backend().value();

  const auto stored = store(backend, before);

  BOOST_TEST(stored.has_value(), (stored ? std::string{} : stored.error().message()));
  BOOST_TEST(place.proxy.seen(carried) == 1U);
}

BOOST_AUTO_TEST_CASE(retry_after_is_obeyed) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  place.proxy.arm(faults::slow_down(1).matching("PUT "));

  const auto begin = Clock::now();
  BOOST_REQUIRE(store(backend, content(10)));

  BOOST_TEST((Clock::now() - begin >= 1s));
}

BOOST_AUTO_TEST_CASE(what_failed_until_the_time_is_over_fails_with_that) {
  Place place{short_timeouts};
  S3Backend backend = place.storage.create_backend().value();
  place.proxy.arm(faults::slow_down(3600).matching("PUT ").always());
  const auto slowed = store(backend, content(10));
  place.proxy.disarm();

  place.options.retry = {.attempts = 1'000, .base = 100ms, .cap = 100ms, .budget = 1'000'000};
  S3Backend patient = S3Storage{place.options}.create_backend().value();
  place.proxy.drop_connections();
  place.proxy.arm(faults::refuse());
  const auto refused = store(patient, content(10));
  place.proxy.disarm();

  BOOST_REQUIRE(!slowed);
  BOOST_TEST((slowed.error() == errc::unavailable), slowed.error().message());
  BOOST_TEST(slowed.error().message().find("SlowDown") != std::string::npos);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error() == errc::unavailable), refused.error().message());
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
  place.raw.flip(place.raw.objects(place.options.prefix).front().key, before.size() - 1);

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
      S3Options options = options_for(gateway().endpoint(), proxy.port());
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
  auto& raw = place.raw;
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
