#pragma once

#include "fault_plan.hpp"

#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Any backend with faults: forwards every call to the backend inside unless the FaultPlan has it fail. Declares what the one inside
/// declares, less what is omitted.

namespace hybridbuffer::testing {

struct BackendTag {};
struct HandleTag {};
struct ObjectTag {};

/// Runs `call`, or part of it, or fails, as the plan says. `part` is what takes place before a failure in the middle.
template <class Call, class Part>
[[nodiscard]] auto with_fault(StorageCall kind, Call&& call, Part&& part) -> decltype(call()) {
  const auto effect = FaultPlan::next(kind);
  if (!effect) return call();
  if (*effect == FaultEffect::part) part();
  if (*effect == FaultEffect::whole) static_cast<void>(call());
  return FaultPlan::failure();
}
/// For calls that have either taken place or not.
template <class Call>
[[nodiscard]] auto with_fault(StorageCall kind, Call&& call) -> decltype(call()) {
  return with_fault(kind, std::forward<Call>(call), [] {});
}
/// For calls whose failure promises that nothing took place.
template <class Call>
[[nodiscard]] auto with_fault_before(StorageCall kind, Call&& call) -> decltype(call()) {
  if (FaultPlan::next(kind)) return FaultPlan::failure();
  return call();
}

template <class Inner, bool gathers>
class FaultyWriter {
 public:
  explicit FaultyWriter(Inner inner) : inner_{std::move(inner)} {}

  Result<void> write(std::span<const std::byte> bytes) {
    return write_whole([&] { return inner_.write(bytes); }, bytes.first(bytes.size() / 2));
  }
  Result<void> write(std::span<const std::span<const std::byte>> pieces)
    requires gathers
  {
    const std::span<const std::byte> first = pieces.empty() ? std::span<const std::byte>{} : pieces.front();
    return write_whole([&] { return inner_.write(pieces); }, pieces.size() > 1 ? first : first.first(first.size() / 2));
  }

  Result<void> close() {
    if (failed_) return *failed_;
    return note(with_fault(StorageCall::close, [&] { return inner_.close(); }));
  }

 private:
  template <class Write>
  Result<void> write_whole(Write&& write, std::span<const std::byte> part) {
    if (failed_) return *failed_;
    const auto write_part = [&] { static_cast<void>(inner_.write(part)); };
    const auto effect_of_whole = FaultPlan::next(StorageCall::write);
    if (!effect_of_whole) return note(write());
    if (*effect_of_whole != FaultEffect::none) write_part();
    return note(FaultPlan::failure());
  }
  Result<void> note(Result<void> done) {
    if (!done) failed_ = done;
    return done;
  }

  Inner inner_;
  std::optional<Result<void>> failed_;
  Live<HandleTag> live_;
};

/// After a read that failed in its middle its position is lost, so that every later call fails, too (READER-8).
template <class Inner>
class FaultyReader {
 public:
  explicit FaultyReader(Inner inner) : inner_{std::move(inner)} {}

  Result<std::size_t> read(std::span<std::byte> bytes) {
    const std::size_t count = bytes.size() / 2;
    return at_position(StorageCall::read, [&] { return inner_.read(bytes); }, [&] { static_cast<void>(inner_.read(bytes.first(count))); });
  }
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence)
    requires seeker<Inner>
  {
    const auto move = [&] { return inner_.seek(offset, whence); };
    return at_position(StorageCall::seek, move, [&] { static_cast<void>(move()); });
  }

 private:
  template <class Call, class Part>
  auto at_position(StorageCall kind, Call&& call, Part&& part) -> decltype(call()) {
    if (lost_) return std::unexpected{*lost_};
    const auto effect = FaultPlan::next(kind);
    if (!effect) return call();
    if (*effect != FaultEffect::none) {
      part();
      lost_ = FaultPlan::failure().error();
    }
    return FaultPlan::failure();
  }

  Inner inner_;
  std::optional<Error> lost_;
  Live<HandleTag> live_;
};

template <class Inner>
class FaultyReaderAt {
 public:
  explicit FaultyReaderAt(Inner inner) : inner_{std::move(inner)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    return with_fault(
        StorageCall::read_at, [&] { return inner_.read_at(offset, bytes); },
        [&] { static_cast<void>(inner_.read_at(offset, bytes.first(bytes.size() / 2))); });
  }

 private:
  Inner inner_;
  Live<HandleTag> live_;
};

/// A backend with faults; without the capabilities that are `omitted`.
template <class Inner, Capability... omitted>
class FaultyBackend {
  static constexpr Capabilities inner_capabilities() {
    if constexpr (detail::declares_at_compile_time<Inner>) return Inner::capabilities();
    else return {};
  }
  static constexpr Capabilities declared =
      inner_capabilities().without({Capability::map, Capability::append_granularity}).without({omitted...});
  static constexpr bool gathers = declared.has(Capability::gather);

  template <class Handle>
  static auto wrap(auto opened) -> Result<Handle> {
    if (!opened) return std::unexpected{opened.error()};
    return Handle{std::move(*opened)};
  }

 public:
  using Writer = FaultyWriter<detail::value_of<decltype(std::declval<Inner&>().create())>, gathers>;
  using Reader = FaultyReader<detail::value_of<decltype(std::declval<const Inner&>().open())>>;

  explicit FaultyBackend(Inner inner) : inner_{std::move(inner)} {}

