#include <hybridbuffer/storage_registry.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The parts of a URL and the values in its parameters. What schemes make of them is in storage_url_test.cpp.

using namespace hybridbuffer;
using namespace std::chrono_literals;

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Taken {
  std::string text;
  std::string scheme;
  std::string user{};
  std::string password{};
  std::string host{};
  std::optional<std::uint16_t> port{};
  std::string path{};
  Parameters parameters{};
};

const std::vector<Taken> right{
    {.text = "memory:", .scheme = "memory"},
    {.text = "memory://", .scheme = "memory"},
    {.text = "MeMoRy:", .scheme = "memory"},
    {.text = "a+b-c.9:", .scheme = "a+b-c.9"},
    {.text = "memory:?", .scheme = "memory"},
    {.text = "file:///var/tmp", .scheme = "file", .path = "/var/tmp"},
    {.text = "file:/var/tmp", .scheme = "file", .path = "/var/tmp"},
    {.text = "file:var/tmp", .scheme = "file", .path = "var/tmp"},
    {.text = "file:///", .scheme = "file", .path = "/"},
    {.text = "file:////x//", .scheme = "file", .path = "//x//"},
    {.text = "file:///a%20b%2Fc%25%3f%23", .scheme = "file", .path = "/a b/c%?#"},
    {.text = "file:///caf%C3%A9/-._~!$&'()*+,;=:@", .scheme = "file", .path = "/caf\xC3\xA9/-._~!$&'()*+,;=:@"},
    {.text = "redis://host", .scheme = "redis", .host = "host"},
    {.text = "redis://host:1", .scheme = "redis", .host = "host", .port = 1},
    {.text = "redis://127.0.0.1:65535/9", .scheme = "redis", .host = "127.0.0.1", .port = 65535, .path = "/9"},
    {.text = "redis://[::1]:6379/", .scheme = "redis", .host = "::1", .port = 6379, .path = "/"},
    {.text = "redis://[fe80::1.2.3.4]", .scheme = "redis", .host = "fe80::1.2.3.4"},
    {.text = "redis://h%6fst", .scheme = "redis", .host = "host"},
    {.text = "redis://user@host", .scheme = "redis", .user = "user", .host = "host"},
    {.text = "redis://user:pass@host:2", .scheme = "redis", .user = "user", .password = "pass", .host = "host", .port = 2},
    {.text = "redis://:p%40:%2F%3aw@host", .scheme = "redis", .password = "p@:/:w", .host = "host"},
    {.text = "redis://@host", .scheme = "redis", .host = "host"},
    {.text = "x:?a=1", .scheme = "x", .parameters = {{"a", "1"}}},
    {.text = "x:?b=2&a=1", .scheme = "x", .parameters = {{"b", "2"}, {"a", "1"}}},
    {.text = "x:?a=", .scheme = "x", .parameters = {{"a", ""}}},
    {.text = "x:?a=b=c&d=?/:@", .scheme = "x", .parameters = {{"a", "b=c"}, {"d", "?/:@"}}},
    {.text = "x:?a=1+2%2B3%26%3D", .scheme = "x", .parameters = {{"a", "1+2+3&="}}},
    {.text = "x:?A=1&a=2&a_-.0=3", .scheme = "x", .parameters = {{"A", "1"}, {"a", "2"}, {"a_-.0", "3"}}},
};

struct Refused {
  std::string text;
  std::string message;  // what stands before " [invalid_argument]"
};

