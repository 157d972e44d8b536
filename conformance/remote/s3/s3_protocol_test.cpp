#include <boost/test/unit_test.hpp>

#include <hybridbuffer/detail/s3_endpoint.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_error.hpp>
#include <hybridbuffer/detail/s3_signature.hpp>
#include <hybridbuffer/detail/s3_xml.hpp>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>

// What goes over the wire, without a server.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::detail;

constexpr std::string_view empty_digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view access_key = "AKIAIOSFODNN7EXAMPLE";
constexpr std::string_view secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr S3Scope scope{"us-east-1", "s3", "20130524T000000Z"};

std::string signature_of(const S3SignedParts& parts) {
  const std::string authorization = s3_authorization(parts, scope, access_key, secret_key);
  return authorization.substr(authorization.rfind('=') + 1);
}

S3Pairs headers_of(std::string_view digest) {
  return {{"x-amz-date", "20130524T000000Z"}, {"x-amz-content-sha256", std::string{digest}}, {"host", "examplebucket.s3.amazonaws.com"}};
}

}  // namespace

// Source: "Examples: Signature Calculations" in "Authenticating Requests: Using the Authorization Header" of the Amazon S3 API reference.
BOOST_AUTO_TEST_SUITE(published_signatures)

BOOST_AUTO_TEST_CASE(get_of_a_range) {
  S3Pairs headers = headers_of(empty_digest);
  headers.emplace_back("range", "bytes=0-9");

  BOOST_TEST(signature_of({"GET", "/test.txt", {}, headers, empty_digest}) ==
             "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

BOOST_AUTO_TEST_CASE(put_with_a_dollar_in_its_key) {
  const std::string digest = s3_hex(sha256_of("Welcome to Amazon S3."));
  S3Pairs headers = headers_of(digest);
  headers.emplace_back("date", "Fri, 24 May 2013 00:00:00 GMT");
  headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  const std::string path = "/" + s3_encode("test$file.text", true);

  BOOST_TEST(digest == "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  BOOST_TEST(signature_of({"PUT", path, {}, headers, digest}) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

BOOST_AUTO_TEST_CASE(query_parameter_without_a_value) {
  BOOST_TEST(signature_of({"GET", "/", {{"lifecycle", ""}}, headers_of(empty_digest), empty_digest}) ==
             "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

BOOST_AUTO_TEST_CASE(query_parameters_in_another_order) {
  BOOST_TEST(signature_of({"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, headers_of(empty_digest), empty_digest}) ==
             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(everything_but_the_unreserved_characters_is_encoded_in_upper_case) {
  BOOST_TEST(s3_encode("aZ09-._~ /+%\xC3\xBC") == "aZ09-._~%20%2F%2B%25%C3%BC");
  BOOST_TEST(s3_encode("a/b c", true) == "a/b%20c");
  BOOST_TEST(s3_decode(s3_encode("a b/+%\xC3\xBC")) == "a b/+%\xC3\xBC");
}

BOOST_AUTO_TEST_CASE(times_are_read_and_written) {
  BOOST_TEST(s3_timestamp(1369353600) == "20130524T000000Z");
  BOOST_TEST((s3_time("2013-05-24T00:00:00.000Z") == 1369353600));
  BOOST_TEST((s3_time("2013-05-24T00:00:00Z") == 1369353600));
  BOOST_TEST(!s3_time("yesterday"));
}

BOOST_AUTO_TEST_SUITE(answers_in_xml)

BOOST_AUTO_TEST_CASE(are_read_whatever_their_namespace) {
  const auto document = S3XmlParser::parse(
      R"(<?xml version="1.0"?><r:List xmlns:r="http://s3.amazonaws.com/doc/2006-03-01/"><r:Key>a&amp;b</r:Key><r:Key>c</r:Key></r:List>)");

  BOOST_REQUIRE(document);
  BOOST_TEST(document->name == "List");
  BOOST_TEST(document->children.size() == 2U);
  BOOST_TEST(document->text_of("Key") == "a&b");
  BOOST_TEST(document->text_of("Other").empty());
}

BOOST_AUTO_TEST_CASE(are_refused_when_they_are_cut_or_no_answer_of_s3) {
  BOOST_TEST(!S3XmlParser::parse(""));
  BOOST_TEST(!S3XmlParser::parse("<a><b></b>"));
  BOOST_TEST(!S3XmlParser::parse("<a></a><b></b>"));
  BOOST_TEST(!S3XmlParser::parse("<html><body>no"));
  BOOST_TEST(!S3XmlParser::parse(R"(<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>)"));
}

BOOST_AUTO_TEST_CASE(are_bounded_in_depth_and_number) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "<a>";
  for (int i = 0; i < 40; ++i) deep += "</a>";
  std::string wide{"<a>"};
  for (std::size_t i = 0; i <= S3XmlParser::most_elements; ++i) wide += "<b/>";
  wide += "</a>";

  BOOST_TEST(!S3XmlParser::parse(deep));
  BOOST_TEST(!S3XmlParser::parse(wide));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(endpoints)

BOOST_AUTO_TEST_CASE(aws_by_the_region_with_the_bucket_in_the_host) {
  const auto endpoint = s3_endpoint({.bucket = "my-bucket", .region = "eu-central-1"});

  BOOST_REQUIRE(endpoint);
  BOOST_TEST(endpoint->scheme == "https");
  BOOST_TEST(endpoint->host == "my-bucket.s3.eu-central-1.amazonaws.com");
  BOOST_TEST(endpoint->path_prefix.empty());
}

BOOST_AUTO_TEST_CASE(a_dotted_bucket_stands_in_the_path_because_no_certificate_covers_it) {
  const auto endpoint = s3_endpoint({.bucket = "my.bucket"});

  BOOST_REQUIRE(endpoint);
  BOOST_TEST(endpoint->host == "s3.us-east-1.amazonaws.com");
  BOOST_TEST(endpoint->path_prefix == "/my.bucket");
}

BOOST_AUTO_TEST_CASE(any_other_store_by_path_unless_told_otherwise) {
  const auto by_path = s3_endpoint({.bucket = "bucket", .endpoint = "http://[::1]:7480/"});
  const auto by_host = s3_endpoint({.bucket = "bucket", .endpoint = "https://store.example:443", .addressing = S3Addressing::virtual_host});

  BOOST_REQUIRE(by_path);
  BOOST_TEST(by_path->scheme == "http");
  BOOST_TEST(by_path->host == "[::1]:7480");
  BOOST_TEST(by_path->path_prefix == "/bucket");
  BOOST_REQUIRE(by_host);
  BOOST_TEST(by_host->host == "bucket.store.example");
}

BOOST_AUTO_TEST_CASE(a_wrong_setting_is_named_and_not_shown) {
  for (const std::string_view wrong : {"ftp://host", "host:80", "http://user:secret@host", "http://", "http://host/path?x"}) {
    const auto endpoint = s3_endpoint({.bucket = "bucket", .endpoint = std::string{wrong}});

    BOOST_REQUIRE(!endpoint);
    BOOST_TEST((endpoint.error() == errc::invalid_argument));
    BOOST_TEST(endpoint.error().message().find("endpoint") != std::string::npos);
    BOOST_TEST(endpoint.error().message().find("secret") == std::string::npos);
  }
  BOOST_TEST(!s3_endpoint({.bucket = "no/name"}));
  BOOST_TEST(!s3_endpoint({.bucket = "bucket", .region = ""}));
}

BOOST_AUTO_TEST_CASE(times_that_no_clock_holds_are_refused) {
  using namespace std::chrono_literals;
  constexpr auto most = std::chrono::milliseconds::max();
  BOOST_TEST(check_s3_sizes({.bucket = "bucket"}).has_value());
  BOOST_TEST(check_s3_sizes({.bucket = "bucket", .timeouts = {.operation = 24h * 365 * 100}}).has_value());
  for (const S3Timeouts& wrong : {S3Timeouts{.connect = most}, S3Timeouts{.call = most}, S3Timeouts{.low_speed = most},
                                  S3Timeouts{.operation = most}, S3Timeouts{.cleanup = most}, S3Timeouts{.call = 0ms}}) {
    const auto checked = check_s3_sizes({.bucket = "bucket", .timeouts = wrong});
    BOOST_REQUIRE(!checked);
    BOOST_TEST((checked.error() == errc::invalid_argument));
  }
  BOOST_TEST(!check_s3_sizes({.bucket = "bucket", .retry = {.base = most}}));
  BOOST_TEST(!check_s3_sizes({.bucket = "bucket", .retry = {.cap = most}}));
}

BOOST_AUTO_TEST_CASE(the_largest_retry_budget_is_one) {
  S3Options options{.bucket = "bucket"};
  options.retry.budget = std::numeric_limits<unsigned>::max();
  S3Place place{options, {}};
  BOOST_TEST(place.take_retry());
  place.give_back();
  options.retry.budget = 100;
  options.retry.retry_cost = std::numeric_limits<unsigned>::max();
  S3Place dear{options, {}};
  BOOST_TEST(!dear.take_retry());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(answers_have_documented_categories) {
  BOOST_TEST((failure_of_s3(403, "AccessDenied").code == errc::permission));
  BOOST_TEST((failure_of_s3(403, "QuotaExceeded").code == errc::no_space));
  BOOST_TEST((failure_of_s3(404, "NoSuchKey").code == errc::not_found));
  BOOST_TEST((failure_of_s3(409, "OperationAborted").code == errc::busy));
  BOOST_TEST((failure_of_s3(412, "PreconditionFailed").code == errc::already_exists));
  BOOST_TEST((failure_of_s3(503, "SlowDown").code == errc::unavailable));
  BOOST_TEST(failure_of_s3(503, "").is_retryable);
  BOOST_TEST((failure_of_s3(400, "").code == errc::invalid_argument));
  BOOST_TEST(failure_of_s3(400, "").is_retryable);
  BOOST_TEST(!failure_of_s3(400, "InvalidArgument").is_retryable);
  BOOST_TEST(!failure_of_s3(301, "PermanentRedirect").is_retryable);
  BOOST_TEST((failure_of_curl(CURLE_PEER_FAILED_VERIFICATION).code == errc::permission));
  BOOST_TEST(!failure_of_curl(CURLE_PEER_FAILED_VERIFICATION).is_retryable);
}
