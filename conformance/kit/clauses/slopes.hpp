#pragma once

#include <hybridbuffer/conformance/context.hpp>

#include <cstdint>
#include <functional>
#include <string_view>

/// \file
/// What grows with every cycle: descriptors, threads, memory that is not given back.

namespace hybridbuffer::conformance::clauses {

/// Runs `cycle` many times. What grows in every part of the time grows for ever; caches and tables fill up once. Two halves tell that for
/// nearly all; where both grew, more of them have to.
///
/// The cycles run in a thread of their own, whose errors and operations the kit does not keep.
void expect_flat(Context& c, std::string_view what, std::uint64_t times, const std::function<void(std::uint32_t)>& cycle);

}  // namespace hybridbuffer::conformance::clauses
