#include "clauses.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Looking at the content.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

void expect_size(MemoryContext& c, const Filled& policy, std::string_view what) {
  const std::uint64_t size = policy.memory.size();
  c.check(size == policy.size(), [&] {
    return std::string{what} + ": size() is " + std::to_string(size) + ", " + std::to_string(policy.size()) + " bytes are committed";
  });
}

void mem_6(MemoryContext& c) {
  c.each_history([&](Filled& policy, std::string_view how) {
    expect_size(c, policy, how);
    const std::span<std::byte> window = policy.memory.prepare(1);
    expect_size(c, policy, std::string{how} + ", with a window open");
    if (!window.empty()) {
      policy.fill_next(window.first(1));
      policy.commit(1);
      expect_size(c, policy, std::string{how} + ", a byte committed");
    }
    policy.drop_front(policy.size() / 2);
    expect_size(c, policy, std::string{how} + ", half dropped");
    policy.truncate(policy.size() / 2);
    expect_size(c, policy, std::string{how} + ", half of that cut off");
    policy.append(c.unit());
    expect_size(c, policy, std::string{how} + ", and appended to");
    policy.clear();
    expect_size(c, policy, std::string{how} + ", cleared");
  });
}

std::vector<std::span<const std::byte>> chunks_of(const Filled& policy) {
  std::vector<std::span<const std::byte>> chunks;
  policy.memory.each_chunk([&](std::span<const std::byte> chunk) {
    chunks.push_back(chunk);
    return true;
  });
  return chunks;
}

void mem_7(MemoryContext& c) {
  const auto look = [&](const Filled& policy, std::string_view how) {
    const auto chunks = chunks_of(policy);
    const auto again = chunks_of(policy);
    std::size_t offset = 0;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const std::string what = std::string{how} + ": span " + std::to_string(i) + " of chunks()";
      c.check(!chunks[i].empty(), [&] { return what + " is empty"; });
      policy.expect_bytes(offset, chunks[i], what);
      offset += chunks[i].size();
    }
    c.check(offset == policy.size(), [&] {
      return std::string{how} + ": chunks() shows " + std::to_string(offset) + " bytes, " + std::to_string(policy.size()) +
             " are committed";
    });
    const bool same = std::equal(chunks.begin(), chunks.end(), again.begin(), again.end(),
                                 [](auto left, auto right) { return left.data() == right.data() && left.size() == right.size(); });
    c.check(same, [&] { return std::string{how} + ": chunks() walked twice shows other spans"; });
  };
  c.each_history([&](Filled& policy, std::string_view how) {
    look(policy, how);
    // An end at a boundary is where an empty span comes from.
    while (policy.size() > c.unit() && policy.size() % c.unit() != 0) policy.truncate(policy.size() / c.unit() * c.unit());
    look(policy, std::string{how} + ", cut to whole units");
    policy.drop_front(std::min(policy.size(), c.unit()));
    look(policy, std::string{how} + ", a unit dropped");
    static_cast<void>(policy.memory.prepare(1));
    look(policy, std::string{how} + ", with a window open");
    policy.clear();
    look(policy, std::string{how} + ", cleared");
  });
  // Round sizes, whatever the unit is.
  for (const std::size_t size : {std::size_t{4096}, std::size_t{8192}, std::size_t{65'536}, std::size_t{10'000}}) {
    c.start_case();
    Filled policy{c};
    policy.append(size);
    look(policy, "a round number of bytes");
    policy.append(size);
    look(policy, "twice a round number of bytes");
    policy.drop_front(policy.size() / 2);
    look(policy, "twice a round number of bytes, half dropped");
  }
}

