#include "../support/forked_child.hpp"
#include "fault_storage.hpp"
#include "fault_support.hpp"
#include "gated_storage.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// A buffer that spills on a thread of its own. The gate holds a spill where a test wants it: what the test sees then happens beside it.

namespace hybridbuffer::testing {
namespace {

constexpr std::uint64_t threshold = 1000;
using Gated = HybridBuffer<SegmentedMemory<64>, Overlapped<SpillAt>, GatedBackend, GatedStorage>;

Gated gated(Gate& gate) { return Gated{SegmentedMemory<64>{}, Overlapped{SpillAt{threshold}}, GatedStorage{gate}}; }

/// Appends the stream's bytes from the buffer's size on.
template <class Buffer>
Result<void> grow(Buffer& buffer, std::size_t count) {
  return buffer.append(stream_bytes(buffer.size(), count));
}

template <class Buffer>
bool holds_stream(const Buffer& buffer, std::uint64_t size) {
  Bytes content(size + 1);
  const auto count = buffer.read_at(0, content);
  if (!count || *count != size || buffer.size() != size) return false;
  content.resize(size);
  return content == stream_bytes(0, size);
}

/// Has a spill of 500 bytes wait at the gate, and 100 bytes more in memory.
template <class Buffer>
void put_in_flight(Buffer& buffer, Gate& gate) {
  gate.shut();
  const std::uint64_t arrivals = gate.arrivals();
  BOOST_REQUIRE(grow(buffer, 500).has_value());
  BOOST_REQUIRE(grow(buffer, 100).has_value());
  gate.await_arrivals(arrivals + 1);
  BOOST_REQUIRE_EQUAL(buffer.stats().in_flight, 500U);
}

/// Opens the gate in a while, on a thread of its own: whoever waits until then waits for the spill.
class LateOpening {
 public:
  explicit LateOpening(Gate& gate)
      : thread_{[&gate, this] {
          while (!about_to_wait_) std::this_thread::yield();
          for (int i = 0; i < 1000; ++i) std::this_thread::yield();
          gate.open();
        }} {}
  LateOpening(const LateOpening&) = delete;
  LateOpening& operator=(const LateOpening&) = delete;
  ~LateOpening() { thread_.join(); }
  void start() noexcept { about_to_wait_ = true; }

