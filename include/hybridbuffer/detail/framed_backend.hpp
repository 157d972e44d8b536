#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/framed_outcome.hpp>
#include <hybridbuffer/detail/framed_publish.hpp>
#include <hybridbuffer/detail/framed_readers.hpp>
#include <hybridbuffer/detail/framed_writer.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// What a backend in frames keeps of the one beneath: all but what lends or moves stored bytes as they are.
template <bool is_secret>
struct FramedCapabilities {
  [[nodiscard]] static constexpr bool keeps_secrets() noexcept { return is_secret; }
  [[nodiscard]] static constexpr Capabilities declared(Capabilities inner) noexcept {
    using enum Capability;
    const Capabilities kept = inner.common_with({reader_at, seeker, append, shrink, discard, publish, max_object_size});
    return inner.has(append) ? kept.with(append_granularity) : kept;
  }
};

/// A location whose object is stored in frames that `Codec` makes, in a location of `Inner`.
///
/// Which frames there are, where they stand and which of them belong to the object is held here, in memory: 40 bytes for each extension
/// that does not begin at a multiple of the chunk, and what FrameList says beyond.
/// Threads: as any storage_backend.
template <frame_codec Codec, storage_backend Inner>
class FramedBackend : public ForwardedCapabilities<FramedCapabilities<Codec::is_secret>, Inner> {
  using Declares = ForwardedCapabilities<FramedCapabilities<Codec::is_secret>, Inner>;
  using Object = FramedObject<Codec>;
  using Table = std::shared_ptr<FrameTable>;

 public:
  using Writer = FramedWriter<Codec, writer_of<Inner>>;
  using Appender = FramedWriter<Codec, appender_of<Inner>>;
  using Reader = FramedReader<Codec, reader_of<Inner>>;
  using ReaderAt = FramedReaderAt<Codec, reader_at_of<Inner>>;
  using Seeker = FramedReader<Codec, seeker_of<Inner>>;

  /// Makes another location where the one beneath is.
  using MakeInner = std::function<Result<Inner>()>;

  /// Errors: std::bad_alloc.
  FramedBackend(std::shared_ptr<const Codec> codec, Inner inner, MakeInner make_inner)
      : Declares{inner},
        inner_{std::move(inner)},
        make_inner_{std::move(make_inner)},
        object_{std::make_shared<Object>(std::move(codec))} {}

  /// Errors: `busy` while a writer is open, `no_space` (memory), `closed`; those of the backend beneath, and but for `corrupted` those of
  ///         reading where an earlier commit or removal gave no answer: whether it was done is looked at then.
  [[nodiscard]] Result<Writer> create() {
    auto state = rules_.start_writer("create");
    if (!state) return std::unexpected{std::move(state).error()};
    return guarded<Writer>("create", [&]() -> Result<Writer> {
      // Should this one fail, the object before it must be known. One that is damaged stays so.
      if (auto known = decided(inner_, *object_); !known && !(known.error() == errc::corrupted)) {
        return std::unexpected{std::move(known).error()};
      }
      auto sink = inner_.create();
      if (!sink) return std::unexpected{std::move(sink).error()};
      return new_object<Writer>(std::move(*state), std::move(*sink));
    });
  }

  /// Errors: as create(), after any change that gave no answer; `corrupted` too.
  [[nodiscard]] Result<Appender> append()
    requires(Declares::may(Capability::append))
  {
    auto state = rules_.start_writer("append");
    if (!state) return std::unexpected{std::move(state).error()};
    return guarded<Appender>("append", [&]() -> Result<Appender> {
      auto table = settled(inner_, *object_);
      if (!table) return std::unexpected{std::move(table).error()};
      auto sink = inner_.append();
      if (!sink) return std::unexpected{std::move(sink).error()};
      if (*table == nullptr) return new_object<Appender>(std::move(*state), std::move(*sink));
      const FrameTable::Ends ends = (*table)->ends();
      return Appender{std::move(*state), object_,   std::move(*table),    FrameList{shape(), ends.size, ends.stored}, false, limit(),
                      std::move(*sink),  gathers(), this->keeps_secrets()};
    });
  }
  /// The bytes of a chunk: extensions that begin at multiples of it go on in the same run of frames.
  [[nodiscard]] std::uint64_t append_granularity() const
    requires(Declares::may(Capability::append_granularity))
  {
    return object_ == nullptr ? 1 : shape().chunk_bytes;
  }

  /// Errors: `not_found`, `corrupted` when the object is gone or its header is not the one it had, `no_space` (memory), `closed`; those of
  /// the backend beneath.
  [[nodiscard]] Result<Reader> open() const {
    return opened<Reader>("open", [&] { return inner_.open(); });
  }
  [[nodiscard]] Result<Seeker> open_seeker() const
    requires(Declares::may(Capability::seeker))
  {
    return opened<Seeker>("open_seeker", [&] { return inner_.open_seeker(); });
  }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const
    requires(Declares::may(Capability::reader_at))
  {
    return opened<ReaderAt>("open_reader_at", [&] { return inner_.open_reader_at(); });
  }