const std::string scheme_missing = "scheme: missing: a storage URL begins like file: or memory:";
const std::string must_be_encoded = ": a character in it must be percent-encoded";
const std::string broken_encoding = ": '%' without two hexadecimal digits";
const std::string nul_byte = ": a NUL byte cannot be in it";
const std::vector<Refused> wrong{
    {"", scheme_missing},
    {":", scheme_missing},
    {"file", scheme_missing},
    {"/var/tmp", scheme_missing},
    {"://x", scheme_missing},
    {"9p:", scheme_missing},
    {"fi le:", scheme_missing},
    {" file:", scheme_missing},
    {"f%69le:///x", scheme_missing},
    {"file:///x#", "fragment: a storage URL has none; '#' is written %23"},
    {"file:///x?a=1#b", "fragment: a storage URL has none; '#' is written %23"},
    {"file:///a b", "path" + must_be_encoded},
    {"file:///a\x01", "path" + must_be_encoded},
    {"file:///caf\xC3\xA9", "path" + must_be_encoded},
    {"file:///a[b", "path" + must_be_encoded},
    {"file:///%", "path" + broken_encoding},
    {"file:///%4", "path" + broken_encoding},
    {"file:///%4x", "path" + broken_encoding},
    {"file:///%x4", "path" + broken_encoding},
    {"file:///a%00b", "path" + nul_byte},
    {"redis://a@b@c", "user information: '@' in it is written %40"},
    {"redis://a b@c", "user information" + must_be_encoded},
    {"redis://a:b%@c", "user information" + broken_encoding},
    {"redis://a:b%00@c", "user information" + nul_byte},
    {"redis://a%@c", "user information" + broken_encoding},
    {"redis://ho st", "host" + must_be_encoded},
    {"redis://h%zzst", "host" + broken_encoding},
    {"redis://[::1", "host: not an address in brackets such as [::1]"},
    {"redis://[]", "host: not an address in brackets such as [::1]"},
    {"redis://[::g]", "host: not an address in brackets such as [::1]"},
    {"redis://[::1]x:80", "host: not an address in brackets such as [::1]"},
    {"redis://host:", "port: not a number from 1 to 65535"},
    {"redis://host:0", "port: not a number from 1 to 65535"},
    {"redis://host:65536", "port: not a number from 1 to 65535"},
    {"redis://host:99999999999999999999", "port: not a number from 1 to 65535"},
    {"redis://host:6379x", "port: not a number from 1 to 65535"},
    {"redis://host:-1", "port: not a number from 1 to 65535"},
    {"redis://:6379", "host: missing before the port"},
    {"x:?a", "parameter 1: without '='"},
    {"x:?a=1&b", "parameter 2: without '='"},
    {"x:?&a=1", "parameter 1: empty"},
    {"x:?a=1&&b=2", "parameter 2: empty"},
    {"x:?a=1&", "parameter 2: empty"},
    {"x:?=1", "parameter 1: its name is none"},
    {"x:?a b=1", "parameter 1: its name is none"},
    {"x:?a%62=1", "parameter 1: its name is none"},
    {"x:?" + std::string(33, 'a') + "=1", "parameter 1: its name is none"},
    {"x:?a=1&a=1", "parameter 'a': given twice"},
    {"x:?a=1&b=2&a=3", "parameter 'a': given twice"},
    {"x:?a=%", "parameter 'a'" + broken_encoding},
    {"x:?a=%0", "parameter 'a'" + broken_encoding},
    {"x:?a=%00", "parameter 'a'" + nul_byte},
    {"x:?a=b c", "parameter 'a'" + must_be_encoded},
    {"x:?a=\"", "parameter 'a'" + must_be_encoded},
};

Parameters parameters_of(const StorageUrl& url) {
  Parameters all;
  for (const auto& one : url.parameters().all()) all.emplace_back(one.name, one.value);
  return all;
}

UrlParameters query(std::string_view text) { return UrlParameters::parse(text).value(); }

}  // namespace

