#pragma once

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// What was done to the type under test: a bounded record of operations that survives the process that made it, so that a crash and a
/// hang can be told from outside.

namespace hybridbuffer::conformance {

/// An operation of the contract, or something that the kit did beside it.
enum class Operation : std::uint16_t {
  make,
  create,
  append,
  open,
  open_seeker,
  open_reader_at,
  remove,
  shrink,
  discard,
  map,
  transfer_to,
  transfer_from,
  publish,
  write,
  write_pieces,
  close,
  read,
  seek,
  read_at,
  size,
  move_construct,
  move_assign,
  destroy,
  inject,
  damage,
  // of a memory policy
  prepare,
  commit,
  chunks,
  chunk_at,
  copy_out,
  drop_front,
  truncate,
  clear,
  capacity,
  // of a spill policy
  decide,
  room,
  settle,
  // of a harness
  reattach,
};

[[nodiscard]] constexpr std::string_view name_of(Operation operation) noexcept {
  constexpr std::array<std::string_view, 38> names{"make_backend",   "create",
                                                   "append",         "open",
                                                   "open_seeker",    "open_reader_at",
                                                   "remove",         "shrink",
                                                   "discard",        "map",
                                                   "transfer_to",    "transfer_from",
                                                   "publish",        "write",
                                                   "write (pieces)", "close",
                                                   "read",           "seek",
                                                   "read_at",        "size",
                                                   "move from",      "move-assign from",
                                                   "destroy",        "inject fault",
                                                   "damage",         "prepare",
                                                   "commit",         "chunks",
                                                   "chunk_at",       "copy_out",
                                                   "drop_front",     "truncate",
                                                   "clear",          "capacity",
                                                   "decide",         "room",
                                                   "settle",         "reattach"};
  return names[static_cast<std::size_t>(operation)];
}

/// What an operation was applied to.
enum class Subjects : std::uint8_t { harness, location, writer, reader, seeker, reader_at, window, memory, spill };

[[nodiscard]] constexpr std::string_view name_of(Subjects subject) noexcept {
  constexpr std::array<std::string_view, 9> names{"harness",   "location", "writer",        "reader",      "seeker",
                                                  "reader_at", "window",   "memory policy", "spill policy"};
  return names[static_cast<std::size_t>(subject)];
}

/// One operation, or a run of equal ones.
struct TraceRecord {
  static constexpr std::uint16_t succeeded = 0;
  static constexpr std::uint16_t threw = 0xfffe;
  static constexpr std::uint16_t in_progress = 0xffff;

  Operation operation = Operation::make;
  std::uint16_t outcome = succeeded;  // an errc, or one of the above
  Subjects subject = Subjects::harness;
  std::uint32_t handle = 0;
  std::uint64_t first = 0;   // the first argument: a size, an offset
  std::uint64_t second = 0;  // the second one
  std::uint64_t value = 0;   // what it returned
  std::uint64_t repeats = 1;
};

/// The part of a trace that can stand in memory shared with another process.
struct TracePage {
  static constexpr std::size_t length = 128;

  std::atomic<std::uint64_t> count{0};       // records written so far, the running one included
  std::atomic<std::uint64_t> case_start{0};  // where the running case began
  std::atomic<std::int64_t> started{0};      // when the running operation started, in steady nanoseconds; 0: none runs
  std::array<TraceRecord, length> ring{};
};

/// Writes a trace. Only the thread that made it is recorded: recording others would order them, and hide their races.
class Trace {
 public:
  explicit Trace(TracePage& page) noexcept : page_{&page}, owner_{std::this_thread::get_id()} {}

  /// One error that an operation returned.
  struct SeenError {
    Operation operation;
    Error error;
  };

  /// Notes that an operation starts; finish() says how it ended.
  class Entry {
   public:
    Entry(Trace& trace, Operation operation, Subjects subject, std::uint32_t handle, std::uint64_t first, std::uint64_t second) noexcept
        : trace_{trace.is_recording() ? &trace : nullptr}, operation_{operation} {
      if (trace_ != nullptr) trace_->start({operation, TraceRecord::in_progress, subject, handle, first, second, 0, 1});
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      if (trace_ != nullptr) trace_->finish(TraceRecord::threw, 0);
    }
    void succeed(std::uint64_t value = 0) noexcept {
      if (trace_ != nullptr) std::exchange(trace_, nullptr)->finish(TraceRecord::succeeded, value);
    }
    void fail(const Error& error) {
      if (trace_ == nullptr) return;
      Trace& trace = *std::exchange(trace_, nullptr);
      trace.finish(static_cast<std::uint16_t>(error.code()), 0);
      if (trace.errors_.size() < 4096) trace.errors_.push_back({operation_, error});
    }

   private:
    Trace* trace_;
    Operation operation_;
  };

  /// Starts a new case: what came before is not part of a failure's trace.
  void start_case() noexcept {
    if (is_recording()) page_->case_start.store(page_->count.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t new_handle() noexcept { return last_handle_.fetch_add(1, std::memory_order_relaxed) + 1; }
  /// Every error that was returned to the owning thread, the first 4096.
  [[nodiscard]] const std::vector<SeenError>& errors() const noexcept { return errors_; }
  [[nodiscard]] const TracePage& page() const noexcept { return *page_; }

 private:
  [[nodiscard]] bool is_recording() const noexcept { return std::this_thread::get_id() == owner_; }

  [[nodiscard]] TraceRecord& last() noexcept { return page_->ring[(page_->count.load(std::memory_order_relaxed) - 1) % TracePage::length]; }
  void start(const TraceRecord& record) noexcept {
    const std::uint64_t count = page_->count.load(std::memory_order_relaxed);
    page_->ring[count % TracePage::length] = record;
    page_->count.store(count + 1, std::memory_order_release);
    page_->started.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_release);
  }
  void finish(std::uint16_t outcome, std::uint64_t value) noexcept {
    page_->started.store(0, std::memory_order_release);
    TraceRecord& record = last();
    record.outcome = outcome;
    record.value = value;
    merge_with_previous();
  }
  // A run of equal operations is one record, so that a write byte by byte does not push out what came before.
  void merge_with_previous() noexcept {
    const std::uint64_t count = page_->count.load(std::memory_order_relaxed);
    if (count < 2 || page_->case_start.load(std::memory_order_relaxed) == count - 1) return;
    const TraceRecord& record = last();
    TraceRecord& previous = page_->ring[(count - 2) % TracePage::length];
    const bool same = previous.operation == record.operation && previous.subject == record.subject && previous.handle == record.handle &&
                      previous.outcome == record.outcome && previous.second == record.second && previous.value == record.value &&
                      (previous.first == record.first || record.operation == Operation::read_at);
    if (!same) return;
    ++previous.repeats;
    page_->count.store(count - 1, std::memory_order_release);
  }

  TracePage* page_;
  std::thread::id owner_;
  std::atomic<std::uint32_t> last_handle_{0};
  std::vector<SeenError> errors_;
};

/// "location 1: shrink(4096) -> no_space"
[[nodiscard]] std::string text_of(const TraceRecord& record);

/// The operations of the running case, oldest first; the last `most` of them.
[[nodiscard]] std::vector<std::string> lines_of(const TracePage& page, std::size_t most = 40);

}  // namespace hybridbuffer::conformance