 private:
  std::atomic<bool> about_to_wait_{false};
  std::thread thread_;
};

BOOST_AUTO_TEST_CASE(appends_and_reads_of_memory_go_on_while_a_spill_is_stored) {
  Gate gate;
  Gated buffer = gated(gate);
  put_in_flight(buffer, gate);

  BOOST_TEST(grow(buffer, 300).has_value());
  BOOST_TEST(holds_stream(buffer, 900));
  std::array<std::byte, 40> read{};
  BOOST_TEST(buffer.read(read).value() == read.size());
  BOOST_TEST(std::equal(read.begin(), read.end(), stream_bytes(0, 40).begin()));
  const BufferStats stats = buffer.stats();
  BOOST_TEST(stats.in_memory == 900U);
  BOOST_TEST(stats.in_flight == 500U);
  BOOST_TEST(stats.stored == 0U);
  BOOST_TEST(stats.locations == 0U);
  BOOST_TEST(!buffer.is_spilled());

  gate.open();
  BOOST_TEST(buffer.spill().has_value());
  BOOST_TEST(buffer.stats().stored == 900U);
  BOOST_TEST(buffer.stats().in_flight == 0U);
  BOOST_TEST(buffer.stats().spilled == 900U);
  BOOST_TEST(holds_stream(buffer, 900));
}

BOOST_AUTO_TEST_CASE(memory_never_holds_more_than_the_policy_inside_grants) {
  Gate gate;
  Gated buffer = gated(gate);
  put_in_flight(buffer, gate);
  BOOST_TEST(grow(buffer, 400).has_value());
  BOOST_TEST(buffer.stats().in_memory == threshold);
  BOOST_TEST(buffer.room() == 0U);
  BOOST_TEST(buffer.would_spill(1));

  {
    LateOpening opening{gate};
    opening.start();
    BOOST_TEST(grow(buffer, 1).has_value());  // waits for the first half, hands the second one over
  }
  BOOST_TEST(buffer.stats().in_memory <= threshold);
  for (int i = 0; i < 200; ++i) {
    BOOST_REQUIRE(grow(buffer, static_cast<std::size_t>(1 + i * 7 % 1500)).has_value());
    BOOST_REQUIRE(buffer.stats().in_memory <= threshold);
  }
  BOOST_TEST(holds_stream(buffer, buffer.size()));
}

BOOST_AUTO_TEST_CASE(the_first_bytes_that_are_stored_may_leave_less_memory_than_would_spill_knew_of) {
  constexpr std::uint64_t while_stored = 150;
  Gate gate;
  Gated buffer{SegmentedMemory<64>{}, Overlapped{SpillAt{.threshold = threshold, .while_stored = while_stored}}, GatedStorage{gate}};
  put_in_flight(buffer, gate);
  BOOST_TEST(grow(buffer, 100).has_value());
  BOOST_TEST(!buffer.would_spill(100));
  BOOST_TEST(buffer.stats().in_memory == 700U);

  gate.open();
  // Only a call that changes the buffer learns that the spill has landed. On a busy machine that takes a while; 10 s are as good as never.
  while (buffer.stats().stored == 0 && buffer.size() < threshold - 100) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    BOOST_REQUIRE(grow(buffer, 1).has_value());
  }
  BOOST_TEST(buffer.stats().stored >= 500U);
  BOOST_TEST(buffer.stats().spilled + buffer.stats().in_flight > 500U);  // 200 bytes are too many now
  BOOST_REQUIRE(buffer.spill().has_value());
  BOOST_REQUIRE(grow(buffer, while_stored / 2).has_value());
  BOOST_TEST(buffer.would_spill(1));
  BOOST_TEST(holds_stream(buffer, buffer.size()));
}

BOOST_AUTO_TEST_CASE(a_read_of_stored_bytes_waits_for_the_spill) {
  Gate gate;
  Gated buffer = gated(gate);
  BOOST_REQUIRE(grow(buffer, 300).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());
  put_in_flight(buffer, gate);

  LateOpening opening{gate};
  opening.start();
  BOOST_TEST(holds_stream(buffer, 900));
}

BOOST_AUTO_TEST_CASE(what_changes_the_content_waits_for_the_spill) {
  const auto check = [](std::string_view name, auto&& change, std::uint64_t first, std::uint64_t size) {
    BOOST_TEST_CONTEXT(name) {
      Gate gate;
      Gated buffer = gated(gate);
      put_in_flight(buffer, gate);
      {
        LateOpening opening{gate};
        opening.start();
        BOOST_TEST(change(buffer).has_value());
      }
      BOOST_TEST(buffer.first_offset() == first);
      BOOST_TEST(buffer.size() == size);
      Bytes content(size - first);
      BOOST_TEST(buffer.read_at(first, content).value() == content.size());
      BOOST_TEST((content == stream_bytes(first, content.size())));
      BOOST_TEST(buffer.stats().in_flight == 0U);
      BOOST_TEST(grow(buffer, 700).has_value());
      Bytes grown(size + 700 - first);
      BOOST_TEST(buffer.read_at(first, grown).value() == grown.size());
      BOOST_TEST((grown == stream_bytes(first, grown.size())));
    }
  };
  const auto discard = [](std::uint64_t count) {
    return [count](Gated& buffer) -> Result<void> {
      Bytes read(count);
      if (auto done = buffer.read(read); !done) return std::unexpected{done.error()};
      return buffer.discard_read();
    };
  };
  check("spill", [](Gated& buffer) { return buffer.spill(); }, 0, 600);
  check("truncate memory", [](Gated& buffer) { return buffer.truncate(550); }, 0, 550);
  check("truncate what is in flight", [](Gated& buffer) { return buffer.truncate(77); }, 0, 77);
  check("truncate everything", [](Gated& buffer) { return buffer.truncate(0); }, 0, 0);
  check("discard a part in flight", discard(123), 123, 600);
  check("discard all in flight", discard(500), 500, 600);
  check("discard memory", discard(555), 555, 600);
  check("reset", [](Gated& buffer) { return buffer.reset(); }, 0, 0);
}

BOOST_AUTO_TEST_CASE(moves_and_destruction_wait_for_the_spill) {
  Gate gate;
  Gated first = gated(gate);
  put_in_flight(first, gate);
  std::optional<Gated> second;
  {
    LateOpening opening{gate};
    opening.start();
    second.emplace(std::move(first));
  }
  BOOST_TEST(holds_stream(*second, 600));

  Gated third = gated(gate);
  put_in_flight(third, gate);
  {
    LateOpening opening{gate};
    opening.start();
    third = std::move(*second);
  }
  BOOST_TEST(holds_stream(third, 600));
  BOOST_TEST(grow(third, 2000).has_value());
  BOOST_TEST(holds_stream(third, 2600));

  const std::size_t descriptors = open_descriptors();
  {
    std::optional<Gated> last{gated(gate)};
    put_in_flight(*last, gate);
    LateOpening opening{gate};
    opening.start();
    last.reset();
  }
  BOOST_TEST(open_descriptors() == descriptors);
}

BOOST_AUTO_TEST_CASE(a_published_file_holds_what_was_in_flight) {
  const TemporaryDirectory directory;
  Gate gate;
  Gated buffer = gated(gate);
  put_in_flight(buffer, gate);
  {
    LateOpening opening{gate};
    opening.start();
    BOOST_TEST(buffer.publish(directory.file("all")).has_value());
  }
  BOOST_TEST((content_of(directory.file("all")) == stream_bytes(0, 600)));
}

using Faulty = FaultyStorage<MemoryStorage>;
template <class Spill>
using FaultyBuffer = HybridBuffer<SegmentedMemory<64>, Spill, Faulty::Backend, Faulty>;

BOOST_AUTO_TEST_CASE(a_failed_spill_is_told_once_and_loses_nothing) {
  FaultyBuffer<Overlapped<SpillAt>> buffer{SegmentedMemory<64>{}, Overlapped{SpillAt{threshold}}, Faulty{}};
  FaultPlan::arm(1, {.code = errc::no_space, .for_ever = true});
  FaultPlan::resume();
  BOOST_REQUIRE(grow(buffer, 500).has_value());
  BOOST_REQUIRE(grow(buffer, 500).has_value());  // the first half fails meanwhile

  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto refused = grow(buffer, 1);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error() == errc::no_space));
    BOOST_TEST(FaultPlan::fired() == static_cast<std::uint64_t>(attempt) + 1);
    BOOST_TEST(holds_stream(buffer, 1000));
    BOOST_TEST(buffer.stats().in_memory == 1000U);
  }
  // What was not stored is memory: it can be read, discarded and truncated.
  Bytes read(200);
  BOOST_TEST(buffer.read(read).value() == 200U);
  BOOST_TEST(buffer.discard_read().has_value());
  BOOST_TEST(buffer.stats().in_memory == 800U);
  BOOST_TEST(buffer.truncate(400).has_value());
  BOOST_TEST(buffer.stats().in_memory == 200U);
  FaultPlan::heal();
  BOOST_TEST(grow(buffer, 1500).has_value());
  FaultPlan::pause();
  Bytes content(1700);
  BOOST_TEST(buffer.read_at(200, content).value() == content.size());
  BOOST_TEST((content == stream_bytes(200, content.size())));
}

