#pragma once

#include <hybridbuffer/buffer_stats.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include "model_streams.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// Every composition of HybridBuffer behind one virtual interface, so that the model test compiles once and each composition costs its
/// own instantiation only.

namespace hybridbuffer::testing {

/// What is compared after every operation.
struct Observation {
  std::uint64_t size = 0;
  std::uint64_t tell = 0;
  std::uint64_t first_offset = 0;
  std::uint64_t unread = 0;
  bool empty = false;
  bool is_open = false;
};

/// A buffer under test and cursors over it. Each member is HybridBuffer's of the same name.
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  [[nodiscard]] virtual Observation observe() const = 0;
  [[nodiscard]] virtual BufferStats stats() const = 0;
  [[nodiscard]] virtual bool is_spilled() const = 0;
  [[nodiscard]] virtual bool would_spill(std::uint64_t count) const = 0;
  [[nodiscard]] virtual std::uint64_t room() const = 0;

  [[nodiscard]] virtual Result<void> append(View bytes) = 0;
  [[nodiscard]] virtual Result<void> append(std::string_view text) = 0;
  [[nodiscard]] virtual Result<void> append(std::byte byte) = 0;
  [[nodiscard]] virtual Result<void> append(char unit) = 0;
  [[nodiscard]] virtual Result<void> append(char32_t code_point) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> read_from(PieceSource& source, std::uint64_t limit) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> read_from(int descriptor, std::uint64_t limit) = 0;

  [[nodiscard]] virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
  [[nodiscard]] virtual Result<std::optional<std::byte>> get() = 0;
  [[nodiscard]] virtual Result<View> peek() = 0;
  virtual void consume(std::size_t count) = 0;
  [[nodiscard]] virtual Result<View> next_chunk() = 0;
  [[nodiscard]] virtual Result<Bytes> next(std::uint64_t count) = 0;
  [[nodiscard]] virtual Result<std::optional<char32_t>> read_code_point() = 0;
  [[nodiscard]] virtual Result<Bytes> read_until(std::byte delimiter) = 0;
  [[nodiscard]] virtual Result<std::optional<std::string>> read_line() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> write_to(BoundedSink& sink, std::uint64_t limit) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> write_to(int descriptor, std::uint64_t limit) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> seek(std::int64_t offset, Whence whence) = 0;

  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  [[nodiscard]] virtual Result<Bytes> to_bytes() const = 0;
  [[nodiscard]] virtual Result<std::string> to_string() const = 0;

  [[nodiscard]] virtual Result<void> reserve(std::uint64_t count) = 0;
  [[nodiscard]] virtual Result<void> spill() = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<void> discard_read() = 0;
  [[nodiscard]] virtual Result<void> reset() = 0;
  [[nodiscard]] virtual Result<void> close() = 0;

  /// Moves the buffer: into a new one, or over one that holds content of its own. What it was moved from must be empty and closed:
  /// false when it is not. Ends the cursors.
  [[nodiscard]] virtual bool move_construct() = 0;
  [[nodiscard]] virtual bool move_assign() = 0;

  [[nodiscard]] virtual std::size_t cursors() const = 0;
  virtual void open_cursor() = 0;
  virtual void close_cursor(std::size_t index) = 0;
  [[nodiscard]] virtual Result<std::size_t> cursor_read(std::size_t index, std::span<std::byte> out) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> cursor_seek(std::size_t index, std::int64_t offset, Whence whence) = 0;
  [[nodiscard]] virtual std::uint64_t cursor_tell(std::size_t index) const = 0;
};

/// The subject that holds what `make()` returns.
template <class Make>
class SubjectOf final : public Subject {
  using Buffer = std::remove_cvref_t<decltype(std::declval<const Make&>()())>;

 public:
  explicit SubjectOf(Make make) : make_{std::move(make)}, buffer_{std::make_unique<Buffer>(make_())} {}

  [[nodiscard]] Observation observe() const override { return observe(*buffer_); }
  [[nodiscard]] BufferStats stats() const override { return buffer_->stats(); }
  [[nodiscard]] bool is_spilled() const override { return buffer_->is_spilled(); }
  [[nodiscard]] bool would_spill(std::uint64_t count) const override { return buffer_->would_spill(count); }
  [[nodiscard]] std::uint64_t room() const override { return buffer_->room(); }

