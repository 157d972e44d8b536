#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
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
#include <new>
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
///   is_secret        what encode made shows no content; and content is wiped from memory that is given back, whatever is beneath
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
/// store shows then, its header tells, and the first who looks decides it for all: else whoever can write to the store could show now this
/// one, now that. The same holds for a removal without an answer.
template <frame_codec Codec>
class FramedObject {
 public:
  explicit FramedObject(std::shared_ptr<const Codec> of_location) : codec{std::move(of_location)} {}

  using Table = std::shared_ptr<FrameTable>;

  /// What the store may show.
  struct Candidates {
    Table committed;
    Table pending;
    bool may_be_gone = false;    ///< somebody removes the object, or tried to; else its absence is damage
    bool awaits_answer = false;  ///< a commit or a removal is at work: what the store shows may change yet
    std::uint64_t version = 0;   ///< another one after each change

    [[nodiscard]] bool is_undecided() const noexcept { return pending != nullptr || (committed != nullptr && may_be_gone); }
    [[nodiscard]] bool may_be_none() const noexcept { return committed == nullptr || may_be_gone; }
    /// The one whose header says `identity`; null when neither does.
    [[nodiscard]] Table shown_by(std::uint64_t identity) const noexcept {
      if (committed != nullptr && identity == committed->identity()) return committed;
      if (pending != nullptr && identity == pending->identity()) return pending;
      return {};
    }
  };
  [[nodiscard]] Candidates candidates() const {
    const std::scoped_lock lock{mutex_};
    return candidates_;
  }
  /// True when nothing has changed since.
  [[nodiscard]] bool is_current(const Candidates& seen) const {
    const std::scoped_lock lock{mutex_};
    return seen.version == candidates_.version;
  }

  /// Notes what the store showed to who looked after `seen`: the committed object, the pending one, or null for none, where that may be.
  /// Decides what was undecided. Returns: false when `seen` has changed in a way that matters: then look again.
  [[nodiscard]] bool decide(const Candidates& seen, const Table& shown) noexcept {
    // It was so for certain, or may be so until the answer comes.
    if (!seen.is_undecided() || (seen.awaits_answer && shown == seen.committed)) return true;
    Candidates replaced;  // let go of outside the lock
    const std::scoped_lock lock{mutex_};
    if (seen.version != candidates_.version) return false;
    if (seen.awaits_answer) (shown != nullptr ? pending_was_shown_ : none_was_shown_) = true;
    else replaced = replace(shown);
    return true;
  }

  /// `table` is about to be committed.
  void begin_commit(Table table) noexcept {
    const std::scoped_lock lock{mutex_};
    std::swap(candidates_.pending, table);
    pending_was_shown_ = false;
    now(true);
  }
  /// `table` is the object; null: there is none.
  void commit(const Table& table) noexcept {
    Candidates replaced;
    const std::scoped_lock lock{mutex_};
    replaced = replace(table);
  }
  /// The commit of `table` failed: unless another one is pending by now, none is.
  void withdraw(const Table& table) noexcept {
    const std::scoped_lock lock{mutex_};
    if (candidates_.pending != table) return;
    candidates_.pending.reset();  // the caller holds it
    now(false);
  }
  /// The commit of `table` gave no answer. It was done if somebody has seen it.
  void leave_undecided(const Table& table) noexcept {
    Candidates replaced;
    const std::scoped_lock lock{mutex_};
    if (candidates_.pending != table) return;
    if (pending_was_shown_) replaced = replace(table);
    else now(false);
  }

  /// The object is about to be removed, and no writer can commit any more.
  void begin_removal() noexcept {
    const std::scoped_lock lock{mutex_};
    candidates_.may_be_gone = true;
    none_was_shown_ = false;
    now(true);
  }
  /// The removal failed. It was done if somebody has seen that.
  void leave_removal_undecided() noexcept {
    Candidates replaced;
    const std::scoped_lock lock{mutex_};
    if (none_was_shown_) replaced = replace({});
    else now(false);
  }

  [[nodiscard]] std::uint64_t next_number() noexcept { return next_number_.fetch_add(1, std::memory_order_relaxed); }

  const std::shared_ptr<const Codec> codec;

 private:
  // Both under the lock.
  void now(bool awaits_answer) noexcept {
    candidates_.awaits_answer = awaits_answer;
    ++candidates_.version;
  }
  [[nodiscard]] Candidates replace(const Table& certain) noexcept {
    const std::uint64_t version = candidates_.version + 1;
    return std::exchange(candidates_, Candidates{.committed = certain, .pending = {}, .version = version});
  }

  mutable std::mutex mutex_;
  Candidates candidates_;
  bool pending_was_shown_ = false;  // since begin_commit(), before its answer
  bool none_was_shown_ = false;     // since begin_removal(), before its answer
  std::atomic<std::uint64_t> next_number_{1};
};

/// Memory for one frame, made at its first use; wiped before it is given back where content is secret.
class FrameMemory {
 public:
  explicit FrameMemory(bool is_secret) noexcept : is_secret_{is_secret} {}

  /// The first `size` bytes. `size` is at most that of the first call. Errors: std::bad_alloc.
  [[nodiscard]] std::span<std::byte> first(std::size_t size, std::size_t capacity) {
    if (bytes_ == nullptr) {
      bytes_ = make_content_memory(capacity, is_secret_);
      if (bytes_ == nullptr) throw std::bad_alloc{};
    }
    return {bytes_.get(), size};
  }
  void give_back() noexcept { bytes_.reset(); }

 private:
  ContentMemory bytes_;
  bool is_secret_;
};

/// What a handle holds of a frame. `is_secret`: the location keeps secrets, because its codec does or because the backend beneath does.
template <frame_codec Codec>
struct FrameBuffers {
  explicit FrameBuffers(bool is_secret) noexcept : plain{is_secret}, stored{is_secret && !Codec::is_secret} {}
  FrameMemory plain;
  FrameMemory stored;  // encoded, which is content still, unless the codec itself keeps it secret
};

}  // namespace hybridbuffer::inline v0_1::detail
