#pragma once

#include "fault_plan.hpp"
#include "fault_support.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// A buffer beside a model of it, put through a scenario in which calls fail: after each failed call the buffer must be what it was, and
/// a retry must do what the call promises.

namespace hybridbuffer::testing {

/// What a buffer did that it must not.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void expect(bool condition, std::string_view what) {
  if (!condition) throw Broken{std::string{what}};
}

/// A Reader over bytes; may fail before it delivers anything.
template <class Plan>
struct Source {
  std::span<const std::byte> bytes;
  std::size_t position = 0;

  Result<std::size_t> read(std::span<std::byte> out) {
    if (Plan::next(StorageCall::source_read)) return Plan::failure();
    const std::size_t count = std::min({out.size(), bytes.size() - position, std::size_t{170}});
    std::copy_n(bytes.data() + position, count, out.data());
    position += count;
    return count;
  }
};

/// A Writer into a vector; may fail before it accepts anything.
template <class Plan>
struct Sink {
  Bytes accepted;

  Result<void> write(std::span<const std::byte> bytes) {
    if (Plan::next(StorageCall::sink_write)) return Plan::failure();
    Plan::pause();
    accepted.insert(accepted.end(), bytes.begin(), bytes.end());
    Plan::resume();
    return {};
  }
  Result<void> close() { return {}; }
};

/// Thrown out of a scenario whose run is to end with the first failed call.
struct GivenUp {};

/// The buffer, its model, and the calls of a scenario. `Plan` says which calls fail; see FaultPlan.
template <class Buffer, class Plan>
class Run {
 public:
  Run(Buffer buffer, const MemoryBudget& budget, bool gives_up, bool reads_after_failure)
      : buffer_{std::move(buffer)}, budget_{budget}, gives_up_{gives_up}, reads_after_failure_{reads_after_failure} {
    content_.reserve(std::size_t{1} << 18U);
  }

  [[nodiscard]] Buffer& buffer() noexcept { return buffer_; }
  [[nodiscard]] std::string_view step() const noexcept { return step_; }
  [[nodiscard]] const Bytes& content() const noexcept { return content_; }

  // Appending --------------------------------------------------------------------------------------------------------------------

  void append(std::size_t count) {
    const Bytes bytes = stream_bytes(content_.size(), count, salt_++);
    attempt("append", [&] { return buffer_.append(std::span{bytes}); });
    add(bytes);
  }
  void append_text(std::string_view text) {
    attempt("append text", [&] { return buffer_.append(text); });
    add(std::as_bytes(std::span{text}));
  }
  void append_byte(std::byte byte) {
    attempt("append a byte", [&] { return buffer_.append(byte); });
    add({&byte, 1});
  }
  void append_code_point(char32_t point) {
    const auto encoded = detail::encode_code_point(point);
    attempt("append a code point", [&] { return buffer_.append(point); });
    add(std::as_bytes(std::span{encoded.text()}));
  }
  void reserve(std::size_t count) {
    attempt("reserve", [&] { return buffer_.reserve(count); });
  }
  void spill() {
    attempt("spill", [&] { return buffer_.spill(); });
    expect(buffer_.stats().in_memory == 0, "memory is not empty after spill()");
  }

  /// `call(limit)` reads up to `limit` bytes from a source of which `consumed()` are gone; all of it must arrive.
  template <class Call, class Consumed>
  void take_all(std::string_view name, std::span<const std::byte> bytes, Call&& call, Consumed&& consumed) {
    step_ = name;
    for (int tries = 0; std::uint64_t{consumed()} < bytes.size(); ++tries) {
      const std::uint64_t size = buffer_.size();
      const std::uint64_t gone = consumed();
      const auto taken = guarded([&] { return call(bytes.size() - gone); });
      const std::uint64_t more = consumed() - gone;
      expect(buffer_.size() - size == more, "size() does not tell what was taken from the source");
      add(bytes.subspan(static_cast<std::size_t>(gone), static_cast<std::size_t>(more)));
      if (!taken || !*taken) {
        after_failure(tries);
        continue;
      }
      expect(**taken == more, "read_from counts other bytes than it took");
      if (more == 0) after_nothing(tries);
    }
  }
  template <class Call>
  void read_from_source(std::size_t count, Call&& call) {
    const Bytes bytes = stream_bytes(content_.size(), count, salt_++);
    Source<Plan> source{bytes};
    take_all("read_from", bytes, [&](std::uint64_t limit) { return call(source, limit); }, [&] { return source.position; });
  }

  // Reading ----------------------------------------------------------------------------------------------------------------------

