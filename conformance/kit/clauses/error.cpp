#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> error() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