// What a call of this thread's own throws is a failure, too.
template <class Call>
Result<void> without_bad_alloc(Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return failure(errc::no_space, "out of memory");
  }
}

// Appends, with a retry wherever a call fails, while the k-th storage call fails. Returns: false when there is no k-th call.
template <class Spill>
bool survives_fault(std::uint64_t k, const Fault& fault, Spill spill) {
  const std::int64_t backends = Live<BackendTag>::count;
  const std::int64_t handles = Live<HandleTag>::count;
  std::uint64_t told = 0;
  {
    FaultyBuffer<Spill> buffer{SegmentedMemory<64>{}, std::move(spill), Faulty{}};
    FaultPlan::arm(k, fault);
    FaultPlan::resume();
    constexpr std::array<std::size_t, 9> pieces{300, 250, 10, 470, 1400, 1, 499, 700, 64};
    for (const std::size_t piece : pieces) {
      for (int attempt = 0;; ++attempt) {
        const std::uint64_t before = buffer.size();
        const auto done = without_bad_alloc([&] { return grow(buffer, piece); });
        if (done) break;
        ++told;
        BOOST_REQUIRE_MESSAGE(FaultPlan::explains(&done.error()), done.error().message());
        BOOST_REQUIRE_EQUAL(buffer.size(), before);
        if (attempt == 2) FaultPlan::heal();
        BOOST_REQUIRE(attempt < 4);
      }
      BOOST_REQUIRE(buffer.stats().in_memory <= threshold);
    }
    for (int attempt = 0; !without_bad_alloc([&] { return buffer.spill(); }); ++attempt) {
      ++told;
      if (attempt == 1) FaultPlan::heal();
      BOOST_REQUIRE(attempt < 3);
    }
    FaultPlan::pause();
    BOOST_REQUIRE(holds_stream(buffer, 3694));
    BOOST_REQUIRE_EQUAL(buffer.stats().in_memory, 0U);
  }
  const std::uint64_t fired = FaultPlan::fired();
  BOOST_REQUIRE_EQUAL(told, fired);
  BOOST_REQUIRE_EQUAL(Live<BackendTag>::count, backends);
  BOOST_REQUIRE_EQUAL(Live<HandleTag>::count, handles);
  return fired != 0;
}

