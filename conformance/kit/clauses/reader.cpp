#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> reader() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
