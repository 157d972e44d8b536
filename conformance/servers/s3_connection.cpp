#include "s3_connection.hpp"

#include "environment_fields.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace hybridbuffer::servers {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string_view view(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

Digest sha256(std::string_view text) {
  Digest digest{};
  ::EVP_Digest(text.data(), text.size(), digest.data(), nullptr, ::EVP_sha256(), nullptr);
  return digest;
}
Digest hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest.data(), nullptr);
  return digest;
}

std::string hex(std::string_view bytes, const char* digits = "0123456789abcdef") {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

// Percent-encoding as the signature wants it; `kept` stays beside the unreserved characters.
std::string encoded(std::string_view text, std::string_view kept = {}) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (is_plain || kept.find(c) != std::string_view::npos) out += c;
    else out += "%" + hex({&c, 1}, "0123456789ABCDEF");
  }
  return out;
}

std::string query_string(S3Connection::Parameters query) {
  for (auto& [name, value] : query) {
    name = encoded(name);
    value = encoded(value);
  }
  std::sort(query.begin(), query.end());
  std::string text;
  for (const auto& [name, value] : query) text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  return text;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 20> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return text.data();
}

// `headers`: sorted, with lower-case names; all of them are signed.
std::string authorization(const S3Endpoint& endpoint, std::string_view method, const std::string& path, const std::string& query,
                          const S3Connection::Parameters& headers, std::string_view payload_hash, const std::string& time) {
  std::string lines;
  std::string names;
  for (const auto& [name, value] : headers) {
    lines.append(name).append(":").append(value).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  const std::string canonical =
      std::string{method} + "\n" + path + "\n" + query + "\n" + lines + "\n" + names + "\n" + std::string{payload_hash};
  const std::string date = time.substr(0, 8);
  const std::string scope = date + "/" + endpoint.region + "/s3/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hex(view(sha256(canonical)));
  Digest key = hmac("AWS4" + endpoint.secret_key, date);
  for (const std::string_view part : {std::string_view{endpoint.region}, std::string_view{"s3"}, std::string_view{"aws4_request"}}) {
    key = hmac(view(key), part);
  }
  return "AWS4-HMAC-SHA256 Credential=" + endpoint.access_key + "/" + scope + ",SignedHeaders=" + names +
         ",Signature=" + hex(view(hmac(view(key), to_sign)));
}

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* target) {
  static_cast<std::string*>(target)->append(data, size * count);
  return size * count;
}
std::size_t append_header(char* data, std::size_t size, std::size_t count, void* target) {
  const std::string_view line{data, size * count};
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name{line.substr(0, colon)};
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
  const std::size_t end = line.find_last_not_of("\r\n ");
  (*static_cast<std::map<std::string, std::string>*>(target))[name] =
      begin == std::string_view::npos || end < begin ? "" : std::string{line.substr(begin, end - begin + 1)};
  return line.size();
}

std::string unescaped(std::string text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> entities{
      {{"&quot;", '"'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}, {"&amp;", '&'}}};
  for (const auto& [entity, character] : entities) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at) text.replace(at, entity.size(), 1, character);
  }
  return text;
}

// The contents of every <tag>…</tag>; the answers of a store never nest a tag in itself.
std::vector<std::string> elements(std::string_view xml, const std::string& tag) {
  const std::string open = "<" + tag + ">";
  const std::string close = "</" + tag + ">";
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = xml.find(open, at)) != std::string_view::npos;) {
    const std::size_t begin = at + open.size();
    const std::size_t end = xml.find(close, begin);
    if (end == std::string_view::npos) break;
    found.emplace_back(xml.substr(begin, end - begin));
    at = end;
  }
  return found;
}
std::string element(std::string_view xml, const std::string& tag) {
  const std::vector<std::string> all = elements(xml, tag);
  return all.empty() ? std::string{} : unescaped(all.front());
}

}  // namespace

