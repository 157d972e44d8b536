#pragma once

#include <cstddef>
#include <expat.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// An XML answer of an S3 store as a small tree. Expat parses; what is longer, deeper or richer than any answer of S3 is refused, and so
/// is a document type (the way to entities that grow).

namespace hybridbuffer::inline v0_1::detail {

/// An element: its name without namespace, its text, its children in order.
struct S3Element {
  std::string name;
  std::string text;
  std::vector<S3Element> children;

  /// The first child of that name; null when there is none.
  [[nodiscard]] const S3Element* find(std::string_view child) const noexcept {
    for (const S3Element& one : children) {
      if (one.name == child) return &one;
    }
    return nullptr;
  }
  /// The text of the first child of that name; empty when there is none.
  [[nodiscard]] std::string_view text_of(std::string_view child) const noexcept {
    const S3Element* const found = find(child);
    return found != nullptr ? std::string_view{found->text} : std::string_view{};
  }
};

class S3XmlParser {
 public:
  static constexpr std::size_t most_bytes = std::size_t{4} << 20U;
  static constexpr std::size_t most_elements = 50'000;
  static constexpr std::size_t most_depth = 12;

  /// The root element; nothing for what is not one whole, well-formed document within the bounds. Errors: std::bad_alloc.
  [[nodiscard]] static std::optional<S3Element> parse(std::string_view document) {
    if (document.empty() || document.size() > most_bytes) return std::nullopt;
    const std::unique_ptr<XML_ParserStruct, Free> parser{::XML_ParserCreate(nullptr)};
    if (parser == nullptr) throw std::bad_alloc{};
    S3XmlParser state{parser.get()};
    ::XML_SetUserData(parser.get(), &state);
    ::XML_SetElementHandler(parser.get(), &S3XmlParser::begin, &S3XmlParser::end);
    ::XML_SetCharacterDataHandler(parser.get(), &S3XmlParser::text);
    ::XML_SetStartDoctypeDeclHandler(parser.get(), &S3XmlParser::doctype);
    const auto status = ::XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE);
    if (state.out_of_memory_) throw std::bad_alloc{};
    if (status != XML_STATUS_OK || state.root_.children.size() != 1) return std::nullopt;
    return std::move(state.root_.children.front());
  }

 private:
  struct Free {
    void operator()(XML_Parser parser) const noexcept { ::XML_ParserFree(parser); }
  };

  explicit S3XmlParser(XML_Parser parser) : parser_{parser}, open_{&root_} {}

  // No exception may pass through Expat.
  template <class Function>
  void guarded(Function&& function) noexcept {
    try {
      function();
    } catch (...) {
      out_of_memory_ = true;
      ::XML_StopParser(parser_, XML_FALSE);
    }
  }

  static void XMLCALL begin(void* self, const XML_Char* name, const XML_Char** /*attributes*/) {
    auto& parser = *static_cast<S3XmlParser*>(self);
    parser.guarded([&] {
      if (++parser.elements_ > most_elements || parser.open_.size() > most_depth) {
        ::XML_StopParser(parser.parser_, XML_FALSE);
        return;
      }
      std::string_view local{name};
      if (const auto colon = local.rfind(':'); colon != std::string_view::npos) local.remove_prefix(colon + 1);
      S3Element& element = parser.open_.back()->children.emplace_back();
      element.name = local;
      parser.open_.push_back(&element);
    });
  }
  static void XMLCALL end(void* self, const XML_Char* /*name*/) {
    auto& open = static_cast<S3XmlParser*>(self)->open_;
    if (open.size() > 1) open.pop_back();  // Expat may call once more after it was stopped
  }
  static void XMLCALL text(void* self, const XML_Char* characters, int length) {
    auto& parser = *static_cast<S3XmlParser*>(self);
    parser.guarded([&] { parser.open_.back()->text.append(characters, static_cast<std::size_t>(length)); });
  }
  static void XMLCALL doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    ::XML_StopParser(static_cast<S3XmlParser*>(self)->parser_, XML_FALSE);
  }

  XML_Parser parser_;
  S3Element root_;
  std::vector<S3Element*> open_;
  std::size_t elements_ = 0;
  bool out_of_memory_ = false;
};

/// Text for an element's content.
[[nodiscard]] inline std::string xml_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

}  // namespace hybridbuffer::inline v0_1::detail
