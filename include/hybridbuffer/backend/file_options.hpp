#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace hybridbuffer::inline v0_1 {

/// Where a FileStorage keeps its files, and how.
struct FileOptions {
  /// Absolute. Empty: the first usable of `$TMPDIR`, which must be absolute as well, /var/tmp and /tmp. A world-writable directory without
  /// the sticky bit is refused.
  std::string directory{};
  /// How temporary names begin, where a file system forces one: while a publish runs that replaces, or that copies to where there is no
  /// O_TMPFILE, and there for the moment between creating and unlinking a file.
  std::string prefix = "hybridbuffer-";
  /// No object may be larger.
  std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max();
  /// Storage is claimed ahead of the writes to an object of 1 MiB or more, as much as is stored already and this much at most, which
  /// makes writing faster; 0 claims nothing. Claims are dropped before a full disk is reported, and by publish.
  std::uint64_t reserve_ahead = std::uint64_t{16} << 20U;
  /// How many files of removed objects are kept for new ones, which then overwrite storage instead of claiming it. What they held
  /// before can never be read. 0: none.
  std::size_t recycled_files = 0;
  /// How much storage the kept files may hold together.
  std::uint64_t recycled_bytes = std::uint64_t{256} << 20U;
  /// Publish waits until the bytes and the name are on stable storage, and so finds the errors of late write-back.
  bool sync_on_publish = false;
};

/// What a FileStorage keeps for reuse.
struct RecycledFiles {
  std::size_t files = 0;     ///< kept now
  std::uint64_t bytes = 0;   ///< storage that they hold
  std::uint64_t reused = 0;  ///< how many new objects were given a kept file so far
};

}  // namespace hybridbuffer::inline v0_1
