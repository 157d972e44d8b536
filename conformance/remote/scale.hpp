#pragma once

#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

/// \file
/// What the tests of many processes and of large contents share, whatever the store.

namespace hybridbuffer::testing {

inline constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

/// A stream for each `salt`, of which no two stretches are alike.
inline std::byte byte_of(std::uint64_t offset, std::uint64_t salt) {
  const std::uint64_t mixed = (offset + 1) * 0x9E3779B97F4A7C15U ^ salt * 0xC2B2AE3D27D4EB4FU;
  return static_cast<std::byte>((mixed ^ mixed >> 29U) >> 11U);
}
inline void fill(std::span<std::byte> block, std::uint64_t offset, std::uint64_t salt) {
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = byte_of(offset + i, salt);
}
[[nodiscard]] inline bool is_filled(std::span<const std::byte> block, std::uint64_t offset, std::uint64_t salt) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i] != byte_of(offset + i, salt)) return false;
  }
  return true;
}

/// Reads what a buffer holds from its position, `from`, to its end. Returns: whether each byte is the stream's.
template <class Buffer>
[[nodiscard]] bool reads_back(Buffer& buffer, std::uint64_t salt, std::uint64_t from = 0) {
  std::vector<std::byte> block(100'003);
  for (std::uint64_t at = from; at < buffer.size();) {
    const auto count = buffer.read(block);
    if (!count || *count == 0 || !is_filled(std::span{block}.first(*count), at, salt)) return false;
    at += *count;
  }
  return true;
}

/// Appends `size` bytes of a stream, and reads them all back.
template <class Storage>
[[nodiscard]] bool round_trip(const Storage& storage, std::uint64_t threshold, std::uint64_t size, std::uint64_t salt) {
  HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{threshold}, storage};
  std::vector<std::byte> block(100'003);
  for (std::uint64_t at = 0; at < size;) {
    const auto piece = std::span{block}.first(static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - at)));
    fill(piece, at, salt);
    if (!buffer.append(piece)) return false;
    at += piece.size();
    if (buffer.stats().in_memory > threshold) return false;
  }
  return buffer.size() == size && reads_back(buffer, salt) && buffer.is_spilled();
}

/// Runs `work()` in a child. Returns its process id.
inline pid_t in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(280);
  ::_exit(work() ? 0 : 1);
}
[[nodiscard]] inline bool succeeded(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// `processes` × `threads` round trips at once; the threads of a process share a storage, which `make_storage()` makes in it.
/// Returns: megabytes a second, written and read back; nothing unless each byte was right.
template <class MakeStorage>
[[nodiscard]] std::optional<double> round_trips_at_once(std::uint64_t processes, std::uint64_t threads, std::uint64_t threshold,
                                                        std::uint64_t size, const MakeStorage& make_storage) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<pid_t> children;
  children.reserve(processes);
  for (std::uint64_t process = 0; process < processes; ++process) {
    children.push_back(in_child([&] {
      const auto storage = make_storage();
      std::vector<char> exact(threads);
      std::vector<std::thread> all;
      all.reserve(threads);
      for (std::uint64_t thread = 0; thread < threads; ++thread) {
        all.emplace_back([&, thread] { exact[thread] = round_trip(storage, threshold, size, process * threads + thread) ? 1 : 0; });
      }
      for (std::thread& one : all) one.join();
      return std::count(exact.begin(), exact.end(), 1) == static_cast<std::ptrdiff_t>(threads);
    }));
  }
  bool works = true;
  for (const pid_t child : children) works = succeeded(child) && works;
  const double seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
  if (!works) return std::nullopt;
  return static_cast<double>(processes * threads * size) / 1e6 / seconds;
}

}  // namespace hybridbuffer::testing
