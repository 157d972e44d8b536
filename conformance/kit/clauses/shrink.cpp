#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> shrink() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
