#pragma once

#include <hybridbuffer/detail/frame_list.hpp>
#include <hybridbuffer/detail/frame_table.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// Which frame is encoded or decoded: its number, and where it stands in the object.
struct FrameId {
  std::uint64_t number;
  std::uint64_t offset;
};

/// What encode() made of a chunk.
struct EncodedFrame {
  std::size_t bytes;             ///< how many it wrote
  bool content_follows = false;  ///< the chunk itself belongs behind them: it was not changed, and is not copied
};

/// What turns content into what is stored, a frame at a time: all that an encoding transform has to say.
///
///   shape()          the same for the codec's whole life
///   write_header     `shape().header_bytes` bytes that stand before the first frame, with the object's number in them
///   read_header      the number back; `corrupted` when anything else in it differs from what write_header writes
///   encode           `plain` into `stored`, which has room for shape().overhead_bytes more and may hold anything behind what was made
///   decode           the other way; `corrupted` when `stored` is not what encode made of `plain.size()` bytes at this id
///   is_secret        content is wiped from memory that is given back
///
/// Threads: any number at once, each with a history of its own.
template <class C>
concept frame_codec = requires(const C& c, std::uint64_t object, EncodingHistory& history, FrameId id, std::span<const std::byte> in,
                               std::span<std::byte> out) {
  { c.shape() } -> std::same_as<FrameShape>;
  { c.write_header(object, out) } -> std::same_as<void>;
  { c.read_header(in) } -> std::same_as<Result<std::uint64_t>>;
  { c.encode(history, id, in, out) } -> std::same_as<Result<EncodedFrame>>;
  { c.decode(id, in, out) } -> std::same_as<Result<void>>;
  typename std::bool_constant<C::is_secret>;
};

/// A codec that may publish an encoding of the whole content, readable without the location.
template <class C>
concept publishing_codec = frame_codec<C> && requires(const C& c) {
  { c.publishes_encoded() } -> std::same_as<bool>;
};

/// What the handles of a location share.
///
/// An object is `pending` from before its commit until the commit's answer; it stays so where the answer does not come. Which object the
/// store shows then, its header tells.
template <frame_codec Codec>
class FramedObject {
 public:
  explicit FramedObject(std::shared_ptr<const Codec> of_location) : codec{std::move(of_location)} {}

  struct Candidates {
    std::shared_ptr<FrameTable> committed;
    std::shared_ptr<FrameTable> pending;
    friend bool operator==(const Candidates&, const Candidates&) = default;
  };
  [[nodiscard]] Candidates candidates() const {
    const std::scoped_lock lock{mutex_};
    return candidates_;
  }
  void set_pending(std::shared_ptr<FrameTable> table) noexcept {
    const std::scoped_lock lock{mutex_};
    std::swap(candidates_.pending, table);
  }
  void commit(std::shared_ptr<FrameTable> table) noexcept {
    std::shared_ptr<FrameTable> replaced;  // let go of outside the lock
    const std::scoped_lock lock{mutex_};
    candidates_.pending.reset();
    may_be_gone_ = false;
    replaced = std::exchange(candidates_.committed, std::move(table));
  }

  /// Whether somebody tries, or tried, to remove the object, and nobody has looked since: else its absence is damage.
  [[nodiscard]] bool may_be_gone() const {
    const std::scoped_lock lock{mutex_};
    return may_be_gone_;
  }
  void set_may_be_gone(bool may_be) noexcept {
    const std::scoped_lock lock{mutex_};
    may_be_gone_ = may_be;
  }
  /// True when `seen` still stands, and an object of it must be in the store.
  [[nodiscard]] bool must_be_there(const Candidates& seen) const {
    const std::scoped_lock lock{mutex_};
    return seen.committed != nullptr && !may_be_gone_ && seen == candidates_;
  }

  [[nodiscard]] std::uint64_t next_number() noexcept { return next_number_.fetch_add(1, std::memory_order_relaxed); }

  const std::shared_ptr<const Codec> codec;

 private:
  mutable std::mutex mutex_;
  Candidates candidates_;
  bool may_be_gone_ = false;
  std::atomic<std::uint64_t> next_number_{1};
};

/// Memory for one frame, made at its first use; wiped before it is given back where content is secret.
template <bool is_secret>
class FrameMemory {
 public:
  FrameMemory() noexcept = default;
  FrameMemory(FrameMemory&& other) noexcept : bytes_{std::move(other.bytes_)}, size_{std::exchange(other.size_, 0)} {}
  FrameMemory& operator=(FrameMemory&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::move(other.bytes_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~FrameMemory() { wipe(); }

  /// The first `size` bytes. `size` is at most that of the first call. Errors: std::bad_alloc.
  [[nodiscard]] std::span<std::byte> first(std::size_t size, std::size_t capacity) {
    if (bytes_ == nullptr) {
      bytes_ = std::make_unique_for_overwrite<std::byte[]>(capacity);
      size_ = capacity;
    }
    return {bytes_.get(), size};
  }

 private:
  void wipe() noexcept {
    if constexpr (is_secret) {
      if (bytes_ != nullptr) ::explicit_bzero(bytes_.get(), size_);
    }
  }

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace hybridbuffer::inline v0_1::detail
