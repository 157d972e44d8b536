#pragma once

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/memory/segmented.hpp>
#include <hybridbuffer/spill/spill_at.hpp>

namespace hybridbuffer::inline v0_1 {

/// What `HybridBuffer<>` is made of: chunks of 64 KiB, a threshold of 2 MiB, anonymous files.
using DefaultMemoryPolicy = SegmentedMemory<>;
using DefaultSpillPolicy = SpillAt;  ///< A threshold of 2 MiB.
using DefaultBackend = FileBackend;  ///< Anonymous files.

}  // namespace hybridbuffer::inline v0_1
