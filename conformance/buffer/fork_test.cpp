#include "fault_storage.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

// A forked child that ends normally, whatever it did to its copies, changes nothing of its parent's.

namespace hybridbuffer::testing {
namespace {

struct Files {
  using Storage = FileStorage;
  static Storage make() { return FileStorage{}; }
};
struct ReusedFiles {
  using Storage = FileStorage;
  static Storage make() { return FileStorage{{.recycled_files = 4}}; }
};
struct Memory {
  using Storage = BasicMemoryStorage<1024>;
  static Storage make() { return Storage{}; }
};
struct ThreeCalls {
  using Storage = InPlaceStorage<ThreeCallBackend>;
  static Storage make() { return Storage{}; }
};
using Places = std::tuple<Files, ReusedFiles, Memory, ThreeCalls>;

template <class Place>
using BufferIn = HybridBuffer<SegmentedMemory<64>, SpillAt, backend_of_t<typename Place::Storage>, typename Place::Storage>;

/// Buffers in every state, and what they hold. In static storage while a test uses them, so that exit() destroys them.
template <class Place>
class Family {
 public:
  using Buffer = BufferIn<Place>;
  static constexpr std::size_t memory = 100;

  Family()
      : storage{Place::make()},
        in_memory{SpillAt{memory}, storage},
        spilled{SpillAt{memory}, storage},
        half_read{SpillAt{memory}, storage} {
    fill(in_memory, 70);
    fill(spilled, 5000);
    fill(spilled, 30);  // in memory, and its window is open
    fill(half_read, 3000);
    std::array<std::byte, 500> out{};
    ready = spilled.stats().in_memory == 30 && half_read.read(out).value_or(0) == out.size() && half_read.discard_read().has_value();
  }

  /// Every buffer shows what it was given.
  [[nodiscard]] bool is_intact() { return shows(in_memory, 70) && shows(spilled, 5030) && shows(half_read, 3000); }

  static void fill(Buffer& buffer, std::size_t count) {
    if (!buffer.append(stream_bytes(buffer.size(), count))) throw std::runtime_error{"cannot fill a buffer"};
  }
  [[nodiscard]] static bool shows(Buffer& buffer, std::size_t size) {
    const std::uint64_t first = buffer.first_offset();
    const Bytes expected = stream_bytes(first, size - first);
    Bytes all(expected.size());
    auto cursor = buffer.open_reader();
    return buffer.size() == size && buffer.read_at(first, all).value_or(0) == all.size() && all == expected &&
           cursor.seek(static_cast<std::int64_t>(first)) && cursor.read(all).value_or(0) == all.size() && all == expected &&
           buffer.to_bytes().has_value();
  }

