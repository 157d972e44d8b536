#pragma once

#include "redis_fault_place.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

/// \file
/// What the faults of the tests of Redis meet.

namespace hybridbuffer::testing {

inline Result<void> read_window(const RedisBackend& backend) {
  auto reader = backend.open_reader_at();
  if (!reader) return std::unexpected{reader.error()};
  Bytes window(chunk + 100);
  const auto count = reader->read_at(chunk / 2, window);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count == window.size() && std::equal(window.begin(), window.end(), before.begin() + chunk / 2));
}

inline Result<void> seek_and_read(const RedisBackend& backend) {
  auto reader = backend.open_seeker();
  if (!reader) return std::unexpected{reader.error()};
  Bytes last(10);
  if (auto at = reader->seek(-10, Whence::end); !at) return std::unexpected{at.error()};
  const auto count = reader->read(last);
  if (!count) return std::unexpected{count.error()};
  return right_if(*count != 0 && std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(*count), before.end() - 10));
}

/// What is done with a location that has an object: each a whole operation.
template <class Faulted>
const std::vector<FaultedOperation<Faulted, RedisBackend>>& operations() {
  // Closing waits for its chunks, then for the manifest, and then removes what it replaces or gives up.
  constexpr auto closing = timeouts.operation + timeouts.cleanup;
  static const std::vector<FaultedOperation<Faulted, RedisBackend>> all{
      {"store an object",
       [](Faulted&, RedisBackend& backend) {
         auto stored = store(backend, larger);
         return stored ? right_if(holds(backend, larger)) : stored;
       },
       closing},
      {"store an empty object",
       [](Faulted&, RedisBackend& backend) {
         auto stored = store(backend, {});
         return stored ? right_if(holds(backend, {})) : stored;
       },
       closing},
      {"extend an object",
       [](Faulted&, RedisBackend& backend) {
         auto extended = finish(backend.append(), more);
         Bytes both = before;
         both.insert(both.end(), more.begin(), more.end());
         return extended ? right_if(holds(backend, both)) : extended;
       },
       closing},
      {"abandon a writer",
       [](Faulted&, RedisBackend& backend) -> Result<void> {
         auto writer = backend.create();
         if (!writer) return std::unexpected{writer.error()};
         return writer->write(larger);
       },
       closing},
      {"read in order",
       [](Faulted&, RedisBackend& backend) -> Result<void> {
         auto bytes = read_all(backend);
         if (!bytes) return std::unexpected{bytes.error()};
         return right_if(*bytes == before);
       },
       timeouts.operation},
      {"read a window", [](Faulted&, RedisBackend& backend) { return read_window(backend); }, timeouts.operation},
      {"seek and read", [](Faulted&, RedisBackend& backend) { return seek_and_read(backend); }, timeouts.operation},
      {"touch", [](Faulted&, RedisBackend& backend) { return backend.touch(); }, timeouts.operation},
      {"remove", [](Faulted&, RedisBackend& backend) { return backend.remove(); }, timeouts.operation},
  };
  return all;
}

}  // namespace hybridbuffer::testing
