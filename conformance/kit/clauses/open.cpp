#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> open() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
