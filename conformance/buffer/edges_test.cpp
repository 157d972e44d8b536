#include "../../docs/examples/minimal_policies.hpp"
#include "../support/allocation_faults.hpp"
#include "descriptors.hpp"
#include "odd_backends.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

// What seldom happens: spill policies that grant without end or change their mind, memory that refuses, backends that do more or less than
// they should, files that are cut beneath the buffer.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

template <class Buffer>
bool holds(const Buffer& buffer, const Bytes& content) {
  Bytes all(content.size() + 1);
  const auto count = buffer.read_at(buffer.first_offset(), all);
  return count && *count == content.size() && same(std::span{all}.first(*count), content);
}

// Policies that seldom are -------------------------------------------------------------------------------------------------------

/// Answers what it was told to, and then keeps everything.
struct ScriptedSpill {
  static inline std::deque<SpillAction> actions;
  static inline std::deque<std::uint64_t> rooms;

  static void tell(std::deque<SpillAction> next_actions, std::deque<std::uint64_t> next_rooms) {
    actions = std::move(next_actions);
    rooms = std::move(next_rooms);
  }
  [[nodiscard]] SpillAction decide(const SpillState& /*state*/) const { return next(actions, SpillAction::keep); }
  [[nodiscard]] std::uint64_t room(const SpillState& /*state*/) { return next(rooms, std::numeric_limits<std::uint64_t>::max()); }
  void settle(const SpillState& /*state*/) noexcept {}

 private:
  template <class T>
  static T next(std::deque<T>& told, T otherwise) {
    if (told.empty()) return otherwise;
    const T first = told.front();
    told.pop_front();
    return first;
  }
};
using enum SpillAction;

/// As SegmentedMemory<64>, until it gives no more.
struct RefusableMemory : SegmentedMemory<64> {
  static inline bool refuses = false;
  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) { return refuses ? std::span<std::byte>{} : SegmentedMemory<64>::prepare(n); }
};
struct Refusal {
  Refusal() { RefusableMemory::refuses = true; }
  Refusal(const Refusal&) = delete;
  Refusal& operator=(const Refusal&) = delete;
  ~Refusal() { RefusableMemory::refuses = false; }
};

/// Shows its content in pieces of three bytes, and nobody where a byte is.
struct PieceMemory : examples::VectorMemory {
  [[nodiscard]] std::vector<std::span<const std::byte>> chunks() const {
    std::vector<std::span<const std::byte>> pieces;
    for (std::span<const std::byte> all : VectorMemory::chunks()) {
      for (; all.size() > 3; all = all.subspan(3)) pieces.push_back(all.first(3));
      if (!all.empty()) pieces.push_back(all);
    }
    return pieces;
  }
};

// Backends at the edge of the contract, and beyond it ---------------------------------------------------------------------------

/// Says that it read more than fits.
class OverstatingBackend {
 public:
  using Writer = MemoryBackend::Writer;
  struct Reader {
    MemoryBackend::Reader inner;
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      auto count = inner.read(out);
      if (count && *count != 0) *count = out.size() + 1;
      return count;
    }
  };
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::gather}; }
  [[nodiscard]] Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const {
    auto opened = inner_.open();
    if (!opened) return std::unexpected{opened.error()};
    return Reader{std::move(*opened)};
  }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// Its objects can hold nothing.
class EmptyObjects {
 public:
  using Writer = MemoryBackend::Writer;
  using Reader = MemoryBackend::Reader;
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::gather, Capability::max_object_size}; }
  [[nodiscard]] static std::uint64_t max_object_size() noexcept { return 0; }
  [[nodiscard]] Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const { return inner_.open(); }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// Files that nothing is ever moved into or out of inside the kernel, without saying that they cannot.
class IdleTransfers {
 public:
  IdleTransfers() : inner_{FileStorage{}.create_backend().value()} {}
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    return {Capability::append, Capability::transfer, Capability::gather};
  }
  [[nodiscard]] auto create() { return inner_.create(); }
  [[nodiscard]] auto append() { return inner_.append(); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto remove() { return inner_.remove(); }
  [[nodiscard]] static Result<std::uint64_t> transfer_to(int, std::uint64_t, std::uint64_t) { return ++asked, std::uint64_t{0}; }
  [[nodiscard]] static Result<std::uint64_t> transfer_from(int, std::uint64_t) { return ++asked, std::uint64_t{0}; }

  static inline int asked = 0;

 private:
  FileBackend inner_;
};

