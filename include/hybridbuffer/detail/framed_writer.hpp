#pragma once

#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// Encodes what is written, frame by frame, into a writer of the backend beneath; close() commits there and then in the table.
///
/// Cost: full frames are encoded straight from the caller's memory; the rest waits in memory of one frame. What the codec leaves as it is
///       goes on from there uncopied, where the backend beneath gathers.
/// Threads: one at a time.
template <frame_codec Codec, writer Sink>
class FramedWriter {
 public:
  /// Starts a new object, `table`, or extends the committed one: `added` says from where. `gathers`: the backend of `sink` declares it.
  /// `is_secret`: the location keeps secrets.
  FramedWriter(WriterState<NoObject> state, std::shared_ptr<FramedObject<Codec>> object, std::shared_ptr<FrameTable> table, FrameList added,
               bool is_new, std::uint64_t limit, Sink sink, bool gathers, bool is_secret)
      : state_{std::move(state)},
        object_{std::move(object)},
        table_{std::move(table)},
        added_{std::move(added)},
        sink_{std::move(sink)},
        gathers_{gathers},
        history_{table_->history()},
        frame_{is_secret},
        needs_header_{is_new},
        is_new_{is_new},
        limit_{limit} {}

  /// Errors: `limit_exceeded`, `closed`, `no_space` (memory too); those of the sink and of the codec. The first one is final.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&] { return store(bytes); });
  }

  /// Errors: that of an earlier write; `not_found` when the location was removed or destroyed; `closed`; those of the sink.
  [[nodiscard]] Result<void> close() {
    // The sink's commit may take long, so it is not under the location's lock. A failure there is the verdict below.
    if (state_.is_open()) static_cast<void>(state_.write([&] { return commit_sink(); }));
    auto verdict = state_.close([&](NoObject&) {
      table_->set_history(history_);
      if (is_new_) object_->commit(table_);
      else table_->absorb(added_);
      return Result<void>{};
    });
    release();
    return verdict;
  }

 private:
  [[nodiscard]] FrameShape shape() const noexcept { return object_->codec->shape(); }

  [[nodiscard]] Result<void> store(std::span<const std::byte> bytes) {
    const std::size_t chunk = shape().chunk_bytes;
    if (bytes.size() > limit_ - added_.size() - waiting_) return failure(errc::limit_exceeded, "write", "more than the largest object");
    while (!bytes.empty()) {
      if (waiting_ == 0 && bytes.size() >= chunk) {
        if (auto stored = store_frame(bytes.first(chunk)); !stored) return stored;
        bytes = bytes.subspan(chunk);
        continue;
      }
      const auto part = bytes.first(std::min(bytes.size(), chunk - waiting_));
      std::memcpy(frame_.plain.first(chunk, chunk).data() + waiting_, part.data(), part.size());
      waiting_ += part.size();
      bytes = bytes.subspan(part.size());
      if (waiting_ == chunk) {
        if (auto stored = store_waiting(); !stored) return stored;
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> store_waiting() {
    const std::size_t size = std::exchange(waiting_, 0);
    return store_frame(frame_.plain.first(size, shape().chunk_bytes));
  }

  [[nodiscard]] Result<void> store_frame(std::span<const std::byte> plain) {
    const std::size_t header = needs_header_ ? shape().header_bytes : 0;
    const auto room = stored_room();
    if (needs_header_) object_->codec->write_header(table_->identity(), room.first(header));
    const FrameId id{object_->next_number(), added_.size()};
    const auto frame = object_->codec->encode(history_, id, plain, room.subspan(header, plain.size() + shape().overhead_bytes));
    if (!frame) return std::unexpected{frame.error()};
    const auto content = plain.first(frame->content_follows ? plain.size() : 0);
    if (auto written = pass_on(room, header + frame->bytes, content); !written) return written;
    needs_header_ = false;
    added_.push(plain.size(), frame->bytes + content.size(), id.number);
    return {};
  }

  // The first `made` bytes of `room`, and `content` behind them, in one write: each may be a request to the store.
  [[nodiscard]] Result<void> pass_on(std::span<std::byte> room, std::size_t made, std::span<const std::byte> content) {
    if (content.empty()) return sink_.write(room.first(made));
    if constexpr (gathering_writer<Sink>) {
      if (gathers_) return sink_.write(std::array<std::span<const std::byte>, 2>{room.first(made), content});
    }
    std::memcpy(room.data() + made, content.data(), content.size());
    return sink_.write(room.first(made + content.size()));
  }

  [[nodiscard]] std::span<std::byte> stored_room() {
    const std::size_t all = shape().header_bytes + shape().chunk_bytes + shape().overhead_bytes;
    return frame_.stored.first(all, all);
  }

  [[nodiscard]] Result<void> commit_sink() {
    if (waiting_ != 0) {
      if (auto stored = store_waiting(); !stored) return stored;
    }
    if (needs_header_) {  // an empty object
      const auto header = stored_room().first(shape().header_bytes);
      object_->codec->write_header(table_->identity(), header);
      if (auto written = sink_.write(header); !written) return written;
    }
    table_->reserve_for(added_);  // so that nothing can fail behind the commit
    if (is_new_) table_->absorb(added_);
    // Whoever was cut off leaves what later writers have noted as it is.
    auto begun = state_.while_current("close", [&]() -> Result<void> {
      if (is_new_) object_->begin_commit(table_);
      else table_->note_stored_perhaps(added_.stored_end());  // readers see it in the store before the table has it
      return {};
    });
    if (!begun) return begun;
    auto closed = close_sink();
    if (!closed && !closed.error().is_indeterminate()) {
      if (is_new_) object_->withdraw(table_);
      else static_cast<void>(state_.while_current("close", [&] { return table_->note_stored_perhaps({}), Result<void>{}; }));
    }
    return closed;
  }

  [[nodiscard]] Result<void> close_sink() {
    try {
      auto closed = sink_.close();
      if (is_new_ && !closed && closed.error().is_indeterminate()) object_->leave_undecided(table_);
      return closed;
    } catch (...) {
      if (is_new_) object_->leave_undecided(table_);
      throw;
    }
  }

  // Memory is given back with the commit, not with the handle.
  void release() noexcept {
    frame_.plain.give_back();
    frame_.stored.give_back();
  }

  WriterState<NoObject> state_;
  std::shared_ptr<FramedObject<Codec>> object_;
  std::shared_ptr<FrameTable> table_;
  FrameList added_;
  Sink sink_;
  bool gathers_;
  EncodingHistory history_;
  FrameBuffers<Codec> frame_;
  std::size_t waiting_ = 0;  // bytes of its content
  bool needs_header_;
  bool is_new_;
  std::uint64_t limit_;  // of the object's size
};

}  // namespace hybridbuffer::inline v0_1::detail
