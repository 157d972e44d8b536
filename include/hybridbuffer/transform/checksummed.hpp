#pragma once

#include <hybridbuffer/detail/checksum_inspection.hpp>
#include <hybridbuffer/detail/checksum_table.hpp>
#include <hybridbuffer/detail/checksummed_object.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/checksummed_handles.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// checksummed(storage): every byte that is read was verified against a checksum that the store cannot alter. Needs the target
/// HybridBuffer::checksum, which links ISA-L.

namespace hybridbuffer::inline v0_1 {

/// Settings of a ChecksummedStorage.
struct ChecksumOptions {
  static constexpr std::uint32_t most_chunk = 16 * 1024 * 1024;  ///< The largest chunk: a reader may take memory for one.

  /// Bytes that are verified together, 1 to `most_chunk`: what a small read costs, 4 bytes of memory each.
  std::uint32_t chunk_bytes = 64 * 1024;
};

namespace detail {

/// A window or a transfer would hand out bytes that nobody verified.
struct ChecksummedCapabilities {
  [[nodiscard]] static constexpr Capabilities declared(Capabilities inner) noexcept {
    return inner.without({Capability::map, Capability::transfer});
  }
};

}  // namespace detail

/// A location whose bytes are stored as they are, with a CRC-32C for each chunk in this object's memory.
///
/// Bytes that were altered, moved or replaced by earlier ones are `corrupted` when they are read; an object that was made shorter or longer
/// is so too, at the opening where the inner handle tells a size. What was discarded is the exception: it reads as the store gives it.
/// Against an attacker who can choose bytes a CRC is no help.
/// Cost:    4 bytes of memory a chunk; appends of any size cost their bytes' checksum; readers: see their classes. After a change with an
///          unknown effect the next call finds out which one it was, by reading the object.
/// Threads: as a backend; open*, and the commit of a writer, wait for each other.
template <storage_backend Inner>
class ChecksummedBackend : public detail::ForwardedCapabilities<detail::ChecksummedCapabilities, Inner> {
  using Declares = detail::ForwardedCapabilities<detail::ChecksummedCapabilities, Inner>;
  using Object = std::shared_ptr<detail::ChecksummedObject>;
  using Table = detail::ChecksumTable;
  using TableRef = std::shared_ptr<Table>;

 public:
  using Writer = ChecksummedWriter<detail::writer_of<Inner>>;
  using Reader = ChecksummedReader<detail::reader_of<Inner>>;

  /// Requires: nothing is stored in `inner`. Errors: std::bad_alloc.
  ChecksummedBackend(Inner inner, ChecksumOptions options)
      : Declares{inner},
        location_{std::make_shared<detail::ChecksummedObject>()},
        inner_{std::move(inner)},
        chunk_bytes_{options.chunk_bytes} {}

  /// Errors: `busy` while a writer is open; those of the inner backend.
  [[nodiscard]] Result<Writer> create() {
    auto state = location_.start_writer("create a checksummed object");
    if (!state) return std::unexpected{std::move(state).error()};
    auto inner = inner_.create();
    if (!inner) return std::unexpected{std::move(inner).error()};
    return Writer{*std::move(state), *std::move(inner), nullptr, detail::RunningChecksums{chunk_bytes_, 0, 0}};
  }
  [[nodiscard]] auto append() -> Result<ChecksummedWriter<detail::appender_of<Inner>>>
    requires(Declares::may(Capability::append))
  {
    auto state = location_.start_writer("append to a checksummed object");
    if (!state) return std::unexpected{std::move(state).error()};
    auto table = location_.read("append to a checksummed object", [&](const Object& object) -> Result<TableRef> {
      if (auto known = find_out(*object); !known) return std::unexpected{std::move(known).error()};
      return object->table;
    });
    if (!table) return std::unexpected{std::move(table).error()};
    auto inner = inner_.append();
    if (!inner) return std::unexpected{std::move(inner).error()};
    const Table::View view = *table != nullptr ? (*table)->view() : Table::View{};
    return without_bad_alloc([&]() -> Result<ChecksummedWriter<detail::appender_of<Inner>>> {
      detail::RunningChecksums sums{chunk_bytes_, view.size, view.tail};
      return ChecksummedWriter<detail::appender_of<Inner>>{*std::move(state), *std::move(inner), *std::move(table), std::move(sums)};
    });
  }

