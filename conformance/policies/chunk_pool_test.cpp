#include "memory_models.hpp"
#include "process_memory.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::size_t kib = 1024;

/// Every case starts and ends with the default limit and nothing pooled on this thread.
struct CleanPool {
  CleanPool() { reset(); }
  ~CleanPool() { reset(); }
  CleanPool(const CleanPool&) = delete;
  CleanPool& operator=(const CleanPool&) = delete;

  static void reset() {
    ChunkPool::set_limit(ChunkPool::default_limit);
    ChunkPool::trim();
  }
};

template <class Memory>
void fill(Memory& memory, std::size_t count) {
  BOOST_REQUIRE(append_content(memory, 0, count) == count);
}

template <std::size_t ChunkBytes>
std::set<const std::byte*> chunks_of(const SegmentedMemory<ChunkBytes>& memory) {
  std::set<const std::byte*> chunks;
  for (std::span<const std::byte> chunk : memory.chunks()) chunks.insert(chunk.data());
  return chunks;
}

/// By chunks and by copy_out().
template <class Memory>
bool holds_content(const Memory& memory, std::uint64_t position, std::size_t count) {
  std::vector<std::byte> copied(memory.size());
  memory.copy_out(0, copied);
  if (memory.size() != count || gathered(memory) != copied) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (copied[i] != content_at(position + i)) return false;
  }
  return true;
}

using ChunkSizes = std::tuple<Model<SegmentedMemory<16>, 16>, Model<SegmentedMemory<4096>, 4096>, Model<SegmentedMemory<>, 65536>,
                              Model<SegmentedMemory<131072>, 131072>>;

BOOST_FIXTURE_TEST_SUITE(pool, CleanPool)

