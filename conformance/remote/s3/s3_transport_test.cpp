#include "../../support/forked_child.hpp"
#include "s3_fault_place.hpp"
#include "s3_lone_server.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <dlfcn.h>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/types.h>
#include <poll.h>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/loopback.hpp>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

// What carries the requests: connections and their times, proxies, authorities, descriptors.

namespace {

/// How often libcurl was about to look into a directory of authorities.
std::atomic<unsigned> asked_directories{0};
constexpr const char* slow_name = "slow.example";
constexpr std::chrono::seconds look_up_time{8};

}  // namespace

/// In place of OpenSSL's: a directory with nobody in it.
extern "C" int X509_STORE_load_path(X509_STORE* /*store*/, const char* /*directory*/) {
  ++asked_directories;
  return 1;
}

/// In place of the C library's: there is a name that nobody knows, which takes its time.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  if (name != nullptr && std::string_view{name} == slow_name) {
    std::this_thread::sleep_for(look_up_time);
    return EAI_AGAIN;
  }
  static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;
namespace faults = servers::faults;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Clock = std::chrono::steady_clock;

const Bytes before = content(3 * part - 7);

/// A proxy that leads to whatever it is asked for, by CONNECT, and passes bytes on.
class Tunnel {
 public:
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] unsigned used() const noexcept { return used_; }

 private:
  bool lead(const std::string& request, const LoneServer::Connection& client) {
    const auto port = std::stoi(request.substr(request.find(':') + 1));
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = servers::loopback(static_cast<std::uint16_t>(port));
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      ++used_;
      client.send("HTTP/1.1 200 Connection established\r\n\r\n");
      while (pass_on(client.socket(), server)) continue;
    }
    ::close(server);
    return false;
  }
  /// Returns: whether both are still open.
  static bool pass_on(int client, int server) {
    std::array<pollfd, 2> sockets{{{.fd = client, .events = POLLIN, .revents = 0}, {.fd = server, .events = POLLIN, .revents = 0}}};
    if (::poll(sockets.data(), sockets.size(), -1) <= 0) return false;
    std::array<char, 4096> piece{};
    for (std::size_t i = 0; i < 2; ++i) {
      if (sockets[i].revents == 0) continue;
      const ssize_t count = ::recv(sockets[i].fd, piece.data(), piece.size(), 0);
      if (count <= 0) return false;
      if (::send(sockets[1 - i].fd, piece.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count) return false;
    }
    return true;
  }

  std::atomic<unsigned> used_{0};
  LoneServer server_{[this](const std::string& request, const LoneServer::Connection& client) { return lead(request, client); }};
};

}  // namespace

// So AWS copies and completes what takes it a while.
BOOST_AUTO_TEST_CASE(blanks_before_a_result_are_progress) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, before));
  std::atomic<unsigned> copies{0};
  LoneServer slow{[&](const std::string& request, const LoneServer::Connection& connection) {
    if (request.find("x-amz-copy-source") == std::string::npos) return false;
    ++copies;
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      connection.send("1\r\n \r\n");
      std::this_thread::sleep_for(200ms);
    }
    return connection.send("13\r\n<CopyObjectResult/>\r\n0\r\n\r\n");
  }};
  S3Options options = options_for(gateway().endpoint(), slow.port());
  options.timeouts.low_speed = 700ms;
  const auto there = std::make_shared<detail::S3Place>(options, detail::s3_endpoint(options).value());

  const auto published = detail::publish_object(there, {.key = "key", .etag = "\"etag\"", .size = 10}, "lasting", PublishMode::replace);

  BOOST_TEST(published.has_value(), (published ? std::string{} : published.error().message()));
  BOOST_TEST(copies == 1U);
}

