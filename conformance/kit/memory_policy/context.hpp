#pragma once

#include "../policy_context.hpp"

#include <hybridbuffer/conformance/memory_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

/// The memory policy under test. Each call goes to the real type unchanged and is traced; an exception that leaves it fails the clause,
/// except that prepare() may throw instead of answering empty.
class Memory {
 public:
  Memory(Trace& trace, std::unique_ptr<detail::ErasedMemory> held) : trace_{&trace}, number_{trace.new_handle()}, held_{std::move(held)} {}
  Memory(Memory&&) noexcept = default;
  Memory& operator=(Memory&&) noexcept = default;
  ~Memory() { destroy(); }

  void destroy() noexcept;
  /// The policy under test moved into a new object; this one keeps the moved-from one.
  [[nodiscard]] Memory moved();
  /// Move-assigns the policy under test from that of `other`.
  void assign_from(Memory& other);

  [[nodiscard]] std::span<std::byte> prepare(std::size_t n);
  void commit(std::size_t n);
  void drop_front(std::size_t n);
  void truncate(std::size_t n);
  void clear();
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] std::uint64_t capacity() const;
  void copy_out(std::size_t offset, std::span<std::byte> out) const;
  [[nodiscard]] std::span<const std::byte> chunk_at(std::size_t offset) const;
  /// Visits the chunks until `visit(chunk)` returns false. Allocates nothing.
  template <class Visit>
  void each_chunk(Visit&& visit) const {
    walk([](void* state, std::span<const std::byte> chunk) { return (*static_cast<std::remove_reference_t<Visit>*>(state))(chunk); },
         &visit);
  }

 private:
  void walk(detail::ErasedMemory::Visit visit, void* state) const;

  Trace* trace_;
  std::uint32_t number_;
  std::unique_ptr<detail::ErasedMemory> held_;
};

class MemoryContext;

/// A policy and what it should hold.
class Filled {
 public:
  explicit Filled(MemoryContext& context);
  /// Takes over a policy that should hold nothing.
  Filled(MemoryContext& context, Memory memory);

  /// Appends up to `count` new bytes, each window asked for with `hint` and used for `piece` bytes at most.
  /// Returns: how many the policy took before it went on refusing.
  std::size_t append(std::size_t count, std::size_t hint, std::size_t piece);
  std::size_t append(std::size_t count) { return append(count, count, count); }
  /// One window asked for, filled and committed as far as `piece` goes. Returns: how many bytes, 0 when it was refused.
  std::size_t append_once(std::size_t hint, std::size_t piece);
  /// The next bytes of the stream from which append() takes.
  void fill_next(std::span<std::byte> window) const;
  /// Commits the first `n` bytes of a window that fill_next() filled.
  void commit(std::size_t n);
  /// Appends without allocating anything beside what the policy does; record() has to tell afterwards how many bytes it was.
  std::size_t append_unrecorded(std::size_t count);
  void record(std::size_t n);
  void drop_front(std::size_t n);
  void truncate(std::size_t n);
  void clear();

  /// All committed bytes, and their number, by chunks(), must be the expected ones.
  void expect(std::string_view what) const;
  /// These bytes must be the expected ones from `offset` on.
  void expect_bytes(std::size_t offset, std::span<const std::byte> found, std::string_view what) const;

  [[nodiscard]] Filled moved();
  void assign_from(Filled& other);

  [[nodiscard]] std::size_t size() const noexcept { return expected.size(); }

  Memory memory;
  std::vector<std::byte> expected;

 private:
  MemoryContext* context_;
  std::uint32_t stream_;    // whose bytes they are
  std::uint64_t next_ = 0;  // of the stream
};

/// What a clause of memory policies works with.
class MemoryContext : public PolicyContext {
 public:
  MemoryContext(MemorySubject& subject, TracePage& page, const Options& options);

  [[nodiscard]] const MemoryTraits& traits() const noexcept { return traits_; }
  [[nodiscard]] const MemoryHooks& hooks() const noexcept { return hooks_; }
  [[nodiscard]] Memory make();
  [[nodiscard]] std::uint32_t new_stream() noexcept { return ++streams_; }

  /// Round which the policy has boundaries: what the first window of a new policy takes; up to 2 MiB.
  [[nodiscard]] std::size_t unit() const noexcept { return unit_; }
  /// The most bytes that clauses without a larger purpose fill in: several units.
  [[nodiscard]] std::size_t most() const noexcept { return most_; }
  /// Sizes up to `largest` that matter: all of them while they are few, else those round the units, the ends and some at random.
  [[nodiscard]] std::vector<std::size_t> sizes(std::size_t largest, std::size_t few = 12);

  /// Calls `look` with policies that came to their content in many ways: by one append, in pieces, with a front dropped, cut, refilled,
  /// moved and slid. None was refused anything unless it holds nothing.
  void each_history(const std::function<void(Filled&, std::string_view how)>& look);

  /// Writes into all of a window; into its ends and some of it when it is large.
  static void scribble(std::span<std::byte> window) noexcept;

  /// Whether outstanding_bytes() exists and sees what a policy allocates.
  [[nodiscard]] bool sees_allocations();

 private:
  MemorySubject* subject_;
  MemoryTraits traits_;
  MemoryHooks hooks_;
  std::uint32_t streams_ = 0;
  std::size_t unit_ = 1;
  std::size_t most_ = 1;
};

}  // namespace hybridbuffer::conformance
