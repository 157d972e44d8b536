#include <hybridbuffer/backend/s3_options.hpp>
#include <hybridbuffer/detail/s3_answer.hpp>
#include <hybridbuffer/detail/s3_credential_service.hpp>
#include <hybridbuffer/detail/s3_endpoint.hpp>
#include <hybridbuffer/detail/s3_error.hpp>
#include <hybridbuffer/detail/s3_text.hpp>
#include <hybridbuffer/detail/s3_xml.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Any bytes as what an S3 store, or a service that lends credentials, answers; the first one chooses as what. Beside what the sanitizers
// see: a document that is taken is within the bounds and is read the same when it is written again; an answer that is taken for the range
// asked for says so to a second, simpler reader; escapes can be undone; nothing that could break a line or carry a secret passes for a
// word of an error.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::detail;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// XML -----------------------------------------------------------------------------------------------------------------------------

std::size_t elements(const S3Element& element, std::size_t depth) {
  require(depth <= S3XmlParser::most_depth + 1, "no document is deeper than the bound");
  std::size_t count = 1;
  for (const S3Element& child : element.children) count += elements(child, depth + 1);
  return count;
}

// Expat takes names in other scripts and with signs that mean something to XML only when they are read with a prefix; they are kept.
void write(const S3Element& element, std::string& out) {
  out.append("<").append(element.name).append(">");
  // A carriage return would be read as a line feed, a control character not at all.
  for (const char c : xml_escape(element.text)) {
    if (c == '\r') out += "&#13;";
    else out += c;
  }
  for (const S3Element& child : element.children) write(child, out);
  out.append("</").append(element.name).append(">");
}

bool is_same(const S3Element& one, const S3Element& other) {
  return one.name == other.name && one.text == other.text && std::ranges::equal(one.children, other.children, is_same);
}

void read_xml(std::string_view text) {
  const auto document = S3XmlParser::parse(text);
  if (!document) return;
  require(elements(*document, 1) <= S3XmlParser::most_elements, "no document has more elements than the bound");
  std::string written;
  write(*document, written);
  const auto again = S3XmlParser::parse(written);
  // A name whose prefix was cut off need not be one by itself (`a:1`).
  if (again) require(is_same(*document, *again), "what was written again is read the same");
}

// Heads -------------------------------------------------------------------------------------------------------------------------

/// A range of 100 bytes at 1000 of an object of 5000, of which 7 are there; or the whole of an object of 100.
struct Asked {
  std::array<std::byte, 100> bytes{};
  S3Range part{.offset = 1000, .sink = bytes, .object_size = 5000, .etag = "\"tag\"", .received = 7};
  S3Range whole{.offset = 0, .sink = bytes, .object_size = 100, .etag = "\"tag\"", .received = 0};
};

void check_range(const S3Answer& answer, const S3Range& range) {
  if (!is_right_range(answer, range)) return;
  require(answer.etag.empty() || answer.etag == range.etag, "the object is the one that was meant");
  if (answer.status == 200) return require(range.offset == 0 && answer.content_length == range.sink.size(), "all of it is all of it");
  unsigned long long first = 0;
  unsigned long long last = 0;
  int end = 0;
  require(std::sscanf(answer.content_range.c_str(), "bytes %llu-%llu/%n", &first, &last, &end) == 2 && end > 0, "a range is named");
  require(first == range.offset + range.received && last == range.offset + range.sink.size() - 1, "it is the one that was asked for");
}

void read_head(std::string_view text) {
  S3Answer answer;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    note_header_line(answer, text.substr(0, end));
    text.remove_prefix(end);
  }
  require(answer.status >= 0 && answer.status <= 999, "a status has three digits");
  for (const std::string* value : {&answer.etag, &answer.content_range, &answer.bucket_region, &answer.request_id}) {
    require(value->empty() || value->front() != ' ', "a value begins with what it says");
  }
  const Asked asked;
  check_range(answer, asked.part);
  check_range(answer, asked.whole);
}

// Words --------------------------------------------------------------------------------------------------------------------------

void read_words(std::string_view text) {
  require(s3_decode(s3_encode(text)) == text, "what was encoded is decoded");
  static_cast<void>(s3_decode(text));
  if (const auto number = s3_number(text)) {
    std::string digits{text};
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    require(std::to_string(*number) == digits, "a number is what its digits say");
  }
  static_cast<void>(s3_time(text));
  if (is_s3_word(text)) {
    require(
        std::ranges::none_of(text, [](unsigned char c) { return std::iscntrl(c) != 0 || std::isspace(c) != 0 || c == '/' || c == '='; }),
        "a word holds nothing but a name");
  }
  for (const long status : {0L, 200L, 307L, 404L, 503L}) static_cast<void>(failure_of_s3(status, text));
  if (is_credential_service(text)) {
    require(text.starts_with("https://") || (text.starts_with("http://") && text.substr(0, text.find('/', 7)).find('@') == text.npos),
            "a token goes through TLS or to a known host");
  }
  const std::string key = json_text(text, "AccessKeyId");
  require(key.find('"') == std::string::npos && text.size() >= key.size(), "a text of JSON ends at its quote");
}

void read_endpoint(std::string_view text) {
  const auto blank = text.find('\n');
  S3Options options;
  options.endpoint = text.substr(0, blank);
  if (blank != std::string_view::npos) options.bucket = text.substr(blank + 1);
  if (options.bucket.empty()) options.bucket = "bucket";
  const auto endpoint = s3_endpoint(options);
  if (!endpoint) {
    require(endpoint.error() == errc::invalid_argument, "a wrong setting is an invalid argument");
    require(endpoint.error().message().find("SECRET") == std::string::npos, "and its value is not shown");
    return;
  }
  require(endpoint->host.find_first_of(" \r\n@/?#") == std::string::npos, "a host is one");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0]) {
    case 'x': read_xml(text); break;
    case 'h': read_head(text); break;
    case 'w': read_words(text); break;
    case 'e': read_endpoint(text); break;
    default: break;
  }
  return 0;
}
