#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> factory() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
