#pragma once

#include <hybridbuffer/backend/file_handles.hpp>
#include <hybridbuffer/backend/file_options.hpp>
#include <hybridbuffer/backend/file_place.hpp>
#include <hybridbuffer/backend/file_publish.hpp>
#include <hybridbuffer/backend/file_transfer.hpp>
#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

class FileStorage;

/// One object in a file without a name: what is stored goes with the backend, and with the process, however it ends.
///
///     auto backend = FileStorage{{.directory = "/var/tmp"}}.create_backend();
///     auto writer = backend->append();            // one pwritev at the committed end; no allocation
///     writer->write(bytes);
///     writer->close();                            // visible from here on
///     backend->publish("/home/me/result", PublishMode::keep);
///
/// A replacement goes into a new file, so that open readers keep the old bytes. A publish seals the object: append, shrink, discard and
/// transfer_from answer `unsupported` from then on, until create() starts another.
/// Threads: `open*`, `map` and `transfer_to` from any thread at any time; the rest one at a time. What is cut off or discarded while
///          transfer_to moves it may come out as anything.
class FileBackend {
 public:
  using storage_type = FileStorage;

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, seeker, append, shrink, discard, map, transfer, publish, gather, max_object_size};
  }

  /// Starts a new object, which replaces the committed one once it is closed.
  [[nodiscard]] Result<FileWriter> create() {
    auto state = state_.start_writer("create file");
    if (!state) return std::unexpected{std::move(state).error()};
    return start(*std::move(state), {});
  }

  /// Extends the committed object; without one acts as create().
  /// Cost: no system call and no allocation when there is an object.
  [[nodiscard]] Result<FileWriter> append() {
    auto change = begin_change("append to file");
    if (!change) return std::unexpected{std::move(change).error()};
    return start(std::move(change->state), std::move(change->file));
  }

  [[nodiscard]] Result<FileReader> open() const { return open_seeker(); }
  [[nodiscard]] Result<FileReader> open_seeker() const {
    auto source = open_reader_at();
    if (!source) return std::unexpected{std::move(source).error()};
    return FileReader{*std::move(source)};
  }
  [[nodiscard]] Result<FileReaderAt> open_reader_at() const {
    auto file = committed("open file");
    if (!file) return std::unexpected{std::move(file).error()};
    return FileReaderAt{*std::move(file)};
  }

  /// Removes the object; an open writer can no longer commit, open readers keep the bytes (and their storage).
  [[nodiscard]] Result<void> remove() {
    detail::FileRef removed;
    return state_.remove("remove file", [&](detail::FileRef& object) -> Result<void> {
      removed = std::exchange(object, {});
      return {};
    });
  }

  /// Makes the object its first `n` bytes; readers see no more of it.
  /// Errors: `invalid_argument` above its size; `not_found`; `busy` while a writer is open; `unsupported` after a publish.
  [[nodiscard]] Result<void> shrink(std::uint64_t n) {
    auto change = begin_change("shorten file");
    if (!change) return std::unexpected{std::move(change).error()};
    if (!change->file) return failure(errc::not_found, "shorten file in", place_->path());
    if (n > change->file->size()) return failure(errc::invalid_argument, "shorten a file to more than its size in", place_->path());
    if (n == change->file->size()) return {};
    if (n < change->file->lent_end()) return shrink_by_copy(*std::move(change), n);
    return change->file->shrink(n);
  }

  /// Gives storage of `[offset, offset + n)` back; what was in there reads as anything, everything else stays. Whole pages are
  /// given back: what does not fill one waits for a discard that continues this one.
  /// Errors: `unsupported` where the file system cannot, and after a publish; `not_found`; `busy` while a writer is open.
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n) {
    auto change = begin_change("give back part of a file");
    if (!change) return std::unexpected{std::move(change).error()};
    if (!change->file) return failure(errc::not_found, "give back part of a file in", place_->path());
    const std::uint64_t size = change->file->size();
    const std::uint64_t rest = offset < size ? size - offset : 0;
    return rest == 0 || n == 0 ? Result<void>{} : change->file->discard(offset, n < rest ? n : rest);
  }

  /// Up to `n` bytes from `offset`, mapped; none at and beyond the end.
  [[nodiscard]] Result<FileWindow> map(std::uint64_t offset, std::size_t n) const {
    auto file = committed("map file");
    if (!file) return std::unexpected{std::move(file).error()};
    return detail::map_window(*std::move(file), offset, n);
  }

  /// Moves up to `n` bytes from `offset` to the position of `target` without passing through user memory.
  ///
  /// Returns: how many: n, or fewer at the object's end, or fewer because an error came after them; the next call meets it.
  /// Errors:  nothing moved then. `unsupported`: copy by hand (a target opened with O_APPEND, say). `unavailable`: a non-blocking
  ///          target is full, or nobody reads there. A pipe or socket whose reader is gone raises SIGPIPE, the caller's matter.
  /// Cost:    a pipe or socket gets pages of the file itself, which must then stay as they are: from then on discard gives back whole
  ///          2 MiB, and shrinking below what was moved copies the rest.
  [[nodiscard]] Result<std::uint64_t> transfer_to(int target, std::uint64_t offset, std::uint64_t n) const {
    auto file = committed("transfer from file");
    if (!file) return std::unexpected{std::move(file).error()};
    return detail::transfer_out(**file, offset, target, n);
  }

  /// Extends the object by up to `n` bytes from the position of `source`, which ends right behind them. Committed when it returns.
  ///
  /// Returns: how many: n, or fewer at the end of `source`, or fewer because an error came after them; the next call meets it.
  /// Errors:  nothing moved then. `unsupported`: copy by hand (`source` is neither a pipe nor a file that the kernel copies from).
  ///          `unavailable`: a non-blocking source is empty. As append() and write.
  [[nodiscard]] Result<std::uint64_t> transfer_from(int source, std::uint64_t n) {
    auto writer = append();
    if (!writer) return std::unexpected{std::move(writer).error()};
    auto taken = writer->take(source, n);
    if (!taken || *taken == 0) return taken;
    if (auto closed = writer->close(); !closed) return std::unexpected{std::move(closed).error()};
    return taken;
  }

  /// Gives the object the lasting name `destination`, mode 0600; it survives the backend. No byte is copied when the file system can
  /// link the file there and it has no name yet. A relative path counts from the working directory; a symbolic link is replaced.
  ///
  /// Errors: `already_exists` (with keep); `not_found` naming the directory, or when there is no object; `invalid_argument` for a
  ///         directory; `busy` while a writer is open; the system's. The destination is then as it was; after `unavailable` it may be, or
  ///         the name is there and may not last (with sync_on_publish, when the directory could not be synchronised).
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode) {
    auto state = state_.start_writer("publish file");
    if (!state) return std::unexpected{std::move(state).error()};
    auto file = committed("publish file");
    if (!file) return std::unexpected{std::move(file).error()};
    return detail::publish_file(**file, destination, mode, place_->options());
  }

  [[nodiscard]] std::uint64_t max_object_size() const noexcept { return place_ ? place_->max_object_size() : 0; }

 private:
  friend class FileStorage;

  explicit FileBackend(detail::PlaceRef place) : place_{std::move(place)} {}

  /// The committed file, and the right to be the only one that changes it.
  struct Change {
    WriterState<detail::FileRef> state;
    detail::FileRef file;  // null when there is no object
  };

  [[nodiscard]] Result<Change> begin_change(OperationName operation) {
    auto state = state_.start_writer(operation);
    if (!state) return std::unexpected{std::move(state).error()};
    auto file = state_.read(operation, [](const detail::FileRef& object) { return Result<detail::FileRef>{object}; });
    if (!file) return std::unexpected{std::move(file).error()};
    if (*file && (*file)->is_sealed()) return failure(errc::unsupported, operation, "the object was published");
    return Change{*std::move(state), *std::move(file)};
  }

  [[nodiscard]] Result<detail::FileRef> committed(OperationName operation) const {
    return state_.read(operation, [&](const detail::FileRef& object) -> Result<detail::FileRef> {
      if (!object) return failure(errc::not_found, operation, place_->path());
      return object;
    });
  }

  [[nodiscard]] Result<FileWriter> start(WriterState<detail::FileRef> state, detail::FileRef file) {
    if (!file) {
      auto made = place_->make_file();
      if (!made) return std::unexpected{std::move(made).error()};
      file = *std::move(made);
    }
    return FileWriter{std::move(state), std::move(file), place_->max_object_size()};
  }

  /// For a file whose pages a pipe or socket may still hold: cutting it would zero part of one.
  [[nodiscard]] Result<void> shrink_by_copy(Change change, std::uint64_t n) {
    auto made = place_->make_file();
    if (!made) return std::unexpected{std::move(made).error()};
    FileWriter writer{std::move(change.state), *std::move(made), place_->max_object_size()};
    if (auto copied = writer.copy(*change.file, n); !copied) return copied;
    auto closed = writer.close();
    if (closed) change.file->commit(n);  // for the handles that are open on it
    return closed;
  }

  detail::PlaceRef place_;  // before the state, which may hold the last of its files
  LocationState<detail::FileRef> state_;
};

