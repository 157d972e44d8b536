#pragma once

#include <hybridbuffer/backend/s3_credential_chain.hpp>
#include <hybridbuffer/backend/s3_handles.hpp>
#include <hybridbuffer/backend/s3_options.hpp>
#include <hybridbuffer/backend/s3_orphans.hpp>
#include <hybridbuffer/detail/s3_endpoint.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_publish.hpp>
#include <hybridbuffer/detail/s3_upload.hpp>
#include <hybridbuffer/detail/s3_waste.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

class S3Storage;

/// One object in a bucket, under a random name that nobody else uses.
///
///     auto backend = S3Storage{{.bucket = "spill", .prefix = "app/", .endpoint = "http://ceph:7480"}}.create_backend();
///     auto writer = backend->create();
///     writer->write(bytes);
///     writer->close();                                     // the object is there from here on
///     backend->publish("results/2024.bin", PublishMode::keep);
///
/// Each create() takes a new name; what it replaces is deleted once the new object is there, so a reader that is still open on it gets
/// `corrupted`. There is no append: HybridBuffer makes a location of each spill.
/// Destroying it deletes what it stored, within S3Timeouts::cleanup; what the store did not delete then, and what a killed process leaves,
/// S3Storage::orphans() finds.
/// Threads: `open*` from any thread at any time; the rest one at a time.
class S3Backend {
 public:
  using storage_type = S3Storage;

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, seeker, publish, gather, max_object_size};
  }

  S3Backend(S3Backend&& other) noexcept = default;
  S3Backend& operator=(S3Backend&& other) noexcept {
    if (this != &other) {
      dispose();
      place_ = std::move(other.place_);
      waste_ = std::move(other.waste_);
      name_ = std::move(other.name_);
      objects_ = other.objects_;
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~S3Backend() { dispose(); }

  /// Starts a new object, which replaces the committed one once it is closed. No request.
  /// Errors: `busy` while a writer is open, `closed`, `no_space`.
  [[nodiscard]] Result<S3Writer> create() {
    auto state = state_.start_writer("create an S3 object");
    if (!state) return std::unexpected{std::move(state).error()};
    try {
      auto upload = std::make_unique<detail::S3Upload>(place_, waste_, name_ + "." + std::to_string(++objects_));
      return S3Writer{*std::move(state), std::move(upload), waste_};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create an S3 object", "out of memory");
    }
  }

  /// No request: what is not there any more is `corrupted` at the first read.
  /// Errors: `not_found`, `closed`, `no_space`.
  [[nodiscard]] Result<S3Reader> open() const { return open_seeker(); }
  [[nodiscard]] Result<S3Reader> open_seeker() const {
    auto object = committed("open an S3 object");
    if (!object) return std::unexpected{std::move(object).error()};
    try {
      return S3Reader{std::make_unique<detail::S3ReadAhead>(place_, *std::move(object))};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "open an S3 object", "out of memory");
    }
  }
  [[nodiscard]] Result<S3ReaderAt> open_reader_at() const {
    auto object = committed("open an S3 object");
    if (!object) return std::unexpected{std::move(object).error()};
    return S3ReaderAt{place_, *std::move(object)};
  }

  /// Deletes the object and all else that this location still has in the store; an open writer can no longer commit.
  /// Errors: what is not deleted then is tried again by the next remove(), replacement or the destructor; open() is `not_found` all the
  /// same.
  [[nodiscard]] Result<void> remove() {
    detail::S3ObjectRef removed;
    auto taken = state_.remove("remove an S3 object", [&](detail::S3ObjectRef& object) -> Result<void> {
      removed = std::exchange(object, {});
      return {};
    });
    if (!taken) return taken;
    return clear(removed, place_->options().timeouts.operation);
  }

  /// Copies the object on the server to the lasting key `destination` of the same bucket; the copy is its own object.
  ///
  /// Errors: `already_exists` (with keep); `not_found` when there is no object; `busy` while a writer is open; `unsupported` above 5 GiB,
  ///         and with keep where the store takes no condition on what it writes; `invalid_argument` for an empty destination; the store's.
  ///         After `timeout` and `unavailable` the copy may be there, whole.
  ///         With keep an object of one part is read and stored on condition that the key is free; a larger one is copied after a look at
  ///         the key, and where the store ignores If-None-Match on a copy what somebody else puts there meanwhile can
  ///         be replaced.
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode) {
    auto state = state_.start_writer("publish an S3 object");
    if (!state) return std::unexpected{std::move(state).error()};
    auto object = committed("publish an S3 object");
    if (!object) return std::unexpected{std::move(object).error()};
    try {
      return detail::publish_object(place_, **object, destination, mode);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "publish an S3 object", "out of memory");
    }
  }

  /// The lower of S3Options::max_object_size and 10 000 parts.
  [[nodiscard]] std::uint64_t max_object_size() const noexcept {
    if (!place_) return 0;
    return std::min<std::uint64_t>(place_->options().max_object_size, place_->options().part_bytes * std::uint64_t{10'000});
  }

 private:
  friend class S3Storage;

  /// Errors: std::bad_alloc.
  S3Backend(detail::S3PlaceRef place, std::string name)
      : place_{std::move(place)}, waste_{std::make_shared<detail::S3Waste>()}, name_{std::move(name)} {}

  [[nodiscard]] Result<detail::S3ObjectRef> committed(OperationName operation) const {
    return state_.read(operation, [&](const detail::S3ObjectRef& object) -> Result<detail::S3ObjectRef> {
      if (!object) return failure(errc::not_found, operation);
      return object;
    });
  }

  [[nodiscard]] Result<void> clear(const detail::S3ObjectRef& removed, std::chrono::milliseconds deadline) noexcept {
    if (removed) waste_->add(std::move(removed->removal));
    waste_->look_again();
    return waste_->clear(place_, deadline);
  }

  void dispose() noexcept {
    if (!state_.check("destroy an S3 backend")) return;
    detail::S3ObjectRef removed;
    [[maybe_unused]] const auto taken = state_.remove("destroy an S3 backend", [&](detail::S3ObjectRef& object) -> Result<void> {
      removed = std::exchange(object, {});
      return {};
    });
    [[maybe_unused]] const auto cleared = clear(removed, place_->options().timeouts.cleanup);  // orphans() finds what is left
  }

  detail::S3PlaceRef place_;
  std::shared_ptr<detail::S3Waste> waste_;
  std::string name_;
  std::uint64_t objects_ = 0;  // names used so far
  LocationState<detail::S3ObjectRef> state_;
};

/// A bucket, or a prefix in one. A value: copies share connections, credentials and the retry budget; what it made outlives it.
///
///     S3Storage aws{{.bucket = "spill", .prefix = "app/", .region = "eu-central-1"}};   // credentials: where its tools look for them
///     S3Storage ceph{{.bucket = "spill",
///                     .endpoint = "https://ceph.example",
///                     .credentials = fixed_credentials({"key", "secret"})}};
///
/// Objects are named prefix + "hybridbuffer-" + random. The bucket must be there.
/// Cost:    making one sends nothing; neither does create_backend().
/// Threads: create_backend, check, orphans, remove_orphans and trim from any number at once. libcurl resolves a host name, not an address,
///          on a thread of its own that ends with the answer.
class S3Storage {
 public:
  S3Storage() = default;
  /// Errors: std::bad_alloc; a setting that is wrong is create_backend()'s error.
  explicit S3Storage(S3Options options) : options_{std::move(options)} {
    if (!options_.credentials) options_.credentials = default_credentials();
    if (auto sizes = detail::check_s3_sizes(options_); !sizes) {
      usable_ = std::move(sizes);
      return;
    }
    auto endpoint = detail::s3_endpoint(options_);
    auto session = detail::s3_random_name();
    if (!endpoint) usable_ = std::unexpected{std::move(endpoint).error()};
    else if (!session) usable_ = std::unexpected{std::move(session).error()};
    else {
      usable_ = {};
      place_ = std::make_shared<detail::S3Place>(options_, *std::move(endpoint));
      session_ = detail::s3_name_prefix(options_) + session->substr(0, 12) + "-";
    }
  }

  /// A new, empty location.
  /// Errors: `invalid_argument` that names a setting, `closed` after a move, `no_space`.
  [[nodiscard]] Result<S3Backend> create_backend() const {
    if (!place_) return unusable();
    try {
      auto name = detail::s3_random_name();
      if (!name) return std::unexpected{std::move(name).error()};
      return S3Backend{place_, session_ + *name};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "create an S3 location", "out of memory");
    }
  }

  /// Stores, reads and deletes a byte: whether bucket, credentials and rights are what the storage needs.
  [[nodiscard]] Result<void> check() const {
    auto backend = create_backend();
    if (!backend) return std::unexpected{std::move(backend).error()};
    auto writer = backend->create();
    if (!writer) return std::unexpected{std::move(writer).error()};
    std::byte probe{1};
    if (auto written = writer->write(std::span{&probe, 1}); !written) return written;
    if (auto closed = writer->close(); !closed) return closed;
    auto reader = backend->open_reader_at();
    if (!reader) return std::unexpected{std::move(reader).error()};
    if (auto read = reader->read_at(0, std::span{&probe, 1}); !read) return std::unexpected{std::move(read).error()};
    return backend->remove();
  }

  /// What earlier processes left under the prefix: objects and uploads with names of this library that are older than `age` by the store's
  /// clock, and not of this storage. A process that still runs may own what it made longer ago than `age`: choose more than any lives.
  /// Errors: `closed`, `invalid_argument`, those of the store.
  [[nodiscard]] Result<std::vector<S3Orphan>> orphans(std::chrono::seconds age = std::chrono::hours{24}) const {
    if (!place_) return unusable();
    try {
      return detail::list_orphans(place_, session_, age);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "list S3 orphans", "out of memory");
    }
  }
  /// Deletes and aborts them. Errors: the first; the others are tried all the same.
  [[nodiscard]] Result<void> remove_orphans(std::span<const S3Orphan> orphans) const {
    if (!place_) return unusable();
    try {
      detail::S3Waste::Entries entries;
      for (const S3Orphan& orphan : orphans) entries.push_back({orphan.key, orphan.upload_id});
      detail::S3Waste::Entries gone;
      return detail::S3Waste::remove(place_, place_->options().timeouts.operation, entries, gone);
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "remove S3 orphans", "out of memory");
    }
  }

  /// Closes idle connections.
  void trim() const noexcept {
    if (place_) place_->trim();
  }
  [[nodiscard]] const S3Options& options() const noexcept { return options_; }

 private:
  [[nodiscard]] std::unexpected<Error> unusable() const noexcept {
    if (!usable_) return std::unexpected{usable_.error()};
    return failure(errc::closed, "use an S3 storage that was moved from");
  }

  S3Options options_{};
  Result<void> usable_ = failure(errc::invalid_argument, detail::s3_settings, "bucket: no name of one");
  detail::S3PlaceRef place_{};
  std::string session_{};
};

}  // namespace hybridbuffer::inline v0_1
