#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "ceph_gateway.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

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

BOOST_AUTO_TEST_CASE(over_TLS_it_takes_uploads_in_parts_lists_in_pages_and_takes_no_wrong_signature) {
  CephGateway gateway{{.tls = true, .bucket = "another-bucket"}};
  S3Connection& s3 = gateway.connection();
  BOOST_TEST(gateway.endpoint().url().starts_with("https://"));

  const std::string xml = s3.request("POST", "big", {{"uploads", ""}}).body;
  const S3Upload upload = s3.uploads("b").at(0);
  BOOST_TEST(xml.find(upload.identifier) != std::string::npos);
  BOOST_TEST(s3.request("PUT", "big", {{"uploadId", upload.identifier}, {"partNumber", "1"}}, "part").status == 200);
  BOOST_TEST(s3.parts(upload) == (std::vector<std::uint64_t>{4}), boost::test_tools::per_element());
  s3.abort(upload);
  BOOST_TEST(s3.uploads().empty());

  for (int i = 0; i < 5; ++i) {
    s3.put("k" + std::to_string(i), "");
    BOOST_TEST(s3.request("POST", "u" + std::to_string(i), {{"uploads", ""}}).status == 200);
  }
  BOOST_TEST(s3.objects("k", 2).size() == 5U);
  BOOST_TEST(s3.uploads("u", 2).size() == 5U);
  for (const S3Upload& begun : s3.uploads()) s3.abort(begun);
  for (const S3Object& object : s3.objects()) s3.remove(object.key);

  s3.put("flipped", "abc");
  s3.flip("flipped", 1, 0x20);
  BOOST_TEST(s3.get("flipped").value() == "aBc");
  s3.remove("flipped");
  s3.remove("flipped");
  BOOST_TEST(s3.objects().empty());

  S3Endpoint stranger = gateway.endpoint();
  stranger.secret_key = "wrong";
  BOOST_TEST(S3Connection{stranger}.request("GET", "").status == 403);
}

// About eight seconds: only in the long tier.
BOOST_AUTO_TEST_CASE(on_disk_objects_survive_kill_9_of_everything, *boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
                       return boost::test_tools::assertion_result{std::getenv("HYBRIDBUFFER_FULL") != nullptr};
                     })) {
  CephGateway gateway{{.durable = true}};
  S3Connection& s3 = gateway.connection();
  s3.put("key", "bytes");

  gateway.kill9_with_store();
  BOOST_TEST(!s3.is_reached());
  gateway.restart();

  BOOST_TEST(s3.get("key").value() == "bytes");
}

}  // namespace
