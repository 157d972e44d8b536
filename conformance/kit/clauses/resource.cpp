#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> resource() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
