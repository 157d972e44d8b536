#pragma once

#include <hybridbuffer/backend/any_handles.hpp>
#include <hybridbuffer/detail/erased.hpp>
#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/storage_warnings.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

class AnyStorage;

namespace detail {

/// The operations of a backend. Of a member that the backend does not declare: `unsupported`, or the number that limits nothing.
struct BackendTable : Relocation {
  Result<AnyWriter> (*create)(void*) = nullptr;
  Result<AnyWriter> (*append)(void*) = nullptr;
  Result<AnyReader> (*open)(const void*) = nullptr;
  Result<AnySeeker> (*open_seeker)(const void*) = nullptr;
  Result<AnyReaderAt> (*open_reader_at)(const void*) = nullptr;
  Result<void> (*remove)(void*) = nullptr;
  Result<void> (*shrink)(void*, std::uint64_t) = nullptr;
  Result<void> (*discard)(void*, std::uint64_t, std::uint64_t) = nullptr;
  Result<AnyWindow> (*map)(const void*, std::uint64_t, std::size_t) = nullptr;
  Result<std::uint64_t> (*transfer_to)(const void*, int, std::uint64_t, std::uint64_t) = nullptr;
  Result<std::uint64_t> (*transfer_from)(void*, int, std::uint64_t) = nullptr;
  Result<void> (*publish)(void*, std::string_view, PublishMode) = nullptr;
  std::uint64_t (*append_granularity)(const void*) = nullptr;
  std::uint64_t (*max_object_size)(const void*) = nullptr;

  template <class Slot, class B>
  static constexpr BackendTable of() noexcept;
  static const BackendTable closed;
};

[[nodiscard]] inline std::unexpected<Error> undeclared(OperationName operation) noexcept {
  return failure(errc::unsupported, operation, "the storage cannot do it");
}

/// Calls a member that `member` declares, else answers as an object that has none.
template <Capability member, class B, class Call, class Otherwise>
[[nodiscard]] auto if_declared([[maybe_unused]] B& backend, [[maybe_unused]] Call&& call, [[maybe_unused]] Otherwise&& otherwise) {
  using Plain = std::remove_const_t<B>;
  if constexpr (!may_have<Plain>(member)) {
    return otherwise();
  } else if constexpr (declares_at_compile_time<Plain>) {
    return call(backend);
  } else {
    return backend.capabilities().has(member) ? call(backend) : otherwise();
  }
}

template <class Slot, class B>
constexpr BackendTable BackendTable::of() noexcept {
  using enum Capability;
  using Done = Result<void>;
  using Count = Result<std::uint64_t>;
  BackendTable table{Slot::relocation};
  table.create = [](void* slot) { return erased<AnyWriter>(Slot::get(slot).create()); };
  table.open = [](const void* slot) { return erased<AnyReader>(Slot::get(slot).open()); };
  table.remove = [](void* slot) { return Slot::get(slot).remove(); };
  table.append = [](void* slot) {
    return if_declared<Capability::append>(
        Slot::get(slot), [](auto& held) { return erased<AnyWriter>(held.append()); },
        []() -> Result<AnyWriter> { return undeclared("append"); });
  };
  table.open_seeker = [](const void* slot) {
    return if_declared<seeker>(
        Slot::get(slot), [](auto& held) { return erased<AnySeeker>(held.open_seeker()); },
        []() -> Result<AnySeeker> { return undeclared("open a seeker"); });
  };
  table.open_reader_at = [](const void* slot) {
    return if_declared<reader_at>(
        Slot::get(slot), [](auto& held) { return erased<AnyReaderAt>(held.open_reader_at()); },
        []() -> Result<AnyReaderAt> { return undeclared("open for reading anywhere"); });
  };
  table.shrink = [](void* slot, std::uint64_t n) {
    return if_declared<Capability::shrink>(
        Slot::get(slot), [&](auto& held) -> Done { return held.shrink(n); }, []() -> Done { return undeclared("shrink"); });
  };
  table.discard = [](void* slot, std::uint64_t offset, std::uint64_t n) {
    return if_declared<Capability::discard>(
        Slot::get(slot), [&](auto& held) -> Done { return held.discard(offset, n); }, []() -> Done { return undeclared("discard"); });
  };
  table.map = [](const void* slot, std::uint64_t offset, std::size_t n) {
    return if_declared<Capability::map>(
        Slot::get(slot), [&](auto& held) { return erased<AnyWindow>(held.map(offset, n)); },
        []() -> Result<AnyWindow> { return undeclared("map"); });
  };
  table.transfer_to = [](const void* slot, int target, std::uint64_t offset, std::uint64_t n) {
    return if_declared<transfer>(
        Slot::get(slot), [&](auto& held) -> Count { return held.transfer_to(target, offset, n); },
        []() -> Count { return undeclared("transfer from storage"); });
  };
  table.transfer_from = [](void* slot, int source, std::uint64_t n) {
    return if_declared<transfer>(
        Slot::get(slot), [&](auto& held) -> Count { return held.transfer_from(source, n); },
        []() -> Count { return undeclared("transfer into storage"); });
  };
  table.publish = [](void* slot, std::string_view destination, PublishMode mode) {
    return if_declared<Capability::publish>(
        Slot::get(slot), [&](auto& held) -> Done { return held.publish(destination, mode); },
        []() -> Done { return undeclared("publish"); });
  };
  table.append_granularity = [](const void* slot) {
    return if_declared<Capability::append_granularity>(
        Slot::get(slot), [](auto& held) { return held.append_granularity(); }, [] { return std::uint64_t{1}; });
  };
  table.max_object_size = [](const void* slot) {
    return if_declared<Capability::max_object_size>(
        Slot::get(slot), [](auto& held) { return held.max_object_size(); }, [] { return std::numeric_limits<std::uint64_t>::max(); });
  };
  return table;
}

// Its rows have the order of the members.
inline constexpr BackendTable BackendTable::closed{
    {move_nothing, destroy_nothing},
    [](void*) -> Result<AnyWriter> { return holds_nothing("create an object"); },
    [](void*) -> Result<AnyWriter> { return holds_nothing("append"); },
    [](const void*) -> Result<AnyReader> { return holds_nothing("open an object"); },
    [](const void*) -> Result<AnySeeker> { return holds_nothing("open a seeker"); },
    [](const void*) -> Result<AnyReaderAt> { return holds_nothing("open for reading anywhere"); },
    [](void*) -> Result<void> { return holds_nothing("remove an object"); },
    [](void*, std::uint64_t) -> Result<void> { return holds_nothing("shrink"); },
    [](void*, std::uint64_t, std::uint64_t) -> Result<void> { return holds_nothing("discard"); },
    [](const void*, std::uint64_t, std::size_t) -> Result<AnyWindow> { return holds_nothing("map"); },
    [](const void*, int, std::uint64_t, std::uint64_t) -> Result<std::uint64_t> { return holds_nothing("transfer from storage"); },
    [](void*, int, std::uint64_t) -> Result<std::uint64_t> { return holds_nothing("transfer into storage"); },
    [](void*, std::string_view, PublishMode) -> Result<void> { return holds_nothing("publish"); },
    [](const void*) { return std::uint64_t{1}; },
    [](const void*) { return std::uint64_t{0}; }};

}  // namespace detail

