#pragma once

#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/seeking_reader.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// \file
/// A storage whose bytes lie open: a test reads and changes what a transform has stored, and makes its commits fail.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

/// What one location holds, and how its next commit ends.
struct OpenObject {
  std::mutex mutex;
  std::optional<Bytes> bytes;
  std::optional<errc> commit_fails;  ///< the next close(), shrink(), discard() or remove() answers so, once
  bool commit_was_done = false;      ///< and has its effect all the same
  std::uint64_t reads = 0;           ///< calls that read
  std::vector<std::pair<std::uint64_t, std::uint64_t>> discarded;
};

class OpenBackend {
 public:
  class Writer {
   public:
    Result<void> write(std::span<const std::byte> bytes) {
      return state_.write([&]() -> Result<void> {
        added_.insert(added_.end(), bytes.begin(), bytes.end());
        return {};
      });
    }
    Result<void> close() {
      return state_.close([&](std::shared_ptr<OpenObject>& object) -> Result<void> {
        const std::scoped_lock lock{object->mutex};
        const auto fails = std::exchange(object->commit_fails, std::nullopt);
        if (!fails || object->commit_was_done) {
          if (!object->bytes || !extends_) object->bytes.emplace();
          object->bytes->insert(object->bytes->end(), added_.begin(), added_.end());
        }
        if (fails) return failure(*fails, "commit");
        return {};
      });
    }

   private:
    friend OpenBackend;
    Writer(WriterState<std::shared_ptr<OpenObject>> state, bool extends) : state_{std::move(state)}, extends_{extends} {}
    WriterState<std::shared_ptr<OpenObject>> state_;
    Bytes added_;
    bool extends_;
  };

  class ReaderAt {
   public:
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
      if (auto usable = state_.check("read_at"); !usable) return std::unexpected{usable.error()};
      const std::scoped_lock lock{object_->mutex};
      ++object_->reads;
      if (!object_->bytes || offset >= object_->bytes->size()) return 0;
      const auto count = std::min<std::size_t>(out.size(), object_->bytes->size() - static_cast<std::size_t>(offset));
      std::memcpy(out.data(), object_->bytes->data() + offset, count);
      return count;
    }
    Result<std::uint64_t> size() const {
      if (auto usable = state_.check("size"); !usable) return std::unexpected{usable.error()};
      const std::scoped_lock lock{object_->mutex};
      return object_->bytes ? object_->bytes->size() : 0;
    }

   private:
    friend OpenBackend;
    explicit ReaderAt(std::shared_ptr<OpenObject> object) : object_{std::move(object)} {}
    ReaderState state_;
    std::shared_ptr<OpenObject> object_;
  };
  using Reader = SeekingReader<ReaderAt>;

  explicit OpenBackend(std::shared_ptr<OpenObject> object) : location_{std::move(object)} {}

  static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, seeker, append, shrink, discard};
  }
  Result<Writer> create() { return start(false); }
  Result<Writer> append() { return start(true); }
  Result<Reader> open() const {
    auto source = open_reader_at();
    if (!source) return std::unexpected{source.error()};
    return Reader{*std::move(source)};
  }
  Result<Reader> open_seeker() const { return open(); }
  Result<ReaderAt> open_reader_at() const {
    return location_.read("open", [](const std::shared_ptr<OpenObject>& object) -> Result<ReaderAt> {
      const std::scoped_lock lock{object->mutex};
      if (!object->bytes) return failure(errc::not_found, "open");
      return ReaderAt{object};
    });
  }
  Result<void> shrink(std::uint64_t size) {
    return location_.change("shrink", [&](std::shared_ptr<OpenObject>& object) -> Result<void> {
      const std::scoped_lock lock{object->mutex};
      if (!object->bytes) return failure(errc::not_found, "shrink");
      if (size > object->bytes->size()) return failure(errc::invalid_argument, "shrink");
      const auto fails = std::exchange(object->commit_fails, std::nullopt);
      if (!fails || object->commit_was_done) object->bytes->resize(static_cast<std::size_t>(size));
      if (fails) return failure(*fails, "shrink");
      return {};
    });
  }
  Result<void> discard(std::uint64_t offset, std::uint64_t n) {
    return location_.change("discard", [&](std::shared_ptr<OpenObject>& object) -> Result<void> {
      const std::scoped_lock lock{object->mutex};
      if (!object->bytes) return failure(errc::not_found, "discard");
      const auto begin = std::min<std::uint64_t>(offset, object->bytes->size());
      const auto end = std::min<std::uint64_t>(offset + n, object->bytes->size());
      const auto fails = std::exchange(object->commit_fails, std::nullopt);
      if (fails && !object->commit_was_done) return failure(*fails, "discard");
      std::fill(object->bytes->begin() + static_cast<std::ptrdiff_t>(begin), object->bytes->begin() + static_cast<std::ptrdiff_t>(end),
                std::byte{});
      object->discarded.emplace_back(begin, end);
      if (fails) return failure(*fails, "discard");
      return {};
    });
  }
  Result<void> remove() {
    return location_.remove("remove", [](std::shared_ptr<OpenObject>& object) -> Result<void> {
      const std::scoped_lock lock{object->mutex};
      const auto fails = std::exchange(object->commit_fails, std::nullopt);
      if (!fails || object->commit_was_done) object->bytes.reset();
      if (fails) return failure(*fails, "remove");
      return {};
    });
  }

 private:
  Result<Writer> start(bool extends) {
    auto state = location_.start_writer("write");
    if (!state) return std::unexpected{state.error()};
    return Writer{*std::move(state), extends};
  }
  LocationState<std::shared_ptr<OpenObject>> location_;
};

/// The test keeps `made`: the objects of the locations in the order in which they were made.
class OpenStorage {
 public:
  Result<OpenBackend> create_backend() const {
    made->push_back(std::make_shared<OpenObject>());
    return OpenBackend{made->back()};
  }
  std::shared_ptr<std::vector<std::shared_ptr<OpenObject>>> made = std::make_shared<std::vector<std::shared_ptr<OpenObject>>>();
};

/// Bytes that tell their position.
[[nodiscard]] inline Bytes pattern(std::size_t size, std::uint64_t seed = 1) {
  Bytes bytes(size);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U;
  for (std::byte& b : bytes) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    b = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

/// All that a reader gives, `piece` bytes at a time.
template <class Reader>
[[nodiscard]] Result<Bytes> read_all(Reader& reader, std::size_t piece) {
  Bytes all;
  Bytes block(piece);
  for (;;) {
    const auto count = reader.read(block);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

template <class Writer>
[[nodiscard]] Result<void> write_all(Result<Writer> writer, std::span<const std::byte> bytes, std::size_t piece) {
  if (!writer) return std::unexpected{writer.error()};
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    if (auto written = writer->write(part); !written) return written;
    bytes = bytes.subspan(part.size());
  }
  return writer->close();
}

}  // namespace hybridbuffer::testing