constexpr const char* one_file_system = "/var/tmp";  // within which the kernel can copy

/// Files of at most 1000 bytes, into which the kernel moves bytes.
class BoundedFiles {
 public:
  BoundedFiles() : inner_{FileStorage{{.directory = one_file_system}}.create_backend().value()} {}
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    return {Capability::append, Capability::transfer, Capability::gather, Capability::max_object_size};
  }
  [[nodiscard]] static std::uint64_t max_object_size() noexcept { return 1000; }
  [[nodiscard]] auto create() { return inner_.create(); }
  [[nodiscard]] auto append() { return inner_.append(); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto remove() { return inner_.remove(); }
  [[nodiscard]] auto transfer_to(int descriptor, std::uint64_t offset, std::uint64_t count) const {
    return inner_.transfer_to(descriptor, offset, count);
  }
  [[nodiscard]] auto transfer_from(int descriptor, std::uint64_t count) {
    auto taken = inner_.transfer_from(descriptor, count);
    size_ += taken.value_or(0);
    largest = std::max(largest, size_);
    return taken;
  }

  static inline std::uint64_t largest = 0;  // that was moved into one

 private:
  FileBackend inner_;
  std::uint64_t size_ = 0;
};

/// Takes nothing, and gives nothing, while it is told to.
class RefusingBackend {
 public:
  using Writer = MemoryBackend::Writer;
  struct Reader {
    MemoryBackend::Reader inner;
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      if (gives_nothing) return failure(errc::io, "read");
      return inner.read(out);
    }
  };
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::append, Capability::gather}; }
  [[nodiscard]] Result<Writer> create() {
    if (takes_nothing) return failure(errc::no_space, "create");
    return inner_.create();
  }
  [[nodiscard]] Result<Writer> append() {
    if (takes_nothing) return failure(errc::no_space, "append");
    return inner_.append();
  }
  [[nodiscard]] Result<Reader> open() const {
    auto opened = inner_.open();
    if (!opened) return std::unexpected{opened.error()};
    return Reader{std::move(*opened)};
  }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

  static inline std::atomic<bool> takes_nothing{false};
  static inline std::atomic<bool> gives_nothing{false};

 private:
  MemoryBackend inner_;
};

/// 110 bytes: 50 are stored, 50 wait because the worker could not store them, 10 are in memory behind them.
struct FailedFlight {
  FailedFlight() {
    BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));
    BOOST_REQUIRE(buffer.spill());
    RefusingBackend::takes_nothing = true;
    BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50, 50)));
    BOOST_REQUIRE(buffer.append(std::span{content}.subspan(100)));
  }
  FailedFlight(const FailedFlight&) = delete;
  FailedFlight& operator=(const FailedFlight&) = delete;
  ~FailedFlight() { RefusingBackend::takes_nothing = RefusingBackend::gives_nothing = false; }

  /// The content from `begin` to `end`, now and when the storage takes it.
  void expect(std::size_t begin, std::size_t end) {
    const Bytes expected(content.begin() + static_cast<std::ptrdiff_t>(begin), content.begin() + static_cast<std::ptrdiff_t>(end));
    BOOST_TEST(holds(buffer, expected));
    RefusingBackend::takes_nothing = false;
    const auto told = buffer.spill();  // once, what kept the worker from storing, unless nothing of that is left
    if (!told) BOOST_TEST((told.error() == errc::no_space));
    BOOST_TEST(buffer.spill().has_value());
    BOOST_TEST(buffer.stats().in_memory == 0U);
    BOOST_TEST(holds(buffer, expected));
  }

  const Bytes content = pattern(110);
  HybridBuffer<SegmentedMemory<64>, Overlapped<SpillAt>, RefusingBackend> buffer{Overlapped{SpillAt{100}}};
};

/// As SegmentedMemory<64>, whose first refusal is an exception.
struct Thrown {};
struct ThrowingMemory : SegmentedMemory<64> {
  static inline bool throws = false;
  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) {
    if (std::exchange(throws, false)) throw Thrown{};
    return SegmentedMemory<64>::prepare(n);
  }
};

