#pragma once

#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/secret_page.hpp>
#include <hybridbuffer/error.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Key material of the user's, from which each encrypted location derives keys of its own. Copies share it.
///
/// Held in memory that is kept out of core dumps, forked children and, where RLIMIT_MEMLOCK allows, the swap; wiped with the last copy.
/// A key belongs to the process that made it: in a forked child, as after a move, there is none, and what needs it answers `closed`.
/// Threads: as a shared pointer.
class EncryptionKey {
 public:
  static constexpr std::size_t least_bytes = 16;   ///< The shortest material that is taken.
  static constexpr std::size_t most_bytes = 1024;  ///< The longest material that is taken.

  /// Copies the material; the caller wipes his own. It must be hard to guess by itself: a password is not (use a password hash first).
  /// Errors: `invalid_argument` for fewer than 16 or more than 1024 bytes, `no_space` (memory).
  [[nodiscard]] static Result<EncryptionKey> from_bytes(std::span<const std::byte> material) noexcept {
    if (material.size() < least_bytes || material.size() > most_bytes) {
      return failure(errc::invalid_argument, "make an encryption key", "of fewer than 16 or more than 1024 bytes");
    }
    try {
      auto held = std::make_shared<Held>();
      std::memcpy(held->page.bytes().data(), material.data(), material.size());
      held->size = material.size();
      return EncryptionKey{std::move(held)};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "make an encryption key", "out of memory");
    }
  }

  /// The material; none in a forked child and after a move.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    if (held_ == nullptr || held_->process != detail::process_identity() || held_->page.is_wiped()) return {};
    return std::as_const(held_->page).bytes().first(held_->size);
  }

 private:
  struct Held {
    detail::SecretPage page;
    std::size_t size = 0;
    detail::ProcessIdentity process = detail::process_identity();
  };
  explicit EncryptionKey(std::shared_ptr<Held> held) noexcept : held_{std::move(held)} {}

  std::shared_ptr<Held> held_;
};

}  // namespace hybridbuffer::inline v0_1
