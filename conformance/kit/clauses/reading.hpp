#pragma once

#include "../cursor.hpp"

#include <hybridbuffer/conformance/context.hpp>

/// \file
/// What every sequential handle owes, READER-1 to READER-6: for readers, and once more for seekers.

namespace hybridbuffer::conformance::clauses {

void reads_exactly_the_bytes(Context& c, const Opening& opening, const Pace& pace);
void stays_at_the_end(Context& c, const Opening& opening, const Pace& pace);
void ignores_empty_spans(Context& c, const Opening& opening, const Pace& pace);
void gives_bytes_before_the_end(Context& c, const Opening& opening, const Pace& pace);
void keeps_to_the_span(Context& c, const Opening& opening, const Pace& pace);
void is_destroyed_without_harm(Context& c, const Opening& opening, const Pace& pace);

}  // namespace hybridbuffer::conformance::clauses
