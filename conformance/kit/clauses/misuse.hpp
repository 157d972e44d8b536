#pragma once

#include <hybridbuffer/conformance/context.hpp>

namespace hybridbuffer::conformance::clauses {

/// Mistakes that a caller can make, on handles in every state, with capabilities, and with descriptors that cannot be used. Every answer is
/// legal that comes without an exception, a signal or a hang.
void misuse_everything(Context& c);

}  // namespace hybridbuffer::conformance::clauses
