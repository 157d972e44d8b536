#pragma once

#include <cstddef>
#include <cstdint>

namespace hybridbuffer::inline v0_1 {

/// What a buffer holds where, and what it did so far. Sizes in bytes.
struct BufferStats {
  std::uint64_t in_memory = 0;            ///< content held in memory
  std::uint64_t in_flight = 0;            ///< of that: being stored by a worker
  std::uint64_t memory_capacity = 0;      ///< memory that the memory policy holds for it
  std::uint64_t read_ahead_capacity = 0;  ///< memory held to read storage in large pieces
  std::uint64_t pooled = 0;               ///< memory that the calling thread keeps warm for the next buffer of this type
  std::uint64_t stored = 0;               ///< content held in storage
  std::uint64_t stored_held = 0;          ///< what the locations hold for it, truncated and discarded parts included
  std::size_t locations = 0;              ///< locations in use
  std::uint64_t spills = 0;               ///< commits to storage
  std::uint64_t spilled = 0;              ///< bytes that these wrote
  std::uint64_t publish_copied = 0;       ///< bytes that publish() had to copy
};

}  // namespace hybridbuffer::inline v0_1
