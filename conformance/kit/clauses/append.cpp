#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> append() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
