#include "../support/system_faults.hpp"
#include "tagging_storage.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/storage_url.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

namespace {

class OwnDirectory {
 public:
  OwnDirectory() {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;
  ~OwnDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/var/tmp/hybridbuffer-url-XXXXXX";
};

std::string message_of(const Result<AnyStorage>& storage) { return storage ? "" : storage.error().message(); }
std::string refusal(std::string_view what) { return "read the storage URL: " + std::string{what} + " [invalid_argument]"; }

/// Whether an object of `size` bytes can be kept there.
errc keep(const AnyStorage& place, std::size_t size) {
  auto backend = place.create_backend();
  if (!backend) return backend.error().code();
  auto writer = backend->create();
  if (!writer) return writer.error().code();
  if (const auto written = writer->write(bytes_of(std::string(size, 'x'))); !written) return written.error().code();
  return code_of(writer->close());
}

/// A transform that tags what is written with its own value.
StorageTransform tagging(std::string name, std::vector<std::string> further = {}) {
  return {.parameter = name, .parameters = std::move(further), .make = [name](const AnyStorage& inner, const UrlParameters& parameters) {
            return Result<AnyStorage>{TaggingStorage{inner, std::string{*parameters.find(name)}}};
          }};
}

StorageScheme noting(std::string name) {
  return {.name = std::move(name), .parameters = {"own"}, .make = [](const StorageUrl&) -> Result<AnyStorage> { return NotingStorage{}; }};
}

StorageRegistry tagging_registry() {
  StorageRegistry registry = default_registry();
  BOOST_TEST(registry.add(noting("note")).has_value());
  BOOST_TEST(registry.add(tagging("compress", {"level"})).has_value());
  BOOST_TEST(registry.add(tagging("encrypt", {"key"})).has_value());
  return registry;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shipped_schemes)

BOOST_AUTO_TEST_CASE(a_file_url_names_a_directory) {
  const OwnDirectory directory;
  const auto place = storage_from_url("file://" + directory.path());
  BOOST_TEST_REQUIRE(place.has_value());
  auto backend = place->create_backend();
  BOOST_TEST_REQUIRE(backend.has_value());
  BOOST_TEST((backend->capabilities() == FileBackend::capabilities()));

  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{0}, *place};
  BOOST_TEST(buffer.append("text").has_value());
  BOOST_TEST(buffer.publish(directory.path() + "/name").has_value());
  BOOST_TEST(std::filesystem::file_size(directory.path() + "/name") == 4U);
}

BOOST_AUTO_TEST_CASE(every_option_of_a_file_storage_is_a_parameter) {
  // What they do is their own matter; here it is that they arrive, and that a wrong one does not.
  const std::vector<std::string> right{"prefix=spill-",        "max_bytes=1GiB",       "reserve_ahead=0",      "recycled_files=3",
                                       "recycled_bytes=64MiB", "sync_on_publish=true", "sync_on_publish=false"};
  for (const std::string& parameter : right) BOOST_TEST(message_of(storage_from_url("file:///var/tmp?" + parameter)) == "");
  const std::vector<std::pair<std::string, std::string>> wrong{{"max_bytes", "much"},    {"reserve_ahead", "-1"},
                                                               {"recycled_files", "3K"}, {"recycled_bytes", "1.5M"},
                                                               {"sync_on_publish", "1"}, {"prefix", "a%2Fb"}};
  for (const auto& [name, value] : wrong) {
    const std::string message = message_of(storage_from_url("file:///var/tmp?" + name + "=" + value));
    BOOST_TEST(message.starts_with("read the storage URL: parameter '" + name + "': "), message);
    BOOST_TEST(message.ends_with("[invalid_argument]"), message);
  }

  BOOST_TEST((keep(storage_from_url("file:///var/tmp?max_bytes=1KiB").value(), 1024) == errc{}));
  BOOST_TEST((keep(storage_from_url("file:///var/tmp?max_bytes=1KiB").value(), 1025) == errc::limit_exceeded));
}

BOOST_AUTO_TEST_CASE(what_a_file_url_leaves_out_is_as_the_scheme_says) {
  StorageRegistry registry;
  BOOST_TEST(registry.add(file_scheme({.max_bytes = 10})).has_value());

  BOOST_TEST((keep(storage_from_url("file:///var/tmp", registry).value(), 11) == errc::limit_exceeded));
  BOOST_TEST((keep(storage_from_url("file:///var/tmp?max_bytes=11", registry).value(), 11) == errc{}));
}

BOOST_AUTO_TEST_CASE(a_memory_url_has_a_limit_and_nothing_else) {
  BOOST_TEST((keep(storage_from_url("memory:").value(), 1 << 20) == errc{}));
  BOOST_TEST((keep(storage_from_url("memory:?max_bytes=4").value(), 4) == errc{}));
  BOOST_TEST((keep(storage_from_url("memory:?max_bytes=4").value(), 5) == errc::limit_exceeded));
  BOOST_TEST((storage_from_url("memory:")->create_backend()->capabilities() == MemoryBackend::capabilities()));
}

BOOST_AUTO_TEST_CASE(a_wrong_place_is_an_error_that_names_what_is_wrong) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"file:", "path: missing: a directory, as in file:///var/tmp"},
      {"file://", "path: missing: a directory, as in file:///var/tmp"},
      {"file:?max_bytes=1", "path: missing: a directory, as in file:///var/tmp"},
      {"file:var/tmp", "path: not absolute: a directory, as in file:///var/tmp"},
      {"file:.", "path: not absolute: a directory, as in file:///var/tmp"},
      {"file://var/tmp", "host: there is none in a URL of file:"},
      {"file://localhost/var/tmp", "host: there is none in a URL of file:"},
      {"file://user@/var/tmp", "user information: there is none in a URL of file:"},
      {"file://user:secret@host/var/tmp", "user information: there is none in a URL of file:"},
      {"file:///var/tmp#x", "fragment: a storage URL has none; '#' is written %23"},
      {"file:///var/tmp?maxbytes=1", "parameter 'maxbytes': unknown"},
      {"file:///var/tmp?max_bytes=1&MAX_BYTES=1", "parameter 'MAX_BYTES': unknown"},
      {"file:///var/tmp?compress=zstd", "parameter 'compress': unknown"},
      {"memory:/", "path: there is none in a URL of memory:"},
      {"memory:x", "path: there is none in a URL of memory:"},
      {"memory://x", "host: there is none in a URL of memory:"},
      {"memory:?prefix=x", "parameter 'prefix': unknown"},
      {"memory:?max_bytes=", "parameter 'max_bytes': not a size such as 65536 or 16MiB"},
      {"redis://host", "scheme: unknown; known are file: memory:"},
      {"user:secret@host", "scheme: unknown; known are file: memory:"},
  };
  for (const auto& [text, message] : wrong) {
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(message_of(storage_from_url(text)) == refusal(message)); }
  }
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_used_is_an_error_at_once) {
  BOOST_TEST((code_of(storage_from_url("file:///no/such/place")) == errc::not_found));
  BOOST_TEST((code_of(storage_from_url("file:///dev/null")) == errc::not_found));
  BOOST_TEST(!storage_from_url("file:///proc").has_value());       // a directory, of a superuser writable, in which nobody makes a file
  const SystemFaults faults{SystemCall::open_at, EROFS, true, 2};  // behind that of the directory
  BOOST_TEST((code_of(storage_from_url("file:///var/tmp")) == errc::permission));
  BOOST_TEST(faults.fired() >= 1U);
}

