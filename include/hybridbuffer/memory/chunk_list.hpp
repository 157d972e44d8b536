#pragma once

#include <hybridbuffer/detail/copy_bytes.hpp>
#include <hybridbuffer/memory/chunk_range.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Where the chunks of a ChunkList come from.
///
/// | expression                  | semantics                                                                                     |
/// |-----------------------------|-----------------------------------------------------------------------------------------------|
/// | `c.chunk_bytes()`           | the size of every chunk, ≥ 1 and the same for the source's life                               |
/// | `s.allocate()`              | a chunk, or nullptr when there is none                                                        |
/// | `s.release(chunk)`          | takes back a chunk that this source, or the one it was moved from, allocated                  |
/// | `s.allocate_table(n)`       | n bytes for the list of chunks, aligned for pointers, or nullptr                              |
/// | `s.release_table(table, n)` | takes them back                                                                               |
/// | `S::retained_table_bytes`   | a table up to this size outlives clear(), so that refilling allocates none                    |
/// | `S::wipes`                  | true: what is removed is overwritten, by release() and by wipe()                              |
/// | `s.wipe(bytes, n)`          | where wipes: overwrites removed bytes of a chunk that stays                                   |
/// | `S::small_bytes`            | the size of a small block for a short content, less than a chunk; 0: none. Not where wipes     |
/// | `s.allocate_small()`, `s.release_small(block)` | where there are small blocks: as allocate() and release()                    |
template <class S>
concept chunk_source = std::is_nothrow_move_constructible_v<S> && std::is_nothrow_move_assignable_v<S> &&
                       requires(S& s, const S& c, std::byte* chunk, void* table, std::size_t bytes) {
                         { c.chunk_bytes() } noexcept -> std::same_as<std::size_t>;
                         { s.allocate() } noexcept -> std::same_as<std::byte*>;
                         { s.release(chunk) } noexcept;
                         { s.allocate_table(bytes) } noexcept -> std::same_as<void*>;
                         { s.release_table(table, bytes) } noexcept;
                         { S::retained_table_bytes } -> std::convertible_to<std::size_t>;
                         { S::wipes } -> std::convertible_to<bool>;
                         { S::small_bytes } -> std::convertible_to<std::size_t>;
                       };

/// What most chunk sources share: the table on the heap, kept warm up to 64 KiB (8192 chunks), no wiping, no small blocks.
struct ChunkSourceDefaults {
  static constexpr std::size_t retained_table_bytes = std::size_t{64} * 1024;
  static constexpr bool wipes = false;
  static constexpr std::size_t small_bytes = 0;

  [[nodiscard]] static void* allocate_table(std::size_t bytes) noexcept { return ::operator new(bytes, std::nothrow); }
  static void release_table(void* table, std::size_t /*bytes*/) noexcept { ::operator delete(table); }
};

/// A memory policy out of a chunk source: bytes in chunks of one size, none copied twice, committed bytes never move.
///
/// Owns its chunks and the table that lists them; the first four chunks need no table. An empty list holds no chunk. prepare() never
/// answers more than the rest of one chunk. A move ends the window and leaves an empty, usable list on the source's moved-from state.
/// Where the source has small blocks, a content that begins with a short append begins in one, so that 100 000 short contents take no
/// 100 000 chunks.
///
/// Invalidates: drop_front, truncate, clear and moves end the spans of the bytes that they remove; nothing else does.
/// Cost:        prepare O(1), at most one chunk and, amortised, no table; chunk_at O(1); drop_front and truncate O(chunks removed).
template <chunk_source Source>
class ChunkList {
 public:
  static constexpr bool stable = true;
  static constexpr bool wipes = Source::wipes;

  ChunkList() noexcept(std::is_nothrow_default_constructible_v<Source>)
    requires std::default_initializable<Source>
  = default;
  explicit ChunkList(Source source) noexcept : source_{std::move(source)} {}
  ChunkList(ChunkList&& other) noexcept : source_{std::move(other.source_)} { take(other); }
  ChunkList& operator=(ChunkList&& other) noexcept {
    if (this != &other) {
      clear();
      release_table();
      source_ = std::move(other.source_);
      take(other);
    }
    return *this;
  }
  ~ChunkList() {
    clear();
    release_table();
  }

  /// See memory_policy.hpp for what each of these promises.
  [[nodiscard]] std::span<std::byte> prepare([[maybe_unused]] std::size_t hint) noexcept {
    const std::size_t end = front_ + size_;
    if constexpr (has_small) {
      if (end == 0 && hint <= Source::small_bytes && count_ == 0 && small_ == nullptr) small_ = source_.allocate_small();
      if (is_in_small(end)) return {small_ + end, Source::small_bytes - end};
    }
    const std::size_t index = end / chunk_bytes();
    if (index == count_ && !add_chunk()) [[unlikely]]
      return {};
    const std::size_t offset = end % chunk_bytes();
    return {chunk(index) + offset, chunk_bytes() - offset};
  }

  void commit(std::size_t n) noexcept { size_ += n; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  [[nodiscard]] ChunkRange<ChunkList> chunks() const noexcept { return ChunkRange<ChunkList>{*this}; }

  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const noexcept {
    const std::size_t position = front_ + offset;
    const std::size_t left = size_ - offset;
    if constexpr (has_small) {
      if (is_in_small(position)) {
        const std::size_t rest = Source::small_bytes - position;
        return {small_ + position, rest < left ? rest : left};
      }
    }
    const std::size_t inside = position % chunk_bytes();
    const std::size_t rest = chunk_bytes() - inside;
    return {chunk(position / chunk_bytes()) + inside, rest < left ? rest : left};
  }

  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    while (!out.empty()) {
      const std::span<const std::byte> from = chunk_at(offset);
      const std::size_t n = from.size() < out.size() ? from.size() : out.size();
      detail::copy_bytes(out.data(), from.data(), n);
      out = out.subspan(n);
      offset += n;
    }
  }

