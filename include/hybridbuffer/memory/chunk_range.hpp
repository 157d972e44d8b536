#pragma once

#include <cstddef>
#include <span>

namespace hybridbuffer::inline v0_1 {

/// The committed bytes of a memory policy as a forward range of non-empty spans, for any policy that has `size()` and `chunk_at(o)`.
///
/// Invalidates: ends with whatever ends the spans: see the policy.
/// Cost:        no allocation; a step costs one chunk_at().
template <class Memory>
class ChunkRange {
 public:
  /// A forward iterator over spans, made anew at each dereference.
  class iterator {
   public:
    using value_type = std::span<const std::byte>;
    using difference_type = std::ptrdiff_t;
    using reference = value_type;
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;

    iterator() noexcept = default;
    /// At `offset`.
    iterator(const Memory& memory, std::size_t offset) noexcept : memory_{&memory}, offset_{offset} {}

    [[nodiscard]] value_type operator*() const noexcept { return memory_->chunk_at(offset_); }
    iterator& operator++() noexcept {
      offset_ += memory_->chunk_at(offset_).size();
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator before = *this;
      ++*this;
      return before;
    }
    [[nodiscard]] friend bool operator==(const iterator& left, const iterator& right) noexcept { return left.offset_ == right.offset_; }

   private:
    const Memory* memory_ = nullptr;
    std::size_t offset_ = 0;
  };

  explicit ChunkRange(const Memory& memory) noexcept : memory_{&memory} {}

  [[nodiscard]] iterator begin() const noexcept { return iterator{*memory_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return iterator{*memory_, memory_->size()}; }
  [[nodiscard]] bool empty() const noexcept { return memory_->size() == 0; }

 private:
  const Memory* memory_;
};

}  // namespace hybridbuffer::inline v0_1
