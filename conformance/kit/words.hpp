#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// \file
/// Text for the forms of a report. What a backend says may hold any bytes; what comes out is always well-formed.

namespace hybridbuffer::conformance {

/// `text` with what is not UTF-8, and control characters but tab and newline, replaced by U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);
/// A JSON string, its quotes included.
[[nodiscard]] std::string json_string(std::string_view text);
/// `text` as the content of an element or of an attribute in quotes, for HTML and XML.
[[nodiscard]] std::string markup(std::string_view text);
/// `text` in lines of at most `width` columns where it has blanks to break at; all but the first indented by `indent`.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 100);
/// "1.5 MiB"
[[nodiscard]] std::string size_text(unsigned long long bytes);
/// "0.25 s"
[[nodiscard]] std::string seconds_text(double seconds);

}  // namespace hybridbuffer::conformance
