#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> isolation() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
