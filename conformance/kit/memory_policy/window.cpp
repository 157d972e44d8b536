#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// A new policy, and the window: prepare() and commit().

namespace hybridbuffer::conformance::memory_clauses {
namespace {

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

void expect_empty(MemoryContext& c, Filled& policy, std::string_view what) {
  c.check(policy.memory.size() == 0, std::string{what} + ": size() is not 0");
  policy.expect(what);
  policy.memory.copy_out(0, {});
}

void mem_1(MemoryContext& c) {
  const std::vector<std::pair<std::string_view, std::function<void(Filled&)>>> beginnings{
      {"a new policy", [](Filled&) {}},
      {"a new policy after drop_front(0)", [](Filled& f) { f.drop_front(0); }},
      {"a new policy after truncate(0)", [](Filled& f) { f.truncate(0); }},
      {"a new policy after clear()", [](Filled& f) { f.clear(); }},
      {"a new policy after drop_front(5)", [](Filled& f) { f.drop_front(5); }},
      {"a new policy after truncate(5)", [](Filled& f) { f.truncate(5); }},
      {"a new policy that was moved", [](Filled& f) { f = f.moved(); }}};
  const std::size_t usual = Filled{c}.append(c.unit() + 1);
  for (const auto& [what, begin] : beginnings) {
    c.start_case();
    Filled policy{c};
    begin(policy);
    expect_empty(c, policy, what);
    policy.memory.each_chunk([&, text = what](std::span<const std::byte>) {
      c.fail(std::string{text} + ": chunks() shows a span");
      return false;
    });
    static_cast<void>(policy.memory.capacity());
    const std::size_t taken = policy.append(c.unit() + 1);
    c.check(taken == usual,
            std::string{what} + ": it takes " + std::to_string(taken) + " bytes where a new one took " + std::to_string(usual));
    policy.expect(std::string{what} + ", filled");
  }
}

// No byte of a window may be content.
void expect_apart(MemoryContext& c, const Filled& policy, std::span<const std::byte> window) {
  const std::less<> before;
  policy.memory.each_chunk([&](std::span<const std::byte> chunk) {
    const bool apart =
        chunk.empty() || !before(chunk.data(), window.data() + window.size()) || !before(window.data(), chunk.data() + chunk.size());
    c.check(apart, "the window lies on committed bytes");
    return true;
  });
}

void mem_2(MemoryContext& c) {
  const std::vector<std::size_t> hints{1,        2,   3, 7, c.unit(), c.unit() + 1, 3 * c.unit() + 5, std::size_t{1} << 20U, huge / 2 + 1,
                                       huge - 1, huge};
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1))) {
    for (const std::size_t hint : hints) {
      if (!c.time_left()) return;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      if (size > 2) policy.drop_front(size / 3);
      const std::string what = "prepare(" + std::to_string(hint) + ") on " + std::to_string(policy.size()) + " bytes";
      const std::span<std::byte> window = policy.memory.prepare(hint);
      if (window.empty()) {
        policy.expect(what + ", which was refused");
        continue;
      }
      c.check(window.data() != nullptr, what + ": a window without memory");
      expect_apart(c, policy, window);
      c.scribble(window);
      policy.expect(what + ", its window written to");
      const std::size_t count = std::min<std::size_t>(window.size(), 3);
      policy.fill_next(window.first(count));
      policy.commit(count);
      policy.expect(what + ", " + std::to_string(count) + " bytes committed");
    }
  }
}

void mem_3(MemoryContext& c) {
  bool any = false;
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1), 20)) {
    for (const std::size_t dropped : {std::size_t{0}, std::size_t{1}, size / 2}) {
      if (dropped > size || !c.time_left()) continue;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      if (dropped != 0) policy.drop_front(dropped);
      const std::span<std::byte> window = policy.memory.prepare(1);
      if (window.empty()) continue;
      any = true;
      const std::size_t written = std::min<std::size_t>(window.size(), 5000);
      policy.fill_next(window.first(written));
      for (const std::size_t hint : {std::size_t{1}, c.unit(), 2 * c.unit() + 1, std::size_t{1} << 20U, std::size_t{1}}) {
        const std::span<std::byte> again = policy.memory.prepare(hint);
        const std::string what =
            "prepare(" + std::to_string(hint) + ") after prepare(1) without a commit, on " + std::to_string(policy.size()) + " bytes";
        c.check(again.data() == window.data() && again.size() == window.size(), [&] {
          return what + ": another window, " + std::to_string(again.size()) + " bytes where it was " + std::to_string(window.size());
        });
      }
      policy.commit(written);
      policy.expect("what was written before prepare() was called again");
    }
  }
  if (!any) c.not_run("the policy refuses everything");
}

