#pragma once

#include "location.hpp"
#include "reader.hpp"
#include "settings.hpp"
#include "store.hpp"
#include "writer.hpp"

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::conformance::mutants {

/// A name that no other location has.
[[nodiscard]] std::string random_prefix();

/// The reference backend: one object in a key-value store, cut into chunks.
///
/// Keys: `loc-<random>/meta`, the manifest, whose writing is the commit; `loc-<random>/<generation>/<n>`, a chunk with its checksum. Each
/// writer has a generation of its own, so that what is committed is never touched; what a commit replaces is dropped behind it. An open
/// reader meets an error once its chunks are gone, or (readers_keep_snapshot) keeps them from going.
class Backend {
 public:
  Backend(std::shared_ptr<Store> store, const Settings& settings, std::string prefix);
  Backend(Backend&& other) noexcept;
  Backend& operator=(Backend&& other) noexcept;
  ~Backend() { retire(); }

  /// The location of that name, which another process made and has left.
  [[nodiscard]] static Result<Backend> reattach(std::shared_ptr<Store> store, const Settings& settings, std::string name);
  [[nodiscard]] const std::string& name() const noexcept { return location_->prefix(); }

  [[nodiscard]] Capabilities capabilities() const noexcept { return capabilities_; }

  [[nodiscard]] Result<Writer> create();
  [[nodiscard]] Result<Writer> append();
  [[nodiscard]] Result<Reader> open() const;
  [[nodiscard]] Result<Reader> open_seeker() const;
  [[nodiscard]] Result<ReaderAt> open_reader_at() const;
  [[nodiscard]] Result<void> remove();
  [[nodiscard]] Result<void> shrink(std::uint64_t size);
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n);
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const;
  [[nodiscard]] Result<std::uint64_t> transfer_to(int target, std::uint64_t offset, std::uint64_t n) const;
  [[nodiscard]] Result<std::uint64_t> transfer_from(int source, std::uint64_t n);
  /// The destination is a key of the same store.
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode);
  [[nodiscard]] std::uint64_t append_granularity() const noexcept { return granularity_; }
  [[nodiscard]] std::uint64_t max_object_size() const noexcept { return max_object_size_; }

 private:
  [[nodiscard]] Result<void> check(OperationName operation) const;
  [[nodiscard]] Result<std::shared_ptr<const View>> view(OperationName operation) const;
  [[nodiscard]] Result<std::pair<std::uint64_t, std::uint64_t>> start_writer(OperationName operation);  // generation, epoch
  void retire() noexcept;

  // Where several lines are broken together.
  [[nodiscard]] std::optional<Manifest> mistaken(std::optional<Manifest> manifest) const;
  void block_next_run() const;

  std::shared_ptr<Location> location_;  // null once moved from
  Capabilities capabilities_;
  std::uint64_t granularity_;
  std::uint64_t max_object_size_;
  std::weak_ptr<const void> factory_{};  // factory_takes_backends_along

  friend class Storage;
};

/// Makes locations in the store of this process.
class Storage {
 public:
  explicit Storage(const Settings& settings = current_settings()) : settings_{settings} {}
  Storage(const Storage& other);
  Storage(Storage&&) noexcept = default;
  Storage& operator=(const Storage&) = delete;
  Storage& operator=(Storage&&) noexcept = default;
  ~Storage() = default;

  [[nodiscard]] Result<Backend> create_backend() const;
  void set_chunk_size(std::uint64_t n) { settings_.chunk_size = n; }

 private:
  [[nodiscard]] std::string new_prefix() const;

  Settings settings_;
  // Only for bugs.
  std::shared_ptr<std::atomic<unsigned>> made_ = std::make_shared<std::atomic<unsigned>>(0U);
  std::string name_ = random_prefix();
};

}  // namespace hybridbuffer::conformance::mutants