/// A backend whose type is known at run time only. It declares exactly what the held backend declares, and passes every call on unchanged.
///
///     AnyBackend location{FileStorage{}.create_backend().value()};
///     if (location.capabilities().has(Capability::append)) { … }
///
/// Has every optional member; one that is not declared answers `unsupported`. A default-constructed or moved-from one holds nothing,
/// declares nothing and answers `closed`.
/// Cost:    an indirect call. Holds backends of up to 48 bytes and handles of usual size in itself; what is larger costs one allocation,
///          whose failure is `no_space`. Files and memory fit, and so do checksummed() and retrying() before them; encrypted() and
///          compressed() do not. `holds_inline` tells.
/// Threads: those of the held backend, which are those of every backend.
class AnyBackend {
  using Held = detail::Erased<detail::BackendTable, 48>;

 public:
  using storage_type = AnyStorage;

  /// Holds nothing.
  AnyBackend() noexcept = default;
  /// Holds `backend`, whose capabilities are asked for once, here. Errors: std::bad_alloc when it does not fit in here.
  template <class B>
    requires(!std::same_as<B, AnyBackend>) && detail::has_create<B> && storage_backend<B>
  explicit AnyBackend(B backend) {
    if (!hold(std::move(backend))) throw std::bad_alloc{};
  }
  AnyBackend(AnyBackend&& other) noexcept
      : held_{std::move(other.held_)},
        declared_{std::exchange(other.declared_, {})},
        keeps_secrets_{std::exchange(other.keeps_secrets_, false)} {}
  AnyBackend& operator=(AnyBackend&& other) noexcept {
    if (this != &other) {
      held_ = std::move(other.held_);
      declared_ = std::exchange(other.declared_, {});
      keeps_secrets_ = std::exchange(other.keeps_secrets_, false);
    }
    return *this;
  }
  ~AnyBackend() = default;

  /// Holds `backend` from now on. Returns: false when there is no memory; it holds nothing then, and when moving `backend` throws.
  template <class B>
    requires(!std::same_as<B, AnyBackend>) && detail::has_create<B> && storage_backend<B>
  [[nodiscard]] bool hold(B&& backend) {
    static constexpr detail::BackendTable table = detail::BackendTable::of<Held::Slot<B>, B>();
    const Capabilities declared = capabilities_of(backend);
    const bool keeps_secrets = detail::secrecy_of(backend);
    declared_ = {};  // of nothing, which is what is held should the backend throw when it is moved
    keeps_secrets_ = false;
    if (!held_.hold(std::forward<B>(backend), table)) return false;
    declared_ = declared;
    keeps_secrets_ = keeps_secrets;
    return true;
  }
  /// True when a backend of type `B` costs no allocation.
  template <class B>
  static constexpr bool holds_inline = Held::Slot<B>::is_inline;

