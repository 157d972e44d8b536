// S3: S3Storage beside what libcurl does by hand, against a Ceph gateway that the program starts for itself. Both upload an object in parts
// of the same size, as many at once, and fetch it in ranges of the same size, as many at once. Each object that is written replaces one, so
// the limit too writes to new names and deletes the old ones. Time is that of the clock: most of the work is the gateway's.

#include "pairs.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <curl/curl.h>
#include <exception>
#include <hybridbuffer/backend/s3.hpp>
#include <hybridbuffer/literals.hpp>
#include <kit/memory_use.hpp>
#include <memory>
#include <new>
#include <random>
#include <remote/s3/s3_support.hpp>
#include <servers/ceph_gateway.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using bench::volume;

constexpr std::size_t object_bytes = 256_MiB;
constexpr std::size_t piece_bytes = 64_KiB;  // of a write() and a read()
constexpr double mebibyte = 1_MiB;

// What a gateway deletes it keeps for hours, in memory here, unless it is told otherwise.
servers::CephGateway& gateway() {
  static servers::CephGateway running = [] {
    ::setenv("CEPH_ARGS", "--rgw_gc_obj_min_wait=1 --rgw_gc_processor_period=1", 1);  // NOLINT(concurrency-mt-unsafe): one thread
    return servers::CephGateway{};
  }();
  return running;
}
S3Options options() { return testing::options_for(gateway().endpoint(), gateway().endpoint().port); }

/// What is written: a part, again and again.
std::span<const std::byte> part_content() {
  static const auto bytes = [] {
    std::vector<std::byte> all(S3Options{}.part_bytes);
    std::mt19937_64 random{1};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bytes in every run
    for (std::byte& b : all) b = static_cast<std::byte>(random());
    return all;
  }();
  return bytes;
}
std::span<const std::byte> content_at(std::size_t offset, std::size_t most) {
  const auto from = part_content().subspan(offset % part_content().size());
  return from.first(std::min(from.size(), most));
}

// By hand ------------------------------------------------------------------------------------------------------------------------

enum class Payload { is_signed, is_unsigned };  // signed: with the SHA-256 of the body, as clients do without TLS

/// Requests of one kind side by side, over connections that are kept. Each is signed as the library does it.
class ByHand {
 public:
  ByHand() : multi_{::curl_multi_init()} {
    if (multi_ == nullptr) throw std::bad_alloc{};
  }
  ByHand(const ByHand&) = delete;
  ByHand& operator=(const ByHand&) = delete;
  ~ByHand() {
    requests_.clear();
    ::curl_multi_cleanup(multi_);
  }

  [[nodiscard]] bool upload(const std::string& key, std::size_t bytes, Payload payload) {
    const S3Options plain;
    servers::S3Connection& connection = gateway().connection();
    const auto begun = detail::S3XmlParser::parse(connection.request("POST", key, {{"uploads", ""}}).body);
    const std::string upload{begun ? begun->text_of("UploadId") : std::string_view{}};
    if (upload.empty()) return false;
    const std::size_t count = (bytes + plain.part_bytes - 1) / plain.part_bytes;
    std::vector<std::string> etags(count);
    const bool is_sent = run(count, plain.parallel_parts, [&](Request& request, std::size_t i) {
      const auto body = content_at(0, bytes - i * plain.part_bytes);
      const std::string digest = payload == Payload::is_signed ? detail::s3_hex(detail::sha256_of(body)) : "UNSIGNED-PAYLOAD";
      set(request, "PUT", key, {{"partNumber", std::to_string(i + 1)}, {"uploadId", upload}}, {}, digest);
      request.etag = &etags[i];
      ::curl_easy_setopt(request.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      ::curl_easy_setopt(request.easy, CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(body.data()));
      ::curl_easy_setopt(request.easy, CURLOPT_CUSTOMREQUEST, "PUT");
    });
    std::string body{"<CompleteMultipartUpload>"};
    for (std::size_t i = 0; i < count; ++i) {
      body.append("<Part><PartNumber>").append(std::to_string(i + 1)).append("</PartNumber><ETag>").append(etags[i]);
      body.append("</ETag></Part>");
    }
    body.append("</CompleteMultipartUpload>");
    return is_sent && connection.request("POST", key, {{"uploadId", upload}}, body).status == 200;
  }

  /// Into windows that are used again and again.
  [[nodiscard]] bool download(const std::string& key, std::size_t bytes) {
    const S3Options plain;
    windows_.resize(plain.parallel_ranges * plain.range_bytes);
    std::size_t received = 0;
    const std::size_t count = (bytes + plain.range_bytes - 1) / plain.range_bytes;
    const bool is_read = run(count, plain.parallel_ranges, [&](Request& request, std::size_t i) {
      const std::size_t first = i * plain.range_bytes;
      const std::size_t size = std::min(plain.range_bytes, bytes - first);
      const std::string range = "bytes=" + std::to_string(first) + "-" + std::to_string(first + size - 1);
      set(request, "GET", key, {}, {{"range", range}}, detail::s3_hex(detail::sha256_of(std::string_view{})));
      request.sink = std::span{windows_}.subspan(request.index * plain.range_bytes, size);
      request.received = &received;
    });
    return is_read && received == bytes;
  }

 private:
  struct Request {
    explicit Request(std::size_t which) : index{which}, easy{::curl_easy_init()} {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() {
      ::curl_easy_cleanup(easy);
      ::curl_slist_free_all(headers);
    }
    void add_header(const std::string& line) { headers = ::curl_slist_append(headers, line.c_str()); }

    std::size_t index;
    CURL* easy;
    curl_slist* headers = nullptr;
    std::string* etag = nullptr;
    std::span<std::byte> sink;
    std::size_t* received = nullptr;
  };

  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* pointer) {
    auto& request = *static_cast<Request*>(pointer);
    const std::size_t length = size * count;
    if (request.received == nullptr) return length;
    if (length > request.sink.size()) return 0;
    std::memcpy(request.sink.data(), data, length);
    benchmark::DoNotOptimize(request.sink.data());
    request.sink = request.sink.subspan(length);
    *request.received += length;
    return length;
  }
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* pointer) {
    auto& request = *static_cast<Request*>(pointer);
    const std::string_view line{data, size * count};
    const bool is_etag = line.starts_with("ETag: ") || line.starts_with("etag: ");
    constexpr std::size_t name_size = 6;
    if (is_etag && request.etag != nullptr) *request.etag = line.substr(name_size, line.find_last_not_of("\r\n") + 1 - name_size);
    return line.size();
  }

