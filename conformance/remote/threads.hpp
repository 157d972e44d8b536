#pragma once

#include "objects.hpp"
#include "problems.hpp"
#include "scale.hpp"

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// Threads that use one storage, one location and one handle at once: for the thread sanitizer, whatever the store.

namespace hybridbuffer::testing {

/// Each of `works` in a thread of its own, all from the same moment on.
inline void at_once(const std::vector<std::function<void()>>& works, Problems& problems) {
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> threads;
  threads.reserve(works.size());
  for (const auto& work : works) {
    threads.emplace_back([&] {
      for (++ready; ready != works.size();) std::this_thread::yield();
      try {
        work();
      } catch (const std::exception& error) {
        problems.expect(false, error.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

inline Bytes version(std::uint64_t salt, std::size_t size) {
  Bytes bytes(size);
  fill(bytes, 0, salt);
  return bytes;
}
/// Which of `versions` versions has these bytes there; `versions` when none has.
inline std::uint64_t version_of(std::span<const std::byte> bytes, std::uint64_t offset, std::uint64_t versions) {
  std::uint64_t salt = 0;
  while (salt < versions && !is_filled(bytes, offset, salt)) ++salt;
  return salt;
}

/// Many threads read a location, by one handle and by handles of their own, and call `beside` with it.
template <storage_backend Backend>
void read_by_many(Backend& backend, std::size_t size, Problems& problems, const std::function<Result<void>(const Backend&)>& beside) {
  constexpr unsigned readers = 4;
  constexpr unsigned rounds = 8;
  problems.expect(store(backend, version(0, size)).has_value(), "the object that all read");
  const auto shared = backend.open_reader_at();
  if (!shared) return problems.expect(false, shared.error().message());
  std::vector<std::function<void()>> works;
  works.reserve(readers);
  for (unsigned reader = 0; reader < readers; ++reader) {
    works.emplace_back([&, reader] {
      Bytes window(size / 3);
      for (unsigned round = 0; round < rounds; ++round) {
        const std::size_t at = (size / 5 * reader + size / 17 * round) % size;
        const auto count = shared->read_at(at, window);
        const bool is_right = count && *count == std::min(window.size(), size - at) && is_filled(std::span{window}.first(*count), at, 0);
        problems.expect(is_right, "a handle of all: " + (count ? std::string{"other bytes"} : count.error().message()));
        problems.expect(holds(backend, version(0, size)), "a handle of its own: other bytes");
        const auto done = beside(backend);
        problems.expect(done.has_value(), done ? std::string{} : done.error().message());
      }
    });
  }
  at_once(works, problems);
}

/// Many threads open and read a location while one writes it anew and removes it in the end. They see one version or another, whole, or are
/// told that it was replaced.
template <storage_backend Backend>
void read_while_written(Backend& backend, std::size_t size, Problems& problems) {
  constexpr std::uint64_t readers = 3;
  constexpr std::uint64_t versions = 10;
  problems.expect(store(backend, version(0, size)).has_value(), "the first version");
  std::atomic<bool> ends{false};
  std::atomic<std::uint64_t> whole{0};
  std::vector<std::function<void()>> works{[&] {
    for (std::uint64_t salt = 1; salt < versions; ++salt) {
      const auto stored = store(backend, version(salt, size));
      problems.expect(stored.has_value(), "a version: " + (stored ? std::string{} : stored.error().message()));
    }
    problems.expect(backend.remove().has_value(), "remove");
    ends = true;
  }};
  for (std::uint64_t reader = 0; reader < readers; ++reader) {
    works.emplace_back([&] {
      while (!ends) {
        const auto bytes = read_all(backend);
        if (bytes) {
          problems.expect(bytes->size() == size && version_of(*bytes, 0, versions) < versions, "a mixture of versions");
          ++whole;
        } else {
          problems.expect(bytes.error() == errc::corrupted || bytes.error() == errc::not_found, bytes.error().message());
        }
      }
    });
  }
  at_once(works, problems);
  problems.expect(whole > 0, "nobody has read a version");
}

/// Threads that share a storage and have locations and buffers of their own; one more closes its idle connections all the time.
template <class Storage>
void spill_side_by_side(const Storage& storage, std::size_t size, Problems& problems) {
  constexpr std::uint64_t writers = 4;
  constexpr unsigned rounds = 3;
  std::atomic<std::uint64_t> left{writers};
  std::vector<std::function<void()>> works{[&] {
    while (left != 0) {
      storage.trim();
      problems.expect(storage.check().has_value(), "check");
    }
  }};
  for (std::uint64_t writer = 0; writer < writers; ++writer) {
    works.emplace_back([&, writer] {
      for (unsigned round = 0; round < rounds; ++round) {
        problems.expect(round_trip(storage, size / 4, size, writer), "a buffer of its own");
        auto backend = storage.create_backend();
        problems.expect(backend && store(*backend, version(writer, size)), "a location of its own");
        if (!backend) continue;
        {
          auto abandoned = backend->create();
          problems.expect(abandoned && abandoned->write(version(writer + 1, size)), "a writer that is given up");
        }
        problems.expect(holds(*backend, version(writer, size)), "a location of its own: other bytes");
      }
      --left;
    });
  }
  at_once(works, problems);
}

}  // namespace hybridbuffer::testing
