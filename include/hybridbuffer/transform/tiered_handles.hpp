#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/detail/tiered_assembly.hpp>
#include <hybridbuffer/detail/tiered_object.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// What a TieredBackend hands out.

namespace hybridbuffer::inline v0_1 {

/// Writes to the first storage, and to the second from the first failure on. Threads: one at a time, any thread.
template <class FirstStorage, class SecondStorage>
class TieredWriter {
  using Assembly = detail::TieredAssembly<FirstStorage, SecondStorage>;

 public:
  using Table = std::shared_ptr<const typename Assembly::Extents>;
  using State = WriterState<Table>;

  TieredWriter(State state, std::unique_ptr<Assembly> assembly, std::uint64_t room) noexcept
      : state_{std::move(state)}, assembly_{std::move(assembly)}, room_{room} {}

  /// Errors: those of the second storage; those of the first but no_space, limit_exceeded, unavailable and timeout; `limit_exceeded`
  ///         beyond max_object_size. Cost: bytes are copied while no more than replay_bytes wait for a commit.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) { return write_pieces(std::span{&bytes, 1}); }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces)
    requires(gathering_writer<detail::writer_of<typename Assembly::First>> &&
             gathering_writer<detail::writer_of<typename Assembly::Second>>)
  {
    return write_pieces(pieces);
  }

  [[nodiscard]] Result<void> close() {
    Table made;  // what it replaces goes here, and is let go of outside the location's lock
    if (state_.is_open()) {
      static_cast<void>(state_.write([&]() -> Result<void> {  // what fails there is the verdict
        auto finished = assembly_->finish();
        if (finished) made = std::make_shared<const typename Assembly::Extents>(assembly_->extents());
        return finished;
      }));
    }
    auto verdict = state_.close([&](Table& object) {
      std::swap(object, made);
      assembly_->publish();
      return Result<void>{};
    });
    assembly_.reset();
    return verdict;
  }

 private:
  [[nodiscard]] Result<void> write_pieces(std::span<const std::span<const std::byte>> pieces) {
    return state_.write([&]() -> Result<void> {
      std::uint64_t total = 0;
      for (const auto piece : pieces) total += piece.size();
      if (total > room_) return failure(errc::limit_exceeded, "write a tiered object", "more than max_object_size");
      auto written = assembly_->write(pieces);
      if (written) room_ -= total;
      return written;
    });
  }

  State state_;
  std::unique_ptr<Assembly> assembly_;  // goes first: its inner writer, then the right to have one
  std::uint64_t room_;
};

namespace detail {

[[nodiscard]] inline std::unexpected<Error> part_is_short() noexcept {
  return failure(errc::corrupted, "read a tiered object", "part of it ends before its committed size");
}

/// How many of `n` bytes from `position` on nobody has cut off since a reader was opened on `extents`.
template <class Extents>
[[nodiscard]] std::size_t before_cut(const Extents& extents, std::uint64_t position, std::size_t n) noexcept {
  const std::uint64_t end = extents.cut_end();
  return position < end ? static_cast<std::size_t>(std::min<std::uint64_t>(n, end - position)) : 0;
}

}  // namespace detail

/// Reads an object's extents one after the other; with seekers of both storages, from anywhere.
///
/// Errors:  `corrupted` when an extent is missing or short, unless the object was cut there meanwhile; those of the inner readers. The next
///          read tries again at the same position.
/// Cost:    an inner reader for each extent, opened when it is reached.
/// Threads: one at a time, any thread.
template <class First, class Second, bool seeks>
class TieredReader {
  using Extents = detail::TieredExtents<First, Second>;

