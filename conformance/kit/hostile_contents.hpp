#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Content that a store has been known to take for something else.

namespace hybridbuffer::conformance {

/// Each with a name for the failure. Built from text whose length counts, so that it may hold NUL.
[[nodiscard]] inline std::vector<std::pair<std::string_view, std::string>> hostile_contents() {
  using namespace std::string_literals;
  std::vector<std::pair<std::string_view, std::string>> contents{
      {"NUL", "\0"s},
      {"NUL inside", "before\0after"s},
      {"NULs at both ends", "\0\0middle\0\0"s},
      {"0xFF", "\xff"s},
      {"0xFF, EOF in a char", "\xff\xff\xff\xff text \xff"s},
      {"line ends of all kinds", "a\r\nb\nc\rd\n\re\r\r\nf\n"s},
      {"CR at the end", "text\r"s},
      {"LF at both ends", "\n\ntext\n\n"s},
      {"0x1A, the end of a DOS text",
       "before\x1a"
       "after\x1a"s},
      {"0x04 and 0x03, ends of transmission",
       "before\x04"
       "after\x03\x04"s},
      {"blanks at both ends", " \t text \t "s},
      {"escape sequences of a terminal", "\x1b[2J\x1b]0;title\a\b\b\f\v\x7f"s},
      {"XON and XOFF", "\x11\x13\x11\x13"s},
      {"a UTF-8 byte order mark", "\xef\xbb\xbftext"s},
      {"a UTF-16 byte order mark", "\xff\xfet\0e\0"s},
      {"bad UTF-8", "\xc0\x80\xed\xa0\x80\xf8\x88\x80\x80\x80\xc3\x28\xe2\x28\xa1\x80\xbf"s},
      {"text that normalises", "A\xcc\x8a \xc3\x85 \xe2\x84\xab"s},
      {"an HTTP answer", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"s},
      {"the last chunk of HTTP", "5\r\nhello\r\n0\r\n\r\n"s},
      {"a multipart boundary", "--boundary\r\nContent-Disposition: form-data\r\n\r\nx\r\n--boundary--\r\n"s},
      {"a mail's end", "line\r\n.\r\n..\r\nQUIT\r\n"s},
      {"an error in JSON", R"({"error":{"code":"NoSuchKey","size":0}})"s},
      {"half of a JSON string", R"("\u0000\ud800 \" \\)"s},
      {"an error in XML", "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>]]><!--"s},
      {"replies of Redis", "$-1\r\n*0\r\n+OK\r\n-ERR\r\n:0\r\n"s},
      {"SQL", "'; DROP TABLE objects; --\\'\"`"s},
      {"format directives", "%s%n%d%%{}{0}$1${x}"s},
      {"percent escapes", "%00%0a%25%2e%2e%2f+&=?#"s},
      {"base64", "AAEC/w==\nAAE="s},
      {"a path", "../../etc/passwd\0/dev/null"s},
      {"a gzip header", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"s},
      {"a zstd frame", "\x28\xb5\x2f\xfd\x04\0\x01\0\0"s},
      {"an empty zip", "PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s},
      {"byte stuffing of PPP and SLIP", "\x7d\x5e\x7e\x7d\xc0\xdb\xdc\xdb\xdd\xc0"s},
      {"telnet commands", "\xff\xf4\xff\xfd\x06\xff\xff"s},
      {"big lengths", "\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\x80\0\0\0\0\xff\xff\xff\xff"s},
      {"words that end things", "EOF\nEND\nNULL\n\\.\n\\0\n--\n__END__\n"s},
  };
  contents.emplace_back("10 000 equal bytes", std::string(10'000, 'x'));
  contents.emplace_back("10 000 NULs", std::string(10'000, '\0'));
  contents.emplace_back("a byte before 5 000 NULs", "x" + std::string(5'000, '\0'));
  contents.emplace_back("a byte after 5 000 NULs", std::string(5'000, '\0') + "x");
  return contents;
}

}  // namespace hybridbuffer::conformance
