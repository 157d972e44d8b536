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
mutant any-object-taken detail/framed_backend.hpp '*identity == candidates.committed->identity()' '*identity != 0' encrypted_attacks
mutant wrong-bytes-stay detail/framed_readers.hpp 'std::memset(plain.data(), 0, plain.size());' '' encrypted_attacks
mutant damage-forgotten detail/framed_readers.hpp 'if (decoded.error() == errc::corrupted) table_->mark_damaged(frame.number);' '' encrypted_attacks
mutant bytes-behind-the-end-ignored detail/framed_readers.hpp 'if (*count != 0 && view_.stored_end()) return FramedView<Codec>::trailing_bytes();' '' encrypted_attacks
mutant key-stays-in-memory detail/secret_page.hpp $'::explicit_bzero(bytes_, size_);\n    ::munmap(bytes_, size_);' '' encrypted
mutant frame-before-an-edge-discarded detail/frame_table.hpp 'frame.offset < merged.begin || frame.end() > merged.end' 'frame.end() > merged.end' framed
mutant cut-frame-shows-all detail/frame_list.hpp 'std::min<std::uint64_t>(size, content_end - first)' 'size + 0 * (content_end - first)' framed
mutant index-off-by-one detail/frame_list.hpp '.number = run.number + index,' '.number = run.number + index + (index > 1 ? 1 : 0),' framed
mutant earlier-create-forgotten detail/framed_backend.hpp 'if (auto table = settled(inner_, *object_); !table) return std::unexpected{std::move(table).error()};' '' framed
mutant another-processs-key-is-a-key transform/encryption_key.hpp ' || held_->process != detail::process_identity() || held_->page.is_wiped()' '' encrypted_fork
mutant wiped-key-is-a-key transform/encryption_key.hpp ' || held_->page.is_wiped()' '' encrypted_fork
mutant wiped-key-encrypts transform/encryption_codec.hpp 'if (secrets_.is_wiped()) return keyless("encrypt");' '' encrypted_fork
mutant wiped-key-decrypts transform/encryption_codec.hpp 'if (secrets_.is_wiped()) return keyless("decrypt");' '' encrypted_fork
mutant process-is-its-number detail/process.hpp '(process_identities.fetch_add(1, Order::acq_rel) + 1)' '1U' encrypted_fork
mutant gone-is-absent detail/framed_backend.hpp 'source.error() == errc::not_found && object_->must_be_there(candidates)' 'false' framed
mutant removed-object-is-extended detail/framed_outcome.hpp 'if (!source && may_be_gone) {' 'if (false) {' framed
mutant discard-without-an-answer-is-damage detail/framed_backend.hpp 'if (discarded.error().is_indeterminate()) table.note_discarded(range);' '' framed
