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
#include <thread>
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
  ~Writer();

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces);
  [[nodiscard]] Result<void> close();
  [[nodiscard]] std::uint64_t size() const noexcept { return manifest_.size; }

 private:
  enum class Phase : std::uint8_t { open, failed, closed };

  [[nodiscard]] Result<void> store(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> flush(std::span<const std::byte> chunk);
  [[nodiscard]] Result<void> put(std::span<const std::byte> chunk);
  [[nodiscard]] Result<void> flush_pending(bool last);
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] Result<void> check_base(const std::optional<Manifest>& committed) const;
  // Lets go of what was stored and not committed. Requires: the location's mutex is held.
  void drop_own() noexcept;
  void abandon() noexcept;
  [[nodiscard]] bool is_unusable() const noexcept;

  // Where several lines are broken together.
  [[nodiscard]] std::span<const std::byte> misread(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> keep_longer_tail();
  [[nodiscard]] Result<void> commit_part();
  [[nodiscard]] Result<void> commit_torn(const Manifest& old);
  [[nodiscard]] Result<void> extend_again();
  [[nodiscard]] Result<void> close_again();
  void publish_again() const;
  void give_back_again() noexcept;
  void put_pending_into_shared_buffer() const;
  void take_pending_from_shared_buffer();

  std::shared_ptr<Location> location_;  // null once moved from
  std::uint64_t epoch_ = 0;
  std::optional<Manifest> base_;
  Manifest manifest_;  // what close() will commit; its chunks are stored already
  Bytes pending_;      // what does not fill a chunk yet
  Phase phase_ = Phase::open;
  Result<void> verdict_{};

  // Only for bugs.
  std::vector<std::span<const std::byte>> borrowed_;  // keeps_callers_pointer
  std::uint64_t borrowed_bytes_ = 0;
  Bytes own_;                                           // lost_append_answer_doubles, second_close_appends_again
  std::uint16_t writes_ = 0;                            // write_counter_in_16_bits
  std::size_t tail_ = 0;                                // failed_append_stays_pending
  std::thread::id maker_ = std::this_thread::get_id();  // writer_bound_to_thread
};

}  // namespace hybridbuffer::conformance::mutants
