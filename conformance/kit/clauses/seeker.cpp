#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> seeker() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
