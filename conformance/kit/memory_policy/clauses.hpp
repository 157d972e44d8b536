#pragma once

#include "context.hpp"

#include <hybridbuffer/conformance/clause.hpp>

#include <span>

/// \file
/// The clauses of memory policies, in families, a source file each.

namespace hybridbuffer::conformance {

/// A clause, and how it is tried. Its own `run` is not used.
struct MemoryClause {
  Clause clause;
  void (*run)(MemoryContext&) = nullptr;
};

namespace memory_clauses {

[[nodiscard]] std::span<const MemoryClause> window();
[[nodiscard]] std::span<const MemoryClause> reading();
[[nodiscard]] std::span<const MemoryClause> removing();
[[nodiscard]] std::span<const MemoryClause> declared();
[[nodiscard]] std::span<const MemoryClause> exhaustion();
[[nodiscard]] std::span<const MemoryClause> moves();
[[nodiscard]] std::span<const MemoryClause> together();

}  // namespace memory_clauses

}  // namespace hybridbuffer::conformance
