#pragma once

#include "../buffer/fault_plan.hpp"
#include "../buffer/model_random.hpp"
#include "../buffer/model_run.hpp"
#include "../buffer/model_subject.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// A subject of the model test whose storage fails: a call that failed of it must have changed nothing and is made again, so that the
/// model sees what it sees without faults.

namespace hybridbuffer::testing {

/// The next faults, in the order in which they are met.
class FaultSchedule {
 public:
  /// Up to 15 faults out of `choices`, each some storage calls behind the one before.
  explicit FaultSchedule(Random& choices) : count_{static_cast<std::size_t>(choices.below(entries_.size() + 1))} {
    constexpr std::uint64_t most_calls_between = 64;
    for (Entry& entry : std::span{entries_}.first(count_)) {
      entry.k = 1 + choices.below(most_calls_between);
      const bool is_indeterminate = choices.one_in(2);  // only then may the store have done it
      constexpr std::array effects{FaultEffect::none, FaultEffect::part, FaultEffect::whole};
      entry.fault = {.code = is_indeterminate ? errc::timeout : errc::io,
                     .effect = effects[static_cast<std::size_t>(choices.below(is_indeterminate ? 3 : 2))],
                     .for_ever = choices.one_in(2)};
    }
  }

  void arm_next() noexcept {
    if (next_ == count_) return FaultPlan::arm(0, {});
    current_ = entries_[next_].fault;
    FaultPlan::arm(entries_[next_++].k, current_);
  }
  [[nodiscard]] errc code() const noexcept { return current_.code; }

 private:
  struct Entry {
    std::uint64_t k = 0;
    Fault fault;
  };
  std::array<Entry, 15> entries_{};
  std::size_t count_;
  std::size_t next_ = 0;
  Fault current_;
};

class FaultSubject final : public Subject {
 public:
  /// `schedule` must outlive it.
  FaultSubject(std::unique_ptr<Subject> inner, FaultSchedule& schedule) : inner_{std::move(inner)}, schedule_{schedule} {
    schedule_.arm_next();
  }
  FaultSubject(const FaultSubject&) = delete;
  FaultSubject& operator=(const FaultSubject&) = delete;
  ~FaultSubject() override { FaultPlan::arm(0, {}); }

  [[nodiscard]] Observation observe() const override { return inner_->observe(); }
  [[nodiscard]] BufferStats stats() const override { return inner_->stats(); }
  [[nodiscard]] bool is_spilled() const override { return inner_->is_spilled(); }
  [[nodiscard]] bool would_spill(std::uint64_t count) const override { return inner_->would_spill(count); }
  [[nodiscard]] std::uint64_t room() const override { return inner_->room(); }

