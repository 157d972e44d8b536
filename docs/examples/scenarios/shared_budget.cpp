// Producers and slower consumers, each pair with a queue of its own, all queues within one amount of memory.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "shared_budget.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// [shared_queue]
/// A queue without a bound that its producer could run into: what memory cannot hold waits in storage.
class ByteQueue {
 public:
  explicit ByteQueue(const MemoryBudget& budget) : bytes_{SegmentedMemory<>{}, SharedBudget{budget}, FileStorage{}} {}

  Result<void> push(std::span<const std::byte> bytes) {
    const std::scoped_lock lock{mutex_};
    auto done = bytes_.append(bytes);
    changed_.notify_one();
    return done;
  }
  void finish() {
    const std::scoped_lock lock{mutex_};
    is_finished_ = true;
    changed_.notify_one();
  }
  /// Waits for bytes. Returns: how many were taken; 0 when the producer has finished and nothing is left.
  Result<std::size_t> pop(std::span<std::byte> out) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return bytes_.unread() != 0 || is_finished_; });
    const auto count = bytes_.read(out);
    if (auto given_back = bytes_.discard_read(); !given_back) return std::unexpected{given_back.error()};
    return count;
  }
  [[nodiscard]] std::uint64_t spilled() const {
    const std::scoped_lock lock{mutex_};
    return bytes_.stats().spilled;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_finished_ = false;
  HybridBuffer<SegmentedMemory<>, SharedBudget, FileBackend> bytes_;
};
// [shared_queue]

constexpr std::uint32_t numbers_per_queue = 1U << 20U;  // 4 MiB

void produce(ByteQueue& queue) {
  std::vector<std::uint32_t> block(4096);
  for (std::uint32_t first = 0; first != numbers_per_queue; first += static_cast<std::uint32_t>(block.size())) {
    for (std::uint32_t index = 0; index != block.size(); ++index) block[index] = first + index;
    require(queue.push(std::as_bytes(std::span{block})).has_value(), "push");
  }
  queue.finish();
}

/// Returns: the numbers that came, as long as each was the successor of the one before.
std::uint32_t consume(ByteQueue& queue, const MemoryBudget& budget) {
  std::array<std::uint32_t, 1024> block{};
  std::uint32_t next = 0;
  while (true) {
    const auto count = queue.pop(std::as_writable_bytes(std::span{block}));
    require(count.has_value() && *count % sizeof(std::uint32_t) == 0, "pop");
    require(budget.used() <= budget.total(), "within the budget");
    if (*count == 0) return next;
    for (const std::uint32_t number : std::span{block}.first(*count / sizeof(std::uint32_t))) {
      if (number != next) return next;
      ++next;
    }
  }
}

}  // namespace

int main() {
  const MemoryBudget budget{1_MiB};
  {
    std::array<ByteQueue, 3> queues{ByteQueue{budget}, ByteQueue{budget}, ByteQueue{budget}};
    std::array<std::uint32_t, queues.size()> received{};
    std::vector<std::jthread> consumers;
    const auto start_consumer = [&](std::size_t index) {
      consumers.emplace_back([&, index] { received[index] = consume(queues[index], budget); });
    };
    std::vector<std::jthread> producers;
    producers.reserve(queues.size());
    start_consumer(0);
    start_consumer(1);
    for (ByteQueue& queue : queues) producers.emplace_back([&queue] { produce(queue); });
    producers.clear();  // joined: none had to wait for the last consumer, which begins only now
    const std::uint64_t spilled = queues[2].spilled();
    start_consumer(2);
    consumers.clear();

    for (const std::uint32_t count : received) require(count == numbers_per_queue, "every number, in order");
    require(spilled >= 4_MiB - budget.total(), "what exceeded the budget went to storage");
    std::printf("%zu of 4 MiB waited in storage for the slowest consumer\n", static_cast<std::size_t>(spilled));
  }
  require(budget.used() == 0, "the whole budget is given back");
  return 0;
}