BOOST_AUTO_TEST_CASE(a_place_that_is_full_may_have_room_when_it_is_needed) {
  const auto place = [] {
    const SystemFaults faults{SystemCall::open_at, ENOSPC, true, 2};
    auto made = storage_from_url("file:///var/tmp");
    BOOST_TEST(faults.fired() >= 1U);
    return made;
  }();
  BOOST_TEST_REQUIRE(place.has_value());
  BOOST_TEST((keep(*place, 100) == errc{}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(registry)

BOOST_AUTO_TEST_CASE(a_scheme_of_ones_own_gets_the_parts_that_it_takes) {
  std::string seen;
  StorageRegistry registry;
  BOOST_TEST(registry
                 .add({.name = "store",
                       .parameters = {"bucket"},
                       .takes_user_info = true,
                       .takes_host = true,
                       .takes_path = true,
                       .make = [&seen](const StorageUrl& url) -> Result<AnyStorage> {
                         seen = std::string{url.user()} + "|" + std::string{url.password()} + "|" + std::string{url.host()} + "|" +
                                std::to_string(url.port().value_or(0)) + "|" + std::string{url.path()} + "|" +
                                std::string{url.parameters().find("bucket").value_or("none")};
                         return MemoryStorage{};
                       }})
                 .has_value());

  BOOST_TEST(storage_from_url("STORE://me:pw@host:9/a%20b?bucket=c", registry).has_value());
  BOOST_TEST(seen == "me|pw|host|9|/a b|c");
  BOOST_TEST(message_of(storage_from_url("file:///var/tmp", registry)) == refusal("scheme: unknown; known are store:"));
}

BOOST_AUTO_TEST_CASE(written_bytes_pass_the_transforms_in_the_order_of_their_parameters) {
  const StorageRegistry registry = tagging_registry();
  const auto stored = [&](std::string_view url) { return stored_for_x(storage_from_url(url, registry).value()); };

  BOOST_TEST(stored("note:") == "x");
  BOOST_TEST(stored("note:?compress=c") == "xc");
  BOOST_TEST(stored("note:?compress=c&encrypt=e") == "xce");
  BOOST_TEST(stored("note:?encrypt=e&compress=c") == "xec");
  BOOST_TEST(stored("note:?own=1&encrypt=e&key=k&level=9&compress=c") == "xec");
  BOOST_TEST(stored("note:?level=9&compress=c&own=1&key=k&encrypt=e") == "xce");
}

BOOST_AUTO_TEST_CASE(a_further_parameter_means_nothing_without_its_transform) {
  const StorageRegistry registry = tagging_registry();
  BOOST_TEST(message_of(storage_from_url("note:?level=9", registry)) == refusal("parameter 'level': means nothing without 'compress'"));
  BOOST_TEST(message_of(storage_from_url("note:?encrypt=e&level=9", registry)) ==
             refusal("parameter 'level': means nothing without 'compress'"));
  BOOST_TEST(message_of(storage_from_url("note:?compres=c", registry)) == refusal("parameter 'compres': unknown"));
}

BOOST_AUTO_TEST_CASE(errors_of_makers_come_through_and_nothing_else_is_made) {
  StorageRegistry registry = tagging_registry();
  int made = 0;
  BOOST_TEST(registry.add({.name = "none", .make = [](const StorageUrl&) -> Result<AnyStorage> { return failure(errc::busy, "make"); }})
                 .has_value());
  BOOST_TEST(registry
                 .add({.parameter = "refuse",
                       .make = [](const AnyStorage&, const UrlParameters&) -> Result<AnyStorage> {
                         return wrong_url("parameter", "not today", "refuse");
                       }})
                 .has_value());
  BOOST_TEST(registry
                 .add({.parameter = "count",
                       .make = [&made](const AnyStorage& inner, const UrlParameters&) -> Result<AnyStorage> {
                         ++made;
                         return inner;
                       }})
                 .has_value());

  BOOST_TEST((code_of(storage_from_url("none:?count=1", registry)) == errc::busy));
  BOOST_TEST(message_of(storage_from_url("note:?count=1&refuse=1", registry)) == refusal("parameter 'refuse': not today"));
  BOOST_TEST(made == 0);
  BOOST_TEST(storage_from_url("note:?count=1", registry).has_value());
  BOOST_TEST(made == 1);
}

BOOST_AUTO_TEST_CASE(what_is_known_already_or_has_no_name_is_not_added) {
  StorageRegistry registry = tagging_registry();
  const auto scheme = [&](std::string name, std::vector<std::string> parameters = {}) {
    StorageScheme one = noting(std::move(name));
    one.parameters = std::move(parameters);
    return code_of(registry.add(std::move(one)));
  };
  const auto transform = [&](std::string name, std::vector<std::string> further = {}) {
    return code_of(registry.add(tagging(std::move(name), std::move(further))));
  };

  BOOST_TEST((scheme("file") == errc::already_exists));
  BOOST_TEST((scheme("other", {"compress"}) == errc::already_exists));
  BOOST_TEST((scheme("other", {"level"}) == errc::already_exists));
  BOOST_TEST((scheme("") == errc::invalid_argument));
  BOOST_TEST((scheme("9p") == errc::invalid_argument));
  BOOST_TEST((scheme("File") == errc::invalid_argument));
  BOOST_TEST((scheme("other", {"a b"}) == errc::invalid_argument));
  BOOST_TEST((transform("compress") == errc::already_exists));
  BOOST_TEST((transform("level") == errc::already_exists));
  BOOST_TEST((transform("max_bytes") == errc::already_exists));
  BOOST_TEST((transform("checksum", {"key"}) == errc::already_exists));
  BOOST_TEST((transform("checksum", {"prefix"}) == errc::already_exists));
  BOOST_TEST((transform("") == errc::invalid_argument));
  BOOST_TEST((transform("a=b") == errc::invalid_argument));
  BOOST_TEST((code_of(registry.add(StorageScheme{.name = "other"})) == errc::invalid_argument));
  BOOST_TEST((code_of(registry.add(StorageTransform{.parameter = "other"})) == errc::invalid_argument));

  // Nothing of these was added; two schemes may have a parameter of one name.
  BOOST_TEST((scheme("other", {"max_bytes"}) == errc{}));
  BOOST_TEST((transform("checksum") == errc{}));
}

BOOST_AUTO_TEST_CASE(registries_are_values) {
  StorageRegistry first = default_registry();
  const StorageRegistry second = first;
  BOOST_TEST(first.add(noting("note")).has_value());

  BOOST_TEST(storage_from_url("note:", first).has_value());
  BOOST_TEST(!storage_from_url("note:", second).has_value());
  BOOST_TEST(!storage_from_url("note:").has_value());
}

BOOST_AUTO_TEST_CASE(a_place_outlives_the_registry_and_the_url) {
  auto registry = std::make_unique<StorageRegistry>(tagging_registry());
  auto url = std::make_unique<std::string>("note:?compress=c&encrypt=e");
  const auto place = storage_from_url(*url, *registry);
  registry.reset();
  url.reset();

  BOOST_TEST(stored_for_x(place.value()) == "xce");
}

BOOST_AUTO_TEST_CASE(no_error_echoes_a_value_a_user_or_a_password) {
  StorageRegistry registry = tagging_registry();
  const std::vector<std::string> urls{"file://SECRET@/var/tmp",
                                      "file://u:SECRET@/var/tmp",
                                      "file:///var/tmp?max_bytes=SECRET",
                                      "file:///var/tmp?prefix=SECRET/",
                                      "file:///var/tmp?key=SECRET",
                                      "note:?level=SECRET",
                                      "note:?encrypt=e&key=a&SECRET",
                                      "note:?encrypt=e&key=SEC%RET",
                                      "SECRET:x@host",
                                      "SECRET",
                                      "note:?encrypt=SECRET#",
                                      "note:?encrypt=e&key=k&key=SECRET",
                                      "file:///var/tmp?sync_on_publish=SECRET",
                                      "note://SECRET",
                                      "note:SECRET"};
  for (const std::string& url : urls) {
    const std::string message = message_of(storage_from_url(url, registry));
    BOOST_TEST(message != "", url);
    BOOST_TEST(message.find("SEC") == std::string::npos, message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