// A proxy's "200 Connection established" is no beginning of an answer, of which a low speed would be expected.
BOOST_AUTO_TEST_CASE(an_answer_that_takes_its_time_behind_a_proxy_is_waited_for) {
  Place place{patient_timeouts, true};
  Tunnel tunnel;
  place.options.proxy = tunnel.url();
  place.options.timeouts.low_speed = 500ms;
  place.options.retry.attempts = 1;
  S3Backend backend = S3Storage{place.options}.create_backend().value();
  const auto late = place.proxy.arm(faults::late_reply(1'500ms).matching("PUT "));

  const auto stored = store(backend, content(10));

  BOOST_TEST(stored.has_value(), (stored ? std::string{} : stored.error().message()));
  BOOST_TEST(place.proxy.fired(late) == 1U);
  BOOST_TEST(tunnel.used() > 0U);
}

// Its terminator is no byte of the object.
BOOST_AUTO_TEST_CASE(a_chunked_body_that_only_lacks_its_end_is_whole) {
  const Bytes bytes = content(100);
  std::atomic<unsigned> ranges{0};
  const std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  LoneServer cuts{[&](const std::string& request, const LoneServer::Connection& connection) {
    if (ranges++ != 0 || request.find("range: bytes=0-99") == std::string::npos) {
      return connection.send(faults::s3_error("416 Range Not Satisfiable", "InvalidRange"));
    }
    connection.send("HTTP/1.1 206 Partial Content\r\nETag: \"etag\"\r\nContent-Range: bytes 0-99/100\r\n");
    connection.send("Transfer-Encoding: chunked\r\n\r\n64\r\n" + text + "\r\n");
    return false;
  }};
  S3Options options = options_for(gateway().endpoint(), cuts.port());
  const auto there = std::make_shared<detail::S3Place>(options, detail::s3_endpoint(options).value());
  Bytes found(bytes.size());

  const auto read = detail::read_ranges(there, {.key = "key", .etag = "\"etag\"", .size = bytes.size()}, 0, found);

  BOOST_TEST(read.has_value(), (read ? std::string{} : read.error().message()));
  BOOST_TEST((found == bytes));
  BOOST_TEST(ranges == 1U);
}

BOOST_AUTO_TEST_CASE(a_ca_file_stands_for_the_authorities_of_the_system) {
  const Place place{patient_timeouts, true};
  asked_directories = 0;
  BOOST_TEST(place.storage.check().has_value());
  BOOST_TEST(asked_directories == 0U);

  S3Options options = place.options;
  options.ca_file.clear();
  const auto checked = S3Storage{options}.check();

  BOOST_REQUIRE(!checked);
  BOOST_TEST((checked.error() == errc::permission), checked.error().message());
  BOOST_WARN(asked_directories > 0U);  // a libcurl without such a directory asks for none
}

BOOST_AUTO_TEST_CASE(a_look_up_of_a_name_does_not_outlast_its_time) {
  S3Options options{.bucket = "bucket", .endpoint = std::string{"http://"} + slow_name + ":1"};
  options.credentials = fixed_credentials({.access_key = "A", .secret_key = "S"});
  options.proxy = "";
  options.timeouts = short_timeouts;
  S3Backend backend = S3Storage{options}.create_backend().value();

  const auto begin = Clock::now();
  const auto stored = store(backend, content(10));
  const auto took = Clock::now() - begin;

  BOOST_REQUIRE(!stored);
  BOOST_TEST((stored.error() == errc::timeout), stored.error().message());
  BOOST_TEST((took < look_up_time));
}

// A connection is made while somebody drives.
BOOST_AUTO_TEST_CASE(a_writer_that_pauses_does_not_run_out_of_time_to_connect) {
  S3Timeouts timeouts = patient_timeouts;
  timeouts.connect = 300ms;
  Place place{timeouts, true};
  place.options.retry.attempts = 1;
  S3Backend backend = S3Storage{place.options}.create_backend().value();
  place.proxy.arm(faults::late_reply(3s).matching("partNumber=1&"));  // what comes next needs a connection of its own
  auto writer = backend.create().value();
  const Bytes piece = content(part);
  Result<void> written{};

  for (int i = 0; i < 6 && written; ++i) {
    written = writer.write(piece);
    std::this_thread::sleep_for(400ms);
  }
  const auto closed = written ? writer.close() : written;

  BOOST_TEST(closed.has_value(), (closed ? std::string{} : closed.error().message()));
}

BOOST_AUTO_TEST_CASE(a_child_that_closed_what_it_inherited_keeps_its_own_files) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, content(10)));  // its connection is kept

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    constexpr int most = 256;
    for (int inherited = 3; inherited < most; ++inherited) ::close(inherited);
    std::vector<int> own;
    for (int i = 0; i < 50; ++i) own.push_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
    holds(place.storage.check().has_value());
    for (const int file : own) {
      struct stat found{};
      holds(::fstat(file, &found) == 0 && S_ISCHR(found.st_mode));
    }
  });

  BOOST_TEST(first_failure == 0);
  BOOST_TEST((read_all(backend).value_or(Bytes{}) == content(10)));
}

BOOST_AUTO_TEST_CASE(a_child_closes_its_copies_of_the_connections) {
  Place place;
  S3Backend backend = place.storage.create_backend().value();
  BOOST_REQUIRE(store(backend, content(10)));
  const auto connections = [&] {  // to the proxy
    int open = 0;
    for (int descriptor = 0; descriptor < 256; ++descriptor) {
      sockaddr_in peer{};
      socklen_t length = sizeof(peer);
      if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
      open += peer.sin_family == AF_INET && peer.sin_port == htons(place.proxy.port()) ? 1 : 0;
    }
    return open;
  };
  const int of_parent = connections();
  BOOST_TEST(of_parent > 0);

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    holds(place.storage.check().has_value());
    holds(connections() == 1);  // its own
  });

  BOOST_TEST(first_failure == 0);
}