// Destinations of all alignments, with bytes before and behind that must stay.
void expect_copy(MemoryContext& c, const Filled& policy, std::size_t offset, std::size_t n, std::size_t alignment, std::string_view how) {
  constexpr std::byte guard{0x5C};
  constexpr std::size_t margin = 32;
  std::vector<std::byte> memory(n + 2 * margin + 16, guard);
  const std::size_t start = margin + alignment;
  policy.memory.copy_out(offset, std::span{memory}.subspan(start, n));
  const auto what = [&] {
    return std::string{how} + ": copy_out(" + std::to_string(offset) + ", " + std::to_string(n) + " bytes to an address " +
           std::to_string(alignment) + " above its alignment)";
  };
  const auto is_guard = [](std::byte b) { return b == guard; };
  const auto begin = memory.begin() + static_cast<std::ptrdiff_t>(start);
  const auto end = begin + static_cast<std::ptrdiff_t>(n);
  c.check(std::all_of(memory.begin(), begin, is_guard), [&] { return what() + " wrote before the span"; });
  c.check(std::all_of(end, memory.end(), is_guard), [&] { return what() + " wrote behind the span"; });
  const bool exact = n == 0 || std::memcmp(&*begin, policy.expected.data() + offset, n) == 0;
  c.check(exact, [&] { return what() + " of " + std::to_string(policy.size()) + " bytes gave other bytes than were committed"; });
}

void mem_8(MemoryContext& c) {
  c.each_history([&](Filled& policy, std::string_view how) {
    policy.memory.copy_out(0, {});
    policy.memory.copy_out(policy.size(), {});
    const bool small = policy.size() <= 40;
    std::size_t alignment = 0;
    const auto offsets = c.sizes(policy.size(), small ? 40 : 12);
    const auto lengths =
        small ? c.sizes(policy.size(), 40) : std::vector<std::size_t>{0, 1, 2, 7, 8, 9, 16, 33, c.unit(), c.unit() + 1, policy.size()};
    for (const std::size_t offset : offsets) {
      for (const std::size_t length : lengths) {
        if (length > policy.size() - offset) continue;
        if (length > 4096 && !c.time_left()) return;
        expect_copy(c, policy, offset, length, alignment++ % 16, how);
      }
    }
    for (std::size_t at = 0; at < 16 && policy.size() != 0; ++at)
      expect_copy(c, policy, 0, std::min<std::size_t>(policy.size(), 64), at, how);
  });
}

void mem_9(MemoryContext& c) {
  if (!c.traits().has_chunk_at) return c.not_run("the policy has no chunk_at");
  c.each_history([&](Filled& policy, std::string_view how) {
    std::size_t offset = 0;
    while (offset < policy.size() && c.time_left()) {  // from one to the next, as a reader does
      const auto chunk = policy.memory.chunk_at(offset);
      c.check(!chunk.empty(), [&] { return std::string{how} + ": chunk_at(" + std::to_string(offset) + ") is empty"; });
      policy.expect_bytes(offset, chunk, std::string{how} + ": chunk_at(" + std::to_string(offset) + ")");
      offset += chunk.size();
    }
    for (const std::size_t at : c.sizes(policy.size(), 40)) {
      if (at >= policy.size()) continue;
      const auto chunk = policy.memory.chunk_at(at);
      c.check(!chunk.empty(), [&] { return std::string{how} + ": chunk_at(" + std::to_string(at) + ") is empty"; });
      policy.expect_bytes(at, chunk, std::string{how} + ": chunk_at(" + std::to_string(at) + ")");
    }
  });
}

// Every const operation once. Returns: something of all answers. Allocates nothing.
std::uint64_t look_round(const MemoryContext& c, const Filled& policy, std::span<std::byte> scratch) {
  std::uint64_t seen = policy.memory.size() * 31 + policy.memory.capacity();
  policy.memory.each_chunk([&](std::span<const std::byte> chunk) {
    seen = seen * 31 + chunk.size() + reinterpret_cast<std::uintptr_t>(chunk.data());
    return true;
  });
  const std::size_t n = std::min(scratch.size(), policy.size());
  policy.memory.copy_out(policy.size() - n, scratch.first(n));
  if (n != 0) seen = seen * 31 + std::to_integer<std::uint64_t>(scratch[n / 2]);
  if (c.traits().has_chunk_at && policy.size() != 0) seen = seen * 31 + policy.memory.chunk_at(policy.size() / 2).size();
  return seen;
}

