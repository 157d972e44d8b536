#pragma once

#include <hybridbuffer/conformance/clause.hpp>

#include <span>
#include <string_view>

namespace hybridbuffer::conformance {

/// Every clause, in the order of the contract page.
[[nodiscard]] std::span<const Clause* const> catalogue();

/// The clause with that id; null when there is none.
[[nodiscard]] const Clause* find_clause(std::string_view id);

}  // namespace hybridbuffer::conformance
