# Sourced by mutants.sh.
mutant tag-not-checked detail/aead.hpp 'if (EVP_DecryptFinal_ex(c, rest.data(), &n) != 1) return failure' 'if (false) return failure' aead
mutant additional-data-not-checked detail/aead.hpp 'EVP_DecryptUpdate(c, nullptr, &n, bytes_of(additional), length(additional)) == 1 &&' '' aead
mutant nonce-used-again detail/framed_object.hpp 'return next_number_.fetch_add(1, std::memory_order_relaxed);' 'return 1;' framed
mutant nonce-of-the-place transform/encryption_codec.hpp 'aead_.seal(key(), nonce(id.number)' 'aead_.seal(key(), nonce(id.offset)' encrypted
mutant number-not-in-the-nonce transform/encryption_codec.hpp 'nonce[4 + i] ^= counter[i];' 'nonce[4 + i] ^= std::byte{0} & counter[i];' encrypted
mutant place-not-bound transform/encryption_codec.hpp 'detail::store_little_endian(id.offset, bytes);' 'detail::store_little_endian(std::uint64_t{0} * id.offset, bytes);' encrypted
mutant header-not-compared transform/encryption_codec.hpp '!std::equal(header_.begin(), header_.end(), in.begin())' 'false' encrypted_attacks
mutant commitment-left-out transform/encryption_codec.hpp 'std::copy_n(derived.begin() + secret_bytes, commitment_bytes, header_.begin() + bound_bytes);' '' encrypted
mutant header-not-in-the-key transform/encryption_codec.hpp 'std::span{header_}.first(bound_bytes), derived' 'std::span{header_}.first(8), derived' encrypted
mutant the-same-salt-everywhere transform/encryption_codec.hpp $'Salt salt;\n    if (auto filled' $'Salt salt{};\n    if (false) if (auto filled' encrypted
mutant any-object-taken detail/framed_object.hpp 'identity == committed->identity()' 'identity != 0' encrypted_attacks
mutant memory-of-a-reader-stays detail/framed_readers.hpp 'if (!count && count.error() == errc::corrupted) std::memset(bytes.data(), 0, bytes.size());' '' encrypted_attacks
mutant memory-of-a-window-stays detail/framed_readers.hpp 'if (count.error() == errc::corrupted) std::memset(bytes.data(), 0, bytes.size());' '' encrypted_attacks
mutant damage-forgotten detail/framed_readers.hpp 'if (decoded.error() == errc::corrupted && frame.number <= ends_.last_number) table_->mark_damaged(frame.number);' '' encrypted_attacks
mutant damage-of-a-file-forgotten transform/encrypted_file.hpp 'if (!opened && opened.error() == errc::corrupted) damage_->note(frame.number);' '' encrypted_file
mutant memory-stays-before-a-files-damage transform/encrypted_file.hpp 'std::ranges::fill(all, std::byte{});' 'std::ranges::fill(out.subspan(done), std::byte{});' encrypted_file
mutant bytes-behind-the-end-ignored detail/framed_readers.hpp 'if (*count != 0 && view_.stored_end()) return FramedView<Codec>::trailing_bytes();' '' encrypted_attacks
mutant key-stays-in-memory detail/secret_page.hpp $'::explicit_bzero(bytes_, size_);\n    ::munmap(bytes_, size_);' '' encrypted
mutant frame-before-an-edge-discarded detail/frame_table.hpp 'frame.offset < merged.begin || frame.end() > merged.end' 'frame.end() > merged.end' framed
mutant cut-frame-shows-all detail/frame_list.hpp 'std::min<std::uint64_t>(size, content_end - first)' 'size + 0 * (content_end - first)' framed
mutant index-off-by-one detail/frame_list.hpp '.number = run.number + index,' '.number = run.number + index + (index > 1 ? 1 : 0),' framed
mutant earlier-create-forgotten detail/framed_backend.hpp 'if (auto known = decided(inner_, *object_); !known' 'if (Result<void> known; !known' framed
mutant another-processs-key-is-a-key transform/encryption_key.hpp ' || held_->process != detail::process_identity() || held_->page.is_wiped()' '' encrypted_fork
mutant wiped-key-is-a-key transform/encryption_key.hpp ' || held_->page.is_wiped()' '' encrypted_fork
mutant wiped-key-encrypts transform/encryption_codec.hpp 'if (secrets_.is_wiped()) return keyless("encrypt");' '' encrypted_fork
mutant wiped-key-decrypts transform/encryption_codec.hpp 'if (secrets_.is_wiped()) return keyless("decrypt");' '' encrypted_fork
mutant process-is-its-number detail/process.hpp '(process_identities.fetch_add(1, Order::acq_rel) + 1)' '1U' encrypted_fork
mutant gone-is-absent detail/framed_backend.hpp 'if (!candidates.may_be_none()) return failure' 'if (false) return failure' framed
mutant removed-object-is-extended detail/framed_outcome.hpp 'if (!candidates.is_undecided())' 'if (candidates.pending == nullptr)' framed
mutant nobody-decides detail/framed_object.hpp 'else replaced = replace(shown);' '' framed_unanswered
mutant two-decide detail/framed_object.hpp 'if (seen.version != candidates_.version) return false;' '' framed_unanswered
mutant seen-before-the-answer-forgotten detail/framed_object.hpp 'if (pending_was_shown_) replaced = replace(table);' 'if (false) {}' framed_unanswered
mutant gone-before-the-answer-forgotten detail/framed_object.hpp 'if (none_was_shown_) replaced = replace({});' 'if (false) {}' framed_unanswered
mutant any-commit-withdrawn detail/framed_object.hpp $'if (candidates_.pending != table) return;\n    candidates_.pending.reset();' 'candidates_.pending.reset();' framed_unanswered
mutant cut-off-extension-withdrawn detail/framed_writer.hpp 'static_cast<void>(state_.while_current("close", [&] { return table_->note_stored_perhaps({}), Result<void>{}; }))' 'table_->note_stored_perhaps({})' framed_unanswered
mutant tried-for-ever detail/framed_backend.hpp 'tries >= most_tries' 'tries == most_tries' framed_unanswered
mutant damage-cannot-be-replaced detail/framed_backend.hpp ' && !(known.error() == errc::corrupted)' '' framed_unanswered
mutant discard-without-an-answer-is-damage detail/framed_backend.hpp 'if (discarded.error().is_indeterminate()) table.note_discarded(range);' '' framed
mutant nonce-of-the-chunk transform/encryption_codec.hpp 'aead_.seal(key(), nonce(id.number)' 'aead_.seal(key(), nonce(id.offset / chunk_bytes_ + 1)' encrypted_nonces
mutant one-key-for-every-location transform/encryption_codec.hpp $'Salt salt;\n    if (auto filled' $'Salt salt{};\n    if (false) if (auto filled' encrypted_nonces
mutant a-newer-frame-called-damaged detail/framed_readers.hpp ' && frame.number <= ends_.last_number' '' framed_handles