/// A directory for files without names. A value: copies mean the same directory and share what they keep for reuse; what it made
/// outlives it.
///
///     FileStorage storage{{.directory = "/var/tmp", .max_bytes = 1ULL << 30}};
///
/// Nothing there ever has a name, except for a moment where the file system has no O_TMPFILE. Where a publish goes there is a temporary
/// name while it replaces, and while it copies to a file system without O_TMPFILE.
/// (NFS and FUSE themselves keep an unlinked file under a name of their own until it is closed.)
/// Cost:    making one with options is an allocation, and with the default ones nothing; the directory is looked for, checked and held at
///          the first create_backend() or check().
/// Threads: create_backend, check, warnings, trim and recycled from any number at once.
class FileStorage {
 public:
  FileStorage() = default;
  /// Errors: std::bad_alloc.
  explicit FileStorage(FileOptions options) : place_{new detail::FilePlace{std::move(options)}} {}
  /// Errors: std::bad_alloc.
  FileStorage(const FileStorage& other) : place_{other.moved_from_ ? nullptr : other.place().shared()}, moved_from_{other.moved_from_} {}
  FileStorage(FileStorage&& other) noexcept
      : place_{other.place_.exchange(nullptr, detail::Order::relaxed)}, moved_from_{std::exchange(other.moved_from_, true)} {}
  FileStorage& operator=(FileStorage other) noexcept {
    place_.store(other.place_.exchange(place_.load(detail::Order::relaxed), detail::Order::relaxed), detail::Order::relaxed);
    std::swap(moved_from_, other.moved_from_);
    return *this;
  }
  ~FileStorage() {
    if (auto* place = place_.load(detail::Order::acquire); place != nullptr) place->release();
  }

