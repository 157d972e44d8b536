#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> remove() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