  [[nodiscard]] Result<void> append(View bytes) override { return buffer_->append(bytes); }
  [[nodiscard]] Result<void> append(std::string_view text) override { return buffer_->append(text); }
  [[nodiscard]] Result<void> append(std::byte byte) override { return buffer_->append(byte); }
  [[nodiscard]] Result<void> append(char unit) override { return buffer_->append(unit); }
  [[nodiscard]] Result<void> append(char32_t code_point) override { return buffer_->append(code_point); }
  [[nodiscard]] Result<std::uint64_t> read_from(PieceSource& source, std::uint64_t limit) override {
    return buffer_->read_from(source, limit);
  }
  [[nodiscard]] Result<std::uint64_t> read_from(int descriptor, std::uint64_t limit) override {
    return buffer_->read_from(descriptor, limit);
  }

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) override { return buffer_->read(out); }
  [[nodiscard]] Result<std::optional<std::byte>> get() override { return buffer_->get(); }
  [[nodiscard]] Result<View> peek() override { return buffer_->peek(); }
  void consume(std::size_t count) override { buffer_->consume(count); }
  [[nodiscard]] Result<View> next_chunk() override { return buffer_->next_chunk(); }
  [[nodiscard]] Result<Bytes> next(std::uint64_t count) override { return buffer_->next(count); }
  [[nodiscard]] Result<std::optional<char32_t>> read_code_point() override { return buffer_->read_code_point(); }
  [[nodiscard]] Result<Bytes> read_until(std::byte delimiter) override { return buffer_->read_until(delimiter); }
  [[nodiscard]] Result<std::optional<std::string>> read_line() override { return buffer_->read_line(); }
  [[nodiscard]] Result<std::uint64_t> write_to(BoundedSink& sink, std::uint64_t limit) override { return buffer_->write_to(sink, limit); }
  [[nodiscard]] Result<std::uint64_t> write_to(int descriptor, std::uint64_t limit) override {
    return buffer_->write_to(descriptor, limit);
  }
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) override { return buffer_->seek(offset, whence); }

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return std::as_const(*buffer_).read_at(offset, out);
  }
  [[nodiscard]] Result<Bytes> to_bytes() const override { return std::as_const(*buffer_).to_bytes(); }
  [[nodiscard]] Result<std::string> to_string() const override { return std::as_const(*buffer_).to_string(); }

  [[nodiscard]] Result<void> reserve(std::uint64_t count) override { return buffer_->reserve(count); }
  [[nodiscard]] Result<void> spill() override { return buffer_->spill(); }
  [[nodiscard]] Result<void> truncate(std::uint64_t size) override { return buffer_->truncate(size); }
  [[nodiscard]] Result<void> discard_read() override { return buffer_->discard_read(); }
  [[nodiscard]] Result<void> reset() override { return buffer_->reset(); }
  [[nodiscard]] Result<void> close() override { return buffer_->close(); }

  [[nodiscard]] bool move_construct() override {
    cursors_.clear();
    auto target = std::make_unique<Buffer>(std::move(*buffer_));
    return replace_by(std::move(target));
  }
  [[nodiscard]] bool move_assign() override {
    cursors_.clear();
    auto target = std::make_unique<Buffer>(make_());
    if (!target->append(std::string_view{"content of the target"}) || !target->spill() || !target->append('x')) return false;
    *target = std::move(*buffer_);
    return replace_by(std::move(target));
  }

  [[nodiscard]] std::size_t cursors() const override { return cursors_.size(); }
  void open_cursor() override { cursors_.push_back(std::as_const(*buffer_).open_reader()); }
  void close_cursor(std::size_t index) override { cursors_.erase(cursors_.begin() + static_cast<std::ptrdiff_t>(index)); }
  [[nodiscard]] Result<std::size_t> cursor_read(std::size_t index, std::span<std::byte> out) override { return cursors_[index].read(out); }
  [[nodiscard]] Result<std::uint64_t> cursor_seek(std::size_t index, std::int64_t offset, Whence whence) override {
    return cursors_[index].seek(offset, whence);
  }
  [[nodiscard]] std::uint64_t cursor_tell(std::size_t index) const override { return cursors_[index].tell(); }

 private:
  [[nodiscard]] static Observation observe(const Buffer& buffer) {
    return {.size = buffer.size(),
            .tell = buffer.tell(),
            .first_offset = buffer.first_offset(),
            .unread = buffer.unread(),
            .empty = buffer.empty(),
            .is_open = buffer.is_open()};
  }

  [[nodiscard]] bool replace_by(std::unique_ptr<Buffer> target) {
    const Observation left = observe(*buffer_);
    const Result<void> refused = buffer_->append('x');
    const bool closed = !refused && refused.error() == errc::closed;
    buffer_ = std::move(target);
    return closed && !left.is_open && left.empty && left.size == 0 && left.tell == 0 && left.first_offset == 0;
  }

  Make make_;
  std::unique_ptr<Buffer> buffer_;
  std::vector<typename Buffer::reader_type> cursors_;
};

}  // namespace hybridbuffer::testing
