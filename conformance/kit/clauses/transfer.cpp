#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> transfer() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