void mem_4(MemoryContext& c) {
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1), 20)) {
    const std::vector<std::size_t> parts{0, 1, 2, c.unit() / 2, c.unit() - 1, c.unit(), c.unit() + 1, 2 * c.unit(), huge};
    for (const std::size_t part : parts) {
      if (!c.time_left()) return;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      const std::span<std::byte> window = policy.memory.prepare(std::min(std::max<std::size_t>(part, 1), 4 * c.unit()));
      const std::size_t count = std::min({part, window.size(), 4 * c.unit()});
      if (window.empty()) continue;
      c.scribble(window);
      policy.fill_next(window.first(count));
      policy.commit(count);
      const std::string what = "commit(" + std::to_string(count) + ") of a window of " + std::to_string(window.size()) + " on " +
                               std::to_string(size) + " bytes";
      policy.expect(what);
      policy.append(3, 3, 1);
      policy.expect(what + ", and more");
    }
  }
  c.start_case();
  Filled policy{c};
  for (int i = 0; i < 20; ++i) {
    if (!policy.memory.prepare(1).empty()) policy.commit(0);
    policy.append_once(c.unit(), 1);
  }
  policy.expect("windows of which nothing and one byte were committed by turns");
}

void mem_5(MemoryContext& c) {
  using Change = std::function<void(Filled&)>;
  const std::vector<std::pair<std::string_view, Change>> changes{
      {"commit(1)", [](Filled& f) { f.commit(1); }},
      {"drop_front(0)", [](Filled& f) { f.drop_front(0); }},
      {"drop_front() of a third", [](Filled& f) { f.drop_front(f.size() / 3); }},
      {"drop_front() of all but a byte", [](Filled& f) { f.drop_front(f.size() == 0 ? 0 : f.size() - 1); }},
      {"drop_front() of all", [](Filled& f) { f.drop_front(f.size()); }},
      {"truncate() to the size", [](Filled& f) { f.truncate(f.size()); }},
      {"truncate() by a byte", [](Filled& f) { f.truncate(f.size() == 0 ? 0 : f.size() - 1); }},
      {"truncate() to a half", [](Filled& f) { f.truncate(f.size() / 2); }},
      {"truncate(0)", [](Filled& f) { f.truncate(0); }},
      {"clear()", [](Filled& f) { f.clear(); }}};
  for (const std::size_t size : c.sizes(std::min(c.most(), 2 * c.unit() + 1), 20)) {
    for (const auto& [name, change] : changes) {
      if (!c.time_left()) return;
      c.start_case();
      Filled policy{c};
      policy.append(size);
      const std::string what = std::string{name} + " on " + std::to_string(policy.size()) + " bytes with a window open";
      const std::span<std::byte> abandoned = policy.memory.prepare(c.unit());
      if (abandoned.empty() && name == "commit(1)") continue;
      c.scribble(abandoned);
      if (name == "commit(1)") policy.fill_next(abandoned.first(1));
      change(policy);
      policy.expect(what);
      const std::span<std::byte> window = policy.memory.prepare(1);
      expect_apart(c, policy, window);
      c.scribble(window);
      policy.expect(what + ", another window written to");
      if (!window.empty()) {
        policy.fill_next(window.first(1));
        policy.commit(1);
      }
      policy.append(c.unit() + 2);
      policy.expect(what + ", and more appended");
    }
  }
}

constexpr std::array all{
    MemoryClause{.clause = {.id = "MEM-1",
                            .rule = "a new policy is empty, by every route, and usable whatever is removed from nothing",
                            .look_here = "removals at size 0: subtractions that wrap, a first chunk taken for granted"},
                 .run = mem_1},
    MemoryClause{
        .clause = {.id = "MEM-2",
                   .rule =
                       "prepare(n), n ≥ 1, gives a window of writable bytes behind the content, or none and changes nothing; n is a hint",
                   .look_here = "the window's start; sums of n that overflow"},
        .run = mem_2},
    MemoryClause{.clause = {.id = "MEM-3",
                            .rule = "prepare() called twice without a commit gives the same window, with what was written there",
                            .look_here = "a prepare() with a larger hint that takes new memory"},
                 .run = mem_3},
    MemoryClause{.clause = {.id = "MEM-4",
                            .rule = "commit(n) makes exactly the first n bytes of the window content, for any n from 0 to its size",
                            .look_here = "commit of nothing, and of the whole window"},
                 .run = mem_4},
    MemoryClause{.clause = {.id = "MEM-5",
                            .rule = "commit, drop_front, truncate and clear end the window, which leaves no trace",
                            .look_here = "what remembers the open window, after a removal"},
                 .run = mem_5},
};

}  // namespace

std::span<const MemoryClause> window() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
