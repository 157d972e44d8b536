#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> map() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
