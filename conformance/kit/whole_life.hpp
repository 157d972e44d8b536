#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/error.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {

/// A whole life of one location, until the first error. Returns: it. `possible`: what the location may hold now; an empty entry: nothing.
std::optional<Error> live_until_error(Context& c, Location& location, std::vector<std::optional<Object>>& possible);

/// A new cycle on a location that saw failures: everything must succeed, and nothing may be left.
void expect_full_cycle(Context& c, Location& location, std::string_view what);

}  // namespace hybridbuffer::conformance
