#include "../memory_use.hpp"
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
/// When there is no more memory, what becomes of it afterwards, and a lot of it.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

// While it lives, allocations of policies fail. Whoever allocates meanwhile may be hit too.
class Failing {
 public:
  Failing(const MemoryHooks& hooks, std::uint64_t first, std::uint64_t count) : hooks_{&hooks} { hooks_->fail_allocations(first, count); }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing() { hooks_->fail_allocations(0, 0); }
  [[nodiscard]] std::uint64_t fired() const { return hooks_->failed_allocations(); }

 private:
  const MemoryHooks* hooks_;
};

void mem_17(MemoryContext& c) {
  const std::size_t limit = std::clamp<std::size_t>(8 * c.unit(), std::size_t{64} << 10U, std::size_t{16} << 20U);
  const std::size_t piece = std::max<std::size_t>(c.unit(), 1);
  std::size_t taken = 0;
  {
    Filled policy{c};
    taken = policy.append(limit, piece, piece);
    policy.expect("filled until refused");
    if (taken == limit) {
      c.not_run("the policy took " + std::to_string(limit) + " bytes and refused none: only what it takes again was tried");
    } else {
      for (const std::size_t hint : {std::size_t{1}, piece, limit, std::size_t{1}}) {
        static_cast<void>(policy.memory.prepare(hint));
        policy.expect("prepare(" + std::to_string(hint) + ") after a refusal");
      }
      policy.drop_front(policy.size() / 2);
      policy.expect("half dropped after a refusal");
      policy.append(taken, piece, piece);
      policy.expect("appended to until refused again");
      policy.truncate(policy.size() / 2);
      policy.expect("half cut off after a refusal");
      policy.append(taken, piece, piece);
      policy.expect("appended to until refused once more");
    }
    if (c.traits().memory_returns) {
      policy.clear();
      const std::size_t again = policy.append(limit, piece, piece);
      c.check(again >= taken, "after clear() it takes " + std::to_string(again) + " bytes, before it took " + std::to_string(taken));
      policy.expect("refilled after clear()");
      Filled moved = policy.moved();
      moved.clear();
      const std::size_t refilled = policy.append(limit, piece, piece);
      c.check(refilled >= taken,
              "the moved-from policy takes " + std::to_string(refilled) + " bytes, before the move it took " + std::to_string(taken));
    }
  }
  if (!c.traits().memory_returns) return;
  Filled next{c};
  const std::size_t again = next.append(limit, piece, piece);
  c.check(again >= taken,
          "after the policy was destroyed a new one takes " + std::to_string(again) + " bytes; it took " + std::to_string(taken));
}

void mem_18(MemoryContext& c) {
  if (!c.needs(c.hooks().fail_allocations, "fail_allocations")) return;
  const std::size_t total = std::min<std::size_t>(20 * c.unit() + 1, std::size_t{4} << 20U);
  const std::size_t usual = Filled{c}.append(total);
  std::uint64_t hits = 0;
  // Fails the k-th allocation, alone or with all that follow; at last all of them on a policy that holds something already.
  const auto attempt = [&](std::uint64_t k, std::uint64_t count) {
    c.start_case();
    Filled policy{c};
    std::size_t done = 0;
    std::uint64_t fired = 0;
    {
      const Failing failing{c.hooks(), k, count};
      done = policy.append_unrecorded(total);
      if (done < total) static_cast<void>(policy.memory.prepare(1).size() + policy.memory.prepare(total).size());
      fired = failing.fired();
    }
    if (done < total) policy.memory.truncate(policy.size() + done);  // ends the window that a later try may have opened
    policy.record(done);
    const std::string what = count == 1 ? "with allocation " + std::to_string(k) + " failed"
                                        : "with every allocation from the " + std::to_string(k) + ". on failed";
    policy.expect(what);
    const std::size_t more = policy.append(usual - std::min(usual, done));
    c.check(done + more >= usual, what + " it took " + std::to_string(done) + " bytes, and " + std::to_string(more) +
                                      " when there was memory again; usual are " + std::to_string(usual));
    policy.expect(what + ", and appended to when there was memory again");
    return fired;
  };
  for (const std::uint64_t count : {std::uint64_t{1}, for_ever}) {
    for (std::uint64_t k = 1; k < 200; ++k) {
      const std::uint64_t fired = attempt(k, count);
      hits += fired;
      if (fired == 0) break;
    }
  }
  if (hits == 0) return c.not_run("no allocation failed: the policy allocates nothing, or fail_allocations() does not reach it");

  c.start_case();
  Filled policy{c};
  policy.append(total);
  const std::size_t dropped = policy.size() / 3;
  const std::size_t kept = policy.size() / 3;
  {
    const Failing failing{c.hooks(), 1, for_ever};
    policy.memory.drop_front(dropped);
    policy.memory.truncate(kept);
  }
  policy.expected.erase(policy.expected.begin(), policy.expected.begin() + static_cast<std::ptrdiff_t>(dropped));
  policy.expected.resize(kept);
  policy.expect("drop_front() and truncate() without memory");
  {
    const Failing failing{c.hooks(), 1, for_ever};
    policy.memory.clear();
  }
  policy.expected.clear();
  policy.expect("clear() without memory");
}

