#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> publish() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
