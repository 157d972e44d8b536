#include "../../support/forked_child.hpp"
#include "s3_lone_server.hpp"

#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/s3.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <netinet/in.h>
#include <servers/fault_proxy.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

// Where credentials are found. The services are a proxy without a server, which answers as it is told.

namespace {

using namespace hybridbuffer;
using namespace std::chrono_literals;
namespace faults = servers::faults;

/// Environment variables for one case, gone after it.
struct Environment {
  Environment() {
    for (const char* name : names) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    set("HOME", "/nonexistent");
    set("AWS_EC2_METADATA_DISABLED", "true");
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const char* name : names) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    std::filesystem::remove(file);
  }
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }  // NOLINT(concurrency-mt-unsafe)
  void write(std::string_view text) { std::ofstream{file} << text; }

  static constexpr const char* names[] = {"AWS_ACCESS_KEY_ID",
                                          "AWS_SECRET_ACCESS_KEY",
                                          "AWS_SESSION_TOKEN",
                                          "AWS_SHARED_CREDENTIALS_FILE",
                                          "AWS_PROFILE",
                                          "AWS_EC2_METADATA_DISABLED",
                                          "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                          "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                          "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
  std::string file = "/tmp/hybridbuffer-credentials-" + std::to_string(::getpid());
};

/// The kernel accepts, nobody answers.
struct SilentService {
  SilentService() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    BOOST_REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), length) == 0 && ::listen(listener, 1) == 0);
    BOOST_REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port = address.sin_port;
  }
  SilentService(const SilentService&) = delete;
  SilentService& operator=(const SilentService&) = delete;
  ~SilentService() { ::close(listener); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(port)) + "/"; }
  [[nodiscard]] bool is_peer_of(int descriptor) const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    return ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 && address.sin_family == AF_INET &&
           address.sin_port == port;
  }

  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  in_port_t port = 0;  // as it stands in an address
};

constexpr std::string_view lent =
    R"({"Code" : "Success", "AccessKeyId" : "LENT", "SecretAccessKey" : "a\/b+c=", "Token" : "T", "Expiration" : "2099-01-01T00:00:00Z"})";

}  // namespace

BOOST_AUTO_TEST_CASE(the_environment_comes_first) {
  Environment environment;
  environment.set("AWS_ACCESS_KEY_ID", "A");
  environment.set("AWS_SECRET_ACCESS_KEY", "S");
  environment.set("AWS_SESSION_TOKEN", "T");
  environment.write("[default]\naws_access_key_id=other\naws_secret_access_key=other\n");
  environment.set("AWS_SHARED_CREDENTIALS_FILE", environment.file);

  const auto found = default_credentials()(1s);

  BOOST_REQUIRE(found);
  BOOST_TEST(found->access_key == "A");
  BOOST_TEST(found->secret_key == "S");
  BOOST_TEST(found->session_token == "T");
}