// Without a hook the heap of the process tells: what keeps something each time makes it grow in every part of the time.
void expect_flat_heap(MemoryContext& c, std::string_view name, std::size_t times, const std::function<void()>& live) {
#if defined(__GLIBC__)
  if (!memory_is_measurable) return;
  const auto in_use = [] {
    const auto heap = ::mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const auto run = [&] {
    for (std::size_t i = 0; i < times; ++i) live();
  };
  c.start_case();
  run();
  const std::size_t start = in_use();
  std::size_t before = start;
  bool grows = true;
  for (int part = 0; part < 4 && grows; ++part) {
    run();
    const std::size_t now = in_use();
    grows = now >= before + 16 * times;
    before = now;
  }
  c.check(!grows, std::to_string(4 * times) + " policies that lived and died (" + std::string{name} + ") kept " +
                      std::to_string(before - std::min(before, start)) + " bytes of the heap");
#else
  static_cast<void>(c), static_cast<void>(name), static_cast<void>(times), static_cast<void>(live);
#endif
}

void mem_19(MemoryContext& c) {
  const bool sees = c.sees_allocations();
  const std::size_t large = sees ? std::min<std::size_t>(10 * c.unit() + 3, std::size_t{4} << 20U)
                                 : std::min<std::size_t>(4 * c.unit() + 3, std::size_t{256} << 10U);
  std::size_t size = large;
  const std::vector<std::pair<std::string_view, std::function<void()>>> lives{
      {"filled", [&] { Filled{c}.append(size); }},
      {"with a window open", [&] { static_cast<void>(Filled{c}.memory.prepare(size)); }},
      {"filled, a front dropped",
       [&] {
         Filled policy{c};
         policy.append(size);
         policy.drop_front(size / 2 + 1);
       }},
      {"filled, an end cut off",
       [&] {
         Filled policy{c};
         policy.append(size);
         policy.truncate(size / 2);
       }},
      {"a queue",
       [&] {
         Filled policy{c};
         policy.append(size);
         for (int i = 0; i < 20; ++i) {
           policy.append(c.unit() + 1);
           policy.drop_front(std::min(policy.size(), c.unit() + 1));
         }
       }},
      {"cleared and refilled",
       [&] {
         Filled policy{c};
         policy.append(size);
         policy.clear();
         policy.append(size);
       }},
      {"moved, both used",
       [&] {
         Filled first{c};
         first.append(size);
         Filled second = first.moved();
         first.append(size / 2);
         second.append(size / 2);
       }},
      {"assigned to one that held something",
       [&] {
         Filled first{c};
         Filled second{c};
         first.append(size);
         second.append(size / 2);
         first.assign_from(second);
       }},
      {"assigned to itself", [&] {
         Filled policy{c};
         policy.append(size);
         policy.assign_from(policy);
       }}};
  // Content of several windows, and of hardly more than one: memory may come in other ways then.
  for (const std::size_t one : {large, c.unit() + 1}) {
    size = one;
    for (const auto& [name, live] : lives) {
      if (!sees) {
        expect_flat_heap(c, name, std::clamp<std::size_t>((std::size_t{4} << 20U) / size, 4, 40), live);
        continue;
      }
      c.start_case();
      const std::uint64_t before = c.hooks().outstanding_bytes();
      live();
      const std::uint64_t after = c.hooks().outstanding_bytes();
      c.check(after <= before,
              std::string{"a policy that lived and died ("} + std::string{name} + ") kept " + std::to_string(after - before) + " bytes");
    }
  }
}

void mem_24(MemoryContext& c) {
  // So many windows that no narrow counter holds their number, where they are small.
  const std::size_t largest = c.tier() == Tier::quick ? std::size_t{5} << 20U : std::size_t{24} << 20U;
  const std::size_t total = std::clamp<std::size_t>(66'000 * c.unit() + 1, std::size_t{1} << 20U, std::max(largest, 5 * c.unit()));
  Filled policy{c};
  policy.append(total, c.unit(), c.unit());
  policy.expect("many windows full");
  if (c.traits().has_chunk_at && policy.size() != 0) {
    policy.expect_bytes(policy.size() - 1, policy.memory.chunk_at(policy.size() - 1).first(1), "chunk_at() at the end of many windows");
  }
  const std::size_t size = policy.size();
  policy.drop_front(size / 3 + 1);
  policy.expect("many windows full, a third dropped");
  policy.truncate(policy.size() / 2);
  policy.expect("many windows full, half cut off");
  policy.append(size / 4);
  policy.expect("many windows full, appended to");
  std::vector<std::byte> window(std::min<std::size_t>(policy.size() / 2, 5000));
  for (int i = 0; i < 400 && policy.size() > window.size() && !window.empty(); ++i) {
    const std::span<std::byte> part = std::span{window}.first(static_cast<std::size_t>(c.below(window.size())) + 1);
    const auto offset = static_cast<std::size_t>(c.below(policy.size() - part.size() + 1));
    policy.memory.copy_out(offset, part);
    policy.expect_bytes(offset, part, "copy_out() out of many windows");
    if (i % 8 == 0) policy.drop_front(1);
    if (!c.traits().has_chunk_at) continue;
    const std::size_t last = policy.size() - 1 - offset / 100;
    policy.expect_bytes(last, policy.memory.chunk_at(last).first(1), "chunk_at() of many windows");
  }
  c.check(policy.memory.size() == policy.size(),
          "size() of many windows is " + std::to_string(policy.memory.size()) + ", not " + std::to_string(policy.size()));
}

constexpr std::array all{
    MemoryClause{.clause = {.id = "MEM-17",
                            .rule = "a refusal changes nothing, and what is given back can be taken again",
                            .look_here = "what prepare() did before it found that there is no memory; space before a dropped front"},
                 .run = mem_17},
    MemoryClause{
        .clause = {.id = "MEM-18",
                   .rule = "an allocation that fails, whichever it is, makes prepare() refuse and changes nothing; removals need no memory",
                   .look_here = "the second allocation of one call",
                   .obligation = Obligation::hooked},
        .run = mem_18},
    MemoryClause{.clause = {.id = "MEM-19",
                            .rule = "a policy gives everything back when it is destroyed or assigned to",
                            .look_here = "the destructor after drops, and the old content of an assignment's target",
                            .obligation = Obligation::hooked},
                 .run = mem_19},
    MemoryClause{.clause = {.id = "MEM-24",
                            .rule = "content is exact however much there is of it",
                            .look_here = "counters and indexes of chunks that are too narrow"},
                 .run = mem_24},
};

}  // namespace

std::span<const MemoryClause> exhaustion() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
