#include "../support/allocation_faults.hpp"
#include "descriptors.hpp"
#include "edge_backends.hpp"
#include "edges_support.hpp"
#include "odd_backends.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

// What seldom happens to what is stored: backends that do more or less than they should, workers that could not store, files that are cut
// beneath the buffer.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

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
    const bool is_left = begin < 100 && end > 50;  // of what the worker could not store
    const auto told = buffer.spill();              // what kept it from that, once
    BOOST_TEST(told.has_value() == !is_left);
    if (is_left) BOOST_TEST((!told && told.error() == errc::no_space));
    BOOST_TEST(buffer.spill().has_value());
    BOOST_TEST(buffer.stats().in_memory == 0U);
    BOOST_TEST(holds(buffer, expected));
  }

  const Bytes content = pattern(110);
  HybridBuffer<SegmentedMemory<64>, Overlapped<SpillAt>, RefusingBackend> buffer{Overlapped{SpillAt{100}}};
};

}  // namespace

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