  /// Errors: `closed`; those of the backend beneath.
  [[nodiscard]] Result<void> remove() {
    return rules_.remove("remove", [&](NoObject&) {
      // Also after a failure of any category: where the object is in several places, some of it may be gone.
      object_->begin_removal();
      auto removed = inner_.remove();
      if (removed) object_->commit({});
      else object_->leave_removal_undecided();
      while (removed && !left_behind_.empty()) {
        removed = removed_copy(left_behind_.back());
        if (removed) left_behind_.pop_back();
      }
      return removed;
    });
  }

  /// Cuts the last frame without rewriting it: it goes on taking its whole room.
  /// Errors: `invalid_argument` when `size` exceeds the object's, `not_found`, `busy` while a writer is open, `closed`; those of the
  ///         backend beneath.
  [[nodiscard]] Result<void> shrink(std::uint64_t size)
    requires(Declares::may(Capability::shrink))
  {
    return change("shrink", [&](FrameTable& table) -> Result<void> {
      const FrameTable::Ends ends = table.ends();
      if (size > ends.size) return failure(errc::invalid_argument, "shrink", "to more than its size");
      const std::uint64_t stored_end = table.stored_end_of(size);
      auto shrunk = inner_.shrink(stored_end);
      if (shrunk) table.cut(size);
      else if (shrunk.error().is_indeterminate() && stored_end != ends.stored) table.note_size_perhaps(size);
      return shrunk;
    });
  }

  /// Gives back the frames that hold nothing but what was discarded, by this and earlier calls; they read as zeros then, and also when
  /// the store did not say whether it did.
  /// Errors: `not_found`, `busy` while a writer is open, `no_space` (memory), `closed`; those of the backend beneath.
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(Declares::may(Capability::discard))
  {
    return change("discard", [&](FrameTable& table) -> Result<void> {
      const FrameTable::Range range{offset, offset + std::min(n, std::numeric_limits<std::uint64_t>::max() - offset)};
      for (const FrameTable::Range& stored : table.stored_ranges_of(range)) {
        auto discarded = inner_.discard(stored.begin, stored.end - stored.begin);
        if (discarded) continue;
        if (discarded.error().is_indeterminate()) table.note_discarded(range);  // what may be gone is no damage
        return discarded;
      }
      table.note_discarded(range);
      return {};
    });
  }