BOOST_AUTO_TEST_CASE(whichever_storage_call_fails_every_failure_is_told_and_every_byte_is_there) {
  const std::array<Fault, 5> faults{Fault{.code = errc::io}, Fault{.code = errc::no_space, .for_ever = true},
                                    Fault{.code = errc::timeout, .effect = FaultEffect::part},
                                    Fault{.code = errc::timeout, .effect = FaultEffect::whole}, Fault{.effect = FaultEffect::exception}};
  for (const Fault& fault : faults) {
    std::uint64_t k = 1;
    while (survives_fault(k, fault, Overlapped{SpillAt{threshold}})) ++k;
    BOOST_TEST(k > 10U);
    const MemoryBudget budget{threshold};
    k = 1;
    while (survives_fault(k, fault, Capped{Overlapped{SharedBudget{budget}}, 4000})) ++k;
    BOOST_TEST(k > 10U);
    BOOST_TEST(budget.used() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_limit_outside_counts_what_is_in_flight) {
  Gate gate;
  HybridBuffer<SegmentedMemory<64>, Capped<Overlapped<SpillAt>>, GatedBackend, GatedStorage> buffer{
      SegmentedMemory<64>{}, Capped{Overlapped{SpillAt{threshold}}, 700}, GatedStorage{gate}};
  put_in_flight(buffer, gate);
  BOOST_TEST(grow(buffer, 100).has_value());
  const auto refused = grow(buffer, 1);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::limit_exceeded));
  gate.open();
  BOOST_TEST(holds_stream(buffer, 700));
}