void mem_10(MemoryContext& c) {
  std::array<std::byte, 512> scratch{};
  c.each_history([&](Filled& policy, std::string_view how) {
    const std::span<std::byte> window = policy.memory.prepare(c.unit());
    const std::size_t written = std::min<std::size_t>(window.size(), 5000);
    policy.fill_next(window.first(written));
    const std::uint64_t first = look_round(c, policy, scratch);
    const std::uint64_t second = look_round(c, policy, scratch);
    c.check(first == second, [&] { return std::string{how} + ": const operations answered something else the second time"; });
    if (written != 0) policy.commit(written);
    policy.expect(std::string{how} + ", looked at by const operations while a window was open");
    policy.append(3);
    policy.expect(std::string{how} + ", looked at and appended to");
  });
  if (!c.needs(c.hooks().fail_allocations, "fail_allocations")) return;
  c.start_case();
  Filled policy{c};
  policy.append(c.most());
  policy.drop_front(1);
  c.hooks().fail_allocations(1, std::numeric_limits<std::uint64_t>::max());
  bool threw = false;
  try {
    static_cast<void>(look_round(c, policy, scratch));
  } catch (...) {
    threw = true;
  }
  const std::uint64_t failed = c.hooks().failed_allocations();
  c.hooks().fail_allocations(0, 0);
  c.check(!threw, "a const operation threw when there was no memory");
  c.check(failed == 0, "const operations allocate: " + std::to_string(failed) + " allocations were asked for");
}

void mem_11(MemoryContext& c) {
  const auto look = [&](const Filled& policy, std::string_view what) {
    const std::uint64_t capacity = policy.memory.capacity();
    c.check(capacity >= policy.size(), [&] {
      return std::string{what} + ": capacity() is " + std::to_string(capacity) + ", less than the " + std::to_string(policy.size()) +
             " bytes that are held";
    });
  };
  c.each_history([&](Filled& policy, std::string_view how) {
    look(policy, how);
    policy.append(c.unit() + 1);
    look(policy, std::string{how} + ", appended to");
    policy.drop_front(policy.size() / 3);
    look(policy, std::string{how} + ", a third dropped");
    policy.truncate(policy.size() / 2);
    look(policy, std::string{how} + ", half cut off");
  });
}

constexpr std::array all{
    MemoryClause{.clause = {.id = "MEM-6",
                            .rule = "size() is the number of committed bytes",
                            .look_here = "what is counted when a front is dropped, and while a window is open"},
                 .run = mem_6},
    MemoryClause{.clause = {.id = "MEM-7",
                            .rule = "chunks() shows all committed bytes in order, in spans that are not empty, the same each time",
                            .look_here = "an end that falls on a chunk's end"},
                 .run = mem_7},
    MemoryClause{
        .clause = {.id = "MEM-8",
                   .rule = "copy_out(o, s) copies exactly the bytes [o, o + s.size()), to any address, and writes nothing beside s",
                   .look_here = "copies over several chunks, and behind a dropped front"},
        .run = mem_8},
    MemoryClause{
        .clause = {.id = "MEM-9",
                   .rule = "chunk_at(o) is the committed bytes from o on as far as they are contiguous: one at least, none beyond size()",
                   .look_here = "the last chunk, which is not full",
                   .obligation = Obligation::gated},
        .run = mem_9},
    MemoryClause{.clause = {.id = "MEM-10",
                            .rule = "const operations change nothing, not the open window either, and allocate nothing",
                            .look_here = "mutable members, and chunks() that builds a list"},
                 .run = mem_10},
    MemoryClause{.clause = {.id = "MEM-11",
                            .rule = "capacity() is the memory held, so never less than size()",
                            .look_here = "capacity() after a growth and after a drop"},
                 .run = mem_11},
};

}  // namespace

std::span<const MemoryClause> reading() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
