#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> fork() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
