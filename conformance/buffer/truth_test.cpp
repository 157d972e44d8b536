#include "fault_support.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

// What a buffer holds in memory and in storage is what it says, whatever passes through it. Memory is measured in a process of its own.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t piece_bytes = 64_KiB;

/// A line of /proc/self/status, in bytes.
std::uint64_t own_memory(std::string_view key) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
  }
  return 0;
}
void forget_peak() { std::ofstream{"/proc/self/clear_refs"} << "5"; }

/// Storage of the nameless files that this process has open, in bytes.
std::uint64_t blocks_of_open_files() {
  std::uint64_t bytes = 0;
  for (int descriptor = 3; descriptor < 64; ++descriptor) {
    struct stat status{};
    if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0) {
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

/// Words that tell their place, written and checked much faster than they are stored.
void fill_piece(std::span<std::byte> piece, std::uint64_t offset) {
  for (std::size_t at = 0; at < piece.size(); at += sizeof offset) {
    const std::uint64_t word = (offset + at) * 0x9E3779B97F4A7C15U;
    std::memcpy(piece.data() + at, &word, sizeof word);
  }
}
bool is_piece(std::span<const std::byte> piece, std::uint64_t offset) {
  std::uint64_t difference = 0;
  for (std::size_t at = 0; at < piece.size(); at += sizeof offset) {
    std::uint64_t word = 0;
    std::memcpy(&word, piece.data() + at, sizeof word);
    difference |= word ^ ((offset + at) * 0x9E3779B97F4A7C15U);
  }
  return difference == 0;
}

bool append_piece(HybridBuffer<>& buffer, std::span<std::byte> piece) {
  fill_piece(piece, buffer.size());
  return buffer.append(piece).has_value();
}
bool read_piece(HybridBuffer<>& buffer, std::span<std::byte> piece) {
  const std::uint64_t offset = buffer.tell();
  return buffer.read(piece).value_or(0) == piece.size() && is_piece(piece, offset);
}

/// How much is passed through: as much as was promised where the long tier runs.
std::uint64_t amount() { return runs_long_tier() ? 4_GiB : 1_GiB; }

// The measurements, each in a process of its own --------------------------------------------------------------------------------

/// Peak of resident memory above what it was before, of `work`.
template <class Work>
std::optional<std::uint64_t> peak_growth(Work&& work) {
  Bytes piece(piece_bytes, std::byte{1});
  const std::uint64_t before = own_memory("VmRSS");
  forget_peak();
  if (!work(std::span{piece})) return std::nullopt;
  const std::uint64_t peak = own_memory("VmHWM");
  return peak > before ? peak - before : 0;
}

std::optional<std::uint64_t> growth_of_appending_all_and_reading_all() {
  return peak_growth([](std::span<std::byte> piece) {
    HybridBuffer buffer{SpillAt{16_MiB}};
    while (buffer.size() < amount()) {
      if (!append_piece(buffer, piece)) return false;
    }
    while (buffer.unread() != 0) {
      if (!read_piece(buffer, piece)) return false;
    }
    return buffer.stats().spilled >= amount() - 16_MiB;
  });
}

std::optional<std::uint64_t> growth_of_a_queue() {
  return peak_growth([](std::span<std::byte> piece) {
    HybridBuffer buffer{SpillAt{16_MiB}};
    while (buffer.size() < amount()) {
      if (!append_piece(buffer, piece)) return false;
      if (buffer.unread() <= 40_MiB) continue;
      if (!read_piece(buffer, piece) || !buffer.discard_read()) return false;
    }
    return buffer.stats().spilled >= amount() / 2 && buffer.stats().stored_held < 64_MiB;
  });
}

/// Resident memory that a spill of 64 MiB gives back when no chunk is kept for reuse.
std::optional<std::uint64_t> memory_given_back_by_a_spill() {
  ChunkPool::set_limit(0);
  Bytes piece(piece_bytes, std::byte{1});
  HybridBuffer buffer{SpillAt{64_MiB}};
  while (buffer.size() < 64_MiB) {
    if (!append_piece(buffer, piece)) return std::nullopt;
  }
  if (buffer.is_spilled()) return std::nullopt;
  const std::uint64_t full = own_memory("VmRSS");
  if (!buffer.spill() || buffer.stats().in_memory != 0) return std::nullopt;
  const std::uint64_t after = own_memory("VmRSS");
  return full > after ? full - after : 0;
}

const std::map<std::string, std::function<std::optional<std::uint64_t>()>>& measurements() {
  static const std::map<std::string, std::function<std::optional<std::uint64_t>()>> all{
      {"append-all-read-all", growth_of_appending_all_and_reading_all},
      {"queue", growth_of_a_queue},
      {"spill", memory_given_back_by_a_spill}};
  return all;
}

/// What this program answers to `--measure name` in a process of its own; nothing when that failed.
std::optional<std::uint64_t> measure(const std::string& name) {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  FILE* answer = ::popen(("'" + self + "' --measure " + name).c_str(), "r");
  if (answer == nullptr) return std::nullopt;
  unsigned long long value = 0;
  const bool read = std::fscanf(answer, "%llu", &value) == 1;
  return ::pclose(answer) == 0 && read ? std::optional<std::uint64_t>{value} : std::nullopt;
}

// The tests ----------------------------------------------------------------------------------------------------------------------

/// Where a sanitizer keeps memory of its own for each byte there is nothing to measure.
boost::test_tools::assertion_result memory_is_measurable(boost::unit_test::test_unit_id /*id*/) {
  boost::test_tools::assertion_result measurable{!sanitized};
  if (sanitized) measurable.message() << "resident memory is the sanitizer's";
  return measurable;
}

BOOST_AUTO_TEST_CASE(gigabytes_through_16_MiB_never_hold_more_than_a_chunk_beyond, *boost::unit_test::precondition(memory_is_measurable)) {
  for (const char* name : {"append-all-read-all", "queue"}) {
    const auto growth = measure(name);

    BOOST_REQUIRE(growth.has_value());
    BOOST_TEST_MESSAGE(name << ": " << *growth << " bytes of memory for " << amount());
    BOOST_TEST(*growth <= 16_MiB + piece_bytes + 1_MiB);
    BOOST_TEST(*growth >= 15_MiB);  // else nothing was measured
  }
}

BOOST_AUTO_TEST_CASE(a_spill_gives_the_memory_back_to_the_system, *boost::unit_test::precondition(memory_is_measurable)) {
  const auto given_back = measure("spill");

  BOOST_REQUIRE(given_back.has_value());
  BOOST_TEST_MESSAGE(*given_back << " bytes of " << 64_MiB);
  BOOST_TEST(*given_back >= 64_MiB / 100 * 95);
}

/// Passes `total` bytes through in steps of 256 KiB with 2 MiB on their way; looks at the storage every 64 steps.
struct QueuePeaks {
  std::uint64_t held = 0;
  std::uint64_t blocks = 0;
  bool exact = true;
};
template <class Storage>
QueuePeaks run_queue(Storage storage, std::uint64_t total) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{1_MiB}, std::move(storage)};
  Bytes step(256_KiB);
  QueuePeaks peaks;
  for (unsigned round = 0; buffer.size() < total && peaks.exact; ++round) {
    fill_piece(step, buffer.size());
    peaks.exact = buffer.append(step).has_value();
    if (buffer.unread() > 2_MiB) {
      const std::uint64_t offset = buffer.tell();
      peaks.exact =
          peaks.exact && buffer.read(step).value_or(0) == step.size() && is_piece(step, offset) && buffer.discard_read().has_value();
    }
    peaks.held = std::max(peaks.held, buffer.stats().stored_held);
    if (round % 64 == 0) peaks.blocks = std::max(peaks.blocks, blocks_of_open_files());
  }
  return peaks;
}

