#pragma once

#include <hybridbuffer/conformance/trace.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// The backend under test and its handles with their types erased, so that every clause is compiled once, whatever the backend. Each call
/// goes to the real type unchanged; it is traced, and an exception that leaves it fails the clause.

namespace hybridbuffer::conformance {

/// What a failed check throws: ends the clause, with what was seen.
struct Failure {
  std::string seen;
};

namespace detail {

/// Base of all erased handles. `T` is the interface below that a Box implements.
struct ErasedHandle {
  ErasedHandle() = default;
  ErasedHandle(const ErasedHandle&) = delete;
  ErasedHandle& operator=(const ErasedHandle&) = delete;
  virtual ~ErasedHandle() = default;
  virtual void assign_from(ErasedHandle& other) = 0;
};

struct ErasedWriter : ErasedHandle {
  [[nodiscard]] virtual std::unique_ptr<ErasedWriter> move_out() = 0;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
  virtual Result<void> write(std::span<const std::span<const std::byte>> pieces) = 0;
  virtual Result<void> close() = 0;
};
struct ErasedReader : ErasedHandle {
  [[nodiscard]] virtual std::unique_ptr<ErasedReader> move_out() = 0;
  virtual Result<std::size_t> read(std::span<std::byte> bytes) = 0;
  virtual Result<std::uint64_t> seek(std::int64_t offset, Whence whence) = 0;
  [[nodiscard]] virtual bool has_size() const = 0;
  virtual Result<std::uint64_t> size() = 0;
};
struct ErasedReaderAt : ErasedHandle {
  [[nodiscard]] virtual std::unique_ptr<ErasedReaderAt> move_out() = 0;
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const = 0;
  [[nodiscard]] virtual bool has_size() const = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};
struct ErasedWindow : ErasedHandle {
  [[nodiscard]] virtual std::unique_ptr<ErasedWindow> move_out() = 0;
  [[nodiscard]] virtual std::span<const std::byte> bytes() const noexcept = 0;
};
struct ErasedLocation : ErasedHandle {
  [[nodiscard]] virtual std::unique_ptr<ErasedLocation> move_out() = 0;
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  virtual Result<std::unique_ptr<ErasedWriter>> create() = 0;
  virtual Result<std::unique_ptr<ErasedWriter>> append() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ErasedReader>> open() const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ErasedReader>> open_seeker() const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ErasedReaderAt>> open_reader_at() const = 0;
  virtual Result<void> remove() = 0;
  virtual Result<void> shrink(std::uint64_t n) = 0;
  virtual Result<void> discard(std::uint64_t offset, std::uint64_t n) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ErasedWindow>> map(std::uint64_t offset, std::size_t n) const = 0;
  [[nodiscard]] virtual Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const = 0;
  virtual Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n) = 0;
  virtual Result<void> publish(std::string_view destination, PublishMode mode) = 0;
  [[nodiscard]] virtual std::uint64_t append_granularity() const = 0;
  [[nodiscard]] virtual std::uint64_t max_object_size() const = 0;
};

[[nodiscard]] inline std::unexpected<Error> undeclared(OperationName operation) {
  return failure(errc::unsupported, operation, "not declared");
}

// `size()` of a handle, in any of the forms that it may have: plain, or a Result.
template <class H>
concept has_handle_size = requires(const H& h) {
  { h.size() } -> std::convertible_to<std::uint64_t>;
} || requires(const H& h) {
  { h.size() } -> hybridbuffer::detail::result;
};
template <class H>
[[nodiscard]] Result<std::uint64_t> handle_size(const H& h) {
  if constexpr (!has_handle_size<H>) {
    return undeclared("size");
  } else if constexpr (requires {
                         { h.size() } -> hybridbuffer::detail::result;
                       }) {
    auto size = h.size();
    if (!size) return std::unexpected{size.error()};
    return static_cast<std::uint64_t>(*size);
  } else {
    return static_cast<std::uint64_t>(h.size());
  }
}

// A size() that answers `unsupported` belongs to a handle whose type is known at run time only, and holds one without.
template <class H>
[[nodiscard]] bool shows_size([[maybe_unused]] const H& h) {
  if constexpr (!has_handle_size<H>) {
    return false;
  } else {
    const auto size = handle_size(h);
    return size || size.error().code() != errc::unsupported;
  }
}

template <class W>
struct WriterBox final : ErasedWriter {
  explicit WriterBox(W&& writer) : held{std::move(writer)} {}
  std::unique_ptr<ErasedWriter> move_out() override { return std::make_unique<WriterBox>(std::move(held)); }
  void assign_from(ErasedHandle& other) override { held = std::move(static_cast<WriterBox&>(other).held); }
  Result<void> write(std::span<const std::byte> bytes) override { return held.write(bytes); }
  Result<void> write([[maybe_unused]] std::span<const std::span<const std::byte>> pieces) override {
    if constexpr (gathering_writer<W>) return held.write(pieces);
    else return undeclared("write pieces");
  }
  Result<void> close() override { return held.close(); }
  W held;
};

template <class R>
struct ReaderBox final : ErasedReader {
  explicit ReaderBox(R&& reader) : held{std::move(reader)} {}
  std::unique_ptr<ErasedReader> move_out() override { return std::make_unique<ReaderBox>(std::move(held)); }
  void assign_from(ErasedHandle& other) override { held = std::move(static_cast<ReaderBox&>(other).held); }
  Result<std::size_t> read(std::span<std::byte> bytes) override { return held.read(bytes); }
  Result<std::uint64_t> seek([[maybe_unused]] std::int64_t offset, [[maybe_unused]] Whence whence) override {
    if constexpr (seeker<R>) return held.seek(offset, whence);
    else return undeclared("seek");
  }
  [[nodiscard]] bool has_size() const override { return shows_size(held); }
  Result<std::uint64_t> size() override { return handle_size(held); }
  R held;
};

template <class R>
struct ReaderAtBox final : ErasedReaderAt {
  explicit ReaderAtBox(R&& reader) : held{std::move(reader)} {}
  std::unique_ptr<ErasedReaderAt> move_out() override { return std::make_unique<ReaderAtBox>(std::move(held)); }
  void assign_from(ErasedHandle& other) override { held = std::move(static_cast<ReaderAtBox&>(other).held); }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const override {
    return held.read_at(offset, bytes);
  }
  [[nodiscard]] bool has_size() const override { return shows_size(held); }
  [[nodiscard]] Result<std::uint64_t> size() const override { return handle_size(held); }
  R held;
};

template <class W>
struct WindowBox final : ErasedWindow {
  explicit WindowBox(W&& window) : held{std::move(window)} {}
  std::unique_ptr<ErasedWindow> move_out() override { return std::make_unique<WindowBox>(std::move(held)); }
  void assign_from(ErasedHandle& other) override { held = std::move(static_cast<WindowBox&>(other).held); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept override { return held.bytes(); }
  W held;
};

// The value of a Result in a box.
template <template <class> class BoxOf, class Interface, class T>
[[nodiscard]] Result<std::unique_ptr<Interface>> boxed(Result<T> result) {
  if (!result) return std::unexpected{result.error()};
  return std::make_unique<BoxOf<T>>(std::move(*result));
}

// clang-format off: a table, a row a member
template <class B>
struct LocationBox final : ErasedLocation {
  explicit LocationBox(B&& backend) : held{std::move(backend)} {}
  std::unique_ptr<ErasedLocation> move_out() override { return std::make_unique<LocationBox>(std::move(held)); }
  void assign_from(ErasedHandle& other) override { held = std::move(static_cast<LocationBox&>(other).held); }
  [[nodiscard]] Capabilities capabilities() const override { return capabilities_of(held); }
  Result<std::unique_ptr<ErasedWriter>> create() override { return boxed<WriterBox, ErasedWriter>(held.create()); }
  [[nodiscard]] Result<std::unique_ptr<ErasedReader>> open() const override { return boxed<ReaderBox, ErasedReader>(held.open()); }
  Result<void> remove() override { return held.remove(); }
  Result<std::unique_ptr<ErasedWriter>> append() override {
    if constexpr (may_have<B>(Capability::append)) return boxed<WriterBox, ErasedWriter>(held.append()); else return undeclared("append");
  }
  [[nodiscard]] Result<std::unique_ptr<ErasedReader>> open_seeker() const override {
    if constexpr (may_have<B>(Capability::seeker)) return boxed<ReaderBox, ErasedReader>(held.open_seeker()); else return undeclared("open_seeker");
  }
  [[nodiscard]] Result<std::unique_ptr<ErasedReaderAt>> open_reader_at() const override {
    if constexpr (may_have<B>(Capability::reader_at)) return boxed<ReaderAtBox, ErasedReaderAt>(held.open_reader_at()); else return undeclared("open_reader_at");
  }
  Result<void> shrink([[maybe_unused]] std::uint64_t n) override {
    if constexpr (may_have<B>(Capability::shrink)) return held.shrink(n); else return undeclared("shrink");
  }
  Result<void> discard([[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::uint64_t n) override {
    if constexpr (may_have<B>(Capability::discard)) return held.discard(offset, n); else return undeclared("discard");
  }
  [[nodiscard]] Result<std::unique_ptr<ErasedWindow>> map([[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::size_t n) const override {
    if constexpr (may_have<B>(Capability::map)) return boxed<WindowBox, ErasedWindow>(held.map(offset, n)); else return undeclared("map");
  }
  [[nodiscard]] Result<std::uint64_t> transfer_to([[maybe_unused]] int descriptor, [[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::uint64_t n) const override {
    if constexpr (may_have<B>(Capability::transfer)) return held.transfer_to(descriptor, offset, n); else return undeclared("transfer_to");
  }
  Result<std::uint64_t> transfer_from([[maybe_unused]] int descriptor, [[maybe_unused]] std::uint64_t n) override {
    if constexpr (may_have<B>(Capability::transfer)) return held.transfer_from(descriptor, n); else return undeclared("transfer_from");
  }
  Result<void> publish([[maybe_unused]] std::string_view destination, [[maybe_unused]] PublishMode mode) override {
    if constexpr (may_have<B>(Capability::publish)) return held.publish(destination, mode); else return undeclared("publish");
  }
  [[nodiscard]] std::uint64_t append_granularity() const override {
    if constexpr (may_have<B>(Capability::append_granularity)) return held.append_granularity(); else return 1;
  }
  [[nodiscard]] std::uint64_t max_object_size() const override {
    if constexpr (may_have<B>(Capability::max_object_size)) return held.max_object_size(); else return ~std::uint64_t{0};
  }
  B held;
};
// clang-format on

[[nodiscard]] constexpr std::uint64_t traced_value(const Result<void>&) noexcept { return 0; }
template <class T>
  requires std::integral<T>
[[nodiscard]] constexpr std::uint64_t traced_value(const Result<T>& result) noexcept {
  return static_cast<std::uint64_t>(*result);
}
template <class T>
  requires(!std::integral<T> && !std::is_void_v<T>)
[[nodiscard]] constexpr std::uint64_t traced_value(const Result<T>&) noexcept {
  return 0;
}

// Runs one operation on the type under test, and records it.
template <class Call>
auto traced(Trace& trace, Operation operation, Subjects subject, std::uint32_t handle, std::uint64_t first, std::uint64_t second,
            Call&& call) -> decltype(call()) {
  Trace::Entry entry{trace, operation, subject, handle, first, second};
  const auto escaped = [&](const std::string& what) {
    return Failure{"an exception left " + std::string{name_of(operation)} + "(): " + what};
  };
  try {
    auto result = call();
    if (result) entry.succeed(traced_value(result));
    else entry.fail(result.error());
    return result;
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    throw escaped(error.what());
  } catch (...) {
    throw escaped("not a std::exception");
  }
}

}  // namespace detail

/// What all handles of the kit share: the erased object, its number, and moves of the object itself.
template <class Erased, Subjects subject>
class Handle {
 public:
  Handle(Trace& trace, std::unique_ptr<Erased> held) : trace_{&trace}, number_{trace.new_handle()}, held_{std::move(held)} {}
  Handle(Handle&&) noexcept = default;
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      destroy();
      trace_ = other.trace_;
      number_ = other.number_;
      held_ = std::move(other.held_);
    }
    return *this;
  }
  ~Handle() { destroy(); }

  /// Destroys the object under test now.
  void destroy() noexcept {
    if (held_ == nullptr) return;
    Trace::Entry entry{*trace_, Operation::destroy, subject, number_, 0, 0};
    held_.reset();
    entry.succeed();
  }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

  /// Move-assigns the object under test from that of `other`, which is moved-from then.
  void assign_object_from(Handle& other) {
    Trace::Entry entry{*trace_, Operation::move_assign, subject, number_, other.number_, 0};
    held_->assign_from(*other.held_);
    entry.succeed();
  }
  /// Move-assigns the object under test to itself.
  void assign_object_to_itself() { assign_object_from(*this); }

 protected:
  // The object under test moved into a new one; this handle keeps the moved-from one.
  [[nodiscard]] std::unique_ptr<Erased> moved_object() {
    Trace::Entry entry{*trace_, Operation::move_construct, subject, number_, number_, 0};
    auto moved = held_->move_out();
    entry.succeed();
    return moved;
  }
  template <class Call>
  auto call(Operation operation, std::uint64_t first, std::uint64_t second, Call&& call) const -> decltype(call()) {
    return detail::traced(*trace_, operation, subject, number_, first, second, call);
  }
  [[nodiscard]] Trace& trace() const noexcept { return *trace_; }
  [[nodiscard]] Erased& held() const noexcept { return *held_; }

 private:
  Trace* trace_;
  std::uint32_t number_;
  std::unique_ptr<Erased> held_;
};

class Writer : public Handle<detail::ErasedWriter, Subjects::writer> {
 public:
  using Handle::Handle;
  /// The object under test moved into a new handle; this one keeps the moved-from object.
  [[nodiscard]] Writer moved() { return Writer{trace(), moved_object()}; }
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return call(Operation::write, bytes.size(), 0, [&] { return held().write(bytes); });
  }
  [[nodiscard]] Result<void> write_pieces(std::span<const std::span<const std::byte>> pieces) {
    return call(Operation::write_pieces, pieces.size(), 0, [&] { return held().write(pieces); });
  }
  [[nodiscard]] Result<void> close() {
    return call(Operation::close, 0, 0, [&] { return held().close(); });
  }
};

/// A reader; one that was opened as a seeker can seek.
class Reader : public Handle<detail::ErasedReader, Subjects::reader> {
 public:
  using Handle::Handle;
  [[nodiscard]] Reader moved() { return Reader{trace(), moved_object()}; }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) {
    return call(Operation::read, bytes.size(), 0, [&] { return held().read(bytes); });
  }
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
    return call(Operation::seek, static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(whence),
                [&] { return held().seek(offset, whence); });
  }
  [[nodiscard]] bool has_size() const { return held().has_size(); }
  [[nodiscard]] Result<std::uint64_t> size() {
    return call(Operation::size, 0, 0, [&] { return held().size(); });
  }
};

class ReaderAt : public Handle<detail::ErasedReaderAt, Subjects::reader_at> {
 public:
  using Handle::Handle;
  [[nodiscard]] ReaderAt moved() { return ReaderAt{trace(), moved_object()}; }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    return call(Operation::read_at, offset, bytes.size(), [&] { return std::as_const(held()).read_at(offset, bytes); });
  }
  [[nodiscard]] bool has_size() const { return held().has_size(); }
  [[nodiscard]] Result<std::uint64_t> size() const {
    return call(Operation::size, 0, 0, [&] { return std::as_const(held()).size(); });
  }
};

class Window : public Handle<detail::ErasedWindow, Subjects::window> {
 public:
  using Handle::Handle;
  [[nodiscard]] Window moved() { return Window{trace(), moved_object()}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return held().bytes(); }
};

/// The backend under test: one location.
class Location : public Handle<detail::ErasedLocation, Subjects::location> {
 public:
  using Handle::Handle;
  [[nodiscard]] Location moved() { return Location{trace(), moved_object()}; }
  /// What a harness is shown.
  [[nodiscard]] const detail::ErasedLocation& object() const noexcept { return held(); }

