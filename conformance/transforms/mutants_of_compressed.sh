# Sourced by mutants.sh.
mutant checksum-not-compared detail/compressed_frame.hpp 'load_little_endian<std::uint64_t>(frame.subspan(hashed_bytes)) != checksum(salt, id, frame, frame.subspan(header_bytes))' 'false' compressed_damage
mutant number-not-bound detail/compressed_frame.hpp 'store_little_endian(id.number, std' 'store_little_endian(std::uint64_t{0}, std' compressed_damage
mutant offset-not-bound detail/compressed_frame.hpp 'store_little_endian(id.offset, std' 'store_little_endian(std::uint64_t{0}, std' compressed_damage
mutant location-not-bound detail/compressed_frame.hpp 'xxh3(bound, salt)' 'xxh3(bound, 0)' compressed_damage
mutant checksum-of-the-header-not-compared detail/compressed_frame.hpp 'load_little_endian<std::uint64_t>(in.subspan(hashed_bytes)) != xxh3(in.first(hashed_bytes), 0)' 'false' compressed_damage
mutant length-of-the-content-believed detail/compressed_frame.hpp 'load_little_endian<std::uint32_t>(frame.subspan(4)) != content_bytes' 'false' compressed_hostile
mutant any-codec-taken transform/compression_codec.hpp 'if (!makes(frame->codec))' 'if (false)' compressed_hostile
mutant more-than-one-zstd-frame detail/compression_zstd.hpp 'ZSTD_findFrameCompressedSize(stored.data(), stored.size()) == stored.size()' 'true' compressed_hostile
mutant any-zstd-window detail/compression_zstd.hpp 'window_log <= most_window_log' 'true' compressed_hostile
mutant less-inflated-than-wanted detail/compression_deflate.hpp ' || inflater_.avail_out != 0' '' compressed_hostile
mutant bytes-behind-the-stream detail/compression_deflate.hpp 'inflater_.avail_in != 0 || ' '' compressed_hostile
mutant less-from-lz4-than-wanted detail/compression_lz4.hpp ' || static_cast<std::size_t>(size) != plain.size()' '' compressed_hostile
mutant snappy-length-believed detail/compression_snappy.hpp 'size != plain.size() ||' '' compressed_hostile
mutant barely-smaller-is-kept transform/compression_codec.hpp 'attempt.plain.size() - (attempt.plain.size() + 7) / 8' 'attempt.plain.size()' compressed
mutant the-dearest-is-chosen detail/compression_choice.hpp 'cost(estimates_[i]) < cost(estimates_[found])' 'cost(estimates_[i]) > cost(estimates_[found])' compressed_auto
mutant no-second-trial detail/compression_choice.hpp 'static_cast<double>(chunk - last) >= wait' 'false' compressed_auto
mutant extension-taken-for-damage detail/framed_writer.hpp 'table_->note_stored_perhaps(added_.stored_end());' '' framed_handles
mutant half-a-frame-forgotten detail/framed_readers.hpp 'if (count) stored_filled_ += *count;' '' framed_handles
mutant sampled-from-the-start detail/compression_sample.hpp 'history.in_vain >= in_vain_before' 'history.in_vain >= 0' compressed_incompressible
mutant sample-always-believed detail/compression_sample.hpp 'history.untried < most_untried' 'true' compressed_incompressible
mutant sample-of-the-first-part-only detail/compression_sample.hpp 'i * part + within' '0 * i * part + within' compressed_incompressible
mutant every-sample-shrinks detail/compression_sample.hpp 'return *size != 0;' 'return true;' compressed_incompressible
mutant history-not-kept detail/framed_writer.hpp 'table_->set_history(history_);' '' compressed_incompressible
mutant raw-chunk-copied detail/framed_writer.hpp 'if (gathers_)' 'if (false)' compressed_incompressible
mutant gathers-undeclared detail/framed_writer.hpp 'if (gathers_)' 'if (true)' compressed_incompressible
mutant incompressible-counts-against-the-codec transform/compression_codec.hpp 'if (!*shrinks) return done;' '' compressed_auto
mutant no-failure-counts transform/compression_codec.hpp 'if (!*shrinks) return done;' 'return done;' compressed_auto
mutant salts-of-a-child transform/compression_codec.hpp 'process_noise()' '0U' compressed_damage