 public:
  explicit TieredReader(std::shared_ptr<const Extents> extents) noexcept : extents_{std::move(extents)} {}

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    if (bytes.empty() || position_ >= extents_->size()) return 0;
    const auto& extent = extents_->all()[extents_->find(position_)];
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), extent.end() - position_)));
    auto count = read_extent(extent, bytes);
    if (!count && count.error() == errc::corrupted) {
      const std::size_t left = detail::before_cut(*extents_, position_, bytes.size());
      if (left == 0) return 0;
      if (left < bytes.size()) count = read_extent(extent, bytes.first(left));
    }
    if (count) position_ += *count;
    return count;
  }

  /// Opens the reader of the first extent, so that an open() of a store that is away fails.
  [[nodiscard]] Result<void> start() { return extents_->size() == 0 ? Result<void>{} : stand_at(extents_->all().front()); }

  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires(seeks)
  {
    if (auto usable = state_.check("seek"); !usable) return std::unexpected{std::move(usable).error()};
    const auto target = detail::seek_target(offset, whence, position_, extents_->size());
    if (target) position_ = *target;
    return target;
  }

  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    return extents_->size();
  }

 private:
  template <class B>
  static constexpr auto handle_type() {
    if constexpr (seeks) return std::type_identity<detail::seeker_of<B>>{};
    else return std::type_identity<detail::reader_of<B>>{};
  }
  using FirstReader = typename decltype(handle_type<First>())::type;
  using SecondReader = typename decltype(handle_type<Second>())::type;

  // Reads what `extent` has at the position. After a failure there is no inner reader.
  [[nodiscard]] Result<std::size_t> read_extent(const typename Extents::Extent& extent, std::span<std::byte> bytes) {
    const auto ready = stand_at(extent);
    auto count = ready ? read_inner(bytes) : Result<std::size_t>{std::unexpected{ready.error()}};
    if (!count) inner_.template emplace<0>();
    return count;
  }

  // An inner reader at the byte of `extent` that position_ means.
  [[nodiscard]] Result<void> stand_at(const typename Extents::Extent& extent) {
    const std::uint64_t wanted = extent.offset + (position_ - extent.begin);
    if (inner_.index() == 0 || location_ != extent.location.get() || (!seeks && inner_position_ > wanted)) {
      auto opened = extent.location->is_first() ? open<0>(*extent.location) : open<1>(*extent.location);
      if (!opened) return opened;
    }
    while (inner_position_ != wanted) {
      auto moved = move_towards(wanted);
      if (!moved) return moved;
    }
    return {};
  }
  template <std::size_t tier>
  [[nodiscard]] Result<void> open(const typename Extents::Location& location) {
    const auto& backend = std::get<tier>(location.backend);
    auto opened = [&] {
      if constexpr (seeks) return backend.open_seeker();
      else return backend.open();
    }();
    if (!opened) return std::unexpected{location.open_error(std::move(opened).error())};
    inner_.template emplace<tier + 1>(*std::move(opened));
    location_ = &location;
    inner_position_ = 0;
    return {};
  }
  [[nodiscard]] Result<void> move_towards(std::uint64_t wanted) {
    if constexpr (seeks) {
      const auto moved = std::visit(
          [&](auto& inner) -> Result<std::uint64_t> {
            if constexpr (std::is_same_v<decltype(inner), std::monostate&>) return failure(errc::closed, "seek");
            else return inner.seek(static_cast<std::int64_t>(wanted), Whence::begin);
          },
          inner_);
      if (!moved) return std::unexpected{moved.error()};
      inner_position_ = wanted;
    } else {
      std::array<std::byte, 4096> scratch;
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(scratch.size(), wanted - inner_position_));
      const auto count = read_inner(std::span{scratch}.first(step));
      if (!count) return std::unexpected{count.error()};
    }
    return {};
  }
  [[nodiscard]] Result<std::size_t> read_inner(std::span<std::byte> bytes) {
    auto count = std::visit(
        [&](auto& inner) -> Result<std::size_t> {
          if constexpr (std::is_same_v<decltype(inner), std::monostate&>) return failure(errc::closed, "read");
          else return inner.read(bytes);
        },
        inner_);
    if (count && *count == 0) return detail::part_is_short();
    if (count) inner_position_ += *count;
    return count;
  }

  ReaderState state_;
  std::shared_ptr<const Extents> extents_;
  std::uint64_t position_ = 0;
  std::variant<std::monostate, FirstReader, SecondReader> inner_;
  const void* location_ = nullptr;  // that inner_ reads
  std::uint64_t inner_position_ = 0;
};

/// Reads any window of an object. Threads: any number at once. Cost: an inner reader_at for each location, opened at once.
template <class First, class Second>
class TieredReaderAt {
  using Extents = detail::TieredExtents<First, Second>;
  using Handle = detail::Either<detail::reader_at_of<First>, detail::reader_at_of<Second>>;

 public:
  /// Errors: those of the inner backends; std::bad_alloc.
  [[nodiscard]] static Result<TieredReaderAt> open(std::shared_ptr<const Extents> extents) {
    auto opened = std::make_shared<Opened>();
    opened->handle_of.reserve(extents->all().size());
    const typename Extents::Location* last = nullptr;
    for (const auto& extent : extents->all()) {
      if (extent.location.get() != last) {
        last = extent.location.get();
        auto added = extent.location->is_first() ? add<0>(*opened, *last) : add<1>(*opened, *last);
        if (!added) return std::unexpected{std::move(added).error()};
      }
      opened->handle_of.push_back(opened->handles.size() - 1);
    }
    opened->extents = std::move(extents);
    return TieredReaderAt{std::move(opened)};
  }

  /// Errors: `corrupted` when an extent is short, unless the object was cut there meanwhile; those of the inner readers.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (auto usable = state_.check("read"); !usable) return std::unexpected{std::move(usable).error()};
    const Extents& extents = *opened_->extents;
    if (bytes.empty() || offset >= extents.size()) return 0;
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), extents.size() - offset)));
    std::size_t done = 0;
    for (std::size_t index = extents.find(offset); done < bytes.size();) {
      const auto& extent = extents.all()[index];
      const std::uint64_t within = offset + done - extent.begin;
      const auto part = bytes.subspan(done, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size() - done, extent.length - within)));
      auto count = std::visit([&](const auto& inner) { return inner.read_at(extent.offset + within, part); },
                              opened_->handles[opened_->handle_of[index]]);
      if (count && *count == 0) count = detail::part_is_short();
      if (!count && count.error() == errc::corrupted) {
        const std::size_t left = detail::before_cut(extents, offset + done, part.size());
        if (left < part.size()) {
          bytes = bytes.first(done + left);
          continue;
        }
      }
      if (!count) return count;
      done += *count;
      if (offset + done == extent.end()) ++index;
    }
    return done;
  }

  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    return opened_->extents->size();
  }

 private:
  struct Opened {
    std::shared_ptr<const Extents> extents{};
    std::vector<Handle> handles{};         // goes before the locations
    std::vector<std::size_t> handle_of{};  // of each extent
  };
  explicit TieredReaderAt(std::shared_ptr<const Opened> opened) noexcept : opened_{std::move(opened)} {}

  template <std::size_t tier>
  [[nodiscard]] static Result<void> add(Opened& opened, const typename Extents::Location& location) {
    auto handle = std::get<tier>(location.backend).open_reader_at();
    if (!handle) return std::unexpected{location.open_error(std::move(handle).error())};
    opened.handles.push_back(Handle{std::in_place_index<tier>, *std::move(handle)});
    return {};
  }

  ReaderState state_;
  std::shared_ptr<const Opened> opened_;
};

}  // namespace hybridbuffer::inline v0_1
