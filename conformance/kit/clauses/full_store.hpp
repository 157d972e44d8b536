#pragma once

#include <hybridbuffer/conformance/context.hpp>

namespace hybridbuffer::conformance::clauses {

/// ERR-7: a full store is no_space.
void err_7(Context& c);

}  // namespace hybridbuffer::conformance::clauses
