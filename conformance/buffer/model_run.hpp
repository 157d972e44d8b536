#pragma once

#include <hybridbuffer/spill/shared_budget.hpp>

#include "model_random.hpp"
#include "model_streams.hpp"
#include "model_subject.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The model test: random operations on a buffer and on a vector of bytes, compared after each.

namespace hybridbuffer::testing {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// A buffer's parts, and what follows from them for its behaviour.
struct Composition {
  std::string name;
  std::function<std::unique_ptr<Subject>()> make;
  std::uint64_t threshold = 0;                 ///< sizes are drawn round it
  std::uint64_t most_in_memory = unlimited;    ///< what the spill policy lets memory hold
  std::uint64_t content_limit = unlimited;     ///< beyond it an append is `limit_exceeded`
  std::uint64_t memory_full_at = unlimited;    ///< beyond it, where nothing may spill, an append is `no_space`
  std::uint64_t most_dead_stored = unlimited;  ///< bytes that storage may hold beside the content
  bool keeps_less_while_stored = false;        ///< the spill policy lets memory hold less once a byte is in storage
  std::optional<MemoryBudget> budget{};        ///< what a SharedBudget draws on
  std::function<std::string()> complaint{};    ///< what a strict backend saw that the contract forbids; empty: nothing
  std::function<std::uint64_t()> leftovers{};  ///< what is left in the store and of handles on it
};

/// The buffer and the model differ. Its text says where, and how to run it again.
struct Difference : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One run of the model test on one composition.
class ModelRun {
 public:
  ModelRun(const Composition& composition, const BytePool& pool, std::uint64_t seed);
  /// What is done is decided by `input`, which must outlive it.
  ModelRun(const Composition& composition, const BytePool& pool, View input);

  /// Performs and checks that many random operations, fewer where an input decides and ends, then closes the buffer.
  /// Errors: throws Difference.
  void run(std::uint64_t operations);
  /// How many appends went past what memory may hold.
  [[nodiscard]] std::uint64_t spilling_appends() const noexcept { return spilling_appends_; }

 private:
  struct Step {
    std::string_view name;
    std::uint64_t first;
    std::uint64_t second;
  };
  struct WeightedOperation {
    std::uint64_t weight;
    std::string_view name;
    void (ModelRun::*perform)();
  };
  static const std::array<WeightedOperation, 33> operations_;
  static std::uint64_t total_weight();

  // Operations (model_operations.cpp); each draws its arguments, performs and checks.
  void append_bytes();
  void append_text();
  void append_byte();
  void append_unit();
  void append_code_point();
  void read_from_source();
  void read_from_file();
  void read_from_pipe();
  void read();
  void get();
  void peek_and_consume();
  void next_chunk();
  void next();
  void read_code_point();
  void read_until();
  void read_line();
  void write_to_sink();
  void write_to_file();
  void write_to_pipe();
  void seek();
  void read_at();
  void reserve();
  void spill();
  void truncate();
  void discard_read();
  void reset();
  void move_construct();
  void move_assign();
  void open_cursor();
  void cursor_read();
  void cursor_seek();
  void copies();
  void everything();

  template <class Call>
  void append(View bytes, Call&& call);
  template <class Fill>
  void fill(View bytes, std::uint64_t limit, std::optional<errc> failure, Fill&& fill_from);

  // The model: the bytes [first_, first_ + content_.size()) and the position.
  [[nodiscard]] std::uint64_t end() const noexcept { return first_ + content_.size(); }
  [[nodiscard]] std::uint64_t unread() const noexcept { return end() - tell_; }
  [[nodiscard]] View content_from(std::uint64_t offset) const noexcept {
    return View{content_}.subspan(static_cast<std::size_t>(offset - first_));
  }
  [[nodiscard]] View content(std::uint64_t offset, std::uint64_t most) const noexcept {
    const View rest = content_from(offset);
    return rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), most)));
  }
  [[nodiscard]] std::optional<errc> refusal_of(std::uint64_t count, const BufferStats& stats) const;
  [[nodiscard]] std::uint64_t most_appendable(const BufferStats& stats) const;
  [[nodiscard]] std::optional<std::uint64_t> target_of(std::int64_t offset, Whence whence, std::uint64_t current) const;

  // Arguments.
  [[nodiscard]] std::uint64_t some_size();
  [[nodiscard]] std::uint64_t some_boundary();
  [[nodiscard]] std::uint64_t some_offset();
  [[nodiscard]] std::uint64_t some_limit(std::uint64_t size);
  [[nodiscard]] View some_bytes(std::uint64_t most = unlimited);
  void some_seek(std::uint64_t current, std::int64_t& offset, Whence& whence);
  [[nodiscard]] std::span<std::byte> scratch(std::uint64_t size);

  // Checks.
  void perform_one();
  void keep_in_bounds();
  void compare_shape();
  void compare_stats();
  void compare_content();
  void read_in_pieces(std::string_view route, const std::function<Result<std::size_t>(std::span<std::byte>)>& read_some);
  void close();
  void note(std::string_view name, std::uint64_t first = 0, std::uint64_t second = 0);
  void expect(bool holds, std::string_view what) {
    if (!holds) differ(what);
  }
  template <class T>
  void expect_success(const Result<T>& result) {
    if (!result) differ("failed: " + result.error().message());
  }
  template <class T>
  void expect_failure(const Result<T>& result, errc code) {
    if (result) differ("succeeded, where it must fail with " + std::string{name_of(code)});
    if (result.error() != code) differ("failed with another error: " + result.error().message());
  }
  [[noreturn]] void differ(std::string_view what) const;

  const Composition& composition_;
  const BytePool& pool_;
  std::uint64_t seed_;
  Random random_;
  std::unique_ptr<Subject> subject_;

  Bytes content_;
  std::uint64_t first_ = 0;
  std::uint64_t tell_ = 0;
  std::vector<std::uint64_t> cursors_;

  std::uint64_t bound_ = 0;  // the content is cut down when it passes this
  std::uint64_t step_ = 0;
  std::uint64_t spilling_appends_ = 0;
  std::array<Step, 24> history_{};
  Bytes scratch_;
};

}  // namespace hybridbuffer::testing
