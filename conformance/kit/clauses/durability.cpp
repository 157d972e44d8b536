#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> durability() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