  static constexpr Capabilities capabilities() { return declared; }

  Result<Writer> create() {
    return with_fault(StorageCall::create, [&] { return wrap<Writer>(inner_.create()); });
  }
  [[nodiscard]] Result<Reader> open() const {
    return with_fault(StorageCall::open, [&] { return wrap<Reader>(inner_.open()); });
  }
  Result<void> remove() {
    return with_fault(StorageCall::remove, [&] { return inner_.remove(); });
  }

  Result<Writer> append()
    requires(declared.has(Capability::append))
  {
    return with_fault(StorageCall::append, [&] { return wrap<Writer>(inner_.append()); });
  }
  [[nodiscard]] auto open_reader_at() const
    requires(declared.has(Capability::reader_at))
  {
    using Handle = FaultyReaderAt<detail::value_of<decltype(inner_.open_reader_at())>>;
    return with_fault(StorageCall::open_reader_at, [&] { return wrap<Handle>(inner_.open_reader_at()); });
  }
  [[nodiscard]] auto open_seeker() const
    requires(declared.has(Capability::seeker))
  {
    using Handle = FaultyReader<detail::value_of<decltype(inner_.open_seeker())>>;
    return with_fault(StorageCall::open_seeker, [&] { return wrap<Handle>(inner_.open_seeker()); });
  }
  Result<void> shrink(std::uint64_t size)
    requires(declared.has(Capability::shrink))
  {
    return with_fault(StorageCall::shrink, [&] { return inner_.shrink(size); });
  }
  Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(declared.has(Capability::discard))
  {
    return with_fault(StorageCall::discard, [&] { return inner_.discard(offset, n); });
  }
  [[nodiscard]] Result<std::uint64_t> transfer_to(int fd, std::uint64_t offset, std::uint64_t n) const
    requires(declared.has(Capability::transfer))
  {
    return with_fault_before(StorageCall::transfer_to, [&] { return inner_.transfer_to(fd, offset, n); });
  }
  Result<std::uint64_t> transfer_from(int fd, std::uint64_t n)
    requires(declared.has(Capability::transfer))
  {
    return with_fault_before(StorageCall::transfer_from, [&] { return inner_.transfer_from(fd, n); });
  }
  Result<void> publish(std::string_view destination, PublishMode mode)
    requires(declared.has(Capability::publish))
  {
    return with_fault(StorageCall::publish, [&] { return inner_.publish(destination, mode); });
  }
  [[nodiscard]] std::uint64_t max_object_size() const
    requires(declared.has(Capability::max_object_size))
  {
    return inner_.max_object_size();
  }

 private:
  Inner inner_;
  Live<BackendTag> live_;
};

/// The storage of it: `InnerStorage` with faults.
template <class InnerStorage, Capability... omitted>
class FaultyStorage {
 public:
  using Backend = FaultyBackend<backend_of_t<InnerStorage>, omitted...>;

  explicit FaultyStorage(InnerStorage inner = InnerStorage{}) : inner_{std::move(inner)} {}

  [[nodiscard]] Result<Backend> create_backend() const {
    return with_fault(StorageCall::create_backend, [&]() -> Result<Backend> {
      auto made = inner_.create_backend();
      if (!made) return std::unexpected{std::move(made).error()};
      return Backend{std::move(*made)};
    });
  }

 private:
  InnerStorage inner_;
};

/// The least that a backend can be: create, open, remove. Counts the objects that are stored.
class ThreeCallBackend {
  struct Content {
    std::vector<std::byte> bytes;
    Live<ObjectTag> live;
  };
  using Object = std::shared_ptr<const Content>;

 public:
  class Writer {
   public:
    explicit Writer(WriterState<Object> state) : state_{std::move(state)} {}
    Result<void> write(std::span<const std::byte> bytes) {
      return state_.write([&] { return pending_.insert(pending_.end(), bytes.begin(), bytes.end()), Result<void>{}; });
    }
    Result<void> close() {
      return state_.close([&](Object& object) {
        object = std::make_shared<const Content>(std::move(pending_));
        return Result<void>{};
      });
    }

   private:
    WriterState<Object> state_;
    std::vector<std::byte> pending_;
  };

  class Reader {
   public:
    explicit Reader(Object object) : object_{std::move(object)} {}
    Result<std::size_t> read(std::span<std::byte> bytes) {
      if (auto usable = state_.check("read"); !usable) return std::unexpected{usable.error()};
      const std::size_t count = std::min(bytes.size(), object_->bytes.size() - position_);
      std::copy_n(object_->bytes.data() + position_, count, bytes.data());
      position_ += count;
      return count;
    }

   private:
    ReaderState state_;
    Object object_;
    std::size_t position_ = 0;
  };

  Result<Writer> create() {
    auto state = location_.start_writer("create an object");
    if (!state) return std::unexpected{state.error()};
    return Writer{std::move(*state)};
  }
  [[nodiscard]] Result<Reader> open() const {
    return location_.read("open an object", [](const Object& object) -> Result<Reader> {
      if (object == nullptr) return failure(errc::not_found, "open an object");
      return Reader{object};
    });
  }
  Result<void> remove() {
    return location_.remove("remove an object", [](Object& object) { return object.reset(), Result<void>{}; });
  }

 private:
  LocationState<Object> location_;
};

}  // namespace hybridbuffer::testing
