#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include "model_streams.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// A backend in memory that can be as odd as the contract allows, and complains of a caller who asks for more than it promises.

namespace hybridbuffer::testing {

/// What an OddBackend is like. All of it is legal.
struct OddTraits {
  bool reader_at = false;
  bool seeker = false;
  bool append = false;
  bool shrink = false;
  bool discard = false;
  bool gather = false;
  std::uint64_t max_object_size = 0;  ///< 0: not declared
  bool snapshot = false;              ///< handles show the object's size at their opening; else they grow
  std::size_t longest_read = std::numeric_limits<std::size_t>::max();
  bool at_run_time = false;  ///< has every member, and declares at run time which of them may be called
};

/// What all OddBackends have seen: for checks at a test's end. One thread only.
struct OddLog {
  std::uint64_t objects = 0;  ///< committed and not removed
  std::uint64_t locations = 0;
  std::uint64_t handles = 0;
  std::uint64_t opened = 0;  ///< handles so far
  std::uint64_t discards = 0;
  std::uint64_t reads = 0;
  std::uint64_t objects_end_at = std::numeric_limits<std::uint64_t>::max();  ///< damage: what lies beyond cannot be read
  std::string complaint{};                                                   ///< the first call that the contract forbids

  void complain(const char* what) {
    if (complaint.empty()) complaint = what;
  }
};
inline OddLog odd_log;

template <OddTraits traits>
class OddBackend {
  struct Object {
    Object() { ++odd_log.objects; }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object() { --odd_log.objects; }
    Bytes bytes;
    std::uint64_t discarded = 0;
  };
  using ObjectRef = std::shared_ptr<Object>;

  struct Place {
    ObjectRef object;
    bool writer_open = false;
    std::uint64_t generation = 0;
  };

  // Counts the handles that are alive.
  struct Alive {
    Alive() { ++odd_log.handles, ++odd_log.opened; }
    Alive(Alive&&) noexcept { ++odd_log.handles; }
    Alive& operator=(Alive&&) noexcept { return *this; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --odd_log.handles; }
  };

 public:
  class Writer {
   public:
    Writer(std::shared_ptr<Place> place, bool extends)
        : place_{std::move(place)}, generation_{place_->generation}, extends_{extends && place_->object != nullptr} {
      place_->writer_open = true;
    }
    Writer(Writer&&) noexcept = default;
    Writer& operator=(Writer&&) noexcept = default;
    ~Writer() { release(); }

    [[nodiscard]] Result<void> write(View bytes) {
      if (place_ == nullptr) return odd_log.complain("write after close"), failure(errc::closed, "write");
      const std::uint64_t before = extends_ ? place_->object->bytes.size() : 0;
      if (traits.max_object_size != 0 && before + pending_.size() + bytes.size() > traits.max_object_size) {
        return odd_log.complain("write beyond max_object_size"), failure(errc::limit_exceeded, "write");
      }
      pending_.insert(pending_.end(), bytes.begin(), bytes.end());
      return {};
    }
    [[nodiscard]] Result<void> write(std::span<const View> pieces)
      requires(traits.gather || traits.at_run_time)
    {
      check_declared(Capability::gather);
      for (const View piece : pieces) {
        if (auto written = write(piece); !written) return written;
      }
      return {};
    }
    [[nodiscard]] Result<void> close() {
      if (place_ == nullptr) return odd_log.complain("a second close"), failure(errc::closed, "close");
      if (place_->generation != generation_) return failure(errc::not_found, "close");
      if (extends_) {
        place_->object->bytes.insert(place_->object->bytes.end(), pending_.begin(), pending_.end());
      } else {
        place_->object = std::make_shared<Object>();
        place_->object->bytes = std::move(pending_);
      }
      release();
      return {};
    }

   private:
    void release() noexcept {
      if (place_ != nullptr && place_->generation == generation_) place_->writer_open = false;
      place_.reset();
    }

    std::shared_ptr<Place> place_;
    std::uint64_t generation_;
    bool extends_;
    Bytes pending_;
    Alive alive_;
  };