  void read(std::size_t count) {
    Bytes out(count);
    const std::size_t got = attempt("read", [&] { return buffer_.read(out); });
    expect(got == std::min<std::uint64_t>(count, unread()), "read() is short before the end");
    consume(std::span{out}.first(got));
  }
  void get() {
    const auto byte = attempt("get", [&] { return buffer_.get(); });
    expect(byte.has_value() == (unread() != 0), "get() is wrong about the end");
    if (byte) consume({&*byte, 1});
  }
  void peek(std::size_t most) {
    const auto shown = attempt("peek", [&] { return buffer_.peek(); });
    expect(shown.empty() == (unread() == 0), "peek() is wrong about the end");
    const auto part = shown.first(std::min(most, shown.size()));
    const Bytes copy{part.begin(), part.end()};
    buffer_.consume(part.size());
    consume(copy);
  }
  void next_chunk() {
    const auto chunk = attempt("next_chunk", [&] { return buffer_.next_chunk(); });
    expect(chunk.empty() == (unread() == 0), "next_chunk() is wrong about the end");
    consume(Bytes{chunk.begin(), chunk.end()});
  }
  void next(std::size_t count) {
    const Bytes bytes = attempt("next", [&] { return buffer_.next(count); });
    expect(bytes.size() == std::min<std::uint64_t>(count, unread()), "next() is short before the end");
    consume(bytes);
  }
  void read_line() {
    const auto line = attempt("read_line", [&] { return buffer_.read_line(); });
    expect(line.has_value() == (unread() != 0), "read_line() is wrong about the end");
    const auto rest = std::span{content_}.subspan(tell_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    Bytes expected{rest.begin(), end};
    tell_ += expected.size() + (end == rest.end() ? 0 : 1);
    if (!expected.empty() && expected.back() == std::byte{'\r'}) expected.pop_back();
    expect(!line || std::ranges::equal(std::as_bytes(std::span{*line}), expected), "read_line() delivers other bytes");
  }
  void read_until(std::byte delimiter) {
    const Bytes bytes = attempt("read_until", [&] { return buffer_.read_until(delimiter); });
    const auto rest = std::span{content_}.subspan(tell_);
    const auto end = std::find(rest.begin(), rest.end(), delimiter);
    expect(bytes.size() == static_cast<std::size_t>(end - rest.begin()) + (end == rest.end() ? 0U : 1U), "read_until() stops elsewhere");
    consume(bytes);
  }
  void read_code_point() {
    const auto point = attempt("read_code_point", [&] { return buffer_.read_code_point(); });
    expect(point.has_value() == (unread() != 0), "read_code_point() is wrong about the end");
    if (!point) return;
    const auto decoded = detail::decode_code_point(std::span{content_}.subspan(tell_).first(std::min<std::size_t>(4, unread())));
    expect(*point == decoded.point, "read_code_point() delivers another one");
    tell_ += decoded.length;
  }
  void seek(std::int64_t offset, Whence whence) {
    tell_ = static_cast<std::size_t>(attempt("seek", [&] { return buffer_.seek(offset, whence); }));
  }
  void read_at(std::size_t offset, std::size_t count) {
    Bytes out(count);
    const std::size_t got = attempt("read_at", [&] { return std::as_const(buffer_).read_at(offset, out); });
    expect(got == std::min(count, content_.size() - std::min(offset, content_.size())), "read_at() is short before the end");
    expect(std::ranges::equal(std::span{out}.first(got), std::span{content_}.subspan(std::min(offset, content_.size()), got)),
           "read_at() delivers other bytes");
  }
  void copy() {
    const Bytes bytes = attempt("to_bytes", [&] { return buffer_.to_bytes(); });
    expect(std::ranges::equal(bytes, std::span{content_}.subspan(tell_)), "to_bytes() delivers other bytes");
    const std::string text = attempt("to_string", [&] { return buffer_.to_string(); });
    expect(std::ranges::equal(std::as_bytes(std::span{text}), bytes), "to_string() delivers other bytes");
  }
  void read_cursor(auto& cursor, std::size_t count) {
    Bytes out(count);
    const std::uint64_t start = cursor.tell();
    const std::size_t got = attempt("read of a cursor", [&] {
      auto done = cursor.read(out);
      expect(done || cursor.tell() == start, "a cursor moved with a failed read");
      return done;
    });
    expect(got == std::min<std::uint64_t>(count, content_.size() - start), "a cursor's read is short before the end");
    expect(std::ranges::equal(std::span{out}.first(got), std::span{content_}.subspan(static_cast<std::size_t>(start), got)),
           "a cursor delivers other bytes");
  }

  /// `call(limit)` writes up to `limit` unread bytes to a sink in which `accepted()` bytes have arrived; `count` of them must.
  template <class Call, class Accepted>
  void give(std::string_view name, std::uint64_t count, Call&& call, Accepted&& accepted) {
    step_ = name;
    const std::uint64_t start = tell_;
    const std::uint64_t had = accepted();
    count = std::min<std::uint64_t>(count, unread());
    for (int tries = 0; std::uint64_t{accepted()} - had < count; ++tries) {
      const std::uint64_t before = accepted() - had;
      const auto given = guarded([&] { return call(count - before); });
      const std::uint64_t done = accepted() - had;
      expect(buffer_.tell() == start + done, "tell() does not say what the sink accepted");
      tell_ = static_cast<std::size_t>(start + done);
      if (!given || !*given) {
        after_failure(tries);
        continue;
      }
      expect(**given == done - before, "write_to counts other bytes than the sink accepted");
      if (done == before) after_nothing(tries);
    }
  }
  void write_to_sink(std::uint64_t count) {
    Sink<Plan> sink;
    const std::size_t start = tell_;
    give("write_to", count, [&](std::uint64_t limit) { return buffer_.write_to(sink, limit); }, [&] { return sink.accepted.size(); });
    expect(std::ranges::equal(sink.accepted, std::span{content_}.subspan(start, sink.accepted.size())), "write_to wrote other bytes");
  }

  // Removing ---------------------------------------------------------------------------------------------------------------------

  void truncate(std::size_t size) {
    must_succeed("truncate", [&] { return buffer_.truncate(size); });
    content_.resize(size);
    tell_ = std::min(tell_, size);
    observe();
  }
  void discard_read() {
    must_succeed("discard_read", [&] { return buffer_.discard_read(); });
    first_ = tell_;
    observe();
  }
  /// Empties the buffer, which it does also when it reports that something could not be removed.
  void reset() {
    step_ = "reset";
    const auto done = guarded([&] { return buffer_.reset(); });
    content_.clear();
    first_ = tell_ = 0;
    if (!done || !*done) after_failure(2);
    observe();
    expect(buffer_.stats().locations == 0 && !buffer_.is_spilled(), "reset() left locations in use");
  }
  void close() {
    step_ = "close";
    const auto done = guarded([&] { return buffer_.close(); });
    content_.clear();
    first_ = tell_ = 0;
    expect(!buffer_.is_open() && buffer_.size() == 0 && buffer_.stats().locations == 0, "close() left the buffer open or full");
    if ((!done || !*done) && gives_up_) throw GivenUp{};
    expect(buffer_.close().has_value(), "a second close() fails");
    expect(buffer_.append("x").error() == errc::closed, "a closed buffer takes bytes");
  }
  void move() {
    step_ = "move";
    Buffer moved{std::move(buffer_)};
    observe_of(moved);
    buffer_ = std::move(moved);
    observe();
  }

  /// All content by every route, without faults.
  void verify() {
    observe();
    const std::size_t size = content_.size();
    Bytes all(size - first_ + 1);
    expect(std::as_const(buffer_).read_at(first_, all).value_or(0) == size - first_, "read_at() does not deliver the whole content");
    all.resize(size - first_);
    const auto expected = std::span{content_}.subspan(first_);
    expect(std::ranges::equal(all, expected), "read_at() shows another content");
    auto cursor = buffer_.open_reader();
    expect(cursor.tell() == tell_ && cursor.seek(static_cast<std::int64_t>(first_)).has_value(), "a cursor starts elsewhere");
    expect(cursor.read(all).value_or(0) == all.size() && std::ranges::equal(all, expected), "a cursor shows another content");
    const auto copied = buffer_.to_bytes();
    expect(copied && std::ranges::equal(*copied, std::span{content_}.subspan(tell_)), "to_bytes() shows another content");
  }
  /// The same through the reads that move the position, which ends where it was.
  void verify_reading() {
    Bytes all(content_.size() - first_);
    expect(buffer_.seek(static_cast<std::int64_t>(first_)).has_value(), "seek to the first offset fails");
    expect(buffer_.read(all).value_or(0) == all.size(), "read() does not deliver the whole content");
    expect(std::ranges::equal(all, std::span{content_}.subspan(first_)), "read() shows another content");
    expect(buffer_.seek(static_cast<std::int64_t>(tell_)).has_value(), "seek back fails");
    observe();
  }

  /// Makes the call once; when it fails the buffer must be what it was. Returns: whether it succeeded.
  template <class Call>
  bool try_once(std::string_view name, Call&& call) {
    step_ = name;
    const auto outcome = guarded(call);
    if (outcome && *outcome) return true;
    after_failure(0);
    return false;
  }

  /// Makes the call until it succeeds; after each failure the buffer must be what it was.
  template <class Call>
  auto attempt(std::string_view name, Call&& call) {
    step_ = name;
    for (int tries = 0;; ++tries) {
      const std::uint64_t granted = budget_.used();
      auto outcome = guarded(call);
      if (outcome && *outcome) {
        if constexpr (requires { std::move(**outcome); }) return std::move(**outcome);
        else return;
      }
      // What it took meanwhile goes back, unless the memory policy keeps the memory that it was for: then that, in whole steps.
      const bool keeps_memory = !is_stable_memory<typename Buffer::memory_type> && buffer_.capacity() != 0;
      const std::uint64_t kept = keeps_memory ? buffer_.capacity() + SharedBudget::step : 0;
      expect(budget_.used() <= std::max(granted, kept), "a failed call keeps what the budget granted to it");
      after_failure(tries);
    }
  }

 private:
  [[nodiscard]] std::uint64_t unread() const noexcept { return content_.size() - tell_; }

  void add(std::span<const std::byte> bytes) {
    content_.insert(content_.end(), bytes.begin(), bytes.end());
    observe();
  }
  void consume(std::span<const std::byte> bytes) {
    expect(std::ranges::equal(bytes, std::span{content_}.subspan(tell_, bytes.size())), "other bytes were read than appended");
    tell_ += bytes.size();
    observe();
  }

  /// Makes the call with faults. Returns: nothing when it threw std::bad_alloc.
  template <class Call>
  auto guarded(Call&& call) -> std::optional<decltype(call())> {
    fired_before_ = Plan::fired();
    last_error_.reset();
    std::optional<decltype(call())> outcome;
    Plan::resume();
    try {
      outcome.emplace(call());
    } catch (const std::bad_alloc&) {
      outcome.reset();
    } catch (...) {
      Plan::pause();
      throw;
    }
    Plan::pause();
    if (outcome && !*outcome) last_error_ = outcome->error();
    return outcome;
  }

  template <class Call>
  void must_succeed(std::string_view name, Call&& call) {
    step_ = name;
    const auto outcome = guarded(call);
    expect(outcome && *outcome, "a call failed that cannot");
  }

  void after_failure(int tries) {
    expect(Plan::fired() > fired_before_, "a call failed without a fault: " + (last_error_ ? last_error_->message() : "bad_alloc"));
    expect(Plan::explains(last_error_ ? &*last_error_ : nullptr),
           "another error came out than was put in: " + (last_error_ ? last_error_->message() : "bad_alloc"));
    if (gives_up_) throw GivenUp{};
    verify();
    if (reads_after_failure_) verify_reading();
    if (tries == 1) Plan::heal();
    expect(tries <= 2, "a call fails for ever");
  }

  /// A transfer that ended before the end, as a source that answers 0 makes it.
  void after_nothing(int tries) {
    expect(Plan::fired() > fired_before_ && Plan::ends_sources(), "a transfer ends before the end");
    if (tries == 1) Plan::heal();
    expect(tries <= 2, "a transfer never goes on");
  }

  void observe() { observe_of(buffer_); }
  void observe_of(const Buffer& buffer) const {
    expect(buffer.size() == content_.size(), "size() is wrong");
    expect(buffer.tell() == tell_, "tell() is wrong");
    expect(buffer.first_offset() == first_, "first_offset() is wrong");
    expect(buffer.unread() == unread(), "unread() is wrong");
    expect(buffer.is_open(), "the buffer is closed");
    const BufferStats stats = buffer.stats();
    expect(stats.stored + stats.in_memory == content_.size() - first_, "stats() counts another content");
    expect(stats.stored_held >= stats.stored, "stats() counts less in storage than is held there");
  }

  Buffer buffer_;
  MemoryBudget budget_;       // that the buffer may share
  bool gives_up_;             // the run ends with the first failure
  bool reads_after_failure_;  // by the position too, which changes the buffer's caches
  Bytes content_;             // all that was appended and not truncated
  std::size_t tell_ = 0;
  std::size_t first_ = 0;
  std::uint64_t salt_ = 0;
  std::string_view step_ = "construct";
  std::uint64_t fired_before_ = 0;
  std::optional<Error> last_error_;
};

}  // namespace hybridbuffer::testing
