#pragma once

#include <string>
#include <string_view>

namespace kit_test {

/// What is wrong with `text` as a JSON document (RFC 8259) in UTF-8; empty when nothing is.
[[nodiscard]] std::string json_problem(std::string_view text);

/// What is wrong with `text` as well-formed XML, of the subset that reports need: a declaration, elements, attributes, text, the five named
/// entities and numeric ones. `html` allows what HTML adds: a doctype, elements without an end, and raw text in style.
[[nodiscard]] std::string markup_problem(std::string_view text, bool html = false);

/// Whether `text` is UTF-8 without control characters other than tab and newline.
[[nodiscard]] bool is_clean_text(std::string_view text);

/// How often `part` stands in `text`.
[[nodiscard]] std::size_t occurrences(std::string_view text, std::string_view part);

}  // namespace kit_test
