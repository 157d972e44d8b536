#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// CREATE: starting objects, and replacing them.

namespace hybridbuffer::conformance::clauses {
namespace {

void create_2(Context& c) {
  for (const bool with_empty_writes : {false, true}) {
    c.start_case();
    Location location = c.make();
    Writer writer = c.require(location.create(), "create() on a new location");
    if (with_empty_writes) {
      c.require(writer.write({}), "write() of no bytes");
      const std::array<std::byte, 1> something{};
      c.require(writer.write(std::span{something}.first(0)), "write() of an empty span");
    }
    c.require(writer.close(), "close() without a byte written");
    c.expect_object(location, Object{}, "an object that was closed without a byte");
    c.require(location.remove(), "remove() of an empty object");
    c.expect_absent(location, "after remove()");
  }
}

constexpr std::array all{
    Clause{.id = "CREATE-2", .rule = "create() and close() without a byte commit an empty object",
           .look_here = "whether the store is only touched by the first byte", .run = create_2},
};

}  // namespace

std::span<const Clause> create() { return all; }

}  // namespace hybridbuffer::conformance::clauses