BOOST_AUTO_TEST_CASE(a_shared_budget_covers_what_is_in_flight_and_gets_it_back) {
  Gate gate;
  const MemoryBudget budget{std::uint64_t{1} << 20U};
  {
    HybridBuffer<SegmentedMemory<4096>, Overlapped<SharedBudget>, GatedBackend, GatedStorage> buffer{
        SegmentedMemory<4096>{}, Overlapped{SharedBudget{budget, 400'000}}, GatedStorage{gate}};
    gate.shut();
    BOOST_TEST(grow(buffer, 200'000).has_value());
    BOOST_TEST(grow(buffer, 100'000).has_value());
    gate.await_arrivals(1);
    BOOST_TEST(buffer.stats().in_flight == 200'000U);
    BOOST_TEST(budget.used() >= 300'000U);
    BOOST_TEST(budget.used() <= 400'000U);
    gate.open();
    BOOST_TEST(buffer.spill().has_value());
    BOOST_TEST(budget.used() == 0U);
    BOOST_TEST(holds_stream(buffer, 300'000));
  }
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(a_forked_child_neither_waits_for_the_spill_nor_disturbs_it) {
  Gate gate;
  std::optional<Gated> buffer{gated(gate)};
  BOOST_REQUIRE(grow(*buffer, 300).has_value());
  BOOST_REQUIRE(buffer->spill().has_value());
  put_in_flight(*buffer, gate);
  MappedReader reader{*buffer};
  BOOST_REQUIRE(reader.seek(850).has_value());
  BOOST_REQUIRE(reader.peek().has_value());  // memory, of which a child has a copy

  const int failed = first_failure_in_forked_child([&](auto&& holds) {
    const auto shown = reader.peek();
    holds(shown.has_value() && !shown->empty() && shown->front() == stream_bytes(850, 1).front());
    std::array<std::byte, 10> out{};
    const auto read = buffer->read_at(0, out);
    holds(!read.has_value() && read.error() == errc::closed);
    const auto refused = grow(*buffer, 2000);
    holds(!refused.has_value() && refused.error() == errc::closed);
    const auto read_again = buffer->read_at(0, out);
    holds(!read_again.has_value() && read_again.error() == errc::closed);
    holds(reader.seek(0).has_value());
    const auto stored = reader.peek();
    holds(!stored.has_value() && stored.error() == errc::closed);
    const auto written = buffer->write_to(STDERR_FILENO);
    holds(!written.has_value() && written.error() == errc::closed);
    holds(buffer->stats().locations == 1 && buffer->stats().stored_held == 300);
    buffer.reset();
    holds(true);
  });
  BOOST_TEST(failed == 0);

  gate.open();
  BOOST_TEST(grow(*buffer, 2000).has_value());
  BOOST_TEST(holds_stream(*buffer, 2900));
}

BOOST_AUTO_TEST_CASE(a_forked_child_cuts_its_own_copy_and_is_told_closed_of_what_its_parents_thread_has) {
  Gate gate;
  std::optional<Gated> buffer{gated(gate)};
  BOOST_REQUIRE(grow(*buffer, 300).has_value());
  BOOST_REQUIRE(buffer->spill().has_value());
  put_in_flight(*buffer, gate);  // 300 stored, 500 in flight, 100 in memory
  std::array<std::byte, 350> read{};

  const int failed = first_failure_in_forked_child([&](auto&& holds) {
    const auto shows = [&](const Gated& child, std::uint64_t size) {
      Bytes bytes(1000);
      const auto count = child.read_at(300, bytes);
      bytes.resize(count.value_or(0));
      return child.size() == size && bytes == stream_bytes(300, size - 300);
    };
    holds(buffer->seek(350).has_value());
    const auto discarded = buffer->discard_read();
    holds(!discarded && discarded.error() == errc::closed && buffer->first_offset() == 0 && buffer->tell() == 350);
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{299}, std::uint64_t{300}}) {
      const auto cut = buffer->truncate(size);
      holds(!cut && cut.error() == errc::closed && shows(*buffer, 900) && buffer->tell() == 350);
    }
    holds(buffer->truncate(850).has_value() && shows(*buffer, 850));
    holds(buffer->truncate(301).has_value() && shows(*buffer, 301) && buffer->tell() == 301);
    holds(grow(*buffer, 99).has_value() && shows(*buffer, 400));
    Gated moved = std::move(*buffer);
    holds(shows(moved, 400) && buffer->size() == 0);
    const auto stored = moved.read_at(0, read);
    holds(!stored && stored.error() == errc::closed);
    const auto spilled = moved.spill();
    holds(!spilled && spilled.error() == errc::closed && shows(moved, 400));
    const auto emptied = moved.reset();
    holds(!emptied && emptied.error() == errc::closed && moved.empty() && moved.size() == 0 && moved.stats().locations == 0);
    holds(grow(moved, 100).has_value() && holds_stream(moved, 100));
    *buffer = std::move(moved);
    holds(holds_stream(*buffer, 100) && buffer->close().has_value() && buffer->size() == 0);
  });
  BOOST_TEST(failed == 0);

  gate.open();
  BOOST_TEST(grow(*buffer, 100).has_value());
  BOOST_TEST(holds_stream(*buffer, 1000));
}

BOOST_AUTO_TEST_CASE(a_buffer_that_never_spills_starts_no_thread) {
  const auto threads = [] { return names_in("/proc/self/task").size(); };
  const std::size_t before = threads();
  Gate gate;
  Gated buffer = gated(gate);
  BOOST_TEST(grow(buffer, 400).has_value());
  BOOST_TEST(threads() == before);
  BOOST_TEST(grow(buffer, 400).has_value());
  BOOST_TEST(threads() == before + 1);
  BOOST_TEST(buffer.close().has_value());
}

BOOST_AUTO_TEST_CASE(the_thread_takes_no_signal) {
  const auto tasks = [] {
    const auto names = names_in("/proc/self/task");
    return std::set<std::string>{names.begin(), names.end()};
  };
  sigset_t mine;
  BOOST_REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mine) == 0);
  const std::set<std::string> before = tasks();
  Gate gate;
  Gated buffer = gated(gate);
  BOOST_REQUIRE(grow(buffer, 500).has_value());
  BOOST_REQUIRE(grow(buffer, 100).has_value());

  std::size_t made = 0;
  for (const std::string& task : tasks()) {
    if (before.contains(task)) continue;
    ++made;
    std::ifstream status{"/proc/self/task/" + task + "/status"};
    std::string blocked;
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigBlk:")) blocked = line.substr(line.find_last_of(" \t") + 1);
    }
    const std::uint64_t mask = std::stoull(blocked, nullptr, 16);
    for (const int one : {SIGINT, SIGTERM, SIGUSR1, SIGPIPE, SIGXFSZ, SIGCHLD}) BOOST_TEST((mask >> (one - 1) & 1U) == 1U);
  }
  BOOST_TEST(made == 1U);
  sigset_t after;
  BOOST_REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
  for (const int one : {SIGINT, SIGUSR1}) BOOST_TEST(::sigismember(&after, one) == ::sigismember(&mine, one));
}

}  // namespace
}  // namespace hybridbuffer::testing