  class ReaderAt {
   public:
    explicit ReaderAt(ObjectRef object) : object_{std::move(object)}, shown_{object_->bytes.size()} {}
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
      ++odd_log.reads;
      const std::uint64_t shown = traits.snapshot ? std::min<std::uint64_t>(shown_, object_->bytes.size()) : object_->bytes.size();
      const std::uint64_t size = std::min(shown, odd_log.objects_end_at);
      const std::uint64_t left = offset < size ? size - offset : 0;
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({out.size(), left, traits.longest_read}));
      if (count != 0 && offset < object_->discarded) odd_log.complain("read of bytes that were discarded");
      if (count != 0) std::memcpy(out.data(), object_->bytes.data() + offset, count);
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), std::byte{0xEE});  // scratch space until the span is full
      return count;
    }
    [[nodiscard]] std::uint64_t size() const noexcept { return traits.snapshot ? shown_ : object_->bytes.size(); }

   private:
    ObjectRef object_;
    std::uint64_t shown_;
    Alive alive_;
  };

  class Reader {
   public:
    explicit Reader(ObjectRef object) : source_{std::move(object)} {}
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      auto count = source_.read_at(position_, out);
      position_ += *count;
      return count;
    }

   protected:
    ReaderAt source_;
    std::uint64_t position_ = 0;
  };

  class Seeker : public Reader {
   public:
    using Reader::Reader;
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
      if (whence != Whence::begin || offset < 0) return failure(errc::invalid_argument, "seek");
      return this->position_ = static_cast<std::uint64_t>(offset);
    }
  };

  OddBackend() : place_{std::make_shared<Place>()} { ++odd_log.locations; }
  OddBackend(OddBackend&&) noexcept = default;
  OddBackend& operator=(OddBackend&&) noexcept = default;
  ~OddBackend() {
    if (place_ == nullptr) return;
    static_cast<void>(remove());
    --odd_log.locations;
  }

  [[nodiscard]] Result<Writer> create() {
    if (place_->writer_open) return odd_log.complain("a second writer"), failure(errc::busy, "create");
    return Writer{place_, false};
  }
  [[nodiscard]] Result<Reader> open() const {
    if (place_->object == nullptr) return failure(errc::not_found, "open");
    return Reader{place_->object};
  }
  [[nodiscard]] Result<void> remove() {
    ++place_->generation;
    place_->writer_open = false;
    place_->object.reset();
    return {};
  }

  static constexpr Capabilities declared() noexcept {
    using enum Capability;
    Capabilities set;
    if (traits.reader_at) set = set.with(reader_at);
    if (traits.seeker) set = set.with(seeker);
    if (traits.append) set = set.with(Capability::append);
    if (traits.shrink) set = set.with(Capability::shrink);
    if (traits.discard) set = set.with(Capability::discard);
    if (traits.gather) set = set.with(gather);
    if (traits.max_object_size != 0) set = set.with(Capability::max_object_size);
    return set;
  }
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept
    requires(!traits.at_run_time)
  {
    return declared();
  }
  [[nodiscard]] Capabilities capabilities() const noexcept
    requires(traits.at_run_time)
  {
    return place_ != nullptr ? declared() : Capabilities{};
  }

  [[nodiscard]] Result<ReaderAt> open_reader_at() const
    requires(traits.reader_at || traits.at_run_time)
  {
    check_declared(Capability::reader_at);
    if (place_->object == nullptr) return failure(errc::not_found, "open_reader_at");
    return ReaderAt{place_->object};
  }
  [[nodiscard]] Result<Seeker> open_seeker() const
    requires(traits.seeker || traits.at_run_time)
  {
    check_declared(Capability::seeker);
    if (place_->object == nullptr) return failure(errc::not_found, "open_seeker");
    return Seeker{place_->object};
  }
  [[nodiscard]] Result<Writer> append()
    requires(traits.append || traits.at_run_time)
  {
    check_declared(Capability::append);
    if (place_->writer_open) return odd_log.complain("a second writer"), failure(errc::busy, "append");
    return Writer{place_, true};
  }
  [[nodiscard]] Result<void> shrink(std::uint64_t size)
    requires(traits.shrink || traits.at_run_time)
  {
    check_declared(Capability::shrink);
    if (place_->writer_open) return odd_log.complain("shrink with a writer open"), failure(errc::busy, "shrink");
    if (place_->object == nullptr || size > place_->object->bytes.size()) {
      return odd_log.complain("shrink to more than there is"), failure(errc::invalid_argument, "shrink");
    }
    place_->object->bytes.resize(static_cast<std::size_t>(size));
    return {};
  }
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t count)
    requires(traits.discard || traits.at_run_time)
  {
    check_declared(Capability::discard);
    if (place_->object == nullptr || offset + count > place_->object->bytes.size()) {
      return odd_log.complain("discard of more than there is"), failure(errc::invalid_argument, "discard");
    }
    if (offset != place_->object->discarded) odd_log.complain("discard that leaves a gap");
    ++odd_log.discards;
    place_->object->discarded = offset + count;
    return {};
  }
  [[nodiscard]] std::uint64_t max_object_size() const noexcept
    requires(traits.max_object_size != 0 || traits.at_run_time)
  {
    return traits.max_object_size != 0 ? traits.max_object_size : std::numeric_limits<std::uint64_t>::max();
  }
  [[nodiscard]] Result<void> publish(std::string_view /*destination*/, PublishMode /*mode*/)
    requires(traits.at_run_time)
  {
    check_declared(Capability::publish);
    return failure(errc::io, "publish");
  }

 private:
  static void check_declared(Capability member) {
    if (!declared().has(member)) odd_log.complain("a call of a member that is not declared");
  }

  std::shared_ptr<Place> place_;
};

using OneByteReads = OddBackend<OddTraits{.longest_read = 1}>;
using SnapshotReaderAt = OddBackend<OddTraits{.reader_at = true, .append = true, .snapshot = true}>;
using GrowingReaderAt =
    OddBackend<OddTraits{.reader_at = true, .append = true, .shrink = true, .discard = true, .gather = true, .longest_read = 700}>;
using SnapshotSeeker = OddBackend<OddTraits{.seeker = true, .append = true, .shrink = true, .snapshot = true, .longest_read = 33}>;
using GrowingSeeker = OddBackend<OddTraits{.seeker = true, .append = true, .discard = true}>;
using AppendOnly = OddBackend<OddTraits{.append = true, .longest_read = 7}>;
using SmallObjects = OddBackend<OddTraits{.reader_at = true, .append = true, .max_object_size = 1000, .snapshot = true}>;
using TinyObjects = OddBackend<OddTraits{.gather = true, .max_object_size = 100}>;
using NothingAtRunTime = OddBackend<OddTraits{.at_run_time = true}>;
using SomeAtRunTime = OddBackend<OddTraits{.seeker = true, .append = true, .max_object_size = 3000, .at_run_time = true}>;

static_assert(storage_backend<OneByteReads> && storage_backend<SnapshotReaderAt> && storage_backend<GrowingReaderAt>);
static_assert(storage_backend<SnapshotSeeker> && storage_backend<GrowingSeeker> && storage_backend<AppendOnly>);
static_assert(storage_backend<SmallObjects> && storage_backend<TinyObjects>);
static_assert(storage_backend<NothingAtRunTime> && storage_backend<SomeAtRunTime>);

}  // namespace hybridbuffer::testing