  /// Errors: `not_found`; `corrupted` when the object is gone or has another size; those of the inner backend.
  [[nodiscard]] Result<Reader> open() const {
    return open_with<Reader>([&] { return inner_.open(); });
  }
  [[nodiscard]] auto open_seeker() const -> Result<ChecksummedReader<detail::seeker_of<Inner>>>
    requires(Declares::may(Capability::seeker))
  {
    return open_with<ChecksummedReader<detail::seeker_of<Inner>>>([&] { return inner_.open_seeker(); });
  }
  [[nodiscard]] auto open_reader_at() const -> Result<ChecksummedReaderAt<detail::reader_at_of<Inner>>>
    requires(Declares::may(Capability::reader_at))
  {
    return open_with<ChecksummedReaderAt<detail::reader_at_of<Inner>>>([&] { return inner_.open_reader_at(); });
  }

  [[nodiscard]] Result<void> remove() {
    return location_.remove("remove a checksummed object", [&](Object& object) {
      auto removed = inner_.remove();
      // A failure of any category: where the object is in several places, some of it may be gone.
      if (removed) object->is(nullptr);
      else object->may_be([] { return TableRef{}; });
      return removed;
    });
  }

  /// Errors: `invalid_argument` above the object's size; `not_found`; `busy` while a writer is open; `corrupted` when the chunk that holds
  ///         the new end is; those of the inner backend. Cost: reads that chunk.
  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(Declares::may(Capability::shrink))
  {
    return change("shrink a checksummed object", [&](detail::ChecksummedObject& object) -> Result<void> {
      const std::uint64_t size = object.table->view().size;
      if (n > size) return failure(errc::invalid_argument, "shrink a checksummed object", "to more than its size");
      if (n == size) return {};
      auto tail = detail::tail_at(inner_, object.table, n);
      if (!tail) return std::unexpected{std::move(tail).error()};
      auto shrunk = inner_.shrink(n);
      if (shrunk) {
        object.table->shrink(n, *tail);
      } else if (shrunk.error().is_indeterminate()) {
        object.may_be([&] {
          auto other = object.table->copy();
          other->shrink(n, *tail);
          return other;
        });
      }
      return shrunk;
    });
  }

  /// Whole chunks are given back; what does not fill one waits for a discard that goes on there.
  /// Errors: `not_found`; `busy` while a writer is open; those of the inner backend.
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(Declares::may(Capability::discard))
  {
    return change("discard part of a checksummed object", [&](detail::ChecksummedObject& object) -> Result<void> {
      const std::uint64_t size = object.table->view().size;
      if (offset >= size || n == 0) return {};
      auto before = object.table->discards();
      const auto [begin, end] = object.table->discard(offset, n < size - offset ? offset + n : size);
      if (begin == end) return {};
      auto discarded = inner_.discard(begin, end - begin);
      // Then all of it is there, and verified as before.
      if (!discarded && !discarded.error().is_indeterminate()) object.table->put_back(std::move(before));
      return discarded;
    });
  }

  /// Errors: `corrupted` when any chunk is; `not_found`; `busy` while a writer is open; those of the inner backend.
  /// Cost:   reads the object once before: what gets a lasting name was verified.
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(Declares::may(Capability::publish))
  {
    return change("publish a checksummed object", [&](detail::ChecksummedObject& object) -> Result<void> {
      if (auto good = detail::verify_all(inner_, object.table); !good) return good;
      return inner_.publish(destination, mode);
    });
  }

  [[nodiscard]] std::uint64_t append_granularity() const
    requires(Declares::may(Capability::append_granularity))
  {
    return inner_.append_granularity();
  }
  [[nodiscard]] std::uint64_t max_object_size() const
    requires(Declares::may(Capability::max_object_size))
  {
    return inner_.max_object_size();
  }

 private:
  template <class Function>
  [[nodiscard]] static auto without_bad_alloc(Function&& function) -> decltype(function()) {
    try {
      return function();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "keep checksums", "out of memory");
    }
  }

