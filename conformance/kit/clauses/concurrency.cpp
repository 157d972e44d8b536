#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> concurrency() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