/// A worker that the system gives no thread.
struct NoThread {
  void start(void (*)(void*) noexcept, void*) { throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)}; }
  [[nodiscard]] static bool has_ended() noexcept { return true; }
  static void wait() noexcept {}
  [[nodiscard]] static bool is_lost() noexcept { return false; }
};
struct ThreadlessSpill : Overlapped<SpillAt> {
  using worker_type = NoThread;
  using Overlapped<SpillAt>::Overlapped;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_buffer_that_is_assigned_to_itself_stays_as_it_is) {
  HybridBuffer<SegmentedMemory<64>> buffer{SpillAt{100}};
  const Bytes content = pattern(250);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(240)));
  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(240)));
  BOOST_REQUIRE(buffer.seek(7));
  auto& same_buffer = buffer;

  buffer = std::move(same_buffer);

  BOOST_TEST(buffer.tell() == 7U);
  BOOST_TEST(buffer.stats().stored == 240U);
  BOOST_TEST(holds(buffer, content));

  MappedReader reader{buffer};
  BOOST_REQUIRE(reader.seek(11));
  auto& same_reader = reader;
  reader = std::move(same_reader);
  BOOST_TEST(reader.tell() == 11U);
  Bytes rest(content.size() - 11);
  BOOST_TEST(reader.read(rest).value_or(0) == rest.size());
  BOOST_TEST(same(rest, std::span{content}.subspan(11)));
}

using Parts = std::tuple<MemoryTail<SegmentedMemory<64>>, ExtentList<MemoryBackend>, StoredExtents<MemoryBackend>,
                         OverlappedExtents<SegmentedMemory<64>, MemoryBackend, detail::BackgroundWorker>,
                         BufferContent<SegmentedMemory<64>, SpillAt, MemoryBackend, MemoryStorage>>;
BOOST_AUTO_TEST_CASE_TEMPLATE(a_part_of_a_buffer_that_is_assigned_to_itself_stays_as_it_is, Part, Parts) {
  Part part;
  if constexpr (requires { part.append(pattern(70), 100); }) BOOST_REQUIRE(part.append(pattern(70), 100));
  else if constexpr (requires { part.append(pattern(70)); }) BOOST_REQUIRE(part.append(pattern(70)));
  auto& same_part = part;

  part = std::move(same_part);

  if constexpr (requires { part.size(); }) BOOST_TEST(part.size() == 70U);
  else BOOST_TEST(part.end() == 0U);
}

BOOST_AUTO_TEST_CASE(memory_takes_nothing_beyond_its_limit) {
  MemoryTail<SegmentedMemory<64>> tail;
  BOOST_REQUIRE(tail.append(pattern(10), 10));

  BOOST_TEST(!tail.append(pattern(1), 10));
  BOOST_TEST(!tail.append(pattern(1), 5));
  BOOST_TEST(!tail.append(pattern(100), 100));

  BOOST_TEST(tail.size() == 10U);
}

BOOST_AUTO_TEST_CASE(memory_that_throws_when_it_is_reserved_leaves_the_content_and_no_grant) {
  HybridBuffer<ThrowingMemory, SpillAt> buffer{SpillAt{1000}};
  BOOST_REQUIRE(buffer.append(pattern(60)));
  ThrowingMemory::throws = true;

  BOOST_CHECK_THROW(static_cast<void>(buffer.reserve(500)), Thrown);

  BOOST_TEST(buffer.room() == 0U);
  BOOST_TEST(holds(buffer, pattern(60)));
  BOOST_REQUIRE(buffer.append(pattern(400, 60)));
  BOOST_TEST(holds(buffer, pattern(460)));
}

BOOST_AUTO_TEST_CASE(a_grant_beyond_any_size_is_no_limit) {
  ScriptedSpill::tell({}, {});
  HybridBuffer<SegmentedMemory<64>, ScriptedSpill> buffer;
  const Bytes content = pattern(300);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(100)));
  BOOST_REQUIRE(buffer.truncate(90));  // the grant ends, and the next append asks with 90 bytes in memory

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(90)));

  BOOST_TEST(buffer.room() == std::numeric_limits<std::uint64_t>::max() - 300);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(what_was_to_stay_after_a_spill_is_stored_where_the_grant_is_gone) {
  ScriptedSpill::tell({keep, spill, keep, keep}, {60, 0});
  HybridBuffer<SegmentedMemory<64>, ScriptedSpill> buffer;
  const Bytes content = pattern(70);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50)));

  BOOST_TEST(ScriptedSpill::actions.empty());
  BOOST_TEST(buffer.stats().stored == 70U);
  BOOST_TEST(holds(buffer, content));
}

