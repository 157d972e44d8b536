#pragma once

#include <hybridbuffer/conformance/context.hpp>

namespace hybridbuffer::conformance::clauses {

/// CREATE-6: a second writer while one is open.
void create_6(Context& c);

}  // namespace hybridbuffer::conformance::clauses
