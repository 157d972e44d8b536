#include "fault_storage.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <latch>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

// What many threads may do with one buffer, and with buffers that share something.

namespace hybridbuffer::testing {
namespace {

constexpr int threads = 8;
constexpr int scaled(int count) { return sanitized ? count / 10 : count; }

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("HYBRIDBUFFER_SEED");
    const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<std::uint64_t>(std::time(nullptr));
    BOOST_TEST_MESSAGE("HYBRIDBUFFER_SEED=" << chosen);
    return chosen;
  }();
  return value;
}

/// Runs `work(index)` in `count` threads, all at once.
template <class Work>
void run_together(Work&& work, int count = threads) {
  std::latch start{count};
  std::vector<std::thread> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back([&, i] {
      start.arrive_and_wait();
      work(static_cast<unsigned>(i));
    });
  }
  for (std::thread& thread : all) thread.join();
}

/// A backend whose readers show the object as it was when they were opened, as D10 allows.
class SnapshotBackend {
 public:
  class ReaderAt {
   public:
    ReaderAt(MemoryBackend::ReaderAt inner, std::uint64_t size) : inner_{std::move(inner)}, size_{size} {}
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
      if (offset >= size_) return std::size_t{0};
      return inner_.read_at(offset, bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), size_ - offset))));
    }

   private:
    MemoryBackend::ReaderAt inner_;
    std::uint64_t size_;
  };

  static constexpr Capabilities capabilities() { return {Capability::append, Capability::reader_at, Capability::gather}; }
  Result<MemoryBackend::Writer> create() { return inner_.create(); }
  Result<MemoryBackend::Writer> append() { return inner_.append(); }
  [[nodiscard]] Result<MemoryBackend::Reader> open() const { return inner_.open(); }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const {
    auto opened = inner_.open_reader_at();
    if (!opened) return std::unexpected{opened.error()};
    const auto size = opened->size();
    return ReaderAt{std::move(*opened), size.value_or(0)};
  }
  Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// A backend that can seek and has no reader_at.
class SeekingBackend {
 public:
  static constexpr Capabilities capabilities() { return {Capability::append, Capability::seeker, Capability::gather}; }
  Result<MemoryBackend::Writer> create() { return inner_.create(); }
  Result<MemoryBackend::Writer> append() { return inner_.append(); }
  [[nodiscard]] Result<MemoryBackend::Reader> open() const { return inner_.open(); }
  [[nodiscard]] Result<MemoryBackend::Reader> open_seeker() const { return inner_.open_seeker(); }
  Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

template <class Storage>
using BufferIn = HybridBuffer<SegmentedMemory<1024>, SpillAt, backend_of_t<Storage>, Storage>;
using Storages = std::tuple<FileStorage, MemoryStorage, InPlaceStorage<SnapshotBackend>, InPlaceStorage<SeekingBackend>,
                            InPlaceStorage<ThreeCallBackend>>;

template <class Buffer>
bool append_stream(Buffer& buffer, std::size_t count) {
  return buffer.append(stream_bytes(buffer.size(), count)).has_value();
}
bool is_stream(std::span<const std::byte> bytes, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != byte_at(offset + i)) return false;
  }
  return true;
}

