#pragma once

#include "bugs.hpp"
#include "manifest.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {

/// What bugs keep for a location between two operations. The correct backend never touches it.
struct BugState {
  std::atomic<std::uint64_t> cursor{0};         // readers_share_cursor, shared_position_between_threads
  std::optional<std::uint64_t> moved_cursor{};  // read_at_moves_cursor
  std::optional<Manifest> remembered{};         // open_remembers_removed, commit_shows_late, lazy_open_races
  bool remembers_nothing = false;
  std::chrono::steady_clock::time_point visible_at{};
  std::mutex memory;  // guards what lazy_open_races remembers, but not when
  std::atomic<bool> filled{false};
  std::map<std::pair<std::uint64_t, std::size_t>, Bytes> chunks{};  // stale_cache_after_create
  std::atomic<std::uint64_t> readers_gone{0};                       // one_reader_closes_all
  std::atomic<std::uint64_t> backend_moves{0};                      // handle_keeps_backend_pointer
  std::atomic<std::uint64_t> committed_size{0};                     // append_grows_size_of_open_handles
  bool was_used = false;                                            // remove_fresh_fails
  bool was_removed = false;                                         // second_remove_fails
  bool remove_failed = false;                                       // remove_forgets_after_failure
  bool wedged = false;                                              // wedged_after_failure
  Bytes left_over{};                                                // failed_append_stays_pending
  std::vector<std::string> published{};                             // publish_follows_object, publish_goes_with_backend
  std::shared_ptr<Bytes> window{};                                  // windows_share_buffer
  std::vector<std::weak_ptr<Bytes>> windows{};                      // window_dies_at_append
  std::array<std::atomic<std::uint64_t>, 256> cursors{};            // reader_number_in_8_bits
  std::atomic<std::uint8_t> next_reader{0};
  std::uint64_t extensions_since_shrink = 0;                   // second_extension_after_shrink_zeroes
  int descriptor = -1;                                         // descriptor_inherited
  std::atomic<std::uint64_t> cached_chunk{~std::uint64_t{0}};  // read_at_cache_without_lock
  std::array<std::byte, 4096> cache{};
  static constexpr const char* stray_file = "reference-backend.tmp";  // file_in_working_directory
};

/// How many objects were committed in all locations: others_commits_move_readers.
inline std::atomic<std::uint64_t>& all_commits() noexcept {
  static std::atomic<std::uint64_t> count{0};
  return count;
}

/// Memory that nobody frees.
void leak_memory();
/// Bytes in a file that nobody asked for.
void write_stray_file(std::span<const std::byte> bytes);
/// A descriptor that nobody closes.
void leak_descriptor();

}  // namespace hybridbuffer::conformance::mutants
