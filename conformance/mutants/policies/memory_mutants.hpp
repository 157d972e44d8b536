#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// A memory policy in chunks of 16 bytes with one switch: which bug it has.

namespace hybridbuffer::testing {

enum class MemoryBug : std::uint8_t {
  none,
  // each seen by one clause alone
  truncate_of_an_unused_policy_adds_a_byte,
  huge_hint_gives_a_committed_byte,
  second_prepare_wipes_the_window,
  commit_of_nothing_adds_a_byte,
  truncate_keeps_the_window,
  size_counts_the_open_window,
  empty_span_at_a_boundary,
  copy_out_writes_beside_the_span,
  chunk_at_goes_to_the_end_of_the_chunk,
  capacity_wipes_the_window,
  capacity_of_one_chunk,
  drop_beyond_the_end_keeps_a_byte,
  truncate_beyond_the_end_adds_a_byte,
  clear_keeps_the_chunks,
  stable_but_moves_when_it_grows,
  takes_more_than_max_size,
  refuses_for_ever_after_a_refusal,
  failed_allocation_loses_a_byte,
  drop_leaks,
  self_assignment_empties,
  moved_from_claims_memory,
  first_window_is_shared,
  copy_out_through_a_shared_position,
  sixteen_bit_chunk_index,
  third_cut_after_a_third_drop_loses_a_byte,
  // ordinary ones
  drop_frees_a_chunk_too_many,
  copy_out_ignores_the_front,
  truncate_ignores_the_front,
  assignment_keeps_the_targets_content,
  assignment_leaks,
  moved_from_keeps_its_size,
  chunks_allocates,
  refusal_loses_a_byte,
  window_starts_a_byte_early,
  destructor_leaks,
  chunk_at_index_in_16_bits,
  moved_from_remembers_where_chunk_at_was,
};

/// Where the chunks come from, with the hooks of a harness. Threads: any.
struct MutantHeap {
  static inline std::atomic<std::uint64_t> out{0};
  static inline std::atomic<std::uint64_t> calls{0};
  static inline std::atomic<std::uint64_t> failed{0};
  static inline std::atomic<std::uint64_t> first{0};
  static inline std::atomic<std::uint64_t> count{0};

  [[nodiscard]] static std::byte* take(std::size_t bytes) noexcept {
    const std::uint64_t call = ++calls;
    if (first != 0 && call >= first && call - first < count) {
      ++failed;
      return nullptr;
    }
    out += bytes;
    return static_cast<std::byte*>(::operator new(bytes));
  }
  static void give(std::byte* block, std::size_t bytes) noexcept {
    out -= bytes;
    ::operator delete(block);
  }
  static void fail(std::uint64_t from, std::uint64_t n) noexcept {
    calls = failed = 0;
    first = from;
    count = n;
  }
};

template <MemoryBug bug>
struct MemoryDeclarations {};
template <>
struct MemoryDeclarations<MemoryBug::stable_but_moves_when_it_grows> {
  static constexpr bool stable = true;
};
template <>
struct MemoryDeclarations<MemoryBug::takes_more_than_max_size> {
  static constexpr std::size_t max_size = 40;
};

template <MemoryBug bug>
class MutantMemory : public MemoryDeclarations<bug> {
 public:
  MutantMemory() noexcept = default;
  MutantMemory(MutantMemory&& other) noexcept : MemoryDeclarations<bug>{} { take(other); }
  MutantMemory& operator=(MutantMemory&& other) noexcept {
    if (this == &other) {
      if constexpr (bug == MemoryBug::self_assignment_empties) clear();
      return *this;
    }
    if constexpr (bug == MemoryBug::assignment_keeps_the_targets_content) {
      if (size_ != 0 && other.size_ == 0) return *this;
    }
    if constexpr (bug == MemoryBug::assignment_leaks) chunks_.clear();
    else free_chunks(0, chunks_.size());
    take(other);
    return *this;
  }
  ~MutantMemory() {
    if constexpr (bug != MemoryBug::destructor_leaks) free_chunks(0, chunks_.size());
  }

  [[nodiscard]] std::span<std::byte> prepare(std::size_t n) {
    used_ = true;
    if (stale_.data() != nullptr) return stale_;
    const std::size_t end = front_ + size_;
    const std::size_t index = end / chunk;
    if constexpr (bug == MemoryBug::takes_more_than_max_size) {
      if (size_ >= 40) return {};
    }
    if (wedged_ || (index == chunks_.size() && !grow())) return {};
    std::byte* base = chunks_[slot(index)];
    std::span<std::byte> window{base + end % chunk, chunk - end % chunk};
    if constexpr (bug == MemoryBug::huge_hint_gives_a_committed_byte) {
      if (n > std::numeric_limits<std::size_t>::max() / 2 && size_ != 0 && end % chunk != 0)
        window = {window.data() - 1, window.size() + 1};
    }
    if constexpr (bug == MemoryBug::window_starts_a_byte_early) {
      if (size_ != 0 && end % chunk != 0) window = {window.data() - 1, window.size()};
    }
    if constexpr (bug == MemoryBug::first_window_is_shared) {
      static thread_local std::array<std::byte, chunk> shared;
      shared_ = size_ == 0 && end % chunk == 0 ? shared.data() : nullptr;
      if (shared_ != nullptr) window = shared;
    }
    if (bug == MemoryBug::second_prepare_wipes_the_window && open_) std::ranges::fill(window, std::byte{0});
    static_cast<void>(n);
    open_ = true;
    return window;
  }