  [[nodiscard]] Result<void> append(View bytes) override {
    return retried("append", [&] { return inner_->append(bytes); });
  }
  [[nodiscard]] Result<void> append(std::string_view text) override {
    return retried("append", [&] { return inner_->append(text); });
  }
  [[nodiscard]] Result<void> append(std::byte byte) override {
    return retried("append", [&] { return inner_->append(byte); });
  }
  [[nodiscard]] Result<void> append(char unit) override {
    return retried("append", [&] { return inner_->append(unit); });
  }
  [[nodiscard]] Result<void> append(char32_t code_point) override {
    return retried("append", [&] { return inner_->append(code_point); });
  }
  [[nodiscard]] Result<std::uint64_t> read_from(PieceSource& source, std::uint64_t limit) override {
    return within_grant(
        resumed("read_from", limit, &Observation::size, [&](std::uint64_t left) { return inner_->read_from(source, left); }));
  }
  [[nodiscard]] Result<std::uint64_t> read_from(int descriptor, std::uint64_t limit) override {
    return within_grant(
        resumed("read_from", limit, &Observation::size, [&](std::uint64_t left) { return inner_->read_from(descriptor, left); }));
  }

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) override {
    return retried("read", [&] { return inner_->read(out); });
  }
  [[nodiscard]] Result<std::optional<std::byte>> get() override {
    return retried("get", [&] { return inner_->get(); });
  }
  [[nodiscard]] Result<View> peek() override {
    return retried("peek", [&] { return inner_->peek(); });
  }
  void consume(std::size_t count) override { inner_->consume(count); }
  [[nodiscard]] Result<View> next_chunk() override {
    return retried("next_chunk", [&] { return inner_->next_chunk(); });
  }
  [[nodiscard]] Result<Bytes> next(std::uint64_t count) override {
    return retried("next", [&] { return inner_->next(count); });
  }
  [[nodiscard]] Result<std::optional<char32_t>> read_code_point() override {
    return retried("read_code_point", [&] { return inner_->read_code_point(); });
  }
  [[nodiscard]] Result<Bytes> read_until(std::byte delimiter) override {
    return retried("read_until", [&] { return inner_->read_until(delimiter); });
  }
  [[nodiscard]] Result<std::optional<std::string>> read_line() override {
    return retried("read_line", [&] { return inner_->read_line(); });
  }
  [[nodiscard]] Result<std::uint64_t> write_to(BoundedSink& sink, std::uint64_t limit) override {
    return resumed("write_to", limit, &Observation::tell, [&](std::uint64_t left) { return inner_->write_to(sink, left); });
  }
  [[nodiscard]] Result<std::uint64_t> write_to(int descriptor, std::uint64_t limit) override {
    return resumed("write_to", limit, &Observation::tell, [&](std::uint64_t left) { return inner_->write_to(descriptor, left); });
  }
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) override {
    return retried("seek", [&] { return inner_->seek(offset, whence); });
  }

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return retried("read_at", [&] { return std::as_const(*inner_).read_at(offset, out); });
  }
  [[nodiscard]] Result<Bytes> to_bytes() const override {
    return retried("to_bytes", [&] { return std::as_const(*inner_).to_bytes(); });
  }
  [[nodiscard]] Result<std::string> to_string() const override {
    return retried("to_string", [&] { return std::as_const(*inner_).to_string(); });
  }

  [[nodiscard]] Result<void> reserve(std::uint64_t count) override {
    return retried("reserve", [&] { return inner_->reserve(count); });
  }
  [[nodiscard]] Result<void> spill() override {
    return retried("spill", [&] { return inner_->spill(); });
  }
  // These hold whatever the storage answers: where it fails the model says that they may not.
  [[nodiscard]] Result<void> truncate(std::uint64_t size) override {
    return once([&] { return inner_->truncate(size); });
  }
  [[nodiscard]] Result<void> discard_read() override {
    return once([&] { return inner_->discard_read(); });
  }
  [[nodiscard]] Result<void> reset() override {
    return emptied([&] { return inner_->reset(); });
  }
  [[nodiscard]] Result<void> close() override {
    return emptied([&] { return inner_->close(); });
  }

  [[nodiscard]] bool move_construct() override { return inner_->move_construct(); }
  [[nodiscard]] bool move_assign() override { return inner_->move_assign(); }

  [[nodiscard]] std::size_t cursors() const override { return inner_->cursors(); }
  void open_cursor() override { inner_->open_cursor(); }
  void close_cursor(std::size_t index) override { inner_->close_cursor(index); }
  [[nodiscard]] Result<std::size_t> cursor_read(std::size_t index, std::span<std::byte> out) override {
    const std::uint64_t start = inner_->cursor_tell(index);
    return retried("cursor read", [&] {
      auto done = inner_->cursor_read(index, out);
      if (!done && inner_->cursor_tell(index) != start) broken("cursor read", "moved the cursor");
      return done;
    });
  }
  [[nodiscard]] Result<std::uint64_t> cursor_seek(std::size_t index, std::int64_t offset, Whence whence) override {
    return retried("cursor seek", [&] { return inner_->cursor_seek(index, offset, whence); });
  }
  [[nodiscard]] std::uint64_t cursor_tell(std::size_t index) const override { return inner_->cursor_tell(index); }

 private:
  [[noreturn]] static void broken(std::string_view call, std::string_view what) {
    throw Difference{"a failed " + std::string{call} + " " + std::string{what}};
  }

  /// Makes the call while the plan runs.
  template <class Call>
  auto once(Call&& call) const -> decltype(call()) {
    FaultPlan::resume();
    auto outcome = call();
    FaultPlan::pause();
    return outcome;
  }

  /// Whether the call failed of a fault; then no other is met before the next arm_next().
  template <class T>
  [[nodiscard]] bool failed_of_fault(const Result<T>& outcome) const noexcept {
    if (outcome || FaultPlan::fired() == 0 || outcome.error() != schedule_.code()) return false;
    FaultPlan::heal();
    return true;
  }
  /// A fault that no call answered with is spent all the same, as one that was answered.
  void go_on() const noexcept {
    if (FaultPlan::fired() != 0) schedule_.arm_next();
  }

  template <class Call>
  auto retried(std::string_view name, Call&& call) const -> decltype(call()) {
    const Observation before = inner_->observe();
    auto outcome = once(call);
    if (failed_of_fault(outcome)) {
      const Observation after = inner_->observe();
      if (after.size != before.size || after.tell != before.tell || after.first_offset != before.first_offset ||
          after.is_open != before.is_open) {
        broken(name, "changed what the buffer shows");
      }
      outcome = once(call);
    }
    go_on();
    return outcome;
  }

  /// For transfers: what was moved before the failure counts, and the retry moves the rest. `moving` is what tells how much.
  template <class Call>
  Result<std::uint64_t> resumed(std::string_view name, std::uint64_t limit, std::uint64_t Observation::* moving, Call&& call) {
    met_fault_ = false;
    const std::uint64_t start = inner_->observe().*moving;
    auto outcome = once([&] { return call(limit); });
    if (failed_of_fault(outcome)) {
      const std::uint64_t moved = inner_->observe().*moving - start;
      met_fault_ = true;
      if (moved > limit) broken(name, "moved more than its limit");
      outcome = once([&] { return call(limit - moved); });
      if (outcome) *outcome += moved;
    }
    go_on();
    return outcome;
  }

  /// What a source delivered before the spill behind it failed lies in memory, by at most a window beyond the grant, up to the next spill.
  Result<std::uint64_t> within_grant(Result<std::uint64_t> taken) {
    if (!met_fault_) return taken;
    if (auto spilled = inner_->spill(); !spilled) return std::unexpected{spilled.error()};
    return taken;
  }

  /// For calls that empty the buffer also where they report that something could not be removed.
  template <class Call>
  Result<void> emptied(Call&& call) {
    auto outcome = once(call);
    if (failed_of_fault(outcome)) {
      if (inner_->observe().size != 0 || inner_->stats().locations != 0) broken("reset or close", "left the buffer filled");
      outcome = once(call);
    }
    go_on();
    return outcome;
  }

  std::unique_ptr<Subject> inner_;
  FaultSchedule& schedule_;
  bool met_fault_ = false;  // in the last transfer
};

}  // namespace hybridbuffer::testing