  /// Gives a copy of the content, decoded unless the codec publishes encoded, the lasting name `destination`: it is written to another
  /// location of the same storage first. Errors: `not_found`, `corrupted`, `busy` while a writer is open, `no_space` (memory too),
  /// `closed`; those of the backend beneath.
  ///         The destination is as publish() there leaves it. Cost: a pass over the content.
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(Declares::may(Capability::publish))
  {
    auto state = rules_.start_writer("publish");
    if (!state) return std::unexpected{std::move(state).error()};
    try {
      auto source = open();
      if (!source) return std::unexpected{std::move(source).error()};
      auto room = rules_.read("publish", [&](const NoObject&) { return left_behind_.reserve(left_behind_.size() + 1), Result<void>{}; });
      if (!room) return room;
      auto copy = make_inner_();
      if (!copy) return std::unexpected{std::move(copy).error()};
      auto published = publish_through(*object_->codec, *source, *copy, destination, mode, this->keeps_secrets());
      if (!removed_copy(*copy)) {
        // Its destructor asks once more, and a store that does not answer then either keeps it: remove() asks again.
        static_cast<void>(
            rules_.read("publish", [&](const NoObject&) { return left_behind_.push_back(*std::move(copy)), Result<void>{}; }));
      }
      return published;
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "publish", "out of memory");
    }
  }

  /// How long the object may become. Extensions that begin at other sizes than multiples of the chunk take more of the store: after many
  /// of them it is less than it was.
  [[nodiscard]] std::uint64_t max_object_size() const noexcept
    requires(Declares::may(Capability::max_object_size))
  {
    return rules_.check("max_object_size") ? limit() : no_limit;  // in a forked child another thread may have held the lock
  }

 private:
  static constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] FrameShape shape() const noexcept { return object_->codec->shape(); }
  [[nodiscard]] bool gathers() const noexcept { return capabilities_of(inner_).has(Capability::gather); }

  // How much content `stored` bytes of frames hold.
  [[nodiscard]] std::uint64_t content_of(std::uint64_t stored) const noexcept {
    const FrameShape s = shape();
    const std::uint64_t rest = stored % (s.chunk_bytes + s.overhead_bytes);
    return stored / (s.chunk_bytes + s.overhead_bytes) * s.chunk_bytes + (rest > s.overhead_bytes ? rest - s.overhead_bytes : 0);
  }

  [[nodiscard]] std::uint64_t limit(bool of_new_object = false) const noexcept {
    if constexpr (!Declares::may(Capability::max_object_size)) return no_limit;
    else {
      if (!this->declares(Capability::max_object_size)) return no_limit;
      const std::uint64_t stored = inner_.max_object_size();
      if (stored == no_limit) return no_limit;
      const FrameShape s = shape();
      // Kept back, so that an object which was extended a few times can be as long as one that was written at once.
      constexpr std::uint64_t extensions = 64;
      const std::uint64_t spare = s.header_bytes + std::min<std::uint64_t>(extensions * s.overhead_bytes, stored / 8);
      const std::uint64_t most = stored > spare ? content_of(stored - spare) : 0;
      const Table table = of_new_object ? Table{} : object_->candidates().committed;
      if (table == nullptr) return most;
      const FrameTable::Ends ends = table->ends();
      const std::uint64_t stored_end = std::max(ends.stored, ends.stored_perhaps.value_or(0));
      return std::max(ends.size, std::min(most, ends.size + content_of(stored > stored_end ? stored - stored_end : 0)));
    }
  }

  template <class Handle, class Make>
  [[nodiscard]] static Result<Handle> guarded(OperationName operation, Make&& make) {
    try {
      return make();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, operation, "out of memory");
    }
  }

  template <class Handle, class Sink>
  [[nodiscard]] Handle new_object(WriterState<NoObject> state, Sink sink) {
    auto table = std::make_shared<FrameTable>(shape(), object_->next_number());
    return Handle{std::move(state), object_,   std::move(table),     FrameList{shape(), 0, shape().header_bytes}, true, limit(true),
                  std::move(sink),  gathers(), this->keeps_secrets()};
  }

  template <class Change>
  [[nodiscard]] Result<void> change(OperationName operation, Change&& change_table) {
    return rules_.change(operation, [&](NoObject&) -> Result<void> {
      try {
        auto table = settled(inner_, *object_);
        if (!table) return std::unexpected{std::move(table).error()};
        if (*table == nullptr) return failure(errc::not_found, operation);
        return change_table(**table);
      } catch (const std::bad_alloc&) {
        return failure(errc::no_space, operation, "out of memory");
      }
    });
  }

  template <class Handle, class Open>
  [[nodiscard]] Result<Handle> opened(OperationName operation, Open&& open_source) const {
    if (auto usable = rules_.check(operation); !usable) return std::unexpected{std::move(usable).error()};
    return guarded<Handle>(operation, [&]() -> Result<Handle> {
      constexpr int most_tries = 8;
      for (int tries = 1;; ++tries) {
        // The ends first: what the source shows is then as much, or more.
        const auto candidates = object_->candidates();
        if (candidates.committed == nullptr && candidates.pending == nullptr) return failure(errc::not_found, operation);
        if (candidates.committed && candidates.committed->ends().size_perhaps) {
          auto done = settle(inner_, *candidates.committed, shape().chunk_bytes);
          if (!done) return std::unexpected{std::move(done).error()};
        }
        const auto committed_ends = candidates.committed ? candidates.committed->ends() : FrameTable::Ends{};
        const auto pending_ends = candidates.pending ? candidates.pending->ends() : FrameTable::Ends{};
        auto source = open_source();
        if (!source && source.error() == errc::not_found) {
          if (candidates.may_be_none() ? !object_->decide(candidates, {}) : !object_->is_current(candidates)) continue;
          if (!candidates.may_be_none()) return failure(errc::corrupted, operation, "it is gone from the store");
        }
        if (!source) return std::unexpected{std::move(source).error()};
        const auto identity = identity_of(*object_->codec, *source);
        const Table shown = identity ? candidates.shown_by(*identity) : Table{};
        if (shown != nullptr) {
          if (!object_->decide(candidates, shown)) continue;
          const auto& ends = shown == candidates.pending ? pending_ends : committed_ends;
          return Handle{FramedView<Codec>{object_->codec, shown, ends}, std::move(*source), this->keeps_secrets()};
        }
        // Unless somebody replaced it meanwhile, or is about to: then the store may show the other object before the table has it.
        if (object_->is_current(candidates) && (!candidates.awaits_answer || tries >= most_tries)) {
          if (!identity) return std::unexpected{identity.error()};
          return failure(errc::corrupted, operation, "the store shows another object");
        }
      }
    });
  }

  Inner inner_;
  MakeInner make_inner_;
  std::shared_ptr<Object> object_;
  LocationState<NoObject> rules_;
  std::vector<Inner> left_behind_;  // copies made to be published that could not be removed; under the lock of `rules_`
};

}  // namespace hybridbuffer::inline v0_1::detail