std::string S3Endpoint::url() const { return (tls ? "https://" : "http://") + host + ":" + std::to_string(port); }

void S3Endpoint::to_environment(const char* name) const {
  write_environment(
      name, {host, std::to_string(port), std::string{tls ? "1" : "0"}, certificate_authority, region, access_key, secret_key, bucket});
}

std::optional<S3Endpoint> S3Endpoint::from_environment(const char* name) {
  auto fields = EnvironmentFields::of(name);
  if (!fields) return {};
  S3Endpoint endpoint;
  endpoint.host = fields->next();
  endpoint.port = static_cast<std::uint16_t>(std::stoi(fields->next()));
  endpoint.tls = fields->next() == "1";
  endpoint.certificate_authority = fields->next();
  endpoint.region = fields->next();
  endpoint.access_key = fields->next();
  endpoint.secret_key = fields->next();
  endpoint.bucket = fields->next();
  return endpoint;
}

struct S3Connection::Session {
  Session() : handle{::curl_easy_init()} {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { ::curl_easy_cleanup(handle); }
  CURL* handle;
};

S3Connection::S3Connection(S3Endpoint endpoint) : endpoint_{std::move(endpoint)}, session_{std::make_unique<Session>()} {}
S3Connection::S3Connection(S3Connection&&) noexcept = default;
S3Connection& S3Connection::operator=(S3Connection&&) noexcept = default;
S3Connection::~S3Connection() = default;

S3Response S3Connection::request(std::string_view method, std::string_view key, const Parameters& query, std::string_view body,
                                 const Parameters& headers) {
  const bool of_service = endpoint_.bucket.empty() || key == "/";
  const std::string path = of_service ? "/" : "/" + encoded(endpoint_.bucket) + (key.empty() ? "" : "/" + encoded(key, "/"));
  const std::string search = query_string(query);
  const std::string time = utc_now();
  const std::string payload_hash = hex(view(sha256(body)));
  Parameters sent = headers;
  sent.insert(
      sent.end(),
      {{"host", endpoint_.host + ":" + std::to_string(endpoint_.port)}, {"x-amz-content-sha256", payload_hash}, {"x-amz-date", time}});
  std::sort(sent.begin(), sent.end());
  const std::string signature = authorization(endpoint_, method, path, search, sent, payload_hash, time);

  curl_slist* list = ::curl_slist_append(nullptr, ("authorization: " + signature).c_str());
  for (const auto& [name, value] : sent) {
    std::string line = name;
    list = ::curl_slist_append(list, line.append(": ").append(value).c_str());
  }
  list = ::curl_slist_append(list, "expect:");
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> owner{list, ::curl_slist_free_all};
  S3Response response;
  const std::string url = endpoint_.url() + path + (search.empty() ? "" : "?" + search);
  const std::string verb{method};
  constexpr long patience = 10'000;
  CURL* handle = session_->handle;
  ::curl_easy_reset(handle);
  ::curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  ::curl_easy_setopt(handle, CURLOPT_PROXY, "");
  ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, patience);
  ::curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
  ::curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, append_body);
  ::curl_easy_setopt(handle, CURLOPT_WRITEDATA, &response.body);
  ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, append_header);
  ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, &response.headers);
  if (endpoint_.tls) ::curl_easy_setopt(handle, CURLOPT_CAINFO, endpoint_.certificate_authority.c_str());
  if (method == "HEAD") ::curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (!body.empty() || method == "PUT" || method == "POST") {
    ::curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    ::curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
  }
  ::curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, verb.c_str());
  const CURLcode code = ::curl_easy_perform(handle);
  if (code != CURLE_OK) throw ServerFailure{verb + " " + url + ": " + ::curl_easy_strerror(code)};
  ::curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  return response;
}