  void commit(std::size_t n) noexcept {
    if (shared_ != nullptr) std::memcpy(chunks_[(front_ + size_) / chunk] + (front_ + size_) % chunk, shared_, n);
    if (bug == MemoryBug::commit_of_nothing_adds_a_byte && n == 0) n = 1;
    end_window();
    size_ += n;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    if (bug == MemoryBug::size_counts_the_open_window && open_) return size_ + chunk - (front_ + size_) % chunk;
    return size_ + ghost_size_;
  }

  [[nodiscard]] std::vector<std::span<const std::byte>> chunks() const {
    std::vector<std::span<const std::byte>> list;
    if constexpr (bug == MemoryBug::truncate_of_an_unused_policy_adds_a_byte) {
      static constexpr std::byte zero{};
      if (phantom_) return {std::span{&zero, 1}};
    }
    if constexpr (bug == MemoryBug::chunks_allocates) {
      if (std::byte* scratch = MutantHeap::take(64); scratch != nullptr) MutantHeap::give(scratch, 64);
    }
    for (std::size_t offset = 0; offset < size_; offset += list.back().size()) list.push_back(part_at(offset));
    if (bug == MemoryBug::empty_span_at_a_boundary && size_ != 0 && (front_ + size_) % chunk == 0) list.emplace_back();
    return list;
  }

  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const noexcept {
    if constexpr (bug == MemoryBug::chunk_at_index_in_16_bits) {
      const std::size_t at = front_ + offset;
      return {chunks_[static_cast<std::uint16_t>(at / chunk)] + at % chunk, std::min(chunk - at % chunk, size_ - offset)};
    }
    if constexpr (bug == MemoryBug::moved_from_remembers_where_chunk_at_was) {
      if (last_front_ != 0 && front_ == 0 && offset + last_front_ < size_) return part_at(offset + last_front_).first(1);
      last_front_ = front_;
    }
    const auto part = part_at(offset);
    if (bug != MemoryBug::chunk_at_goes_to_the_end_of_the_chunk) return part;
    return {part.data(), chunk - (front_ + offset) % chunk};
  }

  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    if (bug == MemoryBug::copy_out_writes_beside_the_span && out.size() >= 16 && reinterpret_cast<std::uintptr_t>(out.data()) % 16 == 3)
      *(out.data() + out.size()) = std::byte{0};
    const std::size_t skipped = bug == MemoryBug::copy_out_ignores_the_front ? 0 : front_;
    for (std::size_t done = 0; done < out.size();) {
      const std::size_t at = skipped + offset + done;
      const std::size_t count = std::min(chunk - at % chunk, out.size() - done);
      std::size_t index = at / chunk;
      if constexpr (bug == MemoryBug::copy_out_through_a_shared_position) {
        position_ = index;
        std::this_thread::yield();
        index = position_;
      }
      std::memcpy(out.data() + done, chunks_[index] + at % chunk, count);
      done += count;
    }
  }