  static void set(Request& request, std::string_view method, const std::string& key, const detail::S3Pairs& query, detail::S3Pairs headers,
                  const std::string& payload_digest) {
    const servers::S3Endpoint& endpoint = gateway().endpoint();
    const std::string path = "/" + endpoint.bucket + "/" + detail::s3_encode(key, true);
    const std::string timestamp = detail::s3_timestamp(std::time(nullptr));
    headers.insert(headers.end(), {{"host", endpoint.host + ":" + std::to_string(endpoint.port)},
                                   {"x-amz-content-sha256", payload_digest},
                                   {"x-amz-date", timestamp}});
    headers.emplace_back("authorization",
                         detail::s3_authorization({method, path, query, headers, payload_digest}, {endpoint.region, "s3", timestamp},
                                                  endpoint.access_key, endpoint.secret_key));
    ::curl_easy_reset(request.easy);
    ::curl_slist_free_all(std::exchange(request.headers, nullptr));
    request.etag = nullptr;
    request.received = nullptr;
    for (const auto& [name, value] : headers) request.add_header(std::string{name}.append(": ").append(value));
    for (const char* const none : {"Expect:", "Content-Type:"}) request.add_header(none);
    std::string url = endpoint.url() + path;
    if (!query.empty()) url.append("?").append(detail::canonical_query(query));
    constexpr long buffer_bytes = 256L * 1024;
    ::curl_easy_setopt(request.easy, CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(request.easy, CURLOPT_HTTPHEADER, request.headers);
    ::curl_easy_setopt(request.easy, CURLOPT_PROXY, "");
    ::curl_easy_setopt(request.easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(request.easy, CURLOPT_PRIVATE, &request);
    ::curl_easy_setopt(request.easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    ::curl_easy_setopt(request.easy, CURLOPT_BUFFERSIZE, buffer_bytes);
    ::curl_easy_setopt(request.easy, CURLOPT_UPLOAD_BUFFERSIZE, buffer_bytes);
    ::curl_easy_setopt(request.easy, CURLOPT_WRITEFUNCTION, &ByHand::take_body);
    ::curl_easy_setopt(request.easy, CURLOPT_WRITEDATA, &request);
    ::curl_easy_setopt(request.easy, CURLOPT_HEADERFUNCTION, &ByHand::take_header);
    ::curl_easy_setopt(request.easy, CURLOPT_HEADERDATA, &request);
  }

  /// `count` requests, at most `parallel` at once; `prepare(request, i)` makes the i-th. Returns: whether each was answered with 2xx.
  template <class Prepare>
  bool run(std::size_t count, std::size_t parallel, Prepare&& prepare) {
    while (requests_.size() < parallel) requests_.push_back(std::make_unique<Request>(requests_.size()));
    std::size_t next = 0;
    std::size_t done = 0;
    bool works = true;
    const auto start = [&](Request& request) {
      if (next == count) return;
      prepare(request, next++);
      ::curl_multi_add_handle(multi_, request.easy);
    };
    for (std::size_t i = 0; i < parallel; ++i) start(*requests_[i]);
    while (done != next) {
      int running = 0;
      int left = 0;
      ::curl_multi_perform(multi_, &running);
      while (const CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        Request* request = nullptr;
        long status = 0;
        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        ::curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        works = works && message->data.result == CURLE_OK && status / 100 == 2;
        ::curl_multi_remove_handle(multi_, request->easy);
        ++done;
        if (works) start(*request);
      }
      constexpr int patience = 1'000;
      if (done != next) ::curl_multi_poll(multi_, nullptr, 0, patience, nullptr);
    }
    return works;
  }

  CURLM* multi_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<std::byte> windows_;
};

ByHand& by_hand() {
  static ByHand one;
  return one;
}
std::string new_name() {
  static std::size_t made = 0;
  return "by-hand/" + std::to_string(made++);
}

/// A case that needs the gateway, which may not be there.
bench::Case with_gateway(std::string name, void (*run)(benchmark::State&)) {
  return {std::move(name), [run](benchmark::State& state) {
            try {
              run(state);
            } catch (const std::exception& failed) {
              state.SkipWithError(failed.what());
            }
          }};
}

template <Payload payload>
void write_by_hand(benchmark::State& state) {
  const std::size_t bytes = volume(object_bytes);
  std::string before;
  bench::measure(state, bytes, [&] {
    const std::string key = new_name();
    const bool works = by_hand().upload(key, bytes, payload);
    if (!before.empty()) gateway().connection().remove(before);
    before = key;
    return works;
  });
  gateway().connection().remove(before);
}

// Through the library ------------------------------------------------------------------------------------------------------------

enum class Digests { sha256_and_md5, sha256 };

S3Storage storage(Digests digests) {
  S3Options of_case = options();
  of_case.content_md5 = digests == Digests::sha256_and_md5;
  return S3Storage{of_case};
}

bool store(S3Backend& backend, std::size_t bytes) {
  auto writer = backend.create();
  for (std::size_t done = 0; writer && done != bytes;) {
    const auto piece = content_at(done, std::min(piece_bytes, bytes - done));
    if (!writer->write(piece)) return false;
    done += piece.size();
  }
  return writer && writer->close();
}
bool read_back(const S3Backend& backend, std::size_t bytes) {
  auto reader = backend.open();
  std::size_t seen = 0;
  for (std::size_t count = 1; reader && count != 0; seen += count) {
    const auto piece = bench::block(piece_bytes);
    count = reader->read(piece).value_or(0);
    if (std::memcmp(piece.data(), content_at(seen, count).data(), std::min<std::size_t>(count, 16)) != 0) return false;
  }
  return seen == bytes;
}

/// Whatever is loaded or kept from the first use on is not what a handle holds.
bool warm_up(S3Backend& backend) { return store(backend, piece_bytes) && read_back(backend, piece_bytes); }

template <Digests digests>
void write_storage(benchmark::State& state) {
  const std::size_t bytes = volume(object_bytes);
  auto backend = storage(digests).create_backend();
  if (!backend || !warm_up(*backend)) return state.SkipWithError("a call failed");
  conformance::PeakMemory peak;
  bench::measure(state, bytes, [&] { return store(*backend, bytes); });
  peak.look();
  state.counters["memory_MiB"] = static_cast<double>(peak.growth()) / mebibyte;
}

// Both read the same object: how fast a gateway gives one depends on how it came.
struct ToRead {
  Result<S3Backend> backend = [] {
    S3Options beneath = options();
    beneath.prefix = "read/";
    return S3Storage{beneath}.create_backend();
  }();
  bool is_there = backend && store(*backend, volume(object_bytes)) && read_back(*backend, volume(object_bytes));
  std::string key = is_there ? gateway().connection().objects("read/").front().key : std::string{};
};
ToRead& to_read() {
  static ToRead one;
  return one;
}

void read_by_hand(benchmark::State& state) {
  const ToRead& object = to_read();
  const std::size_t bytes = volume(object_bytes);
  bench::measure(state, bytes, [&] { return object.is_there && by_hand().download(object.key, bytes); });
}

void read_storage(benchmark::State& state) {
  const ToRead& object = to_read();
  const std::size_t bytes = volume(object_bytes);
  conformance::PeakMemory peak;
  bench::measure(state, bytes, [&] { return object.is_there && read_back(*object.backend, bytes); });
  peak.look();
  state.counters["memory_MiB"] = static_cast<double>(peak.growth()) / mebibyte;
}

const bool s3_write = bench::add(
    {.name = "S3.write",
     .rounds = 1,
     .cases = {with_gateway("limit", write_by_hand<Payload::is_signed>), with_gateway("unsigned", write_by_hand<Payload::is_unsigned>),
               with_gateway("storage", write_storage<Digests::sha256_and_md5>),
               with_gateway("without_md5", write_storage<Digests::sha256>)},
     .is_on_the_clock = true});
const bool s3_read = bench::add({.name = "S3.read",
                                 .rounds = 2,
                                 .cases = {with_gateway("limit", read_by_hand), with_gateway("storage", read_storage)},
                                 .is_on_the_clock = true});

}  // namespace
