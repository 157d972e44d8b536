#include "well_formed.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kit_test {
namespace {

struct Problem {
  std::string text;
};

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_{text} {}

  [[nodiscard]] bool at_end() const { return position_ == text_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[position_]; }
  char next() {
    if (at_end()) fail("the end");
    return text_[position_++];
  }
  bool take(std::string_view part) {
    if (!text_.substr(position_).starts_with(part)) return false;
    position_ += part.size();
    return true;
  }
  void expect(std::string_view part) {
    if (!take(part)) fail("no " + std::string{part});
  }
  void skip_blanks() {
    while (!at_end() && std::string_view{" \t\r\n"}.find(peek()) != std::string_view::npos) ++position_;
  }
  template <class Accepts>
  std::string_view while_true(const Accepts& accepts) {
    const std::size_t start = position_;
    while (!at_end() && accepts(peek())) ++position_;
    return text_.substr(start, position_ - start);
  }
  void skip_past(std::string_view part) {
    const std::size_t found = text_.find(part, position_);
    if (found == std::string_view::npos) fail("no " + std::string{part});
    position_ = found + part.size();
  }
  [[noreturn]] void fail(const std::string& what) const { throw Problem{what + " at offset " + std::to_string(position_)}; }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
};

// JSON -------------------------------------------------------------------------------------------------------------------------------

void value(Cursor& c);

void string(Cursor& c) {
  c.expect("\"");
  for (char next = c.next(); next != '"'; next = c.next()) {
    if (static_cast<unsigned char>(next) < 0x20) c.fail("a control character in a string");
    if (next != '\\') continue;
    const char escape = c.next();
    if (escape == 'u') {
      for (int i = 0; i < 4; ++i) {
        if (std::isxdigit(static_cast<unsigned char>(c.next())) == 0) c.fail("no hexadecimal digit");
      }
    } else if (std::string_view{"\"\\/bfnrt"}.find(escape) == std::string_view::npos) {
      c.fail("an unknown escape");
    }
  }
}
void number(Cursor& c) {
  const auto digits = [&] { return c.while_true([](char d) { return d >= '0' && d <= '9'; }); };
  c.take("-");
  const std::string_view whole = digits();
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) c.fail("no number");
  if (c.take(".") && digits().empty()) c.fail("no digits behind the point");
}
template <class Item>
void list(Cursor& c, std::string_view end, const Item& item) {
  c.skip_blanks();
  if (c.take(end)) return;
  do {
    c.skip_blanks();
    item();
    c.skip_blanks();
  } while (c.take(","));
  c.expect(end);
}
void value(Cursor& c) {
  c.skip_blanks();
  if (c.take("true") || c.take("false") || c.take("null")) return;
  if (c.peek() == '"') return string(c);
  if (c.take("[")) return list(c, "]", [&] { value(c); });
  if (!c.take("{")) return number(c);
  list(c, "}", [&] {
    string(c);
    c.skip_blanks();
    c.expect(":");
    value(c);
  });
}

// Markup -----------------------------------------------------------------------------------------------------------------------------

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '!'; }

void entity(Cursor& c) {
  for (const std::string_view name : {"amp;", "lt;", "gt;", "quot;", "#39;", "#10;"}) {
    if (c.take(name)) return;
  }
  c.fail("an unknown entity");
}

void text_until(Cursor& c, char end) {
  while (!c.at_end() && c.peek() != end) {
    const char next = c.next();
    if (next == '&') entity(c);
    if (next == '<') c.fail("a < in an attribute");
  }
}

// Returns: whether the element ends at once.
bool attributes(Cursor& c) {
  std::vector<std::string_view> names;
  for (;;) {
    c.skip_blanks();
    if (c.take("/>")) return true;
    if (c.take(">")) return false;
    const std::string_view name = c.while_true(is_name);
    if (name.empty()) c.fail("no attribute");
    if (std::find(names.begin(), names.end(), name) != names.end()) c.fail("an attribute twice");
    names.push_back(name);
    c.expect("=\"");
    text_until(c, '"');
    c.expect("\"");
  }
}

bool is_void(std::string_view name) { return name == "meta" || name == "br" || name == "!DOCTYPE"; }

void markup(Cursor& c, bool html) {
  if (html) c.expect("<!DOCTYPE html>");
  else c.expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
  std::vector<std::string_view> open;
  bool any = false;
  while (!c.at_end()) {
    if (!c.take("<")) {
      if (open.empty()) {
        c.skip_blanks();
        if (!c.at_end() && c.peek() != '<') c.fail("text outside the root");
      } else {
        text_until(c, '<');
      }
      continue;
    }
    if (c.take("/")) {
      const std::string_view name = c.while_true(is_name);
      if (open.empty() || open.back() != name) c.fail("</" + std::string{name} + "> ends nothing that is open");
      open.pop_back();
      c.expect(">");
      continue;
    }
    const std::string_view name = c.while_true(is_name);
    if (name.empty()) c.fail("no element");
    if (open.empty() && any) c.fail("a second root");
    any = true;
    const bool ended = attributes(c);
    if (html && name == "style") c.skip_past("</style>");
    else if (!ended && !(html && is_void(name))) open.push_back(name);
  }
  if (!open.empty()) c.fail("<" + std::string{open.back()} + "> is not ended");
  if (!any) c.fail("no root");
}

}  // namespace

bool is_clean_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (length == 0 || i + length > text.size() || lead > 0xF4) return false;
    if (length == 1 && ((lead < 0x20 && lead != '\n' && lead != '\t') || lead == 0x7F)) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

std::string json_problem(std::string_view text) {
  if (!is_clean_text(text)) return "no clean UTF-8";
  Cursor c{text};
  try {
    value(c);
    c.skip_blanks();
    if (!c.at_end()) c.fail("something behind the document");
  } catch (const Problem& problem) {
    return problem.text;
  }
  return {};
}

std::string markup_problem(std::string_view text, bool html) {
  if (!is_clean_text(text)) return "no clean UTF-8";
  Cursor c{text};
  try {
    markup(c, html);
  } catch (const Problem& problem) {
    return problem.text;
  }
  return {};
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace kit_test