using SpillPolicies = std::tuple<SpillAt, Overlapped<SpillAt>>;
BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_to_stay_after_a_spill_is_stored_where_memory_refuses, Spill, SpillPolicies) {
  HybridBuffer<RefusableMemory, Spill> buffer{Spill{SpillAt{100}}};
  const Bytes content = pattern(110);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));
  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50, 40)));
  {
    const Refusal refusal;

    BOOST_REQUIRE(buffer.append(std::span{content}.subspan(90)));
  }

  BOOST_TEST(buffer.stats().stored == 110U);
  BOOST_TEST(holds(buffer, content));
  BOOST_REQUIRE(buffer.append(content));
  BOOST_TEST(buffer.size() == 220U);
}

BOOST_AUTO_TEST_CASE(a_policy_that_rejects_once_a_worker_has_the_bytes_before_loses_nothing) {
  using Spill = Overlapped<ScriptedSpill>;  // asks the policy twice for each decision
  ScriptedSpill::tell({keep, keep, keep, spill, keep, keep, reject}, {100});
  HybridBuffer<SegmentedMemory<64>, Spill> buffer;
  const Bytes content = pattern(70);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));

  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50)));

  BOOST_TEST(ScriptedSpill::actions.empty());
  BOOST_TEST(buffer.stats().stored == 70U);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_source_that_has_more_than_memory_may_take_and_storage_must_not_is_refused_and_what_was_taken_is_content) {
  HybridBuffer<InlineMemory<64>, NeverSpill> buffer;
  const Bytes content = pattern(100);
  PieceSource source{content};

  const auto taken = buffer.read_from(source);

  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error() == errc::no_space), taken.error().message());
  BOOST_TEST(holds(buffer, pattern(64)));
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_say_where_a_byte_is_is_walked) {
  HybridBuffer<PieceMemory, SpillAt> buffer{SpillAt{1000}};
  const Bytes content = pattern(100);
  BOOST_REQUIRE(buffer.append(content));
  BOOST_REQUIRE(buffer.truncate(99));  // what is shown is committed

  Bytes seen;
  while (true) {
    const auto chunk = buffer.next_chunk();
    BOOST_REQUIRE(chunk);
    if (chunk->empty()) break;
    BOOST_TEST(chunk->size() == 3U);
    seen.insert(seen.end(), chunk->begin(), chunk->end());
  }

  BOOST_TEST(same(seen, std::span{content}.first(99)));
}

BOOST_AUTO_TEST_CASE(a_backend_that_says_it_read_more_than_fits_is_corrupted) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, OverstatingBackend> buffer;
  BOOST_REQUIRE(buffer.append(pattern(100)));
  std::array<std::byte, 10> out{};

  const auto count = buffer.read_at(0, out);

  BOOST_REQUIRE(!count);
  BOOST_TEST((count.error() == errc::corrupted), count.error().message());
}

BOOST_AUTO_TEST_CASE(a_location_of_which_nearly_all_was_cut_is_not_extended_for_ever) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, RefusingBackend> buffer;  // it cannot shrink
  BOOST_REQUIRE(buffer.append(Bytes(std::size_t{66} << 20U)));
  BOOST_REQUIRE(buffer.truncate(1));

  BOOST_REQUIRE(buffer.append(pattern(10)));
  BOOST_TEST(buffer.stats().locations == 1U);  // as much again might have come
  BOOST_REQUIRE(buffer.append(pattern(10)));

  BOOST_TEST(buffer.stats().locations == 2U);
  BOOST_TEST(buffer.size() == 21U);
}

BOOST_AUTO_TEST_CASE(a_backend_whose_objects_hold_nothing_takes_nothing) {
  HybridBuffer<SegmentedMemory<64>, SpillAt, EmptyObjects> buffer{SpillAt{100}};
  const Bytes content = pattern(100);
  BOOST_REQUIRE(buffer.append(content));

  const auto appended = buffer.append(pattern(1));

  BOOST_REQUIRE(!appended);
  BOOST_TEST((appended.error() == errc::limit_exceeded), appended.error().message());
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_code_point_that_goes_on_where_the_object_is_damaged_is_an_error_and_not_consumed) {
  odd_log = {};
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, SnapshotReaderAt> buffer;
  Bytes content(65536, std::byte{'a'});
  content.back() = std::byte{0xE2};
  content.insert(content.end(), {std::byte{0x82}, std::byte{0xAC}});
  BOOST_REQUIRE(buffer.append(content));
  BOOST_REQUIRE(buffer.get());
  BOOST_REQUIRE(buffer.seek(65535));
  const auto window = buffer.peek();
  BOOST_REQUIRE(window);
  BOOST_REQUIRE(window->size() == 1U);  // all that was read ahead
  odd_log.objects_end_at = 65536;

  const auto point = buffer.read_code_point();

  odd_log.objects_end_at = std::numeric_limits<std::uint64_t>::max();
  BOOST_REQUIRE(!point);
  BOOST_TEST((point.error() == errc::corrupted));
  BOOST_TEST(buffer.tell() == 65535U);
  BOOST_TEST((buffer.read_code_point().value_or(std::nullopt) == U'\u20AC'));
}