BOOST_AUTO_TEST_CASE(an_endless_queue_needs_bounded_storage) {
  const std::uint64_t total = sanitized ? 256_MiB : 2_GiB;

  const QueuePeaks exact = run_queue(FileStorage{{.reserve_ahead = 0}}, total);
  const QueuePeaks usual = run_queue(FileStorage{}, total);
  const QueuePeaks memory = run_queue(MemoryStorage{}, total / 4);

  BOOST_TEST(exact.exact);
  BOOST_TEST(exact.held >= 1_MiB);
  BOOST_TEST(exact.held <= 5_MiB);
  BOOST_TEST(exact.blocks >= 1_MiB);
  BOOST_TEST(exact.blocks <= 5_MiB);
  BOOST_TEST(usual.exact);
  BOOST_TEST(usual.blocks <= 5_MiB + 16_MiB);  // what is claimed ahead
  BOOST_TEST(memory.exact);
  BOOST_TEST(memory.held <= 5_MiB);
}

int loop_rounds() { return sanitized ? 20'000 : 1'000'000; }

/// Rounds of `change(buffer)`, which appends more than it keeps. Returns: the most that was ever held in storage beyond the content.
template <class Storage, class Change>
std::optional<std::uint64_t> most_beyond_content(Storage storage, std::uint64_t threshold, Change&& change) {
  HybridBuffer buffer{SegmentedMemory<4096>{}, SpillAt{threshold}, std::move(storage)};
  std::uint64_t most = 0;
  const int rounds = loop_rounds();
  for (int i = 0; i < rounds; ++i) {
    if (!change(buffer)) return std::nullopt;
    const BufferStats stats = buffer.stats();
    most = std::max(
        {most, stats.stored_held - stats.stored, stats.memory_capacity > stats.in_memory ? stats.memory_capacity - stats.in_memory : 0});
    if (i % 4096 == 0) {
      const std::uint64_t blocks = blocks_of_open_files();
      most = std::max(most, blocks > 2 * stats.stored ? blocks - 2 * stats.stored : 0);  // as much as is stored is claimed ahead
    }
  }
  return most;
}

constexpr auto append_spill_and_cut = [](auto& buffer) {
  static const Bytes piece = stream_bytes(0, 100);
  return buffer.append(piece).has_value() && buffer.spill().has_value() && buffer.truncate(buffer.size() - 99).has_value();
};
constexpr auto append_and_cut = [](auto& buffer) {
  static const Bytes piece = stream_bytes(0, 100);
  return buffer.append(piece).has_value() && buffer.truncate(buffer.size() - 99).has_value();
};

BOOST_AUTO_TEST_CASE(a_million_spills_and_truncations_leave_no_dead_bytes_behind) {
  const TemporaryDirectory directory{Medium::memory};

  const auto in_files = most_beyond_content(FileStorage{{.directory = directory.path()}}, 1_MiB, append_spill_and_cut);
  const auto in_memory = most_beyond_content(MemoryStorage{}, 1_MiB, append_spill_and_cut);

  BOOST_REQUIRE((in_files && in_memory));
  BOOST_TEST(*in_files <= 128_KiB);
  BOOST_TEST(*in_memory <= 128_KiB);
}

BOOST_AUTO_TEST_CASE(a_million_appends_and_truncations_across_the_threshold_leave_no_dead_bytes_behind) {
  const TemporaryDirectory directory{Medium::memory};

  const auto in_files = most_beyond_content(FileStorage{{.directory = directory.path()}}, 500, append_and_cut);
  const auto in_memory = most_beyond_content(MemoryStorage{}, 500, append_and_cut);
  const auto unspilled = most_beyond_content(MemoryStorage{}, 8_MiB, append_and_cut);

  BOOST_REQUIRE((in_files && in_memory && unspilled));
  BOOST_TEST(*in_files <= 128_KiB);
  BOOST_TEST(*in_memory <= 128_KiB);
  BOOST_TEST(*unspilled <= 128_KiB);
}

int print_measurement(const std::string& name) {
  const auto found = measurements().find(name);
  const auto value = found != measurements().end() ? found->second() : std::nullopt;
  if (!value) return 1;
  std::printf("%llu\n", static_cast<unsigned long long>(*value));
  return 0;
}

}  // namespace
}  // namespace hybridbuffer::testing

int main(int argc, char* argv[]) {
  if (argc == 3 && std::string_view{argv[1]} == "--measure") return hybridbuffer::testing::print_measurement(argv[2]);
  return boost::unit_test::unit_test_main([] { return true; }, argc, argv);
}
