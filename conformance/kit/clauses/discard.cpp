#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> discard() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