BOOST_AUTO_TEST_CASE(a_file_that_somebody_cut_is_corrupted_when_it_is_written_to_a_descriptor) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill> buffer;
  constexpr std::size_t size = 100'003;
  BOOST_REQUIRE(buffer.append(pattern(size)));
  std::size_t cut = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    const int descriptor = std::stoi(entry.path().filename());
    struct stat status{};
    const bool is_it = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0 && status.st_size == size;
    if (is_it && ::ftruncate(descriptor, 0) == 0) ++cut;
  }
  BOOST_REQUIRE_EQUAL(cut, 1U);
  const OwnedDescriptor sink{::memfd_create("sink", MFD_CLOEXEC)};

  const auto written = buffer.write_to(sink.number());

  BOOST_REQUIRE(!written);
  BOOST_TEST((written.error() == errc::corrupted), written.error().message());
}

BOOST_AUTO_TEST_CASE(a_descriptor_without_bytes_stores_nothing) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill> buffer;
  const OwnedDescriptor empty{::memfd_create("empty", MFD_CLOEXEC)};
  BOOST_TEST(buffer.read_from(empty.number()).value_or(1) == 0U);
  BOOST_TEST(buffer.size() == 0U);
  BOOST_REQUIRE(buffer.append(pattern(10)));

  BOOST_TEST(buffer.read_from(empty.number()).value_or(1) == 0U);

  BOOST_TEST(holds(buffer, pattern(10)));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_does_not_move_is_copied) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, IdleTransfers> buffer;
  const Bytes content = pattern(300);
  const OwnedDescriptor source = make_memory_file(content);

  BOOST_TEST(buffer.read_from(source.number(), 100).value_or(0) == 100U);  // into a new location
  BOOST_TEST(buffer.read_from(source.number()).value_or(0) == 200U);       // behind what is stored
  BOOST_TEST(IdleTransfers::asked >= 2);
  BOOST_TEST(holds(buffer, content));

  const OwnedDescriptor sink{::memfd_create("sink", MFD_CLOEXEC)};
  IdleTransfers::asked = 0;
  BOOST_TEST(buffer.write_to(sink.number()).value_or(0) == 300U);
  BOOST_TEST(IdleTransfers::asked == 1);
  Bytes written(content.size());
  BOOST_TEST(::pread(sink.number(), written.data(), written.size(), 0) == std::ssize(written));
  BOOST_TEST(same(written, content));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_moves_goes_into_as_many_objects_as_it_needs) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, BoundedFiles> buffer;
  const Bytes content = pattern(2'700);
  const OwnedDescriptor source = make_file(content, one_file_system);

  for (const std::uint64_t count : {700U, 900U, 1'100U}) BOOST_TEST(buffer.read_from(source.number(), count).value_or(0) == count);

  BOOST_TEST(BoundedFiles::largest == 1000U);
  BOOST_TEST(buffer.stats().locations == 3U);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(without_a_thread_to_be_had_the_buffer_stores_by_itself) {
  HybridBuffer<SegmentedMemory<64>, ThreadlessSpill> buffer{ThreadlessSpill{SpillAt{100}}};
  const Bytes content = pattern(300);
  for (std::size_t at = 0; at < content.size(); at += 30) BOOST_REQUIRE(buffer.append(std::span{content}.subspan(at, 30)));

  BOOST_REQUIRE(buffer.spill());

  BOOST_TEST(buffer.stats().stored == 300U);
  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(what_a_worker_could_not_store_is_cut_and_discarded_like_the_rest) {
  for (const std::size_t size : {0U, 30U, 50U, 51U, 70U, 100U, 105U}) {
    FailedFlight failed;
    BOOST_REQUIRE(failed.buffer.truncate(size));
    failed.expect(0, size);
  }
  for (const std::size_t offset : {30U, 50U, 51U, 70U, 100U, 105U, 110U}) {
    FailedFlight failed;
    BOOST_REQUIRE(failed.buffer.seek(static_cast<std::int64_t>(offset)));
    BOOST_REQUIRE(failed.buffer.discard_read());
    BOOST_TEST(failed.buffer.first_offset() == offset);
    failed.expect(offset, 110);
  }
}

BOOST_AUTO_TEST_CASE(beside_a_worker_too_stored_bytes_that_cannot_be_read_are_an_error) {
  FailedFlight failed;
  RefusingBackend::gives_nothing = true;
  Bytes all(110);

  const auto count = failed.buffer.read_at(0, all);

  BOOST_REQUIRE(!count);
  BOOST_TEST((count.error() == errc::io));
  RefusingBackend::gives_nothing = false;
  failed.expect(0, 110);
}

BOOST_AUTO_TEST_CASE(a_backend_that_cannot_move_bytes_inside_the_kernel_after_all_gets_them_copied) {
  HybridBuffer buffer{SegmentedMemory<64>{}, AlwaysSpill{}, AnyStorage{InPlaceStorage<RefusingBackend>{}}};
  const Bytes content = pattern(300);
  const OwnedDescriptor source = make_memory_file(content);

  BOOST_TEST(buffer.read_from(source.number()).value_or(0) == 300U);

  BOOST_TEST(holds(buffer, content));
}

BOOST_AUTO_TEST_CASE(a_mapped_reader_without_memory_for_its_block_says_so_and_reads_later) {
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, SnapshotReaderAt> buffer;
  BOOST_REQUIRE(buffer.append(pattern(100)));
  MappedReader reader{buffer};
  bool is_refused = false;
  {
    const FailingAllocation failing{1};
    const auto shown = reader.peek();
    is_refused = !shown && shown.error() == errc::no_space;
    BOOST_TEST(failing.fired() == 1U);
  }

  BOOST_TEST(is_refused);
  BOOST_TEST(same(reader.peek().value_or(std::span<const std::byte>{}), pattern(100)));
}

BOOST_AUTO_TEST_CASE(a_mapped_reader_tells_a_wrong_seek_and_a_damaged_object) {
  odd_log = {};
  HybridBuffer<SegmentedMemory<64>, AlwaysSpill, SnapshotReaderAt> buffer;
  BOOST_REQUIRE(buffer.append(pattern(100)));
  MappedReader reader{buffer};

  const auto target = reader.seek(-1);
  BOOST_REQUIRE(!target);
  BOOST_TEST((target.error() == errc::invalid_argument));

  odd_log.objects_end_at = 50;
  const auto shown = reader.peek();
  odd_log.objects_end_at = std::numeric_limits<std::uint64_t>::max();
  BOOST_REQUIRE(!shown);
  BOOST_TEST((shown.error() == errc::corrupted));
  BOOST_TEST(reader.tell() == 0U);
  BOOST_TEST(reader.peek().has_value());
}

BOOST_AUTO_TEST_CASE(a_spill_and_a_publication_tell_what_kept_a_worker_from_storing) {
  const std::filesystem::path directory = "/dev/shm/hybridbuffer-edges-" + std::to_string(::getpid());
  std::filesystem::create_directory(directory);
  HybridBuffer buffer{SegmentedMemory<64>{}, Overlapped{SpillAt{100}}, FileStorage{{.directory = directory}}};
  const Bytes content = pattern(60);
  std::filesystem::remove(directory);
  BOOST_REQUIRE(buffer.append(std::span{content}.first(50)));
  BOOST_REQUIRE(buffer.append(std::span{content}.subspan(50)));  // hands the first ones to the worker

  const auto published = buffer.publish((directory / "published").string());
  BOOST_REQUIRE(!published);
  BOOST_TEST((published.error() == errc::not_found), published.error().message());
  const auto spilled = buffer.spill();
  BOOST_REQUIRE(!spilled);
  BOOST_TEST((spilled.error() == errc::not_found), spilled.error().message());
  BOOST_TEST(holds(buffer, content));

  std::filesystem::create_directory(directory);
  BOOST_TEST(buffer.spill().has_value());
  BOOST_TEST(buffer.stats().stored == 60U);
  BOOST_TEST(holds(buffer, content));
  std::filesystem::remove(directory);
}
