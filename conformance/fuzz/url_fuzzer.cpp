#include <hybridbuffer/storage_url.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

// Any bytes as a storage URL. Beside what the sanitizers see: an error is invalid_argument and holds no value of the URL; a URL that is
// taken apart, put together again and taken apart once more says the same.

namespace {

using namespace hybridbuffer;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::string encoded(std::string_view text) {
  std::string all;
  for (const char c : text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    all += {'%', digits[byte / 16U], digits[byte % 16U]};
  }
  return all;
}

std::string put_together(const StorageUrl& url) {
  std::string text = std::string{url.scheme()} + ":";
  if (url.has_user_info() || !url.host().empty()) {
    text += "//";
    if (url.has_user_info()) text += encoded(url.user()) + ":" + encoded(url.password()) + "@";
    // A colon may stand in a name, too, where it is encoded.
    const bool is_address = url.host().find(':') != std::string_view::npos &&
                            url.host().find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
    text += is_address ? "[" + std::string{url.host()} + "]" : encoded(url.host());
    if (url.port()) text += ":" + std::to_string(*url.port());
  } else if (url.path().starts_with("//")) {
    text += "//";  // else its beginning would be taken for a host
  }
  for (const char c : url.path()) text += c == '/' ? std::string{c} : encoded(std::string_view{&c, 1});
  char delimiter = '?';
  for (const auto& one : url.parameters().all()) text += std::exchange(delimiter, '&') + one.name + "=" + encoded(one.value);
  return text;
}

bool is_same(const StorageUrl& one, const StorageUrl& other) {
  const auto& parameters = one.parameters().all();
  const auto& others = other.parameters().all();
  return one.scheme() == other.scheme() && one.has_user_info() == other.has_user_info() && one.user() == other.user() &&
         one.password() == other.password() && one.host() == other.host() && one.port() == other.port() && one.path() == other.path() &&
         std::equal(parameters.begin(), parameters.end(), others.begin(), others.end(),
                    [](const auto& a, const auto& b) { return a.name == b.name && a.value == b.value; });
}

void round_trip(std::string_view text) {
  const auto url = StorageUrl::parse(text);
  if (!url) return;
  // An address in brackets may be one that has no colon, and is then put together as a name.
  const auto again = StorageUrl::parse(put_together(*url));
  require(again.has_value(), "what was put together is a URL");
  require(is_same(*url, *again), "what was put together says the same");
}

Result<AnyStorage> read_every_kind(const StorageUrl& url) {
  std::uint64_t size = 0;
  std::uint16_t count = 0;
  bool flag = false;
  int word = 0;
  std::string written;
  std::chrono::seconds seconds{};
  std::chrono::milliseconds milliseconds{};
  UrlParameterReader reader{url.parameters()};
  reader.size("size", size).count("count", count).flag("flag", flag).text("text", written).duration("time", milliseconds);
  reader.duration("ttl", seconds).choice("word", word, {{"fast", 1}, {"best", 2}});
  if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
  return MemoryStorage{};
}

/// Touches no file system: what a path names is not the parser's matter.
const StorageRegistry& registry() {
  static const StorageRegistry all = [] {
    StorageRegistry made;
    const auto behind = [](const AnyStorage& inner, const UrlParameters&) -> Result<AnyStorage> { return inner; };
    const StorageScheme store{.name = "store",
                              .parameters = {"size", "count", "flag", "text", "time", "ttl", "word"},
                              .takes_user_info = true,
                              .takes_host = true,
                              .takes_path = true,
                              .make = read_every_kind};
    require(made.add(store).has_value() && made.add(memory_scheme()).has_value(), "schemes are added");
    require(made.add({.parameter = "compress", .parameters = {"level"}, .make = behind}).has_value(), "compress is added");
    require(made.add({.parameter = "encrypt", .parameters = {"key"}, .make = behind}).has_value(), "encrypt is added");
    return made;
  }();
  return all;
}

/// The only text of the URL that an error may show is the name of a parameter, where it stands as one.
void shows_names_only(std::string_view text, const Error& error) {
  require(error.code() == errc::invalid_argument, "a wrong URL is an invalid argument");
  std::string message = error.message();
  constexpr std::string_view before_name = "parameter '";
  if (const std::size_t start = message.find(before_name); start != std::string::npos) {
    const std::size_t name_at = start + before_name.size();
    const std::string name = message.substr(name_at, message.find('\'', name_at) - name_at);
    const bool is_name_there =
        text.find("?" + name + "=") != std::string_view::npos || text.find("&" + name + "=") != std::string_view::npos;
    require(is_name_there, "what is shown is the name of a parameter");
    message.erase(name_at, name.size());
  }
  require(message.find("SECRET") == std::string::npos, "nothing else is shown");  // the seeds have it everywhere
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  round_trip(text);
  const auto storage = storage_from_url(text, registry());
  if (!storage) shows_names_only(text, storage.error());
  else require(storage->create_backend().has_value(), "a place makes locations");
  return 0;
}
