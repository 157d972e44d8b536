#pragma once

#include "bug_state.hpp"
#include "manifest.hpp"
#include "settings.hpp"
#include "store.hpp"

#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {

/// The failure of a primitive, in the contract's terms.
[[nodiscard]] std::unexpected<Error> store_failure(OperationName operation, NativeCode code, std::string_view key);

/// One location, as its backend and all handles share it: where its keys stand, who may change it, and the store in terms of chunks.
/// Requires: never used in a forked child; every handle asks is_ours() first.
class Location {
 public:
  Location(std::shared_ptr<Store> store, const Settings& settings, std::string prefix)
      : store_{std::move(store)}, settings_{settings}, prefix_{std::move(prefix)} {}

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }
  [[nodiscard]] Store& store() const noexcept { return *store_; }
  /// False in a forked child.
  [[nodiscard]] bool is_ours() const noexcept { return process_ == hybridbuffer::detail::process_identity(); }

  // Chunks and metadata. Threads: any. -----------------------------------------------------------------------------------------------

  [[nodiscard]] Result<void> put_chunk(std::uint64_t generation, std::uint64_t chunk, std::span<const std::byte> bytes);
  /// `length` bytes, verified. Nothing when there is no such chunk: it was removed, or it is lost.
  [[nodiscard]] Result<std::optional<Bytes>> get_chunk(std::uint64_t generation, std::uint64_t chunk, std::size_t length) const;
  /// What is committed; nothing when nothing is.
  [[nodiscard]] Result<std::optional<Manifest>> committed(OperationName operation) const;
  /// Makes `manifest` the committed one. Errors: definite ones when it certainly is not, else indeterminate ones.
  [[nodiscard]] Result<void> commit(const Manifest& manifest);
  /// Gives `bytes` a lasting key of their own. Errors: `already_exists` with keep; else as commit().
  [[nodiscard]] Result<void> publish(std::string_view destination, std::span<const std::byte> bytes, PublishMode mode) const;
  /// Errors: `not_found` when what a writer stored has expired meanwhile.
  [[nodiscard]] Result<void> expect_chunk(std::uint64_t generation, std::uint64_t chunk) const;
  /// Asks the store whether it is there.
  [[nodiscard]] Result<void> probe(OperationName operation) const;

  // Changes. Requires: `mutex` is held. ----------------------------------------------------------------------------------------------

  /// Lets go of chunks that nobody shows any more, as well as it can be done.
  void drop_chunks(const Manifest& old, const Manifest* next);
  void drop(std::vector<std::string> keys) noexcept;
  /// After a failure there may be keys that nobody knows: drops all that `current` does not need.
  void drop_unknown(const Manifest& current) noexcept;
  /// Everything goes. Errors: the first; calling it again goes on.
  [[nodiscard]] Result<void> drop_all();
  /// Errors: whatever the store answers, without a look at what became of it.
  [[nodiscard]] Result<void> commit_blindly(const Manifest& manifest);

  std::mutex mutex;
  std::uint64_t epoch = 0;  ///< a writer of an earlier one may store nothing: the object was removed, or the backend is gone
  std::uint64_t last_generation = 0;
  std::size_t writers = 0;
  std::size_t readers = 0;
  bool has_unknown_keys = false;

  void reader_gone() noexcept;

  mutable BugState bugs;

 private:
  [[nodiscard]] std::vector<std::string> known_keys() const;
  [[nodiscard]] Result<Bytes> read_value(OperationName operation, std::string_view key, std::size_t length) const;

  std::shared_ptr<Store> store_;
  Settings settings_;
  std::string prefix_;
  hybridbuffer::detail::ProcessIdentity process_ = hybridbuffer::detail::process_identity();
  std::vector<std::string> deferred_;  // what goes with the last reader
};

}  // namespace hybridbuffer::conformance::mutants
