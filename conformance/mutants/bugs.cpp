#include "bugs.hpp"

#include <hybridbuffer/storage.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace hybridbuffer::conformance::mutants {
namespace {

void two_writers(Settings& settings) { settings.second_writer = SecondWriter::last_close_wins; }

void no_checksum(Settings& settings) { settings.integrity = Integrity::none; }

void many_chunks(Settings& settings) { settings.max_object_size = std::uint64_t{1} << 18U; }

void large_chunks(Settings& settings) {
  settings.chunk_size = 16'384;
  settings.max_object_size = std::uint64_t{1} << 20U;
  settings.capabilities = settings.capabilities.without(Capability::append_granularity);
}

void cannot_keep(Settings& settings) { settings.publish_keep = PublishKeep::unsupported; }

void no_limit(Settings& settings) {
  settings.chunk_size = std::uint64_t{1} << 20U;
  settings.max_object_size = std::numeric_limits<std::uint64_t>::max();
}

// clang-format off: a table, a row a mutant

const std::vector<Mutant>& table() {
  using enum Bug;
  static const std::vector<Mutant> rows{
    {"M01", fixed_name, "all instances use one object name", {"CREATE-1", "ISO-1"}},
    {"M02", empty_close_stores_nothing, "close without writes stores nothing", {"CREATE-2"}},
    {"M03", visible_before_close, "bytes are visible before close", {"CREATE-3"}},
    {"M04", create_truncates, "create drops the committed object", {"CREATE-3", "CREATE-5"}},
    {"M05", longer_tail_kept, "the tail of a longer old object is kept", {"CREATE-4"}},
    {"M06", destructor_commits, "the destructor of an unclosed writer commits", {"WRITER-8"}},
    {"M07", second_create_repoints_first, "a second create re-points the first writer", {"CREATE-6"}, false, two_writers},
    {"M08", open_fresh_gives_empty, "open on a fresh instance gives an empty reader", {"OPEN-1"}},
    {"M09", open_fresh_dereferences_null, "open on a fresh instance dereferences null", {"OPEN-1", "ERR-4"}},
    {"M10", readers_share_cursor, "all readers share one cursor", {"OPEN-3"}},
    {"M11", reading_deletes, "reading deletes the chunk", {"OPEN-4"}},
    {"M12", key_resolved_at_each_fetch, "a reader resolves the key at each fetch and sees the new object", {"OPEN-5"}},
    {"M13", open_works_after_remove, "open still works after remove", {"OPEN-6", "REMOVE-2"}},
    {"M14", remove_fresh_fails, "remove on a fresh instance is an error", {"REMOVE-1"}},
    {"M15", second_remove_fails, "the second remove is an error", {"REMOVE-1"}},
    {"M16", remove_keeps_chunks, "remove deletes the metadata and keeps the chunks", {"REMOVE-2"}},
    {"M17", close_resurrects, "close after remove brings the object back", {"REMOVE-3"}},
    {"M18", abandoned_chunks_stay, "chunks of an abandoned writer survive remove", {"REMOVE-4"}},
    {"M19", remove_swallows_errors, "remove swallows the store's errors", {"REMOVE-6"}},
    {"M20", last_partial_chunk_dropped, "the last partial chunk is dropped", {"WRITER-1"}},
    {"M21", full_last_chunk_dropped, "an object of exactly k chunks loses the last one", {"DATA-3"}},
    {"M22", write_stops_at_chunk_end, "write stores only up to the chunk's end and says ok", {"WRITER-2", "WRITER-3"}},
    {"M23", large_write_cut, "write takes only part of a large span and reports success", {"WRITER-2"}},
    {"M24", empty_write_finalises, "a zero-length write finalises the object", {"WRITER-4"}},
    {"M25", keeps_callers_pointer, "write keeps the caller's pointer until the flush", {"WRITER-5"}},
    {"M26", transforms_callers_bytes, "write transforms the caller's buffer in place", {"WRITER-5"}},
    {"M27", second_close_appends_again, "a second close appends the last chunk again", {"WRITER-6"}},
    {"M28", second_close_forgives, "a second close is ok after a failed first", {"WRITER-6"}},
    {"M29", write_after_close_accepted, "a write after close is silently accepted", {"WRITER-7"}},
    {"M30", failed_write_publishes_stump, "close after a failed write publishes a stump", {"WRITER-9"}},
    {"M31", close_swallows_flush_error, "close swallows the error of the last flush", {"WRITER-10"}},
    {"M32", failed_close_shows_part, "a failed close leaves a partial object visible", {"WRITER-10"}},
    {"M33", sign_extended_end, "bytes are sign-extended, 0xFF is taken as the end", {"DATA-1"}},
    {"M34", stops_at_nul, "content stops at NUL", {"DATA-1", "DATA-2"}},
    {"M35", crlf_translated, "CRLF is translated", {"DATA-1", "DATA-2"}},
    {"M36", final_short_read_fails, "the final short read is an error", {"READER-1"}},
    {"M37", end_starts_over, "after the end reading starts over at 0", {"READER-2"}},
    {"M38", empty_read_at_end_fails, "an empty read at the end is an error", {"READER-3"}},
    {"M39", false_end_at_boundary, "0 bytes at a chunk boundary", {"READER-4"}},
    {"M40", count_beyond_span, "read returns a count larger than the span", {"READER-4"}},
    {"M41", words_past_span, "read copies whole words past the span", {"READER-5"}},
    {"M43", one_reader_closes_all, "closing one reader closes all", {"READER-6"}},
    {"M44", lost_chunk_reads_as_end, "a missing chunk reads as the end", {"READER-7"}},
    {"M45", shortened_chunk_accepted, "a shortened chunk is accepted", {"READER-7"}},
    {"M46", checksum_never_verified, "the declared checksum is never verified", {"READER-9"}},
    {"M47", read_at_moves_cursor, "read_at moves the sequential cursor", {"AT-6"}},
    {"M48", read_at_past_end_fails, "read_at past the end is an error", {"AT-3"}},
    {"M49", read_at_across_end_gives_nothing, "read_at across the end gives 0", {"AT-2"}},
    {"M50", read_at_stops_at_chunk_end, "read_at stops at a chunk's end", {"AT-1", "AT-8"}},
    {"M51", offset_in_32_bits, "offsets are cut to 32 bits", {"AT-3", "BIG-2"}, false, no_limit},
    {"M52", read_at_cache_without_lock, "read_at has a chunk cache without a lock", {"AT-7"}, true},
    {"M53", seek_end_ignores_sign, "seek from the end ignores the sign", {"SEEK-2"}},
    {"M54", seek_returns_old_position, "seek returns the old position", {"SEEK-3"}},
    {"M55", negative_seek_clamps, "a negative target clamps to 0", {"SEEK-5"}},
    {"M56", past_end_seek_clamps, "a target past the end clamps to the size", {"SEEK-6"}},
    {"M57", end_survives_seek, "the end flag survives a seek", {"SEEK-7"}},
    {"M58", seek_counts_from_prefetch, "seek(current) counts from what was prefetched", {"SEEK-4"}},
    {"M59", outage_is_not_found, "an outage is reported as not_found", {"ERR-2"}},
    {"M60", exception_leaves_read, "an exception leaves read", {"ERR-4"}},
    {"M61", descriptor_leaks, "each open leaks a descriptor", {"RES-1"}},
    {"M62", shared_static_buffer, "instances share a static buffer", {"ISO-1", "CONC-2"}},
    {"M63", moved_from_writer_ends_live_one, "the destructor of a moved-from writer ends the live one", {"MOVE-1"}},
    {"M64", no_space_is_io, "no_space is mapped to io", {"ERR-1", "ERR-7"}},
    {"M65", stale_cache_after_create, "a cache is not invalidated by a new object", {"CREATE-4"}},
    {"M66", seek_end_of_empty_fails, "seek(0, end) on an empty object fails", {"SEEK-2"}},
    {"M67", past_end_counts_from_size, "after a seek past the end, current counts from the size", {"SEEK-6", "SEEK-9"}},
    {"M68", equal_factories_equal_names, "two equal factories produce the same names", {"ISO-1"}},
    {"M69", short_put_counts_as_full, "a short primitive write counts as full", {"ERR-5"}},
    {"M70", denied_remove_is_gone, "permission denied on remove is taken as gone", {"ERR-2", "REMOVE-6"}},
    {"M71", waits_for_ever, "a hung store blocks close and destructor", {"ERR-8"}},
    {"M72", length_in_int, "the total length is kept in an int", {"BIG-1"}, false, no_limit},

    {"P01", abandoned_writer_blocks, "after an abandoned writer create is busy for ever", {"CREATE-1"}},
    {"P02", abandon_drops_committed, "abandoning a replacement drops the old object", {"CREATE-5"}},
    {"P03", commit_shows_late, "a commit becomes visible a few milliseconds later", {"OPEN-2"}},
    {"P04", open_remembers_removed, "open answers from memory after remove", {"OPEN-6"}},
    {"P05", replaced_reads_as_end, "a reader of a replaced object comes to a clean end", {"OPEN-5"}},
    {"P06", remove_refuses_while_read, "remove is busy while a reader is open, undeclared", {"REMOVE-5"}},
    {"P07", remove_forgets_after_failure, "a retried remove takes the first attempt for done", {"REMOVE-6"}},
    {"P08", boundary_flush_off_by_one, "a piece that fills a begun chunk loses its last byte", {"WRITER-3"}},
    {"P09", lost_commit_answer_is_failure, "a commit whose answer was lost counts as a definite failure", {"WRITER-10"}},
    {"P10", limit_truncates, "a write beyond the largest object is cut off silently", {"DATA-3"}},
    {"P11", gather_drops_empty_neighbour, "an empty piece of a gathering write ends the list", {"WRITER-3"}},
    {"P12", metadata_never_verified, "metadata are used unverified", {"READER-9"}},
    {"P13", skips_chunk_after_error, "a failed fetch counts as read", {"READER-8"}},
    {"P14", commit_fails_over_damage, "an object with damaged metadata cannot be replaced", {"READER-9"}},
    {"P15", read_at_long_window_wrong, "windows over more than two chunks repeat one", {"AT-1"}},
    {"P16", read_at_boundary_start_wrong, "a window that starts at a boundary is a byte late", {"AT-8"}},
    {"P17", read_at_empty_window_fails, "a zero-length window is an error", {"AT-4"}},
    {"P18", read_at_remembers_last, "the same window twice in a row is empty", {"AT-5"}},
    {"P19", read_at_size_of_first_chunk, "size() is that of the first chunk", {"AT-9"}},
    {"P20", read_at_sees_no_removal, "open_reader_at before a commit gives an empty handle", {"AT-9"}},
    {"P21", seeker_false_end_at_boundary, "a seeker gives 0 bytes at a chunk boundary", {"SEEK-1"}},
    {"P22", unknown_whence_is_begin, "an unknown whence counts as begin", {"SEEK-8"}},
    {"P23", seek_overflow_wraps, "seek arithmetic wraps", {"SEEK-8"}},
    {"P24", failed_seek_moves, "a refused seek moves to the start", {"SEEK-5"}},
    {"P25", back_seek_keeps_buffer, "a relative seek back over a boundary keeps the old buffer", {"SEEK-9"}},
    {"P26", seek_in_32_bits, "seek targets are cut to 32 bits", {"BIG-2"}, false, no_limit},
    {"P27", uniform_chunk_is_hole, "a chunk of equal bytes is stored as zeros", {"DATA-2"}},
    {"P28", gzip_look_alike_refused, "content that looks like gzip is taken for compressed", {"DATA-2"}},
    {"P29", chunk_index_in_16_bits, "the chunk index has 16 bits", {"BIG-3"}, false, many_chunks},
    {"P30", open_fetches_all, "open fetches the whole object", {"BIG-4"}},
    {"P31", permission_is_io, "permission denied is mapped to io", {"ERR-1"}},
    {"P32", password_in_error, "an error shows the password", {"ERR-3"}},
    {"P33", operation_not_told, "errors do not say what was tried", {"ERR-3"}},
    {"P34", short_get_counts_as_full, "a short primitive read counts as full", {"ERR-5"}, false, no_checksum},
    {"P35", interrupted_is_final, "an interrupted primitive counts as done", {"ERR-5"}},
    {"P36", wedged_after_failure, "after one failure the instance is unavailable for ever", {"ERR-6"}},
    {"P37", full_store_ignored, "a write to a full store is ignored", {"ERR-7"}},
    {"P38", shared_position_between_threads, "readers set and use a shared position in two steps", {"CONC-1"}, true},
    {"P39", name_counter_races, "names come from an unsynchronised counter", {"CONC-2"}, true},
    {"P40", writer_bound_to_thread, "a writer works only in the thread that made it", {"CONC-3"}},
    {"P41", lazy_open_races, "the first open fills a cache that others already read", {"CONC-4"}, true},
    {"P42", commit_in_two_steps, "a replacement is committed in two steps", {"CONC-5"}, true},
    {"P43", names_from_few_bits, "names have few random bits", {"ISO-2"}},
    {"P44", cleans_up_strangers, "remove cleans up what looks left over", {"ISO-3"}},
    {"P45", moved_from_dereferences_null, "a moved-from handle dereferences null", {"MOVE-2"}},
    {"P46", assignment_leaks_writer, "assigning onto an open writer does not abandon it", {"MOVE-3"}},
    {"P47", handle_keeps_backend_pointer, "a reader keeps a pointer to its Backend", {"MOVE-4"}},
    {"P48", lifetime_never_refreshed, "using an object does not refresh its lifetime", {"DUR-1"}},
    {"P49", expired_object_is_short, "an object that expires while it is read comes to a clean end", {"DUR-1"}},
    {"P50", leftovers_never_expire, "what a killed writer leaves never expires", {"DUR-2"}},
    {"P51", reader_leaks_memory, "a reader leaks memory", {"RES-2"}},
    {"P52", failed_open_leaks_memory, "an open that fails leaks memory", {"RES-1"}},
    {"P53", destructor_keeps_object, "the Backend's destructor leaves the object", {"RES-3"}},
    {"P54", file_in_working_directory, "what is written is also in a file in the working directory", {"RES-4"}},
    {"P55", descriptor_inherited, "a descriptor is inherited by other programs", {"RES-4"}},

    {"P56", append_zeroes_tail, "the last chunk is written anew without its old bytes", {"APPEND-1"}},
    {"P57", append_needs_object, "append without an object is not_found", {"APPEND-1"}},
    {"P58", append_overwrites_last_full_chunk, "an extension at a boundary replaces the last chunk", {"APPEND-1"}},
    {"P59", append_changes_tail_in_place, "an extension changes the last chunk before close", {"APPEND-2"}},
    {"P60", failed_append_stays_pending, "bytes of an abandoned extension turn up in the next", {"APPEND-2"}},
    {"P61", append_grows_size_of_open_handles, "an open handle shows the new size with the old chunks", {"APPEND-3"}},
    {"P62", append_keeps_old_tails, "each extension leaves the old last chunk stored", {"APPEND-4"}, false, large_chunks},
    {"P63", append_descriptor_leaks, "each extension takes a descriptor", {"APPEND-4"}},
    {"P64", lost_append_answer_doubles, "an extension whose answer was lost is done again", {"APPEND-5"}},
    {"P65", append_commits_in_two_steps, "an extension is committed in two steps", {"APPEND-5"}},
    {"P66", remove_drops_newest_only, "remove drops only what the last writer stored", {"APPEND-6"}},
    {"P67", shrink_keeps_tail, "the cut-off tail returns with the next extension", {"SHRINK-1"}},
    {"P68", shrink_grows, "shrink beyond the size extends", {"SHRINK-1"}},
    {"P69", shrink_loses_boundary_chunk, "shrink to a boundary loses a chunk", {"SHRINK-1"}},
    {"P70", shrink_to_nothing_removes, "shrink(0) removes the object", {"SHRINK-1"}},
    {"P71", discard_takes_neighbours, "discard takes the whole chunks at its edges", {"DISCARD-1"}},
    {"P72", discard_frees_nothing, "discard frees nothing", {"DISCARD-1"}},
    {"P73", discard_cuts_tail, "discard up to the end cuts the object off", {"DISCARD-1"}},
    {"P74", windows_share_buffer, "all windows share one buffer", {"MAP-1"}},
    {"P75", window_beyond_end, "a window shows the whole last chunk", {"MAP-1"}},
    {"P76", window_starts_at_chunk, "a window starts at its chunk's start", {"MAP-1"}},
    {"P77", window_dies_at_append, "an extension takes windows away", {"MAP-1"}},
    {"P78", transfer_ignores_short_count, "transfer_to takes a short count for a full one", {"TRANSFER-1"}, false, large_chunks},
    {"P79", transfer_takes_too_much, "transfer_from reads more than it takes", {"TRANSFER-1"}},
    {"P80", transfer_starts_over, "transfer_to starts at 0 whatever the offset", {"TRANSFER-1"}},
    {"P81", transfer_loses_source_offset, "a transfer_from that fails keeps the bytes it read", {"TRANSFER-1"}},
    {"P82", publish_follows_object, "a later extension changes what was published", {"PUBLISH-1"}},
    {"P83", publish_ignores_keep, "keep replaces the destination", {"PUBLISH-1"}},
    {"P84", publish_goes_with_backend, "what was published goes with the Backend", {"PUBLISH-1"}},
    {"P85", publish_in_pieces, "publish writes the destination piece by piece", {"PUBLISH-1"}},
    {"P86", factory_takes_backends_along, "Backends die with their factory", {"FACTORY-1"}},
    {"P87", factory_copies_share_names, "copies of a factory make Backends at one location", {"FACTORY-1"}},
    {"P88", child_removes_object, "a forked child's Backend removes the parent's object", {"FORK-1"}},
    {"P89", child_writer_drops_chunks, "a forked child's writer drops the parent's chunks", {"FORK-1"}},
    {"P90", child_reads_on, "a forked child can use the handles", {"FORK-1"}},
    {"P91", child_commits, "a forked child's writer commits", {"FORK-1"}},
    {"P92", heap_overrun, "a chunk is copied beyond its buffer", {"RES-5"}},

    {"P93", cut_off_writer_frees_place, "a writer cut off by remove() frees its successor's place", {"REMOVE-3"}},
    {"P94", cut_off_writer_gives_back_twice, "a cut off writer gives back what its successor stored", {"REMOVE-3"}},
    {"P95", reader_number_in_8_bits, "256 readers later another one has the same number, and its cursor", {"OPEN-3"}},
    {"P96", generation_in_8_bits, "after 256 objects a generation number comes again", {"OPEN-5"}},
    {"P97", others_commits_move_readers, "many commits of other locations take an open reader's place away", {"OPEN-5"}},
    {"P98", remove_keeps_sixteenth_chunk, "remove leaves a chunk of an object of exactly sixteen", {"REMOVE-2"}},
    {"P99", gather_list_cut, "a list of more than 4096 pieces is cut", {"WRITER-2"}},
    {"P100", write_counter_in_16_bits, "the 65 536th write is lost", {"WRITER-3"}, false, large_chunks},
    {"P101", fetch_ahead_skips, "a read of another size after three equal ones skips a byte", {"READER-1"}},
    {"P102", small_object_in_backend, "handles on small objects point into the Backend", {"MOVE-4"}},
    {"P103", second_extension_after_shrink_zeroes, "the second extension after a shrink zeroes a byte of the last chunk", {"SHRINK-1"}},
    {"P104", discard_end_wraps, "a range whose end wraps is taken from the start", {"DISCARD-1"}},
    {"P105", shrink_in_hole_loses_chunk, "a shrink to within a discarded chunk takes the one before it", {"DISCARD-1"}},
    {"P106", window_shows_abandoned, "a window shows what an abandoned extension left behind the end", {"MAP-1"}},
    {"P107", transfer_takes_abandoned, "a transfer takes what an abandoned extension left behind the end", {"TRANSFER-1"}},
    {"P108", publish_takes_abandoned, "publish takes what an abandoned extension left behind the end", {"PUBLISH-1"}},
    {"P109", publish_looks_then_replaces, "keep looks first and replaces then", {"PUBLISH-1"}, true},
    {"P110", publish_shares_staging, "all that publish at one time go through one buffer", {"PUBLISH-1"}, true},
    {"P111", child_large_writer_drops_chunks, "a forked child's writer drops the parent's chunks when there are many", {"FORK-1"}},
    {"P112", commit_stays_in_process, "close() succeeds before the record has left the process", {"DUR-3"}},
    {"P113", last_chunk_stays_in_process, "the chunk written last leaves the process with the next one", {"DUR-3"}},
    {"P114", publish_refuses_when_done, "keep is refused as unsupported when the destination is already replaced", {"PUBLISH-1"}, false, cannot_keep},
    {"P115", publish_keeps_undeclared, "keep works that is declared unsupported", {"PUBLISH-1"}, false, cannot_keep},
  };
  return rows;
}

// clang-format on

}  // namespace

std::span<const Mutant> mutants() { return table(); }

}  // namespace hybridbuffer::conformance::mutants