  [[nodiscard]] Capabilities capabilities() const noexcept { return declared_; }
  /// Whether the held backend keeps content from who sees what is stored, as encrypted() does: what stands before it then wipes memory.
  [[nodiscard]] bool keeps_secrets() const noexcept { return keeps_secrets_; }
  /// Whether there is no backend in it; every call answers `closed` then.
  [[nodiscard]] bool holds_nothing() const noexcept { return held_.holds_nothing(); }

  [[nodiscard]] Result<AnyWriter> create() { return table().create(held_.slot()); }
  [[nodiscard]] Result<AnyWriter> append() { return table().append(held_.slot()); }
  [[nodiscard]] Result<AnyReader> open() const { return table().open(held_.slot()); }
  [[nodiscard]] Result<AnySeeker> open_seeker() const { return table().open_seeker(held_.slot()); }
  [[nodiscard]] Result<AnyReaderAt> open_reader_at() const { return table().open_reader_at(held_.slot()); }
  [[nodiscard]] Result<void> remove() { return table().remove(held_.slot()); }
  [[nodiscard]] Result<void> shrink(std::uint64_t n) { return table().shrink(held_.slot(), n); }
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n) { return table().discard(held_.slot(), offset, n); }
  [[nodiscard]] Result<AnyWindow> map(std::uint64_t offset, std::size_t n) const { return table().map(held_.slot(), offset, n); }
  [[nodiscard]] Result<std::uint64_t> transfer_to(int target, std::uint64_t offset, std::uint64_t n) const {
    return table().transfer_to(held_.slot(), target, offset, n);
  }
  [[nodiscard]] Result<std::uint64_t> transfer_from(int source, std::uint64_t n) { return table().transfer_from(held_.slot(), source, n); }
  [[nodiscard]] Result<void> publish(std::string_view destination, PublishMode mode) {
    return table().publish(held_.slot(), destination, mode);
  }
  /// 1 where it is not declared.
  [[nodiscard]] std::uint64_t append_granularity() const { return table().append_granularity(held_.slot()); }
  /// No limit where it is not declared; 0 when nothing is held.
  [[nodiscard]] std::uint64_t max_object_size() const { return table().max_object_size(held_.slot()); }

 private:
  [[nodiscard]] const detail::BackendTable& table() const noexcept { return held_.table(); }

  Held held_;
  Capabilities declared_{};
  bool keeps_secrets_ = false;
};

static_assert(storage_backend<AnyBackend> && explain_storage_backend<AnyBackend>());

/// A storage factory whose type is known at run time only. Copies share the factory, which lives as long as one of them; what it makes
/// outlives it.
///
///     AnyStorage place = FileStorage{{.directory = "/var/tmp"}};
///     HybridBuffer buffer{SegmentedMemory<>{}, SpillAt{64_MiB}, place};
///
/// There is none by default: a buffer of AnyBackend is told where it keeps its bytes. A moved-from one answers `closed`.
/// Threads: create_backend and warnings from any number at once, on copies of one factory too.
class AnyStorage {
 public:
  /// Errors: std::bad_alloc.
  template <class Storage>
    requires(!std::same_as<Storage, AnyStorage>) && detail::has_create_backend<Storage>
  AnyStorage(Storage storage)  // NOLINT(google-explicit-constructor): it is one, and keeps all that it can do
      : held_{std::make_shared<const Storage>(std::move(storage))}, table_{&table_of<Storage>} {
    // Not above: whether a storage over an AnyStorage can be moved would depend on whether it converts to one, and that on whether it can.
    static_assert(storage_factory<Storage>);
  }

  /// A new, empty location.
  /// Errors: those of the factory; `closed` after a move; `no_space` when the backend does not fit in an AnyBackend and there is no memory.
  [[nodiscard]] Result<AnyBackend> create_backend() const {
    if (held_ == nullptr) return detail::holds_nothing("use a storage that was moved from");
    return table_->create_backend(held_.get());
  }
  /// What the held storage warns of; nothing after a move. Errors: std::bad_alloc.
  [[nodiscard]] std::vector<std::string> warnings() const {
    if (held_ == nullptr) return {};
    return table_->warnings(held_.get());
  }

 private:
  template <class B>
  static Result<AnyBackend> erase(Result<B> made) {
    if constexpr (std::same_as<B, AnyBackend>) {
      return made;
    } else {
      if (!made) return std::unexpected{std::move(made).error()};
      Result<AnyBackend> any;
      if (!any->hold(std::move(*made))) return failure(errc::no_space, "create a location", "out of memory");
      return any;
    }
  }

  struct Table {
    Result<AnyBackend> (*create_backend)(const void*);
    std::vector<std::string> (*warnings)(const void*);
  };
  template <class Storage>
  static constexpr Table table_of{
      [](const void* held) -> Result<AnyBackend> { return erase(static_cast<const Storage*>(held)->create_backend()); },
      [](const void* held) { return warnings_of(*static_cast<const Storage*>(held)); }};

  std::shared_ptr<const void> held_;
  const Table* table_;
};

static_assert(storage_factory<AnyStorage> && std::copy_constructible<AnyStorage>);

}  // namespace hybridbuffer::inline v0_1