BOOST_AUTO_TEST_CASE(profiles_of_the_shared_file) {
  Environment environment;
  environment.write(
      "# comment\n[default]\r\naws_access_key_id = D\r\naws_secret_access_key = d=+/\r\n\n[ other ]\naws_access_key_id=O\n"
      "aws_secret_access_key=o\naws_session_token=t\n[empty]\n");
  environment.set("AWS_SHARED_CREDENTIALS_FILE", environment.file);

  const auto first = default_credentials()(1s);
  environment.set("AWS_PROFILE", "other");
  const auto other = default_credentials()(1s);

  BOOST_REQUIRE(first);
  BOOST_TEST(first->access_key == "D");
  BOOST_TEST(first->secret_key == "d=+/");
  BOOST_REQUIRE(other);
  BOOST_TEST(other->access_key == "O");
  BOOST_TEST(other->session_token == "t");
  BOOST_TEST((credentials_from_shared_file("empty").error() == errc::not_found));
  BOOST_TEST((credentials_from_shared_file("absent").error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(nobody_has_any) {
  const Environment environment;

  const auto found = default_credentials()(1s);

  BOOST_REQUIRE(!found);
  BOOST_TEST((found.error() == errc::permission));
}

BOOST_AUTO_TEST_CASE(a_container_s_service_gets_its_token_and_lends) {
  Environment environment;
  servers::FaultProxy service{{.protocol = servers::Protocol::http}};
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:" + std::to_string(service.port()) + "/v1");
  environment.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass-word");
  service.arm(faults::answer(faults::http("200 OK", lent)).matching("Authorization: pass-word").always());

  const auto found = default_credentials()(1s);

  BOOST_REQUIRE(found);
  BOOST_TEST(found->access_key == "LENT");
  BOOST_TEST(found->secret_key == "a/b+c=");
  BOOST_TEST(found->session_token == "T");
  BOOST_TEST((found->expires == std::chrono::system_clock::from_time_t(4070908800)));
}

BOOST_AUTO_TEST_CASE(a_container_s_token_is_not_sent_in_the_clear_to_others) {
  Environment environment;
  environment.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass-word");
  for (const char* url : {"http://example.com/v1", "http://127.0.0.1@example.com/", "ftp://127.0.0.1/", "http://127.0.0.1.example.com/"}) {
    environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);

    const auto found = credentials_from_container(1s);

    BOOST_REQUIRE(!found);
    BOOST_TEST((found.error() == errc::permission));
    BOOST_TEST(found.error().message().find("pass-word") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_instance_s_role_is_asked_with_a_token_of_version_2) {
  Environment environment;
  servers::FaultProxy service{{.protocol = servers::Protocol::http}};
  environment.set("AWS_EC2_METADATA_DISABLED", "false");
  environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:" + std::to_string(service.port()));
  const auto token = service.arm(faults::answer(faults::http("200 OK", "TOKEN")).matching("PUT /latest/api/token"));
  const auto role = service.arm(faults::answer(faults::http("200 OK", "my-role\n")).matching("security-credentials/ HTTP"));
  const auto keys = service.arm(faults::answer(faults::http("200 OK", lent)).matching("security-credentials/my-role HTTP"));

  const auto found = default_credentials()(1s);

  BOOST_REQUIRE(found);
  BOOST_TEST(found->access_key == "LENT");
  BOOST_TEST(service.fired(token) == 1U);
  BOOST_TEST(service.fired(role) == 1U);
  BOOST_TEST(service.fired(keys) == 1U);
}

BOOST_AUTO_TEST_CASE(an_instance_is_asked_for_two_seconds_in_all) {
  Environment environment;
  testing::LoneServer slow{[](const std::string& request, const testing::LoneServer::Connection& connection) {
    std::this_thread::sleep_for(900ms);
    return connection.send(faults::http("200 OK", request.find("my-role") != std::string::npos ? lent : "my-role"));
  }};
  environment.set("AWS_EC2_METADATA_DISABLED", "false");
  environment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", slow.url());

  const auto found = credentials_from_instance(30s);

  BOOST_REQUIRE(!found);
  BOOST_TEST((found.error() == errc::timeout), found.error().message());
}

BOOST_AUTO_TEST_CASE(a_service_that_hangs_or_babbles_is_no_source) {
  Environment environment;
  servers::FaultProxy service{{.protocol = servers::Protocol::http}};
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:" + std::to_string(service.port()) + "/");
  service.arm(faults::answer(faults::http("200 OK", R"({"AccessKeyId" : 7})")));
  const auto babbled = credentials_from_container(1s);
  const SilentService silent;
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", silent.url());
  const auto begin = std::chrono::steady_clock::now();
  const auto hung = credentials_from_container(300ms);

  BOOST_REQUIRE(!babbled);
  BOOST_TEST((babbled.error() == errc::io));
  BOOST_REQUIRE(!hung);
  BOOST_TEST((hung.error() == errc::timeout));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 10s));  // it ends; not how soon on a busy machine
}

BOOST_AUTO_TEST_CASE(the_connection_to_a_service_is_no_standard_descriptor_and_inherited_by_no_program) {
  Environment environment;
  const SilentService silent;
  environment.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", silent.url());

  const int first_failure = testing::first_failure_in_forked_child([&](auto holds) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(standard);
    std::atomic<bool> ends{false};
    std::set<int> seen;
    bool inherited = false;
    std::thread watcher{[&] {
      while (!ends) {
        for (int descriptor = 0; descriptor < 64; ++descriptor) {
          if (!silent.is_peer_of(descriptor)) continue;
          seen.insert(descriptor);
          inherited = inherited || (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) == 0;
        }
      }
    }};
    holds(!credentials_from_container(700ms));
    ends = true;
    watcher.join();
    holds(!seen.empty());
    holds(seen.empty() || *seen.begin() > STDERR_FILENO);
    holds(!inherited);
  });

  BOOST_TEST(first_failure == 0);
}

BOOST_AUTO_TEST_CASE(credentials_are_fetched_anew_before_they_expire_and_not_at_every_request) {
  unsigned fetched = 0;
  std::chrono::seconds valid = 1h;
  S3Options options{.bucket = "bucket", .endpoint = "http://127.0.0.1:9"};
  options.credentials = [&](std::chrono::milliseconds) -> Result<S3Credentials> {
    ++fetched;
    return S3Credentials{.access_key = "A", .secret_key = "S", .expires = std::chrono::system_clock::now() + valid};
  };
  detail::S3Place place{options, {}};

  BOOST_REQUIRE(place.credentials(1s));
  BOOST_REQUIRE(place.credentials(1s));
  BOOST_TEST(fetched == 1U);
  const auto known = place.credentials(1s);
  valid = 2s;
  BOOST_REQUIRE(place.credentials(1s, known->version));  // the store does not take them
  BOOST_TEST(fetched == 2U);
  for (int i = 0; i < 100; ++i) BOOST_REQUIRE(place.credentials(1s));
  BOOST_TEST(fetched == 2U);
  std::this_thread::sleep_for(1'600ms);  // past the middle of their life
  BOOST_REQUIRE(place.credentials(1s));
  BOOST_TEST(fetched == 3U);
}

BOOST_AUTO_TEST_CASE(credentials_expire_by_the_clock_of_the_store) {
  constexpr std::chrono::hours behind{3};
  unsigned fetched = 0;
  S3Options options{.bucket = "bucket", .endpoint = "http://127.0.0.1:9"};
  options.credentials = [&](std::chrono::milliseconds) -> Result<S3Credentials> {
    ++fetched;
    return S3Credentials{.access_key = "A", .secret_key = "S", .expires = std::chrono::system_clock::now() - behind + 1h};
  };
  detail::S3Place place{options, {}};

  for (int i = 0; i < 100; ++i) BOOST_REQUIRE(place.credentials(1s));
  BOOST_TEST(fetched == 1U);  // though they look as if they had expired

  place.set_now(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - behind));
  const auto known = place.credentials(1s);
  BOOST_REQUIRE(place.credentials(1s, known->version));
  for (int i = 0; i < 100; ++i) BOOST_REQUIRE(place.credentials(1s));
  BOOST_TEST(fetched == 2U);
}

BOOST_AUTO_TEST_CASE(a_source_that_hangs_takes_what_is_left_of_a_call_and_not_as_much_for_each_request) {
  unsigned asked = 0;
  std::chrono::milliseconds longest{0};
  S3Options options{.bucket = "bucket", .endpoint = "http://127.0.0.1:9"};
  options.timeouts.operation = 500ms;
  options.timeouts.cleanup = 100ms;
  options.credentials = [&](std::chrono::milliseconds deadline) -> Result<S3Credentials> {
    ++asked;
    longest = std::max(longest, deadline);
    std::this_thread::sleep_for(deadline);
    return failure(errc::timeout, "ask for credentials");
  };
  const auto place = std::make_shared<detail::S3Place>(options, detail::S3Endpoint{});
  detail::S3Object object{.key = "key", .etag = "etag", .size = 4'000'000'000};
  std::vector<std::byte> bytes(4 * options.range_bytes);

  const auto read = detail::read_ranges(place, object, 0, bytes);
  detail::S3Waste::Entries entries = detail::S3Waste::entry("key");
  detail::S3Waste::Entries gone;
  const auto removed = detail::S3Waste::remove(place, options.timeouts.cleanup, entries, gone);

  BOOST_REQUIRE(!read);
  BOOST_TEST((read.error() == errc::timeout), read.error().message());
  BOOST_TEST(!removed.has_value());
  BOOST_TEST(asked == 1U);
  BOOST_TEST(longest.count() <= 500);
  std::this_thread::sleep_for(1'100ms);
  longest = {};
  BOOST_TEST(!detail::S3Waste::remove(place, options.timeouts.cleanup, entries, gone));
  BOOST_TEST(asked == 2U);
  BOOST_TEST(longest.count() <= 100);
}

BOOST_AUTO_TEST_CASE(a_source_that_throws_is_an_error) {
  S3Options options{.bucket = "bucket", .endpoint = "http://127.0.0.1:9"};
  options.credentials = [](std::chrono::milliseconds) -> Result<S3Credentials> { throw std::runtime_error{"out of order"}; };

  const auto checked = S3Storage{options}.check();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::permission), checked.error().message());
}
