// The snippets of docs/s3.md. Needs the components `s3`, `encryption` and `compression`. With the port of a store on this machine and a
// bucket it uses that, with credentials of the environment; without them it only makes the storages, which sends nothing.

#include <hybridbuffer/backend/s3.hpp>
#include <hybridbuffer/backend/s3_url.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

using namespace hybridbuffer;
using namespace std::chrono_literals;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "s3.cpp: does not hold: %s\n", what);
  std::exit(1);
}

Result<void> use_a_store(const std::string& port, const std::string& bucket) {
  // [store]
  S3Storage store{{.bucket = bucket, .prefix = "app/", .endpoint = "http://127.0.0.1:" + port}};
  if (auto works = store.check(); !works) return works;  // bucket, credentials and rights, before the first spill needs them

  HybridBuffer spill{SegmentedMemory<>{}, SpillAt{16_MiB}, store};
  const std::string line = "a line of many\n";
  for (int i = 0; i != 2'000'000; ++i) {
    if (auto done = spill.append(line); !done) return done;  // permission, no_space, timeout, …: nothing is lost, append it again
  }
  auto first = spill.read_line();
  // [store]
  require(spill.is_spilled() && first.value_or("") == "a line of many", "what was stored is read back");

  // [coded]
  HybridBuffer safe{SegmentedMemory<>{}, SpillAt{16_MiB}, encrypted(compressed(store, Zstd{}))};
  // [coded]
  for (int i = 0; i != 1'200'000; ++i) {
    if (auto done = safe.append(line); !done) return done;
  }
  require(safe.is_spilled() && safe.read_line().value_or("") == "a line of many", "what was coded is read back");

  const std::string_view report = "what lasts\n";
  // [publish]
  auto location = store.create_backend();
  if (!location) return std::unexpected{location.error()};
  auto writer = location->create();
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(std::as_bytes(std::span{report})); !written) return written;
  if (auto closed = writer->close(); !closed) return closed;
  if (auto named = location->publish("reports/today", PublishMode::replace); !named) return named;  // it outlives the location
  // [publish]

  // [orphans]
  auto orphans = store.orphans(24h);  // of processes that were killed more than a day ago
  if (!orphans) return std::unexpected{orphans.error()};
  if (auto cleared = store.remove_orphans(*orphans); !cleared) return cleared;
  // [orphans]
  require(orphans->empty(), "nobody was killed");
  return {};
}

Result<void> use_a_url(const std::string& port, const std::string& bucket) {
  // [url]
  StorageRegistry registry = default_registry();
  if (auto added = registry.add(s3_scheme()); !added) return added;
  auto storage = storage_from_url("s3://" + bucket + "/app/?endpoint=http://127.0.0.1:" + port + "&part_bytes=8MiB", registry);
  if (!storage) return std::unexpected{storage.error()};
  auto buffer = Builder{}.with_threshold(1_MiB).with_storage_factory(*storage).build();
  // [url]
  if (!buffer) return std::unexpected{buffer.error()};
  const std::string line(3'000'000, 'x');
  if (auto done = buffer->append(line); !done) return done;
  require(buffer->is_spilled(), "it spilled");
  return {};
}

void make_the_others() {
  // [aws]
  // The bucket stands in the host name: spill.s3.eu-central-1.amazonaws.com. Credentials from where the AWS tools look.
  S3Storage aws{{.bucket = "spill", .prefix = "app/", .region = "eu-central-1"}};

  // What is there for hours is stored cheaper, and encrypted by a key of the key service.
  S3Storage cheaper{{.bucket = "spill",
                     .prefix = "app/",
                     .region = "eu-central-1",
                     .object_headers = {{"x-amz-storage-class", "ONEZONE_IA"}, {"x-amz-server-side-encryption", "aws:kms"}}}};

  // A profile of the shared file, ~/.aws/credentials.
  S3Storage profile{{.bucket = "spill", .credentials = [](std::chrono::milliseconds) { return credentials_from_shared_file("spill"); }}};
  // [aws]
  // [ceph]
  // The bucket stands in the path: of a gateway behind TLS, with an authority of one's own and keys that `radosgw-admin user create` told.
  S3Storage ceph{{.bucket = "spill",
                  .prefix = "app/",
                  .endpoint = "https://rgw.example:7480",
                  .region = "default",
                  .credentials = fixed_credentials({.access_key = "…", .secret_key = "…"}),
                  .ca_file = "/etc/ssl/rgw.pem"}};

  // With `rgw dns name = rgw.example` and a name server that leads *.rgw.example there, it may stand in the host name.
  S3Storage by_host{{.bucket = "spill", .endpoint = "http://rgw.example:7480", .addressing = S3Addressing::virtual_host}};
  // [ceph]
  // [minio]
  // MinIO on this machine, whose outage is to be known within seconds.
  S3Storage minio{{.bucket = "spill",
                   .endpoint = "http://127.0.0.1:9000",
                   .credentials = fixed_credentials({.access_key = "…", .secret_key = "…"}),
                   .timeouts = {.connect = 1s, .operation = 20s},
                   .retry = {.attempts = 4}}};
  // [minio]
  for (const S3Storage* storage : {&aws, &cheaper, &profile, &ceph, &by_host, &minio}) {
    require(storage->create_backend().has_value(), "making a location sends nothing");
  }
}

}  // namespace

int main(int count, char** arguments) {
  make_the_others();
  if (count < 3) return EXIT_SUCCESS;
  const std::string port{arguments[1]};
  const std::string bucket{arguments[2]};
  auto done = use_a_store(port, bucket);
  if (done) done = use_a_url(port, bucket);
  if (!done) std::fputs((done.error().message() + "\n").c_str(), stderr);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
