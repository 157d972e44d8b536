#include "clauses.hpp"

#include <hybridbuffer/conformance/object.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Many threads, and everything at random.

namespace hybridbuffer::conformance::memory_clauses {
namespace {

// What follows runs in several threads, so it uses nothing of the context but count_check().

bool shows(const Memory& memory, std::span<const std::byte> expected) {
  std::size_t offset = 0;
  bool same = true;
  memory.each_chunk([&](std::span<const std::byte> chunk) {
    same = chunk.size() <= expected.size() - offset &&
           std::equal(chunk.begin(), chunk.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset));
    offset += chunk.size();
    return same;
  });
  return same && offset == expected.size();
}

void expect_shown(MemoryContext& c, const Memory& memory, std::span<const std::byte> expected, const char* what) {
  c.count_check();
  if (!shows(memory, expected)) c.fail(std::string{what} + ": chunks() does not show what was committed");
}

// Returns: how many bytes were taken.
std::size_t fill(Memory& memory, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::span<std::byte> window = memory.prepare(bytes.size() - done);
    const std::size_t part = std::min(window.size(), bytes.size() - done);
    if (part == 0) break;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(done), part, window.begin());
    memory.commit(part);
    done += part;
  }
  return done;
}

void read_in_threads(MemoryContext& c, std::chrono::milliseconds time) {
  Filled policy{c};
  policy.append(std::min<std::size_t>(c.most(), std::size_t{1} << 18U));
  policy.drop_front(policy.size() / 7);
  if (policy.size() == 0) return;
  const auto end = std::chrono::steady_clock::now() + time;
  const bool has_chunk_at = c.traits().has_chunk_at;
  const std::uint64_t capacity = policy.memory.capacity();
  c.in_threads(4, [&](std::size_t self) {
    std::vector<std::byte> window(std::min<std::size_t>(policy.size(), 100));
    Random random{self};
    while (std::chrono::steady_clock::now() < end) {
      expect_shown(c, policy.memory, policy.expected, "read by several threads");
      for (int i = 0; i < 20; ++i) {
        const auto offset = static_cast<std::size_t>(random() % (policy.size() - window.size() + 1));
        policy.memory.copy_out(offset, window);
        c.count_check();
        const auto wanted = policy.expected.begin() + static_cast<std::ptrdiff_t>(offset);
        if (!std::equal(window.begin(), window.end(), wanted))
          c.fail("copy_out(" + std::to_string(offset) + ") by several threads gave other bytes");
        if (has_chunk_at && policy.memory.chunk_at(offset).front() != *wanted)
          c.fail("chunk_at(" + std::to_string(offset) + ") by several threads shows another byte");
      }
      if (policy.memory.size() != policy.size() || policy.memory.capacity() != capacity)
        c.fail("size() or capacity() changed while several threads looked");
    }
  });
}

void fill_in_threads(MemoryContext& c, std::chrono::milliseconds time) {
  const std::size_t largest = std::min<std::size_t>(c.most(), std::size_t{1} << 18U);
  std::vector<Memory> policies;
  for (int i = 0; i < 8; ++i) policies.push_back(c.make());
  const auto end = std::chrono::steady_clock::now() + time;
  c.in_threads(4, [&](std::size_t self) {
    std::vector<std::byte> bytes(largest);
    for (std::uint32_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
      // Mostly small ones, so that many are made and given back at the same time.
      bytes.resize(round % 4 == 0 ? largest : std::min(largest, 3 * c.unit() + 1));
      fill_stamped({static_cast<std::uint32_t>(1000 + self), round}, 0, bytes);
      // Looked at once both are full: what two threads were given at once has had time to be written twice.
      std::array<std::size_t, 2> taken{};
      for (std::size_t i = 0; i < 2; ++i) {
        policies[2 * self + i].clear();
        taken[i] = fill(policies[2 * self + i], bytes);
      }
      for (std::size_t i = 0; i < 2; ++i)
        expect_shown(c, policies[2 * self + i], std::span{bytes}.first(taken[i]), "a policy for each thread");
    }
  });
}

void hand_over(MemoryContext& c) {
  for (int round = 0; round < 5; ++round) {
    Filled policy{c};
    policy.append(std::min<std::size_t>(c.most(), std::size_t{1} << 18U));
    Memory moved = policy.memory.moved();
    c.in_threads(1, [&](std::size_t) {
      expect_shown(c, moved, policy.expected, "filled by one thread, read by another");
      moved.clear();
      const std::size_t taken = fill(moved, policy.expected);
      expect_shown(c, moved, std::span{policy.expected}.first(taken), "filled by one thread, cleared and refilled by another");
    });
    moved.clear();
  }
}

