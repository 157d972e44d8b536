#pragma once

#include "open_storage.hpp"

#include <hybridbuffer/detail/framed_backend.hpp>
#include <hybridbuffer/detail/little_endian.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

/// \file
/// A location in frames over a store that is slow to answer, fails in the middle, and calls back at the moments between.

namespace hybridbuffer::testing {

/// What a test does to the store.
struct Moments {
  std::function<void()> before_commit = [] {};
  std::function<void()> before_answer = [] {};  ///< after a commit or a removal had its effect, before it answers
  std::function<void()> after_open = [] {};     ///< after a reader was opened, before its caller has it
  bool readers_show_their_opening = false;      ///< and nothing that happened since
  std::size_t reads_until_failure = 0;          ///< the read after so many fails, once; 0: none does
  std::size_t decodes_until_failure = 0;
};

[[nodiscard]] inline bool is_due(std::size_t& countdown) { return countdown != 0 && --countdown == 0; }

/// An open store that reads three bytes at a time, in order only.
class SlowBackend {
 public:
  class Writer {
   public:
    Writer(OpenBackend::Writer inner, std::shared_ptr<Moments> moments) : inner_{std::move(inner)}, moments_{std::move(moments)} {}
    Result<void> write(std::span<const std::byte> bytes) { return inner_.write(bytes); }
    Result<void> close() {
      moments_->before_commit();
      auto closed = inner_.close();
      moments_->before_answer();
      return closed;
    }

   private:
    OpenBackend::Writer inner_;
    std::shared_ptr<Moments> moments_;
  };

  class Reader {
   public:
    Reader(OpenBackend::Reader inner, std::shared_ptr<Moments> moments) : inner_{std::move(inner)}, moments_{std::move(moments)} {}
    Result<std::size_t> read(std::span<std::byte> bytes) {
      if (is_due(moments_->reads_until_failure)) return failure(errc::unavailable, "read");
      return inner_.read(bytes.first(std::min<std::size_t>(bytes.size(), 3)));
    }

   private:
    OpenBackend::Reader inner_;
    std::shared_ptr<Moments> moments_;
  };

  SlowBackend(OpenBackend inner, std::shared_ptr<OpenObject> object, std::shared_ptr<Moments> moments)
      : inner_{std::move(inner)}, object_{std::move(object)}, moments_{std::move(moments)} {}

  static constexpr Capabilities capabilities() noexcept { return {Capability::append, Capability::reader_at, Capability::shrink}; }
  Result<Writer> create() { return wrapped<Writer>(inner_.create()); }
  Result<Writer> append() { return wrapped<Writer>(inner_.append()); }
  Result<Reader> open() const {
    return wrapped<Reader>(opened([](const OpenBackend& backend) { return backend.open(); }));
  }
  Result<OpenBackend::ReaderAt> open_reader_at() const {
    return opened([](const OpenBackend& backend) { return backend.open_reader_at(); });
  }
  Result<void> shrink(std::uint64_t size) { return inner_.shrink(size); }
  Result<void> remove() {
    auto removed = inner_.remove();
    moments_->before_answer();
    return removed;
  }

 private:
  template <class Handle, class Inner>
  Result<Handle> wrapped(Result<Inner> inner) const {
    if (!inner) return std::unexpected{inner.error()};
    return Handle{*std::move(inner), moments_};
  }

  template <class Open>
  auto opened(Open&& open) const -> decltype(open(std::declval<const OpenBackend&>())) {
    auto reader = moments_->readers_show_their_opening ? open(OpenBackend{copy()}) : open(inner_);
    moments_->after_open();
    return reader;
  }
  [[nodiscard]] std::shared_ptr<OpenObject> copy() const {
    const std::scoped_lock lock{object_->mutex};
    auto copied = std::make_shared<OpenObject>();
    copied->bytes = object_->bytes;
    return copied;
  }

  OpenBackend inner_;
  std::shared_ptr<OpenObject> object_;
  std::shared_ptr<Moments> moments_;
};

/// Frames as they are, behind their number.
struct NumberCodec {
  static constexpr bool is_secret = false;
  std::shared_ptr<Moments> moments;

  [[nodiscard]] detail::FrameShape shape() const noexcept { return {8, 8, 8, true}; }
  void write_header(std::uint64_t object, std::span<std::byte> out) const { detail::store_little_endian(object, out); }
  [[nodiscard]] Result<std::uint64_t> read_header(std::span<const std::byte> in) const {
    return detail::load_little_endian<std::uint64_t>(in);
  }
  [[nodiscard]] Result<detail::EncodedFrame> encode(detail::EncodingHistory&, detail::FrameId id, std::span<const std::byte>,
                                                    std::span<std::byte> stored) const {
    detail::store_little_endian(id.number, stored);
    return detail::EncodedFrame{8, true};
  }
  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    if (is_due(moments->decodes_until_failure)) return failure(errc::no_space, "decode");
    if (detail::load_little_endian<std::uint64_t>(stored) != id.number) return failure(errc::corrupted, "another frame");
    std::copy_n(stored.begin() + 8, plain.size(), plain.begin());
    return {};
  }
};

struct World {
  std::shared_ptr<Moments> moments = std::make_shared<Moments>();
  OpenStorage storage;
  detail::FramedBackend<NumberCodec, SlowBackend> backend{std::make_shared<const NumberCodec>(moments), make(), {}};

  SlowBackend make() {
    auto inner = *storage.create_backend();
    return {std::move(inner), storage.made->back(), moments};
  }
  [[nodiscard]] OpenObject& object() const { return *storage.made->front(); }
};

}  // namespace hybridbuffer::testing
