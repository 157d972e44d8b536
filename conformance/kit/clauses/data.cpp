#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> data() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
