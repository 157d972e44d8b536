#pragma once

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/detail/erased.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/capped.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// The buffer that a Builder makes: one type, wherever it keeps its bytes.
using BuiltBuffer = HybridBuffer<SegmentedMemory<>, Capped<SpillAt>, AnyBackend, AnyStorage>;

namespace detail {

/// The storage of a function that makes one backend a call: a `Made` is that backend, or a Result of one.
template <class Made>
struct MadeBy {
  SharedFunction<Made()> make;
  [[nodiscard]] auto create_backend() const {
    if constexpr (result<Made>) return make();
    else return Result<Made>{make()};
  }
};

template <class F>
concept makes_backends = std::move_constructible<F> && requires(const F& make) {
  { make() } -> std::move_constructible;
  requires storage_factory<MadeBy<decltype(make())>>;
};
template <class R>
concept storage_or_result = std::convertible_to<R, AnyStorage> || (result<R> && std::convertible_to<value_of<R>, AnyStorage>);
template <class F>
concept transforms_storage = std::move_constructible<F> && requires(const F& transform, AnyStorage inner) {
  { transform(std::move(inner)) } -> storage_or_result;
};

}  // namespace detail

/// Composes a buffer at run time.
///
///     auto storage = storage_from_url("file:///var/tmp");
///     auto buffer = Builder{}.with_threshold(16_MiB).with_storage_factory(*storage).build();   // Result<BuiltBuffer>
///
/// What is not said is as in `HybridBuffer<>`: a threshold of 2 MiB, files, no limit. Said twice, the last counts; transforms add up.
/// A value: build() changes nothing, and can be called again, also after it failed. What a with_… function allocates may throw
/// std::bad_alloc.
class Builder {
 public:
  /// Spills when memory would hold more than `bytes`; 0 keeps none there.
  Builder& with_threshold(std::uint64_t bytes) {
    threshold_ = bytes;
    return *this;
  }
  /// Has room for `bytes` in memory from the start, at most the threshold: as HybridBuffer::reserve, which takes one chunk of 64 KiB
  /// at most from a SegmentedMemory.
  Builder& with_reserve(std::uint64_t bytes) {
    reserve_ = bytes;
    return *this;
  }
  /// Appends past `bytes` in all, in memory and in storage, fail with `limit_exceeded`.
  Builder& with_limit(std::uint64_t bytes) {
    limit_ = bytes;
    return *this;
  }

  /// Keeps the bytes in the locations that `place` makes: a FileStorage, an AnyStorage, any other.
  template <storage_factory Storage>
  Builder& with_storage_factory(Storage place) {
    storage_ = AnyStorage{std::move(place)};
    return *this;
  }
  /// The same with a function that makes one location a call, as a backend or a Result of one. It may be called from the threads of all
  /// buffers that are built.
  template <detail::makes_backends Make>
  Builder& with_storage(Make make) {
    return with_storage_factory(detail::MadeBy<std::invoke_result_t<const Make&>>{std::move(make)});
  }
  /// Sets the storage.
  template <storage_factory Storage>
  Builder& with_storage(Storage place) {
    return with_storage_factory(std::move(place));
  }

  /// Puts a transform before the storage: a function of an AnyStorage that returns one, or any storage made of it, or a Result of these.
  /// Bytes that are written pass the transforms in the order in which they were named: the first is the one next to the buffer.
  template <detail::transforms_storage Transform>
  Builder& with_transform(Transform transform) {
    transforms_.push_back([transform = std::move(transform)](AnyStorage inner) -> Result<AnyStorage> {
      auto made = transform(std::move(inner));
      if constexpr (detail::result<decltype(made)>) {
        if (!made) return std::unexpected{std::move(made).error()};
        return AnyStorage{*std::move(made)};
      } else {
        return AnyStorage{std::move(made)};
      }
    });
    return *this;
  }

  /// Makes a buffer.
  ///
  /// Errors: `invalid_argument` for a reserve above the threshold or the limit, and for a limit of 0; those of a transform; what
  ///         create_backend() of the storage answers, for one location is made and removed. So a place that it can tell to be unusable is
  ///         an error now and not at the first spill; it makes no file and sends nothing to a server. check(), where a storage has it,
  ///         does.
  [[nodiscard]] Result<BuiltBuffer> build() const {
    if (limit_ == 0) return failure(errc::invalid_argument, "build a buffer:", "a limit of 0 lets nothing be appended");
    if (reserve_ > threshold_) return failure(errc::invalid_argument, "build a buffer:", "the reserve is above the threshold");
    if (reserve_ > limit_) return failure(errc::invalid_argument, "build a buffer:", "the reserve is above the limit");
    Result<AnyStorage> storage = storage_;
    for (auto transform = transforms_.rbegin(); storage && transform != transforms_.rend(); ++transform) {
      storage = (*transform)(*std::move(storage));
    }
    if (!storage) return std::unexpected{std::move(storage).error()};
    if (auto usable = storage->create_backend(); !usable) return std::unexpected{std::move(usable).error()};
    BuiltBuffer buffer{SegmentedMemory<>{}, Capped{SpillAt{threshold_}, limit_}, *std::move(storage)};
    if (reserve_ != 0) {
      if (auto reserved = buffer.reserve(reserve_); !reserved) return std::unexpected{std::move(reserved).error()};
    }
    return buffer;
  }

 private:
  std::uint64_t threshold_ = SpillAt::default_threshold;
  std::uint64_t reserve_ = 0;
  std::uint64_t limit_ = std::numeric_limits<std::uint64_t>::max();
  AnyStorage storage_ = default_storage_t<DefaultBackend>{};
  std::vector<detail::SharedFunction<Result<AnyStorage>(AnyStorage)>> transforms_;
};

}  // namespace hybridbuffer::inline v0_1