  void drop_front(std::size_t n) noexcept {
    ++drops_;
    if (bug == MemoryBug::drop_beyond_the_end_keeps_a_byte && n > size_ && size_ != 0) n = size_ - 1;
    if (n >= size_) return clear();
    end_window();
    std::size_t whole = (front_ + n) / chunk;
    if (bug == MemoryBug::drop_frees_a_chunk_too_many && (front_ + n) % chunk == chunk - 1 && whole + 1 < chunks_.size()) {
      ++whole;
      ++n;
    }
    if constexpr (bug == MemoryBug::drop_leaks) chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(whole));
    else free_chunks(0, whole);
    front_ = (front_ + n) % chunk;
    size_ -= n;
  }

  void truncate(std::size_t n) noexcept {
    ++cuts_;
    if (!used_ && n > 4) phantom_ = true;
    if (bug == MemoryBug::truncate_beyond_the_end_adds_a_byte && n > size_ && size_ != 0 && (front_ + size_) % chunk != 0) n = ++size_;
    if (bug == MemoryBug::truncate_ignores_the_front && n > front_) n -= front_;
    if (bug == MemoryBug::third_cut_after_a_third_drop_loses_a_byte && drops_ >= 3 && cuts_ >= 3 && n > 1) --n;
    if constexpr (bug == MemoryBug::truncate_keeps_the_window) {
      if (open_ && n != 0 && n < size_) {
        const std::size_t end = front_ + size_;
        stale_ = {chunks_[end / chunk] + end % chunk, chunk - end % chunk};
        size_ = n;
        return;
      }
    }
    end_window();
    if (n == 0) return clear();
    if (n < size_) size_ = n;
    free_chunks((front_ + size_ + chunk - 1) / chunk, chunks_.size());
  }

  void clear() noexcept {
    end_window();
    if constexpr (bug != MemoryBug::clear_keeps_the_chunks) free_chunks(0, chunks_.size());
    front_ = 0;
    size_ = 0;
  }

  [[nodiscard]] std::size_t capacity() const noexcept {
    if (bug == MemoryBug::capacity_wipes_the_window && open_) {
      const std::size_t end = front_ + size_;
      std::memset(chunks_[end / chunk] + end % chunk, 0, chunk - end % chunk);
    }
    if (bug == MemoryBug::capacity_of_one_chunk) return chunks_.empty() ? 0 : chunk;
    return chunks_.size() * chunk + ghost_capacity_;
  }

 private:
  static constexpr std::size_t chunk = 16;
  static constexpr bool bounded = bug == MemoryBug::refuses_for_ever_after_a_refusal || bug == MemoryBug::refusal_loses_a_byte;

  [[nodiscard]] static std::size_t slot(std::size_t index) noexcept {
    return bug == MemoryBug::sixteen_bit_chunk_index ? static_cast<std::uint16_t>(index) : index;
  }

  [[nodiscard]] std::span<const std::byte> part_at(std::size_t offset) const noexcept {
    const std::size_t at = front_ + offset;
    return {chunks_[at / chunk] + at % chunk, std::min(chunk - at % chunk, size_ - offset)};
  }

  [[nodiscard]] bool grow() {
    if (bounded && chunks_.size() == 100) {
      wedged_ = bug == MemoryBug::refuses_for_ever_after_a_refusal;
      if (bug == MemoryBug::refusal_loses_a_byte) --size_;
      return false;
    }
    std::byte* fresh = MutantHeap::take(chunk);
    if (fresh == nullptr) {
      if (bug == MemoryBug::failed_allocation_loses_a_byte && size_ != 0) --size_;
      return false;
    }
    chunks_.push_back(fresh);
    if (bug == MemoryBug::stable_but_moves_when_it_grows && chunks_.size() % 9 == 0) {
      for (std::byte*& old : chunks_) {
        std::byte* copy = MutantHeap::take(chunk);
        if (copy == nullptr) break;
        std::memcpy(copy, old, chunk);
        MutantHeap::give(std::exchange(old, copy), chunk);
      }
    }
    return true;
  }

  void free_chunks(std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) MutantHeap::give(chunks_[i], chunk);
    if (begin < end)
      chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(begin), chunks_.begin() + static_cast<std::ptrdiff_t>(end));
  }

  void end_window() noexcept {
    open_ = false;
    if (front_ != 0) last_front_ = 0;
    stale_ = {};
    shared_ = nullptr;
  }

  void take(MutantMemory& other) noexcept {
    end_window();
    if (bug == MemoryBug::moved_from_claims_memory) other.ghost_capacity_ = other.chunks_.size() * chunk;
    if (bug == MemoryBug::moved_from_keeps_its_size) other.ghost_size_ = other.size_;
    chunks_ = std::exchange(other.chunks_, {});
    front_ = std::exchange(other.front_, 0);
    size_ = std::exchange(other.size_, 0);
    drops_ = std::exchange(other.drops_, 0);
    cuts_ = std::exchange(other.cuts_, 0);
    used_ = other.used_;
    wedged_ = other.wedged_;
    other.end_window();
  }

  std::vector<std::byte*> chunks_;
  std::size_t front_ = 0;
  std::size_t size_ = 0;
  bool open_ = false;
  bool used_ = false;
  bool wedged_ = false;
  bool phantom_ = false;
  mutable std::size_t last_front_ = 0;
  std::size_t drops_ = 0;
  std::size_t cuts_ = 0;
  std::size_t ghost_size_ = 0;
  std::size_t ghost_capacity_ = 0;
  std::span<std::byte> stale_{};
  std::byte* shared_ = nullptr;
  mutable std::atomic<std::size_t> position_{0};
};

template <MemoryBug bug>
struct MutantMemoryHarness {
  static constexpr std::string_view name = "a mutant";
  static MutantMemory<bug> make() { return {}; }
  static void fail_allocations(std::uint64_t first, std::uint64_t count) { MutantHeap::fail(first, count); }
  static std::uint64_t failed_allocations() { return MutantHeap::failed; }
  static std::uint64_t outstanding_bytes() { return MutantHeap::out; }
};

}  // namespace hybridbuffer::testing