BOOST_AUTO_TEST_CASE(of_many_parameters_each_keeps_its_place_and_none_stands_twice) {
  std::string text;
  constexpr int count = 20'000;
  for (int i = 0; i != count; ++i) text += "p" + std::to_string(i) + "=" + std::to_string(i) + (i + 1 == count ? "" : "&");

  const UrlParameters parameters = query(text);
  BOOST_TEST_REQUIRE(parameters.all().size() == std::size_t{count});
  for (int i = 0; i != count; ++i) BOOST_TEST_REQUIRE(parameters.all()[static_cast<std::size_t>(i)].name == "p" + std::to_string(i));
  const auto twice = UrlParameters::parse(text + "&p7=1");
  BOOST_TEST_REQUIRE(!twice.has_value());
  BOOST_TEST(twice.error().message().find("parameter 'p7': given twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_right_url_is_taken_apart_and_decoded) {
  for (const Taken& expected : right) {
    BOOST_TEST_CONTEXT(expected.text) {
      const auto url = StorageUrl::parse(expected.text);
      BOOST_TEST_REQUIRE(url.has_value());
      BOOST_TEST(url->scheme() == expected.scheme);
      BOOST_TEST(url->has_user_info() == (expected.text.find('@') != std::string::npos && !expected.host.empty()));
      BOOST_TEST(url->user() == expected.user);
      BOOST_TEST(url->password() == expected.password);
      BOOST_TEST(url->host() == expected.host);
      BOOST_TEST((url->port() == expected.port));
      BOOST_TEST(url->path() == expected.path);
      BOOST_TEST((parameters_of(*url) == expected.parameters));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_url_is_refused_and_the_wrong_part_named) {
  for (const Refused& expected : wrong) {
    BOOST_TEST_CONTEXT(expected.text) {
      const auto url = StorageUrl::parse(expected.text);
      BOOST_TEST_REQUIRE(!url.has_value());
      BOOST_TEST((url.error().code() == errc::invalid_argument));
      BOOST_TEST(url.error().message() == "read the storage URL: " + expected.message + " [invalid_argument]");
    }
  }
}

BOOST_AUTO_TEST_CASE(each_character_stands_for_itself_or_must_be_encoded) {
  const std::string others = "-._~!$&'()*+,;=:@/";
  for (unsigned byte = 1; byte != 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '?' || c == '#' || c == '%') continue;
    const bool is_plain = detail::is_letter(c) || detail::is_digit(c) || others.find(c) != std::string::npos;
    BOOST_TEST_CONTEXT("byte " << byte) {
      const auto url = StorageUrl::parse("x:/a" + std::string{c});
      BOOST_TEST(url.has_value() == is_plain);
      if (url) BOOST_TEST(url->path() == "/a" + std::string{c});

      const std::string digits = "0123456789abcdef";
      const auto encoded = StorageUrl::parse("x:/%" + std::string{digits[byte / 16], digits[byte % 16]});
      BOOST_TEST_REQUIRE(encoded.has_value());
      BOOST_TEST(encoded->path() == "/" + std::string{c});
    }
  }
}

BOOST_AUTO_TEST_CASE(an_error_holds_no_text_of_the_url_but_names_of_parameters) {
  // Every URL that is one edit away from a right one with secrets everywhere.
  const std::string url = "file://SECRETU:SECRETP@SECRETH:6379/SECRETD?key=SECRETK&level=SECRETL";
  const std::string marks = ":/?#[]@!$&'()*+,;=% \"<x9";
  const auto check = [&](const std::string& text) {
    const auto parsed = StorageUrl::parse(text);
    if (parsed) return;
    const std::string message = parsed.error().message();
    BOOST_TEST(message.find("SECRET") == std::string::npos, text << ": " << message);
  };
  for (std::size_t at = 0; at <= url.size(); ++at) {
    if (at < url.size()) check(url.substr(0, at) + url.substr(at + 1));
    check(url.substr(0, at));
    for (const char mark : marks) {
      check(url.substr(0, at) + mark + url.substr(at));
      if (at < url.size()) check(url.substr(0, at) + mark + url.substr(at + 1));
    }
  }
}

BOOST_AUTO_TEST_CASE(sizes_are_bytes_with_or_without_a_unit) {
  constexpr std::uint64_t untouched = 77;
  const std::vector<std::pair<std::string, std::optional<std::uint64_t>>> cases{
      {"0", 0},
      {"1", 1},
      {"0016", 16},
      {"16B", 16},
      {"1K", 1024},
      {"1KiB", 1024},
      {"1KB", 1000},
      {"16MiB", std::uint64_t{16} << 20U},
      {"16M", std::uint64_t{16} << 20U},
      {"3GiB", std::uint64_t{3} << 30U},
      {"2TB", 2'000'000'000'000},
      {"1PiB", std::uint64_t{1} << 50U},
      {"15EiB", std::uint64_t{15} << 60U},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
      {"18446744073709551616", std::nullopt},
      {"16EiB", std::nullopt},
      {"99999999999999999999KiB", std::nullopt},
      {"", std::nullopt},
      {"KiB", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1.5M", std::nullopt},
      {"1k", std::nullopt},
      {"1mib", std::nullopt},
      {"1Kib", std::nullopt},
      {"1KiBs", std::nullopt},
      {"1X", std::nullopt},
      {"0x10", std::nullopt},
      {"1 KiB", std::nullopt},
  };
  for (const auto& [text, expected] : cases) {
    BOOST_TEST_CONTEXT(text) {
      std::string encoded = text;
      if (const auto space = encoded.find(' '); space != std::string::npos) encoded.replace(space, 1, "%20");
      const UrlParameters parameters = query("n=" + encoded);
      std::uint64_t size = untouched;
      UrlParameterReader reader{parameters};
      reader.size("n", size);
      BOOST_TEST(reader.status().has_value() == expected.has_value());
      BOOST_TEST(size == expected.value_or(untouched));
      if (!reader.status()) {
        BOOST_TEST(reader.status().error().message() ==
                   "read the storage URL: parameter 'n': not a size such as 65536 or 16MiB [invalid_argument]");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(times_are_seconds_or_have_a_unit) {
  const std::vector<std::pair<std::string, std::optional<std::chrono::milliseconds>>> cases{
      {"0", 0ms},
      {"30", 30s},
      {"30s", 30s},
      {"250ms", 250ms},
      {"5min", 5min},
      {"24h", 24h},
      {"7d", 168h},
      {"", std::nullopt},
      {"s", std::nullopt},
      {"-1s", std::nullopt},
      {"1S", std::nullopt},
      {"1.5s", std::nullopt},
      {"1m", std::nullopt},
      {"1us", std::nullopt},
      {"99999999999999999999", std::nullopt},
      {"9223372036854775807ms", std::chrono::milliseconds::max()},
      {"9223372036854775808ms", std::nullopt},
      {"18446744073709551615d", std::nullopt}};
  for (const auto& [text, expected] : cases) {
    BOOST_TEST_CONTEXT(text) {
      const UrlParameters parameters = query("t=" + text);
      std::chrono::milliseconds time{77};
      UrlParameterReader reader{parameters};
      reader.duration("t", time);
      BOOST_TEST(reader.status().has_value() == expected.has_value());
      BOOST_TEST((time == expected.value_or(77ms)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_time_that_the_option_cannot_hold_exactly_is_wrong) {
  const UrlParameters parameters = query("a=1500ms&b=2000ms");
  std::chrono::seconds a{7};
  std::chrono::seconds b{7};
  UrlParameterReader reader{parameters};
  reader.duration("b", b).duration("a", a);
  BOOST_TEST((b == 2s));
  BOOST_TEST((a == 7s));
  BOOST_TEST(reader.status().error().message() ==
             "read the storage URL: parameter 'a': not a time such as 30s, 250ms or 5min [invalid_argument]");
}

BOOST_AUTO_TEST_CASE(numbers_flags_texts_and_words_are_read_and_what_is_not_there_stays) {
  enum class Level : std::uint8_t { fast, best };
  const UrlParameters parameters = query("count=255&on=true&off=false&name=a%20b&level=best");
  std::uint8_t count = 0;
  bool on = false;
  bool off = true;
  std::string name;
  Level level = Level::fast;
  std::string absent = "as it was";
  UrlParameterReader reader{parameters};
  reader.count("count", count).flag("on", on).flag("off", off).text("name", name).text("absent", absent).flag("absent", on);
  reader.choice("level", level, {{"fast", Level::fast}, {"best", Level::best}});

  BOOST_TEST(reader.status().has_value());
  BOOST_TEST(static_cast<unsigned>(count) == 255U);
  BOOST_TEST(on);
  BOOST_TEST(!off);
  BOOST_TEST(name == "a b");
  BOOST_TEST((level == Level::best));
  BOOST_TEST(absent == "as it was");
}

BOOST_AUTO_TEST_CASE(the_first_wrong_parameter_is_the_one_that_is_told) {
  const UrlParameters parameters = query("count=256&on=yes&level=none");
  std::uint8_t count = 7;
  bool on = false;
  int level = 0;
  UrlParameterReader first{parameters};
  first.count("count", count).flag("on", on);
  UrlParameterReader second{parameters};
  second.choice("level", level, {{"fast", 1}, {"best", 2}}).count("count", count);
  UrlParameterReader third{parameters};
  third.flag("on", on);

  BOOST_TEST(static_cast<unsigned>(count) == 7U);
  const std::string begin = "read the storage URL: parameter ";
  BOOST_TEST(first.status().error().message() == begin + "'count': not a whole number in its range [invalid_argument]");
  BOOST_TEST(second.status().error().message() == begin + "'level': not one of fast, best [invalid_argument]");
  BOOST_TEST(third.status().error().message() == begin + "'on': not one of true, false [invalid_argument]");
}
