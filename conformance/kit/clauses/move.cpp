#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> move() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
