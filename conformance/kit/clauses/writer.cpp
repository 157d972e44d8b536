#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> writer() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
