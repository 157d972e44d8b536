#include "program.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>

using namespace spool_test;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
/// The most that was resident so far.
std::uint64_t peak_resident(pid_t pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  throw std::runtime_error{"no VmHWM"};
}

/// What the program takes beside the data: what one byte takes, most of which are the libraries of the storages and transforms that a URL
/// may ask for, and 3 MiB.
std::uint64_t program_bytes() {
  Program program{{"--memory", "1M"}};
  BOOST_TEST(feed_pattern(program, 0, 1) == 1U);
  BOOST_TEST(read_pattern(program, 0, 1) == 1U);
  const std::uint64_t peak = peak_resident(program.pid());
  program.end_input();
  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST(peak < 12 * mebibyte);
  return peak + 3 * mebibyte;
}

/// Sends `size` bytes to a consumer that begins when half of them are in, and takes breaks.
std::uint64_t peak_of_lagging(const std::string& memory, std::uint64_t size) {
  Program program{{"--memory", memory, "--stats"}};
  std::uint64_t right = 0;
  BOOST_TEST(feed_pattern(program, 0, size / 2) == size / 2);
  std::thread consumer{[&] {
    while (right < size) {
      const std::uint64_t part = read_pattern(program, right, std::min(size - right, 8 * mebibyte));
      if (part == 0) return;
      right += part;
      ::usleep(5000);
    }
  }};
  const std::uint64_t fed = size / 2 + feed_pattern(program, size / 2, size - size / 2);
  consumer.join();
  const std::uint64_t peak = peak_resident(program.pid());
  program.end_input();
  const std::string stats = program.errors();

  BOOST_TEST(fed == size);
  BOOST_TEST(right == size);
  BOOST_TEST(program.exit_code() == 0);
  BOOST_TEST(stat_of(stats, "bytes spilled") > static_cast<std::int64_t>(size / 3));
  BOOST_TEST(stat_of(stats, "most spooled") >= static_cast<std::int64_t>(size / 2 - mebibyte));
  BOOST_TEST(std::abs(stat_of(stats, "peak memory") - static_cast<std::int64_t>(peak)) < 512 * 1024);  // the kernel counts in batches
  return peak;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_gibibyte_passes_in_sixteen_mebibytes_of_memory) {
  const std::uint64_t peak = peak_of_lagging("16M", 1024 * mebibyte);

  BOOST_TEST_MESSAGE("peak resident memory: " << peak);
  BOOST_TEST(peak > 12 * mebibyte);  // it is used as well
  BOOST_TEST(peak <= 16 * mebibyte + program_bytes());
}

BOOST_AUTO_TEST_CASE(one_mebibyte_of_memory_is_enough) {
  const std::uint64_t peak = peak_of_lagging("1M", 256 * mebibyte);

  BOOST_TEST_MESSAGE("peak resident memory: " << peak);
  BOOST_TEST(peak <= 1 * mebibyte + program_bytes());
}
