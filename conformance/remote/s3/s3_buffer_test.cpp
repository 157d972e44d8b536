#include "../../buffer/allocation_plan.hpp"
#include "s3_harness.hpp"

#include <hybridbuffer/backend/s3_url.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <servers/boost_test.hpp>
#include <servers/ceph_gateway.hpp>
#include <servers/swift_gateway.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Buffers whose storage is S3, alone, beneath other storages and out of a URL; and what is left of a location when memory runs out.

namespace {

using namespace hybridbuffer;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
using Bytes = std::vector<std::byte>;

servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_multipart_min_part_size=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{};
  }();
  return running;
}

S3Options options_beneath(const std::string& prefix) {
  S3Options options = testing::options_for(gateway().endpoint(), gateway().endpoint().port);
  options.prefix = prefix;
  options.part_bytes = options.range_bytes = std::size_t{64} * 1024;
  return options;
}
std::size_t left_beneath(const std::string& prefix) {
  return gateway().connection().objects(prefix).size() + gateway().connection().uploads(prefix).size();
}

/// No two stretches of it are alike.
Bytes content(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 12'345;
  for (std::byte& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

/// Through the buffer in pieces that are no multiple of anything, back in others, and again at random places.
template <class Buffer>
void fill_and_read_back(Buffer& buffer) {
  const Bytes written = content(1'500'001);
  for (std::size_t at = 0; at < written.size(); at += 9'973) {
    const std::size_t count = std::min<std::size_t>(9'973, written.size() - at);
    BOOST_TEST_REQUIRE(buffer.append(std::span{written}.subspan(at, count)).has_value());
  }
  BOOST_TEST(buffer.is_spilled());
  Bytes read(written.size());
  std::size_t have = 0;
  while (have < read.size()) {
    const auto count = buffer.read(std::span{read}.subspan(have, std::min<std::size_t>(70'001, read.size() - have)));
    BOOST_TEST_REQUIRE(count.has_value());
    BOOST_TEST_REQUIRE(*count > 0U);
    have += *count;
  }
  BOOST_TEST((read == written));
  for (const std::size_t offset : {std::size_t{0}, std::size_t{65'535}, std::size_t{262'143}, std::size_t{1'499'990}}) {
    Bytes window(11);
    const auto count = buffer.read_at(offset, window);
    BOOST_TEST_REQUIRE(count.has_value());
    BOOST_TEST(*count == 11U);
    BOOST_TEST(std::equal(window.begin(), window.end(), written.begin() + static_cast<std::ptrdiff_t>(offset)));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_buffer_spills_to_s3_and_leaves_nothing) {
  {
    HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{256 * 1024}, S3Storage{options_beneath("buffer/plain/")}};
    fill_and_read_back(buffer);
    BOOST_TEST(left_beneath("buffer/plain/") > 1U);  // a location of each spill
  }
  BOOST_TEST(left_beneath("buffer/plain/") == 0U);
}

BOOST_AUTO_TEST_CASE(a_buffer_spills_encrypted_and_compressed_to_s3) {
  {
    HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{256 * 1024},
                        encrypted(compressed(S3Storage{options_beneath("buffer/stacked/")}, Zstd{}))};
    fill_and_read_back(buffer);
    BOOST_TEST(left_beneath("buffer/stacked/") > 1U);
  }
  BOOST_TEST(left_beneath("buffer/stacked/") == 0U);
}

BOOST_AUTO_TEST_CASE(a_url_names_the_storage_and_holds_no_key) {
  StorageRegistry registry = default_registry();
  BOOST_TEST_REQUIRE(registry.add(s3_scheme({.credentials = options_beneath("").credentials})).has_value());
  const std::string port = std::to_string(gateway().endpoint().port);
  const auto storage = storage_from_url("s3://" + gateway().endpoint().bucket + "/buffer/url/?endpoint=http://127.0.0.1:" + port +
                                            "&region=" + gateway().endpoint().region + "&part_bytes=64KiB&content_md5=false",
                                        registry);
  BOOST_TEST_REQUIRE(storage.has_value());
  {
    auto buffer = Builder{}.with_threshold(256 * 1024).with_storage_factory(*storage).build();
    BOOST_TEST_REQUIRE(buffer.has_value());
    fill_and_read_back(*buffer);
    BOOST_TEST(left_beneath("buffer/url/") > 1U);
  }
  BOOST_TEST(left_beneath("buffer/url/") == 0U);
  for (const char* wrong : {"s3:///prefix", "s3://bucket:80/", "s3://bucket/?endpoint=nowhere", "s3://bucket/?secret_key=hidden"}) {
    const auto refused = storage_from_url(wrong, registry);
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error() == errc::invalid_argument));
    BOOST_TEST(refused.error().message().find("hidden") == std::string::npos);
  }
}

// An engine that goes back to the storage with the call of somebody who gave up would answer into memory that is gone.
BOOST_AUTO_TEST_CASE(each_allocation_fails_once_and_connections_stay_usable) {
  using testing::AllocationPlan;
  const std::string prefix = "buffer/memory/";
  const Bytes bytes = content(5 * 64 * 1024 + 7);
  const S3Storage storage{options_beneath(prefix)};
  {
    auto backend = storage.create_backend().value();
    const auto run = [&]() -> Result<void> {
      auto writer = backend.create();
      if (!writer) return std::unexpected{writer.error()};
      if (auto written = writer->write(bytes); !written) return written;
      if (auto closed = writer->close(); !closed) return closed;
      Bytes read(bytes.size());
      auto reader = backend.open_reader_at();
      if (!reader) return std::unexpected{reader.error()};
      auto count = reader->read_at(0, read);
      if (!count) return std::unexpected{count.error()};
      BOOST_TEST((*count == bytes.size() && read == bytes));
      return {};
    };
    BOOST_TEST_REQUIRE(run().has_value());
    std::uint64_t failed = 0;
    bool whole = false;
    // All of the first requests', then a seventh of them: a run makes some thousands.
    for (std::uint64_t k = 1; !whole; k += k < 200 ? 1 : 7) {
      AllocationPlan::arm(k, false);
      AllocationPlan::resume();
      bool threw = false;
      Result<void> done{};
      try {
        done = run();
      } catch (const std::bad_alloc&) {
        threw = true;  // of the test's own memory
      }
      AllocationPlan::pause();
      AllocationPlan::heal();
      whole = AllocationPlan::fired() == 0;
      if (whole) BOOST_TEST_REQUIRE(done.has_value());
      if (!threw && !done) {
        ++failed;
        BOOST_TEST((done.error() == errc::no_space), k << ": " << done.error().message());
      }
      if (k % 50 == 0) BOOST_TEST_REQUIRE(run().has_value());
    }
    BOOST_TEST(failed > 50U);
    BOOST_TEST_REQUIRE(run().has_value());
  }
  BOOST_TEST(left_beneath(prefix) == 0U);
}

// Swift compares another ETag of an object of many parts than the one it tells, takes a condition on the copy to be on what is copied, and
// refuses one on a PUT.
BOOST_AUTO_TEST_CASE(a_store_without_conditions_publishes_in_place_of_others_and_keeps_nothing) {
  servers::SwiftGateway swift;
  S3Options options = testing::options_for(swift.endpoint(), swift.endpoint().port);
  options.prefix = "publish/";
  options.part_bytes = options.range_bytes = std::size_t{64} * 1024;
  const S3Storage storage{options};
  for (const std::size_t size : {std::size_t{1'000}, std::size_t{200'001}}) {
    BOOST_TEST_CONTEXT(size << " bytes") {
      const Bytes bytes = content(size);
      const std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
      auto backend = storage.create_backend().value();
      auto writer = backend.create().value();
      BOOST_TEST_REQUIRE(writer.write(bytes).has_value());
      BOOST_TEST_REQUIRE(writer.close().has_value());

      const std::string fresh = "published/new-" + std::to_string(size);
      const auto refused = backend.publish(fresh, PublishMode::keep);
      BOOST_TEST_REQUIRE(!refused.has_value());
      BOOST_TEST((refused.error() == errc::unsupported), refused.error().message());
      BOOST_TEST(!swift.connection().get(fresh).has_value());

      const std::string taken = "published/old-" + std::to_string(size);
      swift.connection().put(taken, "what is there");
      const auto exists = backend.publish(taken, PublishMode::keep);
      BOOST_TEST_REQUIRE(!exists.has_value());
      BOOST_TEST((exists.error() == errc::already_exists), exists.error().message());
      BOOST_TEST(swift.connection().get(taken).value() == "what is there");
      const auto replaced = backend.publish(taken, PublishMode::replace);
      BOOST_TEST_REQUIRE(replaced.has_value());
      BOOST_TEST((swift.connection().get(taken) == text));
    }
  }
  BOOST_TEST(swift.connection().objects("publish/").empty());
}
