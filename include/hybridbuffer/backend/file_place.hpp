#pragma once

#include <hybridbuffer/backend/file_directory.hpp>
#include <hybridbuffer/backend/file_object.hpp>
#include <hybridbuffer/backend/file_options.hpp>
#include <hybridbuffer/detail/atomic.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/error.hpp>

#include <cstdint>
#include <limits>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

/// A directory with its settings, shared by the copies of a FileStorage and all that they made. Knows the files in use, to take back
/// what they claimed ahead, and keeps those that wait for reuse.
///
/// Its lists belong to the process that used it first: a forked child of that makes files without them, for a thread of the parent may
/// have held their lock.
/// Threads: any.
class FilePlace final : public FileOwner {
 public:
  explicit FilePlace(FileOptions options) : options_{std::move(options)} {}

  void acquire() noexcept { references_.fetch_add(1, Order::relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, Order::acq_rel) == 1) delete this;
  }

  [[nodiscard]] FilePlace* shared() noexcept {
    acquire();
    return this;
  }

  [[nodiscard]] const FileOptions& options() const noexcept { return options_; }

  /// What no object exceeds: the configured limit, or the largest offset that the kernel takes.
  [[nodiscard]] std::uint64_t max_object_size() const noexcept {
    constexpr std::uint64_t largest_offset = std::numeric_limits<std::int64_t>::max();
    return options_.max_bytes < largest_offset ? options_.max_bytes : largest_offset;
  }

  /// The directory, looked for until found once.
  [[nodiscard]] Result<FileDirectory*> directory() {
    FileDirectory* known = directory_.load(Order::acquire);
    if (known != nullptr) return known;
    auto found = find_directory(options_);
    if (found) {
      ProcessIdentity nobody = 0;
      process_.compare_exchange(nobody, process_identity(), Order::relaxed);
    }
    if (!found || directory_.compare_exchange(known, *found, Order::acq_rel)) return found;
    delete *found;  // another thread was first
    return known;
  }

  /// The directory's path, for messages.
  [[nodiscard]] std::string_view path() const noexcept {
    const FileDirectory* known = directory_.load(Order::acquire);
    if (known != nullptr) return known->path;
    return options_.directory;
  }

  /// An empty file that nobody else uses.
  [[nodiscard]] Result<FileRef> make_file() {
    if (StoredFile* kept = take_kept(); kept != nullptr) return FileRef{kept};
    auto found = directory();
    if (!found) return std::unexpected{std::move(found).error()};
    auto* file = new StoredFile{*this, (*found)->path};
    acquire();
    if (is_ours()) {
      const LightGuard guard{lock_};
      enlist(*file);
    }
    FileRef reference{file};
    auto made = create_anonymous(**found, options_.prefix);
    if (!made && made.error() == errc::no_space) {
      reclaim();
      made = create_anonymous(**found, options_.prefix);
    }
    if (!made) return std::unexpected{std::move(made).error()};
    const LightGuard guard{file->tail_lock_};
    file->file_ = *std::move(made);
    return reference;
  }

  void take_back(StoredFile& file) noexcept override {
    if (!is_ours() || !keep(file)) delete &file;
    release();
  }

  /// Closes the files that wait for reuse.
  void trim() noexcept {
    if (!is_ours()) return;
    StoredFile* kept = nullptr;
    {
      const LightGuard guard{lock_};
      kept = std::exchange(kept_, nullptr);
      counters_.files = 0;
      counters_.bytes = 0;
    }
    delete_all(kept);
  }

  void reclaim() noexcept override {
    if (!is_ours()) return;
    trim();
    const LightGuard guard{lock_};
    for (StoredFile* file = files_; file != nullptr; file = file->next_) {
      const LightGuard tail{file->tail_lock_};
      const std::uint64_t bytes_end = file->size() > file->written_end_ ? file->size() : file->written_end_;
      if (file->claimed_end_ <= bytes_end) continue;
      if (system_calls::set_length(file->descriptor(), bytes_end) != 0) continue;
      file->claimed_end_ = bytes_end;
      file->measured_end_ = 0;
    }
  }

  /// None in memory, where claiming only costs.
  [[nodiscard]] std::uint64_t reserve_ahead() const noexcept override {
    const FileDirectory* known = directory_.load(Order::acquire);
    return known != nullptr && known->in_memory ? 0 : options_.reserve_ahead;
  }

  [[nodiscard]] RecycledFiles recycled() const noexcept {
    if (!is_ours()) return {};
    const LightGuard guard{lock_};
    return counters_;
  }

 private:
  ~FilePlace() {
    delete_all(kept_);
    delete directory_.load(Order::acquire);
  }

  [[nodiscard]] bool is_ours() const noexcept { return process_.load(Order::relaxed) == process_identity(); }

  static void delete_all(StoredFile* file) noexcept {
    while (file != nullptr) delete std::exchange(file, file->next_);
  }

  void enlist(StoredFile& file) noexcept {
    file.previous_ = nullptr;
    file.next_ = files_;
    if (files_ != nullptr) files_->previous_ = &file;
    files_ = &file;
  }
  void delist(StoredFile& file) noexcept {
    if (file.previous_ != nullptr) file.previous_->next_ = file.next_;
    else files_ = file.next_;
    if (file.next_ != nullptr) file.next_->previous_ = file.previous_;
  }

  /// Takes the file off the list of those in use; onto that of those kept if it fits there.
  [[nodiscard]] bool keep(StoredFile& file) noexcept {
    {
      const LightGuard guard{lock_};
      delist(file);
    }
    if (options_.recycled_files == 0 || !file.file_.descriptor || file.is_sealed() || file.lent_end() != 0 || !file.measure()) return false;
    const LightGuard guard{lock_};
    if (counters_.files >= options_.recycled_files || file.held_bytes_ > options_.recycled_bytes - counters_.bytes) return false;
    file.commit(0);
    file.written_end_ = 0;
    if (file.measured_end_ > file.claimed_end_) file.claimed_end_ = file.measured_end_;
    file.unclaimed_end_ = StoredFile::small_object;
    file.discard_from_ = file.discard_end_ = file.front_end_ = 0;
    file.next_ = std::exchange(kept_, &file);
    ++counters_.files;
    counters_.bytes += file.held_bytes_;
    return true;
  }

  [[nodiscard]] StoredFile* take_kept() noexcept {
    if (options_.recycled_files == 0 || !is_ours()) return nullptr;
    const LightGuard guard{lock_};
    StoredFile* file = kept_;
    if (file == nullptr) return nullptr;
    kept_ = file->next_;
    --counters_.files;
    counters_.bytes -= file->held_bytes_;
    ++counters_.reused;
    file->references_.store(1, Order::relaxed);
    acquire();
    enlist(*file);
    return file;
  }

  Atomic<std::uint32_t> references_{1};
  Atomic<FileDirectory*> directory_{nullptr};
  FileOptions options_;
  Atomic<ProcessIdentity> process_{0};  // that looked for the directory; 0: none yet
  mutable LightLock lock_;
  StoredFile* files_ = nullptr;  // in use
  StoredFile* kept_ = nullptr;   // waiting for reuse
  RecycledFiles counters_;
};

using PlaceRef = SharedRef<FilePlace>;

}  // namespace hybridbuffer::inline v0_1::detail
