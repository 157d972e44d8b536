# Sourced by mutants.sh.
mutant checksum-of-another-chunk detail/checksum_table.hpp 'sums_[static_cast<std::size_t>(index)] : 0' 'sums_[0] : 0' checksummed
mutant checksum-not-checked detail/checksum_table.hpp 'return !is_checked || crc32c(0, bytes) == sum;' 'return true;' checksummed
mutant checksum-of-the-cut-chunk detail/checksum_table.hpp 'if (has_tail) sums_.back() = tail;' '' checksummed
mutant part-of-a-chunk-not-checked transform/checksummed_handles.hpp 'if (done && !chunk.matches(bytes)) done = detail::chunk_differs();' '' checksummed
mutant kept-chunk-not-checked transform/checksummed_handles.hpp 'if (!chunk.matches(bytes)) return detail::chunk_differs();' '' checksummed
mutant lost-answer-forgotten transform/checksummed_handles.hpp '} else if (closed.error().is_indeterminate()) {' '} else if (false) {' checksummed
mutant bad-bytes-stay-in-the-window transform/checksummed_handles.hpp $'std::memset(bytes.data(), 0, bytes.size());\n        return count;' 'return count;' checksummed
mutant discard-takes-the-edges detail/checksum_table.hpp 'offset / chunk_bytes_ + (offset % chunk_bytes_ != 0 ? 1 : 0)' 'offset / chunk_bytes_' checksummed
mutant no-space-is-tried-again transform/retry_policy.hpp 'code == errc::timeout || code == errc::unavailable' 'code == errc::timeout || code == errc::unavailable || code == errc::no_space' retrying
mutant extension-stored-twice transform/retrying_writer.hpp 'if (extends_ && unclear) {' 'if (false) {' retrying
mutant pauses-without-cap detail/backoff.hpp 'is_capped ? longest : first << failures' 'first << failures' backoff
mutant half-of-each-pause-is-certain detail/backoff.hpp 'Wide{random} * (Wide{most} + 1) >> 64U' 'most / 2 + static_cast<std::uint64_t>(Wide{random} * (Wide{most - most / 2} + 1) >> 64U)' backoff
mutant storages-pause-alike transform/retry_policy.hpp 'state_.store(seed, std::memory_order_relaxed);' 'state_.store(5, std::memory_order_relaxed);' backoff
mutant deadline-ignored transform/retry_policy.hpp 'if (elapsed > options.deadline || pause > options.deadline - elapsed) return false;' '' retrying
mutant reopened-at-the-start transform/retrying_handles.hpp 'if (auto moved = move_to_position(*opened); !moved) return moved;' '' retrying
mutant reads-on-in-another-object transform/retrying_handles.hpp 'if (!same_handle && location.version() == version_) {' 'if (!same_handle) {' retrying
mutant definite-after-a-lost-answer transform/retrying_writer.hpp 'return unclear ? std::unexpected{*unclear} : done;' 'return done;' retrying
mutant kept-bytes-lost transform/retrying_writer.hpp 'return inner_->write(kept_->bytes());' 'return {};' retrying
mutant second-extent-at-a-wrong-offset transform/tiered_handles.hpp 'extent.offset + (position_ - extent.begin)' 'extent.offset + position_' tiered
mutant bytes-lost-on-the-way detail/tiered_assembly.hpp 'if (!opened || kept_.empty()) return opened;' 'return opened;' tiered
mutant every-failure-moves-over detail/tiered_assembly.hpp 'code == errc::no_space ||' 'code == errc::io || code == errc::no_space ||' tiered
mutant abandoned-bytes-stay detail/tiered_assembly.hpp 'if (extended_ == nullptr || ' 'if (true || ' tiered
mutant unclear-end-is-extended detail/tiered_assembly.hpp 'location_ != nullptr && !location_->sealed &&' 'location_ != nullptr &&' tiered
mutant failures-count-as-successes transform/observed.hpp 'notice.failed(result.error().code())' 'notice.succeeded(0)' observed
mutant lost-bytes-are-counted transform/observed.hpp 'if (result) notice.succeeded(bytes_of(result));' 'if (result) notice.succeeded(0);' observed
mutant sum-of-times-overflows transform/retry_policy.hpp 'if (elapsed > options.deadline || pause > options.deadline - elapsed) return false;' 'if (static_cast<std::int64_t>(static_cast<std::uint64_t>(elapsed.count()) + static_cast<std::uint64_t>(pause.count())) > options.deadline.count()) return false;' retrying
mutant children-pause-alike transform/retry_policy.hpp ' + step + detail::process_noise()' ' + step' backoff
mutant refused-discard-is-not-undone transform/checksummed.hpp 'object.table->put_back(std::move(before));' '' checksummed
mutant part-that-is-gone-is-extended transform/tiered.hpp 'if (!opened && opened.error() == errc::not_found) return false;' '' tiered