  // Opens the inner handle and finds its checksums, with no commit between the two.
  template <class Handle, class Open>
  [[nodiscard]] Result<Handle> open_with(Open&& open_inner) const {
    return location_.read("open a checksummed object", [&](const Object& object) -> Result<Handle> {
      if (auto known = find_out(*object); !known) return std::unexpected{std::move(known).error()};
      if (object->table == nullptr) return failure(errc::not_found, "open a checksummed object");
      auto inner = open_inner();
      if (!inner) return std::unexpected{detail::missing_checksummed_object(std::move(inner).error())};
      if (auto right = check_size(*inner, *object->table); !right) return std::unexpected{std::move(right).error()};
      return without_bad_alloc([&]() -> Result<Handle> {
        detail::ChecksumView view{object->table};
        if constexpr (requires(std::unique_ptr<std::atomic_flag> lock) { Handle{*std::move(inner), view, std::move(lock), true}; }) {
          return Handle{*std::move(inner), std::move(view), std::make_unique<std::atomic_flag>(), this->keeps_secrets()};
        } else {
          return Handle{*std::move(inner), std::move(view), this->keeps_secrets()};
        }
      });
    });
  }

  template <class InnerHandle>
  [[nodiscard]] static Result<void> check_size(const InnerHandle& inner, const Table& table) {
    if constexpr (detail::tells_size<InnerHandle>) {
      const auto size = detail::size_of(inner);
      if (!size && size.error() == errc::unsupported) return {};  // an erased handle of one that does not tell
      if (!size) return std::unexpected{size.error()};
      if (*size != table.view().size) return failure(errc::corrupted, "open a checksummed object", "it has another size than was stored");
    }
    return {};
  }

  // Runs `function(ChecksummedObject&)` for an object that is there, while no writer is open.
  template <class Function>
  [[nodiscard]] Result<void> change(OperationName operation, Function&& function) {
    return location_.change(operation, [&](Object& object) -> Result<void> {
      return without_bad_alloc([&]() -> Result<void> {
        if (auto known = find_out(*object); !known) return known;
        if (object->table == nullptr) return failure(errc::not_found, operation);
        return function(*object);
      });
    });
  }

  // What the object is, after changes whose effect is unknown too.
  [[nodiscard]] Result<void> find_out(detail::ChecksummedObject& object) const {
    if (object.or_else.empty()) return {};
    return without_bad_alloc([&] { return detail::find_out(inner_, object); });
  }

  LocationState<Object> location_;
  Inner inner_;
  std::uint64_t chunk_bytes_;
};

/// Makes checksummed locations in another storage. Threads: create_backend and warnings from any number at once, as in that one.
template <storage_factory Storage>
class ChecksummedStorage {
 public:
  using Backend = ChecksummedBackend<backend_of_t<Storage>>;

  /// Stands before `storage`.
  explicit ChecksummedStorage(Storage storage, ChecksumOptions options = {}) : storage_{std::move(storage)}, options_{options} {}

  /// Errors: `invalid_argument` for chunks of no bytes or more than ChecksumOptions::most_chunk; `no_space`; those of the other storage.
  [[nodiscard]] Result<Backend> create_backend() const {
    if (options_.chunk_bytes == 0 || options_.chunk_bytes > ChecksumOptions::most_chunk) {
      return failure(errc::invalid_argument, "create a checksummed location", "chunk_bytes is not within 1 byte and 16 MiB");
    }
    auto inner = storage_.create_backend();
    if (!inner) return std::unexpected{std::move(inner).error()};
    try {
      return Backend{*std::move(inner), options_};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create a checksummed location", "out of memory");
    }
  }

  /// What the other storage warns of. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const { return warnings_of(storage_); }

  [[nodiscard]] const Storage& inner() const noexcept { return storage_; }

 private:
  Storage storage_;
  ChecksumOptions options_;
};

/// A storage like `storage` that verifies what it reads.
///
///     HybridBuffer buffer{SpillAt{64_MiB}, checksummed(FileStorage{})};
template <storage_factory Storage>
[[nodiscard]] ChecksummedStorage<Storage> checksummed(Storage storage, ChecksumOptions options = {}) {
  return ChecksummedStorage<Storage>{std::move(storage), options};
}

}  // namespace hybridbuffer::inline v0_1
