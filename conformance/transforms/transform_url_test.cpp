#include "open_storage.hpp"

#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <hybridbuffer/transform/checksum_url.hpp>
#include <hybridbuffer/transform/compression_url.hpp>
#include <hybridbuffer/transform/encryption_url.hpp>
#include <hybridbuffer/transform/retry_url.hpp>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

// Transforms that a URL asks for.

namespace hybridbuffer::testing {
namespace {

/// `open:` is a storage whose bytes the test sees.
StorageRegistry registry_over(const OpenStorage& open) {
  StorageRegistry registry;
  BOOST_TEST_REQUIRE(
      registry.add(StorageScheme{.name = "open", .make = [open](const StorageUrl&) -> Result<AnyStorage> { return open; }}).has_value());
  for (auto transform : {encryption_transform(), compression_transform(), checksum_transform(), retry_transform()}) {
    BOOST_TEST_REQUIRE(registry.add(std::move(transform)).has_value());
  }
  return registry;
}

struct Stored {
  Bytes bytes;
  bool reads_back;
};
Stored store_through(std::string_view url, const Bytes& content) {
  const OpenStorage open;
  const auto storage = storage_from_url(url, registry_over(open));
  BOOST_TEST_REQUIRE(storage.has_value(), url << ": " << (storage ? "" : storage.error().message()));
  auto backend = storage->create_backend();
  BOOST_TEST_REQUIRE(backend.has_value());
  BOOST_TEST_REQUIRE(write_all(backend->create(), content, 1000).has_value());
  auto reader = backend->open();
  const auto all = read_all(*reader, 999);
  return {*open.made->front()->bytes, all && *all == content};
}

std::string refusal_of(std::string_view url) {
  const auto storage = storage_from_url(url, registry_over(OpenStorage{}));
  BOOST_TEST_REQUIRE(!storage.has_value(), url);
  BOOST_TEST((storage.error() == errc::invalid_argument));
  return storage.error().message();
}

BOOST_AUTO_TEST_CASE(every_transform_by_its_name_reads_back) {
  const Bytes zeros(200'000);
  for (const std::string_view method : {"zstd", "lz4", "snappy", "gzip", "zlib", "deflate", "auto"}) {
    const Stored stored = store_through("open:?compress=" + std::string{method}, zeros);
    BOOST_TEST(stored.reads_back, method);
    BOOST_TEST(stored.bytes.size() < zeros.size() / 10, method);
  }
  for (const std::string_view level : {"fastest", "fast", "default", "better", "best"}) {
    BOOST_TEST(store_through("open:?compress=zstd&level=" + std::string{level}, zeros).reads_back, level);
  }
  for (const std::string_view cipher : {"auto", "aes-256-gcm", "chacha20-poly1305"}) {
    const Stored stored = store_through("open:?encrypt_chunk=4KiB&encrypt=" + std::string{cipher}, zeros);
    BOOST_TEST(stored.reads_back, cipher);
    BOOST_TEST(stored.bytes.size() == zeros.size() + EncryptionCodec::header_bytes + 49 * 16, cipher);
  }
  BOOST_TEST(store_through("open:?checksum=crc32c&checksum_chunk=4096", zeros).reads_back);
  BOOST_TEST(store_through("open:?retry=3&retry_deadline=500ms&retry_replay=64KiB", zeros).reads_back);
  BOOST_TEST(store_through("open:?retry=2&encrypt=auto&compress=lz4&checksum=crc32c", zeros).reads_back);
}

BOOST_AUTO_TEST_CASE(they_stand_in_the_order_in_which_bytes_pass_them) {
  const Bytes zeros(200'000);
  const Stored small = store_through("open:?compress=zstd&encrypt=auto", zeros);
  const Stored large = store_through("open:?encrypt=auto&compress=zstd", zeros);
  BOOST_TEST((small.reads_back && large.reads_back));
  BOOST_TEST(small.bytes.size() < 10'000U);   // compressed, then encrypted
  BOOST_TEST(large.bytes.size() > 200'000U);  // what is encrypted does not compress
}

BOOST_AUTO_TEST_CASE(a_key_comes_from_a_file_and_never_stands_in_a_message) {
  char path[] = "/var/tmp/hybridbuffer-key-XXXXXX";
  const int file = ::mkstemp(path);
  BOOST_TEST_REQUIRE(file >= 0);
  ::close(file);
  const std::string secret = "a secret of thirty-two bytes....";
  std::ofstream{path} << secret;
  const std::string url = "open:?encrypt=aes-256-gcm&encrypt_key_file=" + std::string{path};
  BOOST_TEST(store_through(url, Bytes(100)).reads_back);
  BOOST_TEST((encryption_key_from_file(path)->bytes().size() == 32U));

  std::ofstream{path} << "short";
  const std::string refusal = refusal_of(url);
  BOOST_TEST(refusal.find("fewer than 16") != std::string::npos);
  BOOST_TEST(refusal.find("short") == std::string::npos);
  std::ofstream{path} << std::string(1025, 'x');
  BOOST_TEST(!storage_from_url(url, registry_over(OpenStorage{})).has_value());
  ::unlink(path);
  BOOST_TEST((storage_from_url(url, registry_over(OpenStorage{})).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_key_file_that_is_wrong_is_named_by_its_parameter_and_shown_in_no_part) {
  char directory[] = "/var/tmp/hybridbuffer-keys-XXXXXX";
  BOOST_TEST_REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string place{directory};
  const std::string secret = "a secret of thirty-two bytes....";
  const auto expect = [&](const std::string& path, errc category, std::string_view why) {
    const auto storage = storage_from_url("open:?encrypt=auto&encrypt_key_file=" + path, registry_over(OpenStorage{}));
    BOOST_TEST_REQUIRE(!storage.has_value(), why);
    const std::string message = storage.error().message();
    BOOST_TEST((storage.error() == category), message);
    BOOST_TEST(message.starts_with("read the storage URL: parameter 'encrypt_key_file': "), message);
    BOOST_TEST(message.find(why) != std::string::npos, message);
    for (const std::string_view hidden :
         {std::string_view{place}, std::string_view{path}, std::string_view{secret}, std::string_view{"xxxx"}}) {
      BOOST_TEST(message.find(hidden) == std::string::npos, message);
    }
  };
  std::ofstream{place + "/short"} << secret.substr(0, 15);
  std::ofstream{place + "/long"} << std::string(1025, 'x');
  std::ofstream{place + "/huge"} << secret;
  BOOST_TEST_REQUIRE(::truncate((place + "/huge").c_str(), off_t{1} << 40U) == 0);
  BOOST_TEST_REQUIRE(::mkfifo((place + "/pipe").c_str(), 0600) == 0);
  BOOST_TEST_REQUIRE(::symlink("pipe", (place + "/link").c_str()) == 0);

  expect(place + "/short", errc::invalid_argument, "fewer than 16 or more than 1024 bytes");
  expect(place + "/long", errc::invalid_argument, "fewer than 16 or more than 1024 bytes");
  expect(place + "/huge", errc::invalid_argument, "fewer than 16 or more than 1024 bytes");
  expect(place + "/none", errc::not_found, "No such file");
  expect(place, errc::invalid_argument, "no regular file");
  expect("/dev/zero", errc::invalid_argument, "no regular file");
  // A pipe that holds more than any key and has a writer, so that nothing waits where it is read all the same.
  const int pipe = ::open((place + "/pipe").c_str(), O_RDWR | O_CLOEXEC);
  BOOST_TEST_REQUIRE(pipe >= 0);
  const std::string many(1025, 'x');
  BOOST_TEST_REQUIRE(::write(pipe, many.data(), many.size()) == static_cast<ssize_t>(many.size()));
  expect(place + "/pipe", errc::invalid_argument, "no regular file");
  expect(place + "/link", errc::invalid_argument, "no regular file");
  ::close(pipe);
  expect(place + "/pipe", errc::invalid_argument, "no regular file");  // nobody writes, and nobody waits for that
  std::filesystem::remove_all(place);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named) {
  for (const auto& [url, part] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"open:?compress=rar", "'compress'"},
           {"open:?compress=zstd&level=11", "'level'"},
           {"open:?encrypt=auto&encrypt_key_file=", "'encrypt_key_file'"},
           {"open:?retry=3&retry_deadline=106752d", "'retry_deadline'"},  // more nanoseconds than there are numbers
           {"open:?retry=3&retry_deadline=9223372036854775807ms", "'retry_deadline'"},
           {"open:?compress=snappy&level=best", "'level'"},
           {"open:?compress=auto&level=best", "'level'"},
           {"open:?level=best", "means nothing without 'compress'"},
           {"open:?compress=zstd&compress_chunk=0", "'compress_chunk'"},
           {"open:?compress=zstd&compress_chunk=1GiB", "'compress_chunk'"},
           {"open:?encrypt=des", "'encrypt'"},
           {"open:?encrypt=", "'encrypt'"},
           {"open:?encrypt=auto&encrypt_chunk=15", "'encrypt_chunk'"},
           {"open:?encrypt=auto&encrypt_chunk=many", "'encrypt_chunk'"},
           {"open:?encrypt=auto&encrypt_publish=encrypted", "'encrypt_publish'"},
           {"open:?encrypt=auto&encrypt_publish=both", "'encrypt_publish'"},
           {"open:?encrypt_key_file=/nowhere", "means nothing without 'encrypt'"},
           {"open:?checksum=md5", "'checksum'"},
           {"open:?checksum=crc32c&checksum_chunk=0", "'checksum_chunk'"},
           {"open:?checksum=crc32c&checksum_chunk=16777217", "'checksum_chunk'"},
           {"open:?checksum=crc32c&checksum_chunk=4294967295", "'checksum_chunk'"},
           {"open:?retry=0", "'retry'"},
           {"open:?retry=often", "'retry'"},
           {"open:?retry=2&retry_deadline=soon", "'retry_deadline'"},
       }) {
    const std::string refusal = refusal_of(url);
    BOOST_TEST(refusal.find(part) != std::string::npos, url << ": " << refusal);
  }
}

BOOST_AUTO_TEST_CASE(a_builder_takes_them) {
  const OpenStorage open;
  const auto storage = storage_from_url("open:?compress=zstd&level=fast&encrypt=aes-256-gcm", registry_over(open));
  auto buffer = Builder{}.with_threshold(1000).with_storage_factory(*storage).build();
  BOOST_TEST_REQUIRE(buffer.has_value());
  const Bytes content = pattern(20'000);
  BOOST_TEST_REQUIRE(buffer->append(content).has_value());
  BOOST_TEST(buffer->is_spilled());
  Bytes out(content.size());
  BOOST_TEST((buffer->read_at(0, out) == out.size()));
  BOOST_TEST((out == content));
}

}  // namespace
}  // namespace hybridbuffer::testing