  void drop_front(std::size_t n) noexcept {
    if (n >= size_) return clear();
    const std::size_t whole = (front_ + n) / chunk_bytes();
    release_chunks(0, whole);
    if constexpr (Source::wipes) {
      const std::size_t dead = whole == 0 ? front_ : 0;
      source_.wipe(chunk(whole) + dead, (front_ + n) % chunk_bytes() - dead);
    }
    first_ += whole;
    count_ -= whole;
    if constexpr (has_small) {
      if (!is_in_small(front_ + n)) release_small();
    }
    front_ = (front_ + n) % chunk_bytes();
    size_ -= n;
  }

  void truncate(std::size_t n) noexcept {
    if (n == 0) return clear();
    if (n < size_) size_ = n;
    const std::size_t end = front_ + size_;
    const std::size_t kept = is_in_small(end - 1) ? 0 : (end + chunk_bytes() - 1) / chunk_bytes();
    release_chunks(kept, count_);
    count_ = kept;
    if constexpr (Source::wipes) {
      const std::size_t rest = kept * chunk_bytes() - end;
      if (rest != 0) source_.wipe(chunk(kept - 1) + (chunk_bytes() - rest), rest);
    }
  }

  void clear() noexcept {
    release_chunks(0, count_);
    release_small();
    first_ = 0;
    count_ = 0;
    front_ = 0;
    size_ = 0;
    if (table_capacity_ * sizeof(std::byte*) > Source::retained_table_bytes) release_table();
  }

  [[nodiscard]] std::size_t capacity() const noexcept {
    if constexpr (has_small) return count_ * chunk_bytes() + (small_ != nullptr ? Source::small_bytes : 0);
    else return count_ * chunk_bytes();
  }

 protected:
  [[nodiscard]] const Source& source() const noexcept { return source_; }

 private:
  static constexpr std::size_t few = 4;
  static constexpr bool has_small = Source::small_bytes != 0;
  static_assert(!has_small || !Source::wipes, "what stood in a small block would not be wiped");

  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return source_.chunk_bytes(); }
  [[nodiscard]] std::byte** slots() noexcept { return table_ != nullptr ? table_ : few_.data(); }
  [[nodiscard]] std::byte* chunk(std::size_t index) const noexcept {
    return table_ != nullptr ? table_[first_ + index] : few_[first_ + index];
  }

  [[nodiscard]] bool is_in_small([[maybe_unused]] std::size_t position) const noexcept {
    if constexpr (has_small) return small_ != nullptr && position < Source::small_bytes;
    else return false;
  }
  void release_small() noexcept {
    if constexpr (has_small) {
      if (small_ != nullptr) source_.release_small(std::exchange(small_, nullptr));
    }
  }

  [[nodiscard]] bool add_chunk() noexcept {
    if (first_ + count_ == table_capacity_ && !make_slot()) return false;
    std::byte* fresh = source_.allocate();
    if (fresh == nullptr) return false;
    slots()[first_ + count_] = fresh;
    ++count_;
    return true;
  }

  /// Moves the entries down when at least half of the slots before them are free, so that a queue pays O(1) a chunk; else grows.
  [[nodiscard]] bool make_slot() noexcept {
    if (first_ != 0 && first_ >= count_) {
      std::memmove(slots(), slots() + first_, count_ * sizeof(std::byte*));
      first_ = 0;
      return true;
    }
    const std::size_t capacity = 2 * table_capacity_;
    auto* table = static_cast<std::byte**>(source_.allocate_table(capacity * sizeof(std::byte*)));
    if (table == nullptr) return false;
    std::memcpy(table, slots() + first_, count_ * sizeof(std::byte*));
    release_table();
    table_ = table;
    table_capacity_ = capacity;
    first_ = 0;
    return true;
  }

  void release_table() noexcept {
    if (table_ == nullptr) return;
    source_.release_table(table_, table_capacity_ * sizeof(std::byte*));
    table_ = nullptr;
    table_capacity_ = few;
  }

  /// In order, so that a pool hands out first what was written last and is warm in the cache.
  void release_chunks(std::size_t begin, std::size_t end) noexcept {
    for (std::size_t index = begin; index < end; ++index) source_.release(chunk(index));
  }

  void take(ChunkList& other) noexcept {
    table_ = std::exchange(other.table_, nullptr);
    few_ = other.few_;
    small_ = std::exchange(other.small_, {});
    table_capacity_ = std::exchange(other.table_capacity_, few);
    first_ = std::exchange(other.first_, 0);
    count_ = std::exchange(other.count_, 0);
    front_ = std::exchange(other.front_, 0);
    size_ = std::exchange(other.size_, 0);
  }

  // The chunks stand in slots [first_, first_ + count_) of table_, or of few_ while table_ is null. Content is the size_ bytes from
  // byte front_ of the first chunk on, front_ < chunk_bytes(); the window follows it. At most one chunk lies wholly behind the content.
  // While there is a small block, the first bytes stand in it instead, and the first chunk, if there is one, is not used so far: chunks
  // stay at multiples of their size.
  struct NoSmall {};
  std::byte** table_ = nullptr;
  std::array<std::byte*, few> few_{};
  std::size_t table_capacity_ = few;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t front_ = 0;
  std::size_t size_ = 0;
  [[no_unique_address]] std::conditional_t<has_small, std::byte*, NoSmall> small_{};
  [[no_unique_address]] Source source_;
};

}  // namespace hybridbuffer::inline v0_1
