#include "clauses.hpp"

namespace hybridbuffer::conformance::clauses {

std::span<const Clause> reader_at() { return {}; }

}  // namespace hybridbuffer::conformance::clauses
