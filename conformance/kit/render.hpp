#pragma once

#include <hybridbuffer/conformance/report.hpp>

#include <string>

/// \file
/// A report in the forms in which it is read: by a person in a terminal or a browser, by a program, by a CI system.

namespace hybridbuffer::conformance {

/// For a terminal of 100 columns.
[[nodiscard]] std::string render_text(const Report& report, bool coloured = false);
/// One self-contained page.
[[nodiscard]] std::string render_html(const Report& report);
[[nodiscard]] std::string render_json(const Report& report);
[[nodiscard]] std::string render_junit(const Report& report);

}  // namespace hybridbuffer::conformance
