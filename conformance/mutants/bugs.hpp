#pragma once

#include "settings.hpp"

#include <hybridbuffer/conformance/clause.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// \file
/// What can be broken in the reference backend: one switch a bug, read at the place where it acts. bugs.cpp has the table.

namespace hybridbuffer::conformance::mutants {

enum class Bug : std::uint8_t {
  none,
  // create
  fixed_name,
  empty_close_stores_nothing,
  visible_before_close,
  create_truncates,
  longer_tail_kept,
  second_create_repoints_first,
  abandoned_writer_blocks,
  abandon_drops_committed,
  stale_cache_after_create,
  commit_fails_over_damage,
  cut_off_writer_frees_place,
  cut_off_writer_gives_back_twice,
  // open
  open_fresh_gives_empty,
  open_fresh_dereferences_null,
  readers_share_cursor,
  reading_deletes,
  key_resolved_at_each_fetch,
  commit_shows_late,
  open_remembers_removed,
  replaced_reads_as_end,
  reader_number_in_8_bits,
  generation_in_8_bits,
  others_commits_move_readers,
  // remove
  open_works_after_remove,
  remove_fresh_fails,
  second_remove_fails,
  remove_keeps_chunks,
  remove_drops_newest_only,
  remove_keeps_sixteenth_chunk,
  close_resurrects,
  abandoned_chunks_stay,
  remove_refuses_while_read,
  remove_swallows_errors,
  remove_forgets_after_failure,
  denied_remove_is_gone,
  // writer
  destructor_commits,
  last_partial_chunk_dropped,
  full_last_chunk_dropped,
  write_stops_at_chunk_end,
  large_write_cut,
  boundary_flush_off_by_one,
  empty_write_finalises,
  keeps_callers_pointer,
  transforms_callers_bytes,
  second_close_appends_again,
  second_close_forgives,
  write_after_close_accepted,
  failed_write_publishes_stump,
  close_swallows_flush_error,
  failed_close_shows_part,
  lost_commit_answer_is_failure,
  limit_truncates,
  gather_drops_empty_neighbour,
  gather_list_cut,
  write_counter_in_16_bits,
  // reader
  final_short_read_fails,
  end_starts_over,
  empty_read_at_end_fails,
  false_end_at_boundary,
  count_beyond_span,
  words_past_span,
  one_reader_closes_all,
  lost_chunk_reads_as_end,
  shortened_chunk_accepted,
  checksum_never_verified,
  metadata_never_verified,
  skips_chunk_after_error,
  fetch_ahead_skips,
  // reader_at
  read_at_moves_cursor,
  read_at_past_end_fails,
  read_at_across_end_gives_nothing,
  read_at_stops_at_chunk_end,
  read_at_long_window_wrong,
  read_at_boundary_start_wrong,
  read_at_empty_window_fails,
  read_at_remembers_last,
  read_at_size_of_first_chunk,
  read_at_sees_no_removal,
  offset_in_32_bits,
  read_at_cache_without_lock,
  // seeker
  seeker_false_end_at_boundary,
  seek_end_ignores_sign,
  seek_returns_old_position,
  seek_counts_from_prefetch,
  negative_seek_clamps,
  past_end_seek_clamps,
  end_survives_seek,
  unknown_whence_is_begin,
  seek_overflow_wraps,
  failed_seek_moves,
  seek_end_of_empty_fails,
  past_end_counts_from_size,
  back_seek_keeps_buffer,
  seek_in_32_bits,
  // data and sizes
  sign_extended_end,
  stops_at_nul,
  crlf_translated,
  uniform_chunk_is_hole,
  gzip_look_alike_refused,
  length_in_int,
  chunk_index_in_16_bits,
  open_fetches_all,
  // errors
  no_space_is_io,
  permission_is_io,
  outage_is_not_found,
  password_in_error,
  operation_not_told,
  exception_leaves_read,
  short_put_counts_as_full,
  short_get_counts_as_full,
  interrupted_is_final,
  wedged_after_failure,
  full_store_ignored,
  waits_for_ever,
  // threads, instances, moves
  shared_position_between_threads,
  name_counter_races,
  writer_bound_to_thread,
  lazy_open_races,
  commit_in_two_steps,
  shared_static_buffer,
  equal_factories_equal_names,
  names_from_few_bits,
  cleans_up_strangers,
  moved_from_writer_ends_live_one,
  moved_from_dereferences_null,
  assignment_leaks_writer,
  handle_keeps_backend_pointer,
  small_object_in_backend,
  // durability and resources
  lifetime_never_refreshed,
  expired_object_is_short,
  leftovers_never_expire,
  commit_stays_in_process,
  last_chunk_stays_in_process,
  descriptor_leaks,
  reader_leaks_memory,
  failed_open_leaks_memory,
  destructor_keeps_object,
  file_in_working_directory,
  descriptor_inherited,
  heap_overrun,
  // append
  append_zeroes_tail,
  append_needs_object,
  append_overwrites_last_full_chunk,
  append_changes_tail_in_place,
  failed_append_stays_pending,
  append_grows_size_of_open_handles,
  append_keeps_old_tails,
  append_descriptor_leaks,
  lost_append_answer_doubles,
  append_commits_in_two_steps,
  // shrink and discard
  shrink_keeps_tail,
  shrink_grows,
  shrink_loses_boundary_chunk,
  shrink_to_nothing_removes,
  second_extension_after_shrink_zeroes,
  discard_takes_neighbours,
  discard_frees_nothing,
  discard_cuts_tail,
  discard_end_wraps,
  shrink_in_hole_loses_chunk,
  // map
  windows_share_buffer,
  window_beyond_end,
  window_starts_at_chunk,
  window_dies_at_append,
  window_shows_abandoned,
  // transfer
  transfer_ignores_short_count,
  transfer_takes_too_much,
  transfer_starts_over,
  transfer_loses_source_offset,
  transfer_takes_abandoned,
  // publish
  publish_follows_object,
  publish_ignores_keep,
  publish_goes_with_backend,
  publish_in_pieces,
  publish_takes_abandoned,
  publish_looks_then_replaces,
  publish_shares_staging,
  publish_refuses_when_done,
  publish_keeps_undeclared,
  // factory and fork
  factory_takes_backends_along,
  factory_copies_share_names,
  child_removes_object,
  child_writer_drops_chunks,
  child_large_writer_drops_chunks,
  child_reads_on,
  child_commits,
};

/// The bug of this process; set once, before a backend is made.
inline Bug& chosen_bug() noexcept {
  static Bug bug = Bug::none;
  return bug;
}
[[nodiscard]] inline bool has(Bug bug) noexcept { return chosen_bug() == bug; }

/// A broken backend.
struct Mutant {
  std::string_view id;
  Bug bug;
  std::string_view broken;                ///< in words
  std::vector<std::string_view> clauses;  ///< those whose rule it breaks: one of them has to find it
  bool stochastic = false;                ///< a race: has to be found in each of many runs
  void (*adjust)(Settings&) = nullptr;    ///< the settings in which it shows
};

[[nodiscard]] std::span<const Mutant> mutants();

}  // namespace hybridbuffer::conformance::mutants