  typename Place::Storage storage;
  Buffer in_memory;
  Buffer spilled;
  Buffer half_read;
  typename Buffer::reader_type cursor = spilled.open_reader();
  bool ready = false;
};

/// The buffers that exit() is to destroy in a child. The parent ends them itself.
template <class Place>
std::optional<Family<Place>>& family() {
  static std::optional<Family<Place>> instance;
  return instance;
}

/// Runs `checks(holds)` in a child that then ends by exit(), or as `end` says. Returns: 0; the number of the first check that failed; −1
/// for a child that crashed, hung or checked nothing.
template <class Checks>
int run_child(Checks&& checks, void (*end)(int) = std::exit) {
  std::fflush(nullptr);  // or exit() in the child would write what waits here once more
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    int number = 0;
    int first_failure = 0;
    checks([&](bool holds) {
      ++number;
      if (!holds && first_failure == 0) first_failure = number;
    });
    end(number == 0 ? 255 : first_failure);
  }
  int status = 0;
  const bool exited = child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 255;
  return exited ? WEXITSTATUS(status) : -1;
}

template <class T>
errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_that_only_ends_changes_nothing, Place, Places) {
  auto& parent = family<Place>().emplace();
  BOOST_REQUIRE(parent.ready);

  const int failed = run_child([](auto&& check) { check(true); });

  BOOST_TEST(failed == 0);
  BOOST_TEST(parent.is_intact());
  family<Place>().reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_reads_its_copy_of_memory_and_is_told_closed_of_what_is_stored, Place, Places) {
  auto& parent = family<Place>().emplace();
  std::array<std::byte, 200> block{};
  BOOST_REQUIRE(parent.cursor.read(block).value_or(0) == block.size());

  const int failed = run_child([&](auto&& check) {
    std::array<std::byte, 70> all{};
    check(parent.in_memory.read(all).value_or(0) == all.size() && std::ranges::equal(all, stream_bytes(0, 70)));
    check(parent.in_memory.read_at(10, std::span{all}.first(60)).value_or(0) == 60);
    std::array<std::byte, 30> tail{};
    check(parent.spilled.read_at(5000, tail).value_or(0) == 30 && std::ranges::equal(tail, stream_bytes(5000, 30)));
    check(code_of(parent.spilled.read_at(0, tail)) == errc::closed);
    check(code_of(parent.spilled.read(block)) == errc::closed);
    check(code_of(parent.spilled.get()) == errc::closed);
    check(code_of(parent.spilled.read_line()) == errc::closed);
    check(code_of(parent.spilled.to_bytes()) == errc::closed);
    check(code_of(parent.cursor.read(block)) == errc::closed);
    check(parent.spilled.tell() == 0 && parent.cursor.tell() == 200);
  });

  BOOST_TEST(failed == 0);
  BOOST_TEST(parent.is_intact());
  BOOST_TEST(parent.cursor.read(block).value_or(0) == block.size());
  BOOST_TEST(std::ranges::equal(block, stream_bytes(200, block.size())));
  family<Place>().reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_cannot_change_what_its_parent_stored, Place, Places) {
  constexpr bool appends = may_have<backend_of_t<typename Place::Storage>>(Capability::append);
  constexpr bool publishes = may_have<backend_of_t<typename Place::Storage>>(Capability::publish);
  auto& parent = family<Place>().emplace();

  const int failed = run_child([&](auto&& check) {
    const Bytes more = stream_bytes(0, 300);
    if (appends) {
      check(code_of(parent.spilled.append(more)) == errc::closed);
      check(code_of(parent.spilled.spill()) == errc::closed);
      check(parent.spilled.size() == 5030);
    }
    check(parent.spilled.truncate(2000).has_value() && parent.spilled.size() == 2000);
    check(parent.half_read.seek(1500).has_value() && parent.half_read.discard_read().has_value());
    check(code_of(parent.half_read.reset()) == errc::closed);
    check(parent.half_read.empty());
    check(code_of(parent.spilled.publish("/nowhere/at/all")) == (publishes ? errc::closed : errc::unsupported));
    check(code_of(parent.spilled.close()) == errc::closed);
    check(!parent.spilled.is_open() && parent.spilled.close().has_value());
  });

  BOOST_TEST(failed == 0);
  BOOST_TEST(parent.is_intact());
  family<Place>().reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_may_store_what_is_its_own, Place, Places) {
  auto& parent = family<Place>().emplace();

  const int failed = run_child([&](auto&& check) {
    Family<Place>::fill(parent.in_memory, 2000);
    check(parent.in_memory.is_spilled() && Family<Place>::shows(parent.in_memory, 2070));
    BufferIn<Place> own{SpillAt{100}, parent.storage};
    Family<Place>::fill(own, 4000);
    check(Family<Place>::shows(own, 4000));
    check(own.truncate(1000).has_value() && own.reset().has_value());
  });

  BOOST_TEST(failed == 0);
  BOOST_TEST(parent.is_intact());
  family<Place>().reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_parent_goes_on_after_many_children, Place, Places) {
  auto& parent = family<Place>().emplace();
  int failed = 0;

  constexpr int children = sanitized ? 5 : 20;
  for (int i = 0; i < children; ++i) {
    failed |= run_child([&](auto&& check) {
      static_cast<void>(parent.spilled.append(stream_bytes(0, 500)));
      static_cast<void>(parent.spilled.truncate(10));
      static_cast<void>(parent.half_read.close());
      check(true);
    });
    Family<Place>::fill(parent.spilled, 170);
    Family<Place>::fill(parent.half_read, 170);
  }

  BOOST_TEST(failed == 0);
  BOOST_TEST(Family<Place>::shows(parent.spilled, 5030 + children * 170));
  BOOST_TEST(Family<Place>::shows(parent.half_read, 3000 + children * 170));
  family<Place>().reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_of_a_busy_process_ends_whatever_locks_the_other_threads_held, Place, Places) {
  auto& parent = family<Place>().emplace();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      while (!stop.load()) {
        BufferIn<Place> buffer{SpillAt{100}, parent.storage};
        Family<Place>::fill(buffer, 700);
        Family<Place>::fill(buffer, 700);
        if (!Family<Place>::shows(buffer, 1400)) ++wrong;
      }
    });
  }
  int failed = 0;

  const auto destroy_and_end = [](int code) {  // what the other threads had is nobody's here: exit() would have it reported as leaks
    family<Place>().reset();
    ::_exit(code);
  };
  for (int i = 0; i < (sanitized ? 10 : 60); ++i) {
    const auto checks = [&](auto&& check) {
      static_cast<void>(parent.spilled.append(stream_bytes(0, 500)));
      BufferIn<Place> own{SpillAt{100}, parent.storage};
      Family<Place>::fill(own, 400);
      check(Family<Place>::shows(own, 400));
    };
    failed |= run_child(checks, destroy_and_end);
  }
  stop.store(true);
  for (std::thread& worker : workers) worker.join();

  BOOST_TEST(failed == 0);
  BOOST_TEST(wrong.load() == 0);
  BOOST_TEST(parent.is_intact());
  family<Place>().reset();
}

}  // namespace
}  // namespace hybridbuffer::testing
