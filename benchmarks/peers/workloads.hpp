#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <time.h>
#include <vector>

/// \file
/// The workloads of scripts/bench peers, for C++14 and later. A peer is made empty, then: append(data, size), flush(), rewind(),
/// read(data, size) -> size_t, read_at(offset, data, size). Each program prints `peer<TAB>workload<TAB>nanoseconds an operation`, processor
/// time of the thread, the median of three runs after one that warms up.

namespace peers {

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;

inline double seconds() {
  ::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "a peer failed: %s\n", what);
  std::exit(1);
}

inline const std::string& directory() {
  static const std::string place = [] {
    const char* const named = std::getenv("TMPDIR");
    return std::string{named != nullptr && *named != '\0' ? named : "/var/tmp"};
  }();
  return place;
}

template <class Run>
void measure(const char* peer, const char* workload, std::size_t operations, Run run) {
  run();
  std::vector<double> times;
  for (int i = 0; i != 3; ++i) {
    const double begin = seconds();
    run();
    times.push_back(seconds() - begin);
  }
  std::sort(times.begin(), times.end());
  std::printf("%s\t%s\t%.3f\n", peer, workload, times[1] * 1e9 / static_cast<double>(operations));
  std::fflush(stdout);
}

template <class Peer>
void append_all(Peer& peer, std::size_t piece, std::size_t bytes) {
  static const std::vector<char> block(64 * kibibyte, 'x');
  for (std::size_t done = 0; done != bytes; done += piece) peer.append(block.data(), piece);
  peer.flush();
}

template <class Peer>
void append_workload(const char* name, const char* workload, std::size_t piece, std::size_t bytes) {
  measure(name, workload, bytes / piece, [=] {
    Peer peer{bytes};
    append_all(peer, piece, bytes);
  });
}

/// `Peer{n}` is told how much will be appended, for those who must know.
template <class Peer>
void run_all(const char* name) {
  append_workload<Peer>(name, "A1", 16, mebibyte);
  append_workload<Peer>(name, "S1", 64 * kibibyte, 256 * mebibyte);
  append_workload<Peer>(name, "S2.16", 16, 64 * mebibyte);
  append_workload<Peer>(name, "S2.512", 512, 64 * mebibyte);

  static std::vector<char> out(64 * kibibyte);
  Peer full{256 * mebibyte};
  append_all(full, 64 * kibibyte, 256 * mebibyte);
  measure(name, "R1", 256 * mebibyte / out.size(), [&full] {
    full.rewind();
    std::size_t seen = 0;
    while (const std::size_t count = full.read(out.data(), out.size())) seen += count;
    require(seen == 256 * mebibyte && out[0] == 'x', "read back");
  });
  measure(name, "R3", 4096, [&full] {
    std::uint64_t random = 42;
    for (int i = 0; i != 4096; ++i) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      full.read_at((random >> 20U) % (256 * mebibyte - 4096), out.data(), 4096);
    }
    require(out[0] == 'x', "random read");
  });
  measure(name, "L1", 500, [] {
    for (int i = 0; i != 500; ++i) {
      Peer peer{kibibyte};
      append_all(peer, kibibyte, kibibyte);
      peer.rewind();
      require(peer.read(out.data(), kibibyte) == kibibyte, "read 1 KiB");
    }
  });
}

}  // namespace peers