void mem_23(MemoryContext& c) {
  read_in_threads(c, c.stress_time());
  fill_in_threads(c, c.stress_time());
  hand_over(c);
}

enum class Do : std::uint8_t { append, drop_front, truncate, clear, move, assign, exchange };

struct Step {
  Do what;
  std::uint64_t amount;
  std::uint64_t place;
};

std::vector<Step> random_steps(MemoryContext& c, std::size_t count) {
  constexpr std::array mix{Do::append,     Do::append,   Do::append,   Do::append, Do::append, Do::append,  Do::drop_front,
                           Do::drop_front, Do::truncate, Do::truncate, Do::move,   Do::assign, Do::exchange};
  std::vector<Step> steps(count);
  for (Step& step : steps) step = {c.below(50) == 0 ? Do::clear : mix[c.below(mix.size())], c.random()(), c.random()()};
  return steps;
}

// `other` is where a move or an assignment leaves the policy that it took from, and what is used next after an exchange.
void take_step(MemoryContext& c, Filled& policy, Filled& other, const Step& step) {
  const std::size_t largest = c.unit() + c.unit() / 2 + 2;
  switch (step.what) {
    case Do::append: {
      if (policy.size() > c.most()) policy.drop_front(policy.size() / 2);
      const auto count = static_cast<std::size_t>(step.amount % largest) + 1;
      policy.append(count, step.place % 2 == 0 ? count : 1, static_cast<std::size_t>(step.place % count) + 1);
      break;
    }
    case Do::drop_front: policy.drop_front(static_cast<std::size_t>(step.amount % (policy.size() + 1))); break;
    case Do::truncate: policy.truncate(policy.size() - static_cast<std::size_t>(step.amount % (policy.size() + 1)) / 2); break;
    case Do::clear: policy.clear(); break;
    case Do::move: {
      Filled moved = policy.moved();
      other = std::exchange(policy, std::move(moved));
      break;
    }
    case Do::assign:
      other.append(static_cast<std::size_t>(step.amount % largest));
      other.assign_from(policy);
      std::swap(policy, other);
      break;
    case Do::exchange: std::swap(policy, other); break;
  }
}

void expect_all(MemoryContext& c, const Filled& policy, std::uint64_t place) {
  policy.expect("after random steps");
  c.check(policy.memory.size() == policy.size(), [&] {
    return "after random steps size() is " + std::to_string(policy.memory.size()) + ", not " + std::to_string(policy.size());
  });
  if (policy.size() == 0) return;
  const auto offset = static_cast<std::size_t>(place % policy.size());
  std::vector<std::byte> window(std::min<std::size_t>(policy.size() - offset, 300));
  policy.memory.copy_out(offset, window);
  policy.expect_bytes(offset, window, "copy_out() after random steps");
  if (c.traits().has_chunk_at) policy.expect_bytes(offset, policy.memory.chunk_at(offset).first(1), "chunk_at() after random steps");
}

void mem_25(MemoryContext& c) {
  const std::size_t steps = std::clamp<std::size_t>((std::size_t{16} << 20U) / c.most(), 20, c.random_steps());
  for (int run = 0; run < 4; ++run) {
    c.run_steps<Step>(random_steps(c, steps), [&](const std::vector<Step>& schedule) {
      Filled policy{c};
      Filled other{c};
      for (const Step& step : schedule) {
        take_step(c, policy, other, step);
        expect_all(c, policy, step.place);
        other.expect("the other of two policies after random steps");
      }
    });
    if (!c.time_left()) return;
  }
}

constexpr std::array all{
    MemoryClause{.clause = {.id = "MEM-23",
                            .rule = "const operations may run in many threads at once; different policies in different threads; one policy "
                                    "in one thread after another",
                            .look_here = "mutable caches, and what policies share"},
                 .run = mem_23},
    MemoryClause{.clause = {.id = "MEM-25",
                            .rule = "any sequence of operations leaves exactly what it would leave in a plain vector",
                            .look_here = "the shrunk sequence: a state that one operation leaves and another does not expect"},
                 .run = mem_25},
};

}  // namespace

std::span<const MemoryClause> together() { return all; }

}  // namespace hybridbuffer::conformance::memory_clauses
