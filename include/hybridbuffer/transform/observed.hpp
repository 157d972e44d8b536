#pragma once

#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>
#include <hybridbuffer/transform/observation.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// observed(storage, sink): tells a sink of each call, and changes nothing.

namespace hybridbuffer::inline v0_1 {

namespace detail {

/// Who is told; null in what was moved from, whose calls nobody is told of.
template <observation_sink Sink>
class Watch {
 public:
  explicit Watch(std::shared_ptr<Sink> sink) noexcept : sink_{std::move(sink)} {}

  /// Runs `call`, tells of it, and returns what it returned. `bytes_of` makes the number of bytes out of its value.
  template <class Call, class BytesOf>
  auto operator()(Operation operation, Call&& call, BytesOf&& bytes_of) const -> decltype(call()) {
    if (sink_ == nullptr) return call();
    Notice notice{*sink_, operation};
    auto result = call();
    if (result) notice.succeeded(bytes_of(result));
    else notice.failed(result.error().code());
    return result;
  }
  template <class Call>
  auto operator()(Operation operation, Call&& call) const -> decltype(call()) {
    return (*this)(operation, call, [](const auto&) { return std::uint64_t{0}; });
  }

 private:
  // Tells when it ends, so that a call which an exception left is told of as well.
  class Notice {
   public:
    Notice(Sink& sink, Operation operation) noexcept : sink_{sink}, operation_{operation} {}
    Notice(const Notice&) = delete;
    Notice& operator=(const Notice&) = delete;
    ~Notice() {
      const auto duration = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_);
      sink_(Observation{operation_, bytes_, duration, has_failed_ ? std::optional{error_} : std::nullopt});
    }
    void succeeded(std::uint64_t bytes) noexcept {
      bytes_ = bytes;
      has_failed_ = false;
    }
    void failed(errc code) noexcept { error_ = code; }

   private:
    using Clock = std::chrono::steady_clock;
    Sink& sink_;
    Operation operation_;
    std::uint64_t bytes_ = 0;
    bool has_failed_ = true;
    errc error_ = errc::io;
    Clock::time_point start_ = Clock::now();
  };

  std::shared_ptr<Sink> sink_;
};

inline constexpr auto moved_bytes = [](const auto& count) { return static_cast<std::uint64_t>(*count); };

}  // namespace detail

/// A writer of an observed backend.
template <writer Inner, observation_sink Sink>
class ObservedWriter {
 public:
  ObservedWriter(Inner inner, detail::Watch<Sink> watch) : inner_{std::move(inner)}, watch_{std::move(watch)} {}

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return watch_(Operation::write, [&] { return inner_.write(bytes); }, [&](const auto&) { return std::uint64_t{bytes.size()}; });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces)
    requires gathering_writer<Inner>
  {
    const auto total = [&](const auto&) {
      std::uint64_t bytes = 0;
      for (const auto piece : pieces) bytes += piece.size();
      return bytes;
    };
    return watch_(Operation::write, [&] { return inner_.write(pieces); }, total);
  }
  [[nodiscard]] Result<void> close() {
    return watch_(Operation::close, [&] { return inner_.close(); });
  }

 private:
  Inner inner_;
  detail::Watch<Sink> watch_;
};

/// A reader or seeker of an observed backend.
template <reader Inner, observation_sink Sink>
class ObservedReader {
 public:
  ObservedReader(Inner inner, detail::Watch<Sink> watch) : inner_{std::move(inner)}, watch_{std::move(watch)} {}

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    return watch_(Operation::read, [&] { return inner_.read(bytes); }, detail::moved_bytes);
  }
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires seeker<Inner>
  {
    return watch_(Operation::seek, [&] { return inner_.seek(offset, whence); });
  }
  [[nodiscard]] Result<std::uint64_t> size() const
    requires detail::tells_size<Inner>
  {
    return detail::size_of(inner_);
  }

 private:
  Inner inner_;
  detail::Watch<Sink> watch_;
};

/// A reader_at of an observed backend.
template <reader_at Inner, observation_sink Sink>
class ObservedReaderAt {
 public:
  ObservedReaderAt(Inner inner, detail::Watch<Sink> watch) : inner_{std::move(inner)}, watch_{std::move(watch)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    return watch_(Operation::read_at, [&] { return inner_.read_at(offset, bytes); }, detail::moved_bytes);
  }
  [[nodiscard]] Result<std::uint64_t> size() const
    requires detail::tells_size<Inner>
  {
    return detail::size_of(inner_);
  }

 private:
  Inner inner_;
  detail::Watch<Sink> watch_;
};

/// A location each of whose calls a sink is told of. Everything else is as in `Inner`: capabilities, errors, threads, cost; a call costs
/// two readings of the clock more, and what the sink does.
template <storage_backend Inner, observation_sink Sink>
class ObservedBackend : public detail::ForwardedCapabilities<detail::SameCapabilities, Inner> {
  using Declares = detail::ForwardedCapabilities<detail::SameCapabilities, Inner>;

