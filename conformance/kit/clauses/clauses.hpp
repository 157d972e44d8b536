#pragma once

#include <hybridbuffer/conformance/clause.hpp>

#include <span>

/// \file
/// The families of clauses, a source file each.

namespace hybridbuffer::conformance::clauses {

[[nodiscard]] std::span<const Clause> meta();
[[nodiscard]] std::span<const Clause> create();
[[nodiscard]] std::span<const Clause> open();
[[nodiscard]] std::span<const Clause> remove();
[[nodiscard]] std::span<const Clause> writer();
[[nodiscard]] std::span<const Clause> reader();
[[nodiscard]] std::span<const Clause> reader_at();
[[nodiscard]] std::span<const Clause> seeker();
[[nodiscard]] std::span<const Clause> data();
[[nodiscard]] std::span<const Clause> big();
[[nodiscard]] std::span<const Clause> error();
[[nodiscard]] std::span<const Clause> concurrency();
[[nodiscard]] std::span<const Clause> isolation();
[[nodiscard]] std::span<const Clause> move();
[[nodiscard]] std::span<const Clause> durability();
[[nodiscard]] std::span<const Clause> resource();
[[nodiscard]] std::span<const Clause> append();
[[nodiscard]] std::span<const Clause> shrink();
[[nodiscard]] std::span<const Clause> discard();
[[nodiscard]] std::span<const Clause> map();
[[nodiscard]] std::span<const Clause> transfer();
[[nodiscard]] std::span<const Clause> publish();
[[nodiscard]] std::span<const Clause> factory();
[[nodiscard]] std::span<const Clause> fork();

}  // namespace hybridbuffer::conformance::clauses
