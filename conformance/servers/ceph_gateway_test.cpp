#define BOOST_TEST_MODULE ceph_gateway
#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "ceph_gateway.hpp"

#include <string>

namespace {

using namespace hybridbuffer::servers;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

BOOST_AUTO_TEST_CASE(it_keeps_objects_lists_uploads_and_survives_kill_9) {
  CephGateway gateway;
  S3Connection& s3 = gateway.connection();
  BOOST_TEST(s3.objects().empty());

  s3.put("some/key with \"odd\" & <characters>+ü", "bytes");
  s3.put("other", "");
  const S3Response begun = s3.request("POST", "big", {{"uploads", ""}});
  BOOST_TEST(begun.status == 200);

  BOOST_TEST(s3.objects("some/").size() == 1U);
  BOOST_TEST(s3.objects("some/")[0].key == "some/key with \"odd\" & <characters>+ü");
  BOOST_TEST(s3.objects().size() == 2U);
  BOOST_TEST(s3.uploads().size() == 1U);
  gateway.kill9();
  BOOST_TEST(!s3.answers());
  gateway.restart();
  BOOST_TEST(s3.get("some/key with \"odd\" & <characters>+ü").value() == "bytes");
  s3.abort(s3.uploads().at(0));
  BOOST_TEST(s3.uploads().empty());
}

}  // namespace