/// Reads at random by every const route. Returns: whether all was exact.
template <class Buffer>
bool read_at_random(const Buffer& buffer, std::minstd_rand random, int reads) {
  Bytes block(6000);
  auto cursor = buffer.open_reader();
  for (int i = 0; i < reads; ++i) {
    const std::uint64_t offset = random() % buffer.size();
    const auto out = std::span{block}.first(1 + random() % block.size());
    const std::size_t expected = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), buffer.size() - offset));
    const auto direct = buffer.read_at(offset, out);
    if (direct.value_or(0) != expected || !is_stream(out.first(expected), offset)) return false;
    if (i % 4 == 0 && !cursor.seek(static_cast<std::int64_t>(random() % buffer.size()))) return false;
    const std::uint64_t start = cursor.tell();
    const auto count = cursor.read(out);
    if (!count || !is_stream(out.first(*count), start)) return false;
  }
  return buffer.size() == buffer.stats().stored + buffer.stats().in_memory;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(threads_that_read_a_buffer_for_the_first_time_at_once_are_all_exact, Storage, Storages) {
  std::atomic<int> wrong{0};

  for (int round = 0; round < scaled(400); ++round) {
    BufferIn<Storage> buffer{SpillAt{4000}};
    BOOST_REQUIRE(append_stream(buffer, 9000));
    BOOST_REQUIRE(append_stream(buffer, 3000));
    BOOST_REQUIRE(buffer.truncate(8000).has_value());
    BOOST_REQUIRE(append_stream(buffer, 5500));
    BOOST_REQUIRE(append_stream(buffer, 2500));
    BOOST_REQUIRE((buffer.stats().stored > 10'000 && buffer.stats().in_memory > 1000));
    run_together([&](unsigned index) {
      if (!read_at_random(std::as_const(buffer), std::minstd_rand{static_cast<unsigned>(seed()) + index}, 4)) ++wrong;
    });
  }

  BOOST_TEST(wrong.load() == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(threads_read_exactly_between_changes_of_the_buffer, Storage, Storages) {
  BufferIn<Storage> buffer{SpillAt{4000}};
  std::atomic<int> wrong{0};

  for (int round = 0; round < scaled(60); ++round) {
    BOOST_REQUIRE(append_stream(buffer, 2700));
    if (round % 7 == 6) BOOST_REQUIRE(buffer.truncate(buffer.size() / 2).has_value());
    run_together([&](unsigned index) {
      if (!read_at_random(std::as_const(buffer), std::minstd_rand{static_cast<unsigned>(seed()) + index}, 10)) ++wrong;
    });
  }

  BOOST_TEST(wrong.load() == 0);
}

/// A buffer and how much of it was read; does something at random.
template <class Buffer>
bool change_at_random(Buffer& buffer, std::minstd_rand& random) {
  Bytes block(3000);
  const std::uint64_t offset = buffer.tell();
  switch (random() % 8) {
    case 0: return buffer.reset().has_value();
    case 1: return buffer.truncate(buffer.first_offset() + random() % (buffer.size() - buffer.first_offset() + 1)).has_value();
    case 2: return buffer.discard_read().has_value();
    case 3:
    case 4: {
      const auto count = buffer.read(block);
      return count && is_stream(std::span{block}.first(*count), offset);
    }
    default: return append_stream(buffer, random() % 5000);
  }
}

BOOST_AUTO_TEST_CASE(a_budget_that_a_thousand_buffers_in_many_threads_share_is_never_exceeded_and_returns_to_0) {
  constexpr unsigned sharers = 16;
  constexpr std::uint64_t total = 1_MiB;
  const MemoryBudget budget{total};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<std::uint64_t> most{0};
  std::thread sampler{[&] {
    while (!stop.load()) {
      most.store(std::max(most.load(), budget.used()));
      std::this_thread::yield();
    }
  }};

  const auto share = [&](unsigned index) {
    using Buffer = HybridBuffer<SegmentedMemory<1024>, SharedBudget, BasicMemoryBackend<1024>>;
    std::minstd_rand random{static_cast<unsigned>(seed()) + index};
    std::vector<Buffer> buffers;
    for (unsigned i = index; i < 1000; i += sharers) buffers.emplace_back(SharedBudget{budget});
    for (int i = 0; i < scaled(runs_long_tier() ? 600'000 : 30'000); ++i) {
      Buffer& buffer = buffers[random() % buffers.size()];
      if (random() % 50 == 0) buffer = Buffer{SharedBudget{budget}};
      else if (!change_at_random(buffer, random)) ++wrong;
      if (budget.used() > total) ++wrong;
    }
    std::uint64_t in_memory = 0;
    for (const Buffer& buffer : buffers) in_memory += buffer.stats().in_memory;
    if (in_memory > total) ++wrong;
  };
  run_together(share, sharers);
  stop.store(true);
  sampler.join();

  BOOST_TEST(wrong.load() == 0);
  BOOST_TEST(most.load() <= total);
  BOOST_TEST(most.load() > total / 2);  // it was wanted
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(buffers_that_pass_from_thread_to_thread_stay_exact, Storage, Storages) {
  struct Parcel {
    BufferIn<Storage> buffer;
    int journeys = 0;
  };
  std::mutex lock;
  std::deque<Parcel> waiting;
  for (int i = 0; i < 40; ++i) waiting.push_back({BufferIn<Storage>{SpillAt{3000}}});
  std::atomic<int> wrong{0};
  std::atomic<int> finished{0};

  run_together([&](unsigned index) {
    std::minstd_rand random{static_cast<unsigned>(seed()) + index};
    while (finished.load() < 40) {
      std::optional<Parcel> parcel;
      {
        const std::lock_guard guard{lock};
        if (waiting.empty()) {
          std::this_thread::yield();
          continue;
        }
        parcel.emplace(std::move(waiting.front()));
        waiting.pop_front();
      }
      for (int i = 0; i < 5; ++i) wrong += change_at_random(parcel->buffer, random) ? 0 : 1;
      if (++parcel->journeys == scaled(100)) {
        ++finished;
        continue;  // it ends here, its chunks in this thread's pool
      }
      const std::lock_guard guard{lock};
      waiting.push_back(std::move(*parcel));
    }
    if (ChunkPool::pooled_bytes() > ChunkPool::limit()) ++wrong;
  });

  BOOST_TEST(wrong.load() == 0);
}

BOOST_AUTO_TEST_CASE(buffers_in_many_threads_share_a_place_and_its_recycled_files) {
  const TemporaryDirectory directory;
  const FileStorage storage{{.directory = directory.path(), .recycled_files = 6}};
  std::atomic<int> wrong{0};

  run_together([&](unsigned index) {
    std::minstd_rand random{static_cast<unsigned>(seed()) + index};
    for (int i = 0; i < scaled(200); ++i) {
      BufferIn<FileStorage> buffer{SpillAt{2000}, storage};
      for (int change = 0; change < 8; ++change) wrong += change_at_random(buffer, random) ? 0 : 1;
      if (i % 16 == 0) storage.trim();
    }
  });

  BOOST_TEST(wrong.load() == 0);
  BOOST_TEST(storage.recycled().files <= 6U);
  BOOST_TEST(storage.recycled().reused > 0U);
  BOOST_TEST(names_in(directory.path()).empty());
}

BOOST_AUTO_TEST_CASE(a_buffer_outlives_the_thread_that_filled_it) {
  std::optional<HybridBuffer<>> buffer;

  std::thread{[&] {
    buffer.emplace(SpillAt{200_KiB});
    if (!append_stream(*buffer, 150'000) || !append_stream(*buffer, 100'000)) buffer.reset();
  }}.join();

  BOOST_REQUIRE(buffer.has_value());
  Bytes all(250'000);
  BOOST_TEST(buffer->read(all).value_or(0) == all.size());
  BOOST_TEST(is_stream(all, 0));
}

}  // namespace
}  // namespace hybridbuffer::testing