  /// A new, empty location. Its file is made by the first create() or append().
  ///
  /// Errors: `invalid_argument` for a directory that is not absolute and for a prefix with a slash; `permission` for a directory that
  ///         cannot be written or is writable by everybody without the sticky bit; `not_found`; `closed` after a move; std::bad_alloc.
  [[nodiscard]] Result<FileBackend> create_backend() const {
    if (moved_from_) return failure(errc::closed, "use a file storage that was moved from");
    detail::FilePlace& place = this->place();
    if (auto directory = place.directory(); !directory) return std::unexpected{std::move(directory).error()};
    return FileBackend{detail::PlaceRef{place.shared()}};
  }

  /// Stores a byte and lets it go: whether the place works now.
  [[nodiscard]] Result<void> check() const {
    auto backend = create_backend();
    if (!backend) return std::unexpected{std::move(backend).error()};
    auto writer = backend->create();
    if (!writer) return std::unexpected{std::move(writer).error()};
    constexpr std::byte probe{1};
    if (auto written = writer->write(std::span<const std::byte>{&probe, 1}); !written) return written;
    return writer->close();
  }

  /// What works and is probably not meant, a sentence each: files that are held in memory, no O_TMPFILE. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const {
    std::vector<std::string> sentences;
    if (moved_from_) return sentences;
    auto directory = place().directory();
    if (!directory) return sentences;
    if ((*directory)->in_memory) sentences.push_back((*directory)->path + " is held in memory: what is spilled there frees none");
    if ((*directory)->lacks_tmpfile.load(detail::Order::relaxed)) {
      sentences.push_back((*directory)->path + " has no O_TMPFILE: a kill while a file is made can leave an empty one, and publish copies");
    }
    return sentences;
  }

  /// Closes the files that are kept for reuse.
  void trim() const noexcept {
    if (auto* place = place_.load(detail::Order::acquire); place != nullptr) place->trim();
  }
  /// How many files it keeps for new objects now, and how many bytes they hold.
  [[nodiscard]] RecycledFiles recycled() const noexcept {
    const auto* place = place_.load(detail::Order::acquire);
    return place != nullptr ? place->recycled() : RecycledFiles{};
  }

  /// The default ones after a move.
  [[nodiscard]] const FileOptions& options() const noexcept {
    static const FileOptions defaults{};
    const auto* place = place_.load(detail::Order::acquire);
    return place != nullptr ? place->options() : defaults;
  }

 private:
  /// Of a storage with the default options, made by the first who needs it.
  [[nodiscard]] detail::FilePlace& place() const {
    detail::FilePlace* known = place_.load(detail::Order::acquire);
    if (known != nullptr) return *known;
    auto* made = new detail::FilePlace{FileOptions{}};
    if (place_.compare_exchange(known, made, detail::Order::acq_rel)) return *made;
    made->release();
    return *known;
  }

  // Null: nobody needed the default place yet, or it was moved away. So a buffer on default files is small and made at once.
  mutable detail::Atomic<detail::FilePlace*> place_{nullptr};
  bool moved_from_ = false;
};

}  // namespace hybridbuffer::inline v0_1