  [[nodiscard]] Capabilities capabilities() const { return held().capabilities(); }
  [[nodiscard]] Result<Writer> create() {
    return handle<Writer>(call(Operation::create, 0, 0, [&] { return held().create(); }));
  }
  [[nodiscard]] Result<Writer> append() {
    return handle<Writer>(call(Operation::append, 0, 0, [&] { return held().append(); }));
  }
  [[nodiscard]] Result<Reader> open() const {
    return handle<Reader>(call(Operation::open, 0, 0, [&] { return std::as_const(held()).open(); }));
  }
  [[nodiscard]] Result<Reader> open_seeker() const {
    return handle<Reader>(call(Operation::open_seeker, 0, 0, [&] { return std::as_const(held()).open_seeker(); }));
  }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const {
    return handle<ReaderAt>(call(Operation::open_reader_at, 0, 0, [&] { return std::as_const(held()).open_reader_at(); }));
  }
  [[nodiscard]] Result<void> remove() {
    return call(Operation::remove, 0, 0, [&] { return held().remove(); });
  }
  [[nodiscard]] Result<void> shrink(std::uint64_t n) {
    return call(Operation::shrink, n, 0, [&] { return held().shrink(n); });
  }
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n) {
    return call(Operation::discard, offset, n, [&] { return held().discard(offset, n); });
  }
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const {
    return handle<Window>(call(Operation::map, offset, n, [&] { return std::as_const(held()).map(offset, n); }));
  }
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const {
    return call(Operation::transfer_to, offset, n, [&] { return std::as_const(held()).transfer_to(descriptor, offset, n); });
  }
  [[nodiscard]] Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n) {
    return call(Operation::transfer_from, n, 0, [&] { return held().transfer_from(descriptor, n); });
  }
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode) {
    return call(Operation::publish, 0, 0, [&] { return held().publish(destination, mode); });
  }
  [[nodiscard]] std::uint64_t append_granularity() const { return held().append_granularity(); }
  [[nodiscard]] std::uint64_t max_object_size() const { return held().max_object_size(); }

 private:
  template <class H, class Erased>
  [[nodiscard]] Result<H> handle(Result<std::unique_ptr<Erased>> result) const {
    if (!result) return std::unexpected{result.error()};
    return H{trace(), std::move(*result)};
  }
};

}  // namespace hybridbuffer::conformance