 public:
  using Writer = ObservedWriter<detail::writer_of<Inner>, Sink>;
  using Reader = ObservedReader<detail::reader_of<Inner>, Sink>;

  ObservedBackend(Inner inner, detail::Watch<Sink> watch) : Declares{inner}, inner_{std::move(inner)}, watch_{std::move(watch)} {}

  [[nodiscard]] Result<Writer> create() {
    return handle<Writer>(watch_(Operation::create, [&] { return inner_.create(); }));
  }
  [[nodiscard]] auto append()
    requires(Declares::may(Capability::append))
  {
    return handle<ObservedWriter<detail::appender_of<Inner>, Sink>>(watch_(Operation::append, [&] { return inner_.append(); }));
  }
  [[nodiscard]] Result<Reader> open() const {
    return handle<Reader>(watch_(Operation::open, [&] { return inner_.open(); }));
  }
  [[nodiscard]] auto open_seeker() const
    requires(Declares::may(Capability::seeker))
  {
    return handle<ObservedReader<detail::seeker_of<Inner>, Sink>>(watch_(Operation::open_seeker, [&] { return inner_.open_seeker(); }));
  }
  [[nodiscard]] auto open_reader_at() const
    requires(Declares::may(Capability::reader_at))
  {
    return handle<ObservedReaderAt<detail::reader_at_of<Inner>, Sink>>(
        watch_(Operation::open_reader_at, [&] { return inner_.open_reader_at(); }));
  }
  [[nodiscard]] Result<void> remove() {
    return watch_(Operation::remove, [&] { return inner_.remove(); });
  }
  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(Declares::may(Capability::shrink))
  {
    return watch_(Operation::shrink, [&] { return inner_.shrink(n); });
  }
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(Declares::may(Capability::discard))
  {
    return watch_(Operation::discard, [&] { return inner_.discard(offset, n); });
  }
  [[nodiscard]] auto map(std::uint64_t offset, std::size_t n) const
    requires(Declares::may(Capability::map))
  {
    return watch_(
        Operation::map, [&] { return inner_.map(offset, n); }, [](const auto& window) { return std::uint64_t{window->bytes().size()}; });
  }
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const
    requires(Declares::may(Capability::transfer))
  {
    return watch_(Operation::transfer_to, [&] { return inner_.transfer_to(descriptor, offset, n); }, detail::moved_bytes);
  }
  [[nodiscard]] Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n)
    requires(Declares::may(Capability::transfer))
  {
    return watch_(Operation::transfer_from, [&] { return inner_.transfer_from(descriptor, n); }, detail::moved_bytes);
  }
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode)
    requires(Declares::may(Capability::publish))
  {
    return watch_(Operation::publish, [&] { return inner_.publish(destination, mode); });
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
  template <class Handle, class InnerHandle>
  [[nodiscard]] Result<Handle> handle(Result<InnerHandle> inner) const {
    if (!inner) return std::unexpected{std::move(inner).error()};
    return Handle{*std::move(inner), watch_};
  }

  Inner inner_;
  detail::Watch<Sink> watch_;
};

/// Makes observed locations in another storage. Threads: create_backend and warnings from any number at once, as in that one.
template <storage_factory Storage, observation_sink Sink>
class ObservedStorage {
 public:
  using Backend = ObservedBackend<backend_of_t<Storage>, Sink>;

  ObservedStorage(Storage storage, std::shared_ptr<Sink> sink) : storage_{std::move(storage)}, watch_{std::move(sink)} {}

  [[nodiscard]] Result<Backend> create_backend() const {
    auto inner = watch_(Operation::create_backend, [&] { return storage_.create_backend(); });
    if (!inner) return std::unexpected{std::move(inner).error()};
    return Backend{*std::move(inner), watch_};
  }

  /// What the other storage warns of. Nobody observes it. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const { return warnings_of(storage_); }

  [[nodiscard]] const Storage& inner() const noexcept { return storage_; }

 private:
  Storage storage_;
  detail::Watch<Sink> watch_;
};

/// A storage like `storage`, whose every call `sink` is told of; backends and handles share it.
/// Requires: sink is not null.
template <storage_factory Storage, observation_sink Sink>
[[nodiscard]] ObservedStorage<Storage, Sink> observed(Storage storage, std::shared_ptr<Sink> sink) {
  return {std::move(storage), std::move(sink)};
}

/// The same with a sink that is not shared. One that has a name is referred to: it must outlive the storage, its backends and their
/// handles. A temporary (a lambda, say) moves in.
template <storage_factory Storage, class Sink>
  requires observation_sink<std::remove_reference_t<Sink>>
[[nodiscard]] ObservedStorage<Storage, std::remove_reference_t<Sink>> observed(Storage storage, Sink&& sink) {
  using Kept = std::remove_reference_t<Sink>;
  if constexpr (std::is_lvalue_reference_v<Sink>) {
    return {std::move(storage), std::shared_ptr<Kept>{std::shared_ptr<void>{}, &sink}};
  } else {
    return {std::move(storage), std::make_shared<Kept>(std::forward<Sink>(sink))};
  }
}

}  // namespace hybridbuffer::inline v0_1
