#pragma once

#include "location.hpp"
#include "manifest.hpp"

#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::mutants {

/// Stores chunks under a generation of its own as they fill up; close() commits a manifest that names them.
class Writer {
 public:
  /// Requires: `location->writers` was counted up for it. `base`: the object that it extends; none: it starts one.
  Writer(std::shared_ptr<Location> location, std::uint64_t generation, std::uint64_t epoch, std::optional<Manifest> base, Bytes tail);
  Writer(Writer&& other) noexcept;
  Writer& operator=(Writer&& other) noexcept;
  ~Writer() { abandon(); }

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces);
  [[nodiscard]] Result<void> close();
  [[nodiscard]] std::uint64_t size() const noexcept { return manifest_.size; }

 private:
  enum class Phase : std::uint8_t { open, failed, closed };

  [[nodiscard]] Result<void> store(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> flush(std::span<const std::byte> chunk);
  [[nodiscard]] Result<void> flush_pending(bool last);
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] Result<void> check_base(const std::optional<Manifest>& committed) const;
  // Lets go of what was stored and not committed. Requires: the location's mutex is held.
  void drop_own() noexcept;
  void abandon() noexcept;

  std::shared_ptr<Location> location_;  // null once moved from
  std::uint64_t epoch_ = 0;
  std::optional<Manifest> base_;
  Manifest manifest_;  // what close() will commit; its chunks are stored already
  Bytes pending_;      // what does not fill a chunk yet
  Phase phase_ = Phase::open;
  Result<void> verdict_{};
};

}  // namespace hybridbuffer::conformance::mutants