BOOST_AUTO_TEST_CASE_TEMPLATE(cleared_chunks_come_back_at_the_next_fill, ModelType, ChunkSizes) {
  auto memory = ModelType::make();
  fill(memory, 50 * ModelType::unit);
  const auto chunks = chunks_of(memory);
  BOOST_TEST(ChunkPool::pooled_bytes() == 0U);

  memory.clear();
  BOOST_TEST(ChunkPool::pooled_bytes() == 50 * ModelType::unit);
  BOOST_TEST(ModelType::Memory::pooled_bytes() == 50 * ModelType::unit);
  fill(memory, 50 * ModelType::unit);

  BOOST_TEST((chunks_of(memory) == chunks));
  BOOST_TEST(ChunkPool::pooled_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_pool_of_a_new_thread_holds_all_that_its_limit_allows, ModelType, ChunkSizes) {
  for (const std::size_t chunks : {1U, 3U}) {
    ChunkPool::set_limit(chunks * ModelType::unit);
    std::size_t pooled = 0;
    std::thread{[&] {
      auto memory = ModelType::make();
      append_content(memory, 0, 50 * ModelType::unit);
      memory.clear();
      pooled = ChunkPool::pooled_bytes();
    }}.join();

    BOOST_TEST(pooled == chunks * ModelType::unit);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(dropped_and_truncated_chunks_go_to_the_pool_one_by_one, ModelType, ChunkSizes) {
  constexpr std::size_t unit = ModelType::unit;
  auto memory = ModelType::make();
  fill(memory, 10 * unit);

  memory.drop_front(unit - 1);
  BOOST_TEST(ChunkPool::pooled_bytes() == 0U);
  memory.drop_front(1);
  BOOST_TEST(ChunkPool::pooled_bytes() == unit);
  memory.truncate(8 * unit + 1);
  BOOST_TEST(ChunkPool::pooled_bytes() == unit);
  memory.truncate(8 * unit);
  BOOST_TEST(ChunkPool::pooled_bytes() == 2 * unit);
  memory.drop_front(8 * unit);
  BOOST_TEST(ChunkPool::pooled_bytes() == 10 * unit);
}

BOOST_AUTO_TEST_CASE(the_limit_holds_for_all_sizes_together) {
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, 64 * kib - 1, 64 * kib, 64 * kib + 1, 200 * kib, 1000 * kib}) {
    ChunkPool::set_limit(limit);
    BOOST_TEST(ChunkPool::limit() == limit);
    SegmentedMemory<> large;
    SegmentedMemory<4096> small;
    fill(large, 512 * kib);
    fill(small, 512 * kib);

    large.clear();
    BOOST_TEST(ChunkPool::pooled_bytes() <= limit);
    small.clear();

    BOOST_TEST(ChunkPool::pooled_bytes() <= limit);
    BOOST_TEST(ChunkPool::pooled_bytes() + 64 * kib > std::min(limit, 1024 * kib));
    BOOST_TEST(SegmentedMemory<>::pooled_bytes() + SegmentedMemory<4096>::pooled_bytes() == ChunkPool::pooled_bytes());
    ChunkPool::trim();
  }
}

BOOST_AUTO_TEST_CASE(chunks_of_a_size_that_is_used_no_more_make_room_for_the_one_that_is) {
  ChunkPool::set_limit(640 * kib);
  SegmentedMemory<> large;
  fill(large, 640 * kib);
  large.clear();
  BOOST_TEST(SegmentedMemory<>::pooled_bytes() == 640 * kib);
  SegmentedMemory<256> small;
  fill(small, 100 * 256);
  const auto chunks = chunks_of(small);

  small.clear();
  fill(small, 100 * 256);

  BOOST_TEST((chunks_of(small) == chunks));
  BOOST_TEST(SegmentedMemory<>::pooled_bytes() == 576 * kib);
}

/// A content that begins with a short append begins in a small block; what follows lies in chunks as if it had not.
BOOST_AUTO_TEST_CASE(a_short_content_takes_no_chunk) {
  constexpr std::size_t small = 512;
  for (const std::size_t first : {std::size_t{1}, std::size_t{100}, small, small + 1}) {
    for (const std::size_t size : {first, small - 1, small, small + 1, 64 * kib - 1, 64 * kib, 64 * kib + 1, 200 * kib}) {
      if (size < first) continue;
      SegmentedMemory<> memory;
      BOOST_REQUIRE(append_content(memory, 0, first) == first);
      BOOST_TEST(memory.capacity() == (first <= small ? small : 64 * kib));
      BOOST_REQUIRE(append_content(memory, first, size - first) == size - first);
      const std::size_t beside = first <= small ? small : 0;
      const std::size_t chunks = size <= beside ? 0 : (size + 64 * kib - 1) / (64 * kib);
      BOOST_TEST(memory.capacity() == beside + chunks * 64 * kib);
      BOOST_TEST(holds_content(memory, 0, size));

      for (const std::size_t dropped : {std::size_t{1}, small - 1, small, small + 1}) {
        SegmentedMemory<> rest;
        BOOST_REQUIRE(append_content(rest, 0, first) == first);
        BOOST_REQUIRE(append_content(rest, first, size - first) == size - first);
        rest.drop_front(dropped);
        if (dropped >= size) {
          BOOST_TEST(rest.capacity() == 0U);
          continue;
        }
        BOOST_TEST(rest.capacity() == (dropped < beside ? beside : 0) + chunks * 64 * kib);
        BOOST_TEST(holds_content(rest, dropped, size - dropped));
        rest.truncate(1);
        BOOST_TEST(holds_content(rest, dropped, 1));
        BOOST_TEST(rest.capacity() == (dropped < beside ? beside : 64 * kib));
        BOOST_REQUIRE(append_content(rest, dropped + 1, 70 * kib) == 70 * kib);
        BOOST_TEST(holds_content(rest, dropped, 70 * kib + 1));
        SegmentedMemory<> moved{std::move(rest)};
        BOOST_TEST(holds_content(moved, dropped, 70 * kib + 1));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_lowered_limit_takes_effect_at_the_next_chunk_that_is_put) {
  SegmentedMemory<> large;
  SegmentedMemory<4096> small;
  fill(large, 640 * kib);
  fill(small, 4 * kib);
  large.clear();
  BOOST_TEST(ChunkPool::pooled_bytes() == 640 * kib);

  ChunkPool::set_limit(100 * kib);
  BOOST_TEST(ChunkPool::pooled_bytes() == 640 * kib);
  small.clear();

  BOOST_TEST(ChunkPool::pooled_bytes() <= 100 * kib);
}

BOOST_AUTO_TEST_CASE(trim_leaves_nothing_and_the_pool_works_on) {
  for (int round = 0; round < 3; ++round) {
    SegmentedMemory<> large;
    SegmentedMemory<16> small;
    fill(large, 300 * kib);
    fill(small, 300 * kib);
    large.clear();
    small.clear();
    BOOST_TEST(ChunkPool::pooled_bytes() > 600 * kib);

    ChunkPool::trim();

    BOOST_TEST(ChunkPool::pooled_bytes() == 0U);
    BOOST_TEST(SegmentedMemory<>::pooled_bytes() == 0U);
    BOOST_TEST(SegmentedMemory<16>::pooled_bytes() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(without_recycling_resident_memory_falls_by_what_was_cleared_though_small_blocks_were_allocated_meanwhile) {
  constexpr std::size_t volume = 16 * 1024 * kib;
  ChunkPool::set_limit(0);
  SegmentedMemory<> memory;
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  while (memory.size() < volume) {
    fill(memory, 64 * kib);
    blocks.push_back(std::make_unique<std::byte[]>(5'000));
  }
  const long full = resident_bytes();

  memory.clear();

  BOOST_TEST(static_cast<double>(full - resident_bytes()) >= 0.95 * static_cast<double>(volume));
  BOOST_TEST(blocks.size() == volume / (64 * kib));
}

BOOST_AUTO_TEST_CASE(a_buffer_filled_on_one_thread_and_cleared_on_another_feeds_the_pool_of_the_other) {
  SegmentedMemory<> memory;
  fill(memory, 640 * kib);
  std::size_t pooled_there = 0;

  std::thread{[&pooled_there, moved = std::move(memory)]() mutable {
    moved.clear();
    pooled_there = ChunkPool::pooled_bytes();
  }}.join();

  BOOST_TEST(pooled_there == 640 * kib);
  BOOST_TEST(ChunkPool::pooled_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(many_threads_pass_buffers_round_and_every_byte_arrives) {
  constexpr std::size_t threads = 8;
  constexpr std::size_t rounds = 200;
  std::array<std::atomic<SegmentedMemory<4096>*>, threads> mailboxes{};
  std::atomic<int> wrong{0};
  const auto pass_on = [&](std::size_t self) {
    for (std::size_t round = 0; round < rounds; ++round) {
      auto memory = std::make_unique<SegmentedMemory<4096>>();
      append_content(*memory, round, 10'000);
      SegmentedMemory<4096>* previous = mailboxes[(self + round) % threads].exchange(memory.release());
      if (previous == nullptr) continue;
      const std::unique_ptr<SegmentedMemory<4096>> received{previous};
      const std::vector<std::byte> bytes = gathered(*received);
      for (std::size_t i = 1; i < bytes.size(); ++i) {
        if (bytes[i] != std::byte{0} && std::to_integer<int>(bytes[i]) != std::to_integer<int>(bytes[i - 1]) + 1) ++wrong;
      }
      if (bytes.size() != 10'000) ++wrong;
      if (round % 50 == 0) ChunkPool::trim();
    }
  };

  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(pass_on, i);
  for (std::thread& worker : workers) worker.join();
  for (auto& mailbox : mailboxes) delete mailbox.load();

  BOOST_TEST(wrong.load() == 0);
}

BOOST_AUTO_TEST_CASE(one_thread_may_change_the_limit_while_others_use_their_pools) {
  std::atomic<bool> done{false};
  std::atomic<int> over{0};
  std::thread user{[&] {
    while (!done) {
      SegmentedMemory<4096> memory;
      append_content(memory, 0, 100 * kib);
      memory.clear();
      if (ChunkPool::pooled_bytes() > 100 * kib) ++over;
    }
  }};

  for (std::size_t i = 0; i < 2'000; ++i) ChunkPool::set_limit(i % 101 * kib);
  done = true;
  user.join();

  BOOST_TEST(over.load() == 0);
}

/// Written by thread-local destructors that run after the pool's own.
std::atomic<std::size_t> pooled_after_the_end{1};
std::atomic<std::size_t> size_after_the_end{0};

struct LateUser {
  SegmentedMemory<> memory;
  LateUser() = default;
  LateUser(const LateUser&) = delete;
  LateUser& operator=(const LateUser&) = delete;
  ~LateUser() {
    append_content(memory, 0, 200 * kib);
    size_after_the_end = memory.size();
    memory.clear();
    pooled_after_the_end = ChunkPool::pooled_bytes();
  }
};

BOOST_AUTO_TEST_CASE(a_buffer_that_outlives_its_threads_pool_works_and_pools_nothing) {
  std::thread{[] {
    static thread_local LateUser late;  // constructed before the pool's first chunk, so destroyed after the pool
    append_content(late.memory, 0, 100 * kib);
    SegmentedMemory<> first_to_pool;
    append_content(first_to_pool, 0, 300 * kib);
    first_to_pool.clear();
  }}.join();

  BOOST_TEST(size_after_the_end.load() == 300 * kib);
  BOOST_TEST(pooled_after_the_end.load() == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_thread_pooled_leaves_the_process_when_the_thread_ends) {
  long full = 0;
  std::thread{[&full] {
    SegmentedMemory<> memory;
    append_content(memory, 0, 8 * 1024 * kib);
    memory.clear();
    full = resident_bytes();
  }}.join();

  BOOST_TEST(full - resident_bytes() >= static_cast<long>(7 * 1024 * kib));
}

/// Destroyed after main returned; ends the forked child with its verdict.
struct StaticUser {
  SegmentedMemory<> memory;
  bool judges = false;
  StaticUser() = default;
  StaticUser(const StaticUser&) = delete;
  StaticUser& operator=(const StaticUser&) = delete;
  ~StaticUser() {
    if (!judges) return;
    const bool kept = memory.size() == 200 * kib && memory.chunk_at(7)[0] == content_at(7);
    memory.clear();
    ::_exit(kept && ChunkPool::pooled_bytes() == 0 ? 0 : 2);
  }
};
StaticUser static_user;  // NOLINT(bugprone-throwing-static-initialization)

BOOST_AUTO_TEST_CASE(a_static_buffer_outlives_the_main_threads_pool) {
  const pid_t child = ::fork();
  if (child == 0) {
    static_user.judges = true;
    append_content(static_user.memory, 0, 200 * kib);
    SegmentedMemory<> pooled;
    append_content(pooled, 0, 200 * kib);
    pooled.clear();
    std::exit(3);  // NOLINT(concurrency-mt-unsafe): the destructor under test is what ends the child
  }
  int status = 0;

  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_CASE(address_sanitizer_sees_the_use_of_a_pooled_chunk) {
#if defined(ASAN_POISON_MEMORY_REGION)  // chunk_pool.hpp includes its interface under the sanitizer only
  SegmentedMemory<> memory;
  fill(memory, 64 * kib);
  const std::byte* chunk = memory.chunk_at(0).data();

  memory.clear();
  BOOST_TEST(__asan_address_is_poisoned(chunk + 8) == 1);
  BOOST_TEST(__asan_address_is_poisoned(chunk + 64 * kib - 1) == 1);
  fill(memory, 64 * kib);

  BOOST_TEST((memory.chunk_at(0).data() == chunk));
  BOOST_TEST(__asan_region_is_poisoned(const_cast<std::byte*>(chunk), 64 * kib) == nullptr);
#else
  BOOST_TEST_MESSAGE("skipped: not built with AddressSanitizer");
  BOOST_TEST(ChunkPool::pooled_bytes() == 0U);
#endif
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
