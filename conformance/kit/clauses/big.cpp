#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> big() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
