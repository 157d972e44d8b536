#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "swift_gateway.hpp"

#include <string>

namespace {

using namespace hybridbuffer::servers;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

BOOST_AUTO_TEST_CASE(it_keeps_objects_checks_the_region_and_survives_kill_9_of_everything) {
  SwiftGateway gateway;
  S3Connection& s3 = gateway.connection();
  BOOST_TEST(s3.objects().empty());

  s3.put("some/key with \"odd\" & <characters>+ü", "bytes");
  BOOST_TEST(s3.request("POST", "big", {{"uploads", ""}}).status == 200);
  BOOST_TEST(s3.objects("some/").size() == 1U);
  BOOST_TEST(s3.uploads().size() == 1U);
  s3.put("other", "");
  s3.remove("other");
  BOOST_TEST(!s3.get("other").has_value());

  BOOST_TEST(s3.request("PUT", "new", {}, "x", {{"if-none-match", "*"}}).status == 501);

  S3Endpoint elsewhere = gateway.endpoint();
  elsewhere.region = "us-east-1";
  const S3Response response = S3Connection{elsewhere}.request("GET", "some/key");
  BOOST_TEST(response.status / 100 == 4);
  BOOST_TEST(response.body.find("AuthorizationHeaderMalformed") != std::string::npos);

  gateway.kill9_with_store();
  BOOST_TEST(!s3.is_reached());
  gateway.restart();
  BOOST_TEST(s3.get("some/key with \"odd\" & <characters>+ü").value() == "bytes");
  s3.abort(s3.uploads().at(0));
  BOOST_TEST(s3.uploads().empty());
}

}  // namespace