S3Response S3Connection::expect(std::string_view method, std::string_view key, const Parameters& query, std::string_view body) {
  S3Response response = request(method, key, query, body);
  if (response.status / 100 == 2) return response;
  throw ServerFailure{std::string{method} + " of \"" + std::string{key} + "\": status " + std::to_string(response.status) + "\n" +
                      response.body};
}

bool S3Connection::is_reached() noexcept {
  try {
    return request("GET", "/").status != 0;
  } catch (const ServerFailure&) {
    return false;
  }
}

bool S3Connection::answers() noexcept {
  try {
    return request("GET", "/").status == 200;
  } catch (const ServerFailure&) {
    return false;
  }
}

void S3Connection::create_bucket() {
  const S3Response response = request("PUT", "");
  const bool is_there = response.body.find("BucketAlreadyOwnedByYou") != std::string::npos;
  if (response.status != 200 && !is_there) throw ServerFailure{"no bucket: " + std::to_string(response.status) + "\n" + response.body};
}

std::vector<S3Object> S3Connection::objects(std::string_view prefix, unsigned page) {
  std::vector<S3Object> found;
  std::string more;
  do {
    Parameters query{{"list-type", "2"}, {"prefix", std::string{prefix}}, {"max-keys", std::to_string(page)}};
    if (!more.empty()) query.emplace_back("continuation-token", more);
    const std::string xml = expect("GET", "", query).body;
    for (const std::string& one : elements(xml, "Contents")) {
      found.push_back({element(one, "Key"), std::stoull(element(one, "Size")), element(one, "ETag")});
    }
    more = element(xml, "IsTruncated") == "true" ? element(xml, "NextContinuationToken") : "";
  } while (!more.empty());
  return found;
}

std::vector<S3Upload> S3Connection::uploads(std::string_view prefix, unsigned page) {
  std::vector<S3Upload> found;
  Parameters more;
  do {
    Parameters query{{"uploads", ""}, {"prefix", std::string{prefix}}, {"max-uploads", std::to_string(page)}};
    query.insert(query.end(), more.begin(), more.end());
    const std::string xml = expect("GET", "", query).body;
    for (const std::string& one : elements(xml, "Upload")) found.push_back({element(one, "Key"), element(one, "UploadId")});
    more.clear();
    if (element(xml, "IsTruncated") == "true") {
      more = {{"key-marker", element(xml, "NextKeyMarker")}, {"upload-id-marker", element(xml, "NextUploadIdMarker")}};
    }
  } while (!more.empty());
  return found;
}

std::vector<std::uint64_t> S3Connection::parts(const S3Upload& upload) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& one : elements(expect("GET", upload.key, {{"uploadId", upload.identifier}}).body, "Part")) {
    sizes.push_back(std::stoull(element(one, "Size")));
  }
  return sizes;
}

std::optional<std::string> S3Connection::get(std::string_view key) {
  S3Response response = request("GET", key);
  if (response.status == 404) return {};
  if (response.status != 200) throw ServerFailure{"GET of \"" + std::string{key} + "\": status " + std::to_string(response.status)};
  return std::move(response.body);
}

void S3Connection::put(std::string_view key, std::string_view bytes) { expect("PUT", key, {}, bytes); }

void S3Connection::flip(std::string_view key, std::uint64_t offset, unsigned char mask) {
  std::optional<std::string> bytes = get(key);
  if (!bytes || bytes->size() <= offset) throw ServerFailure{"no byte " + std::to_string(offset) + " in " + std::string{key}};
  char& byte = (*bytes)[static_cast<std::size_t>(offset)];
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask);
  put(key, *bytes);
}

void S3Connection::remove(std::string_view key) {
  const S3Response response = request("DELETE", key);
  if (response.status / 100 != 2 && response.status != 404) {
    throw ServerFailure{"DELETE of \"" + std::string{key} + "\": status " + std::to_string(response.status)};
  }
}

void S3Connection::abort(const S3Upload& upload) { expect("DELETE", upload.key, {{"uploadId", upload.identifier}}); }

}  // namespace hybridbuffer::servers
