#pragma once

#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// What every transform needs: a Backend made out of a Backend declares what the inner one declares, less what it cannot keep and more
/// what it brings, at compile time or at run time as the inner one does; and its optional members exist exactly when they may be there. It
/// keeps secrets when an inner one does.

namespace hybridbuffer::inline v0_1::detail {

/// All that `B` may declare: what it declares at compile time, or every member that it has where it declares at run time.
template <class B>
[[nodiscard]] consteval Capabilities possible_capabilities() {
  constexpr unsigned count = 11;  // of the enumerators
  static_assert(static_cast<unsigned>(Capability::max_object_size) == 1U << (count - 1U));
  Capabilities all;
  for (unsigned bit = 0; bit != count; ++bit) {
    const auto member = static_cast<Capability>(1U << bit);
    if (may_have<B>(member)) all = all.with(member);
  }
  return all;
}

/// The rule of a wrapper that keeps everything.
struct SameCapabilities {
  [[nodiscard]] static constexpr Capabilities declared(Capabilities inner) noexcept { return inner; }
};

/// Base of a backend that is made out of others: its capabilities.
///
/// `Rule` says how they follow from those of the inner backends, in their order:
///
///     struct Rule {
///       static constexpr Capabilities declared(Capabilities inner) noexcept { return inner.without(Capability::map); }
///     };
///     template <storage_backend Inner>
///     class MyBackend : public detail::ForwardedCapabilities<Rule, Inner> {
///       using Declares = detail::ForwardedCapabilities<Rule, Inner>;
///      public:
///       explicit MyBackend(Inner inner) : Declares{inner}, inner_{std::move(inner)} {}
///       [[nodiscard]] Result<void> shrink(std::uint64_t n) requires(Declares::may(Capability::shrink)) { return inner_.shrink(n); }
///     };
///
/// `capabilities()` is static and constexpr when every inner backend declares at compile time (or nothing), else a const member that
/// tells what they declared at construction. So is `keeps_secrets()` (detail/secrecy.hpp), which a rule may say as well.
/// Requires: more inner capabilities never give fewer of `Rule`'s.
template <class Rule, class... Inner>
class ForwardedCapabilities {
  static constexpr bool at_run_time = (declares_at_run_time<Inner> || ...);
  static constexpr bool always_secret = (always_keeps_secrets<Rule>() || ... || always_keeps_secrets<Inner>());
  static constexpr bool secrecy_at_run_time = !always_secret && (tells_secrecy_at_run_time<Inner> || ...);
  struct Nothing {};
  struct Told {
    Capabilities capabilities{};
    bool keeps_secrets = always_secret;
  };

 public:
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept
    requires(!at_run_time)
  {
    return Rule::declared(possible_capabilities<Inner>()...);
  }
  [[nodiscard]] constexpr Capabilities capabilities() const noexcept
    requires(at_run_time)
  {
    return told_.capabilities;
  }
  [[nodiscard]] static constexpr bool keeps_secrets() noexcept
    requires(!secrecy_at_run_time)
  {
    return always_secret;
  }
  [[nodiscard]] constexpr bool keeps_secrets() const noexcept
    requires(secrecy_at_run_time)
  {
    return told_.keeps_secrets;
  }

 protected:
  /// Whether an inner backend has to be there to be asked.
  static constexpr bool asks_inner = at_run_time || secrecy_at_run_time;

  /// For who has no inner backend yet.
  constexpr ForwardedCapabilities() noexcept
    requires(!asks_inner)
  = default;
  explicit constexpr ForwardedCapabilities([[maybe_unused]] const Inner&... inner) noexcept
    requires(sizeof...(Inner) != 0)
  {
    if constexpr (asks_inner) told_ = {Rule::declared(capabilities_of(inner)...), (always_secret || ... || secrecy_of(inner))};
  }
  /// For who could not make all of them. One that is null declares what is known of it at compile time, else nothing; it may keep secrets.
  explicit constexpr ForwardedCapabilities(const Inner*... inner) noexcept
    requires(asks_inner)
      : told_{Rule::declared(known_of(inner)...), (always_secret || ... || (inner == nullptr || secrecy_of(*inner)))} {}

  /// What the requires-clause of an optional member asks: whether it exists.
  [[nodiscard]] static constexpr bool may(Capability member) { return Rule::declared(possible_capabilities<Inner>()...).has(member); }

  /// Whether it may be called on this object.
  [[nodiscard]] constexpr bool declares(Capability member) const noexcept {
    if constexpr (at_run_time) return told_.capabilities.has(member);
    else return may(member);
  }

 private:
  template <class B>
  [[nodiscard]] static constexpr Capabilities known_of(const B* inner) noexcept {
    if (inner != nullptr) return capabilities_of(*inner);
    if constexpr (declares_at_run_time<B>) return {};
    else return possible_capabilities<B>();
  }

  [[no_unique_address]] std::conditional_t<asks_inner, Told, Nothing> told_;
};

// What the members of `B` hand out; NoHandle where it has no such member ------------------------------------------------------------

/// A handle of every kind, so that a wrapper can name the types of all its handles. Nobody has one: what would make it does not exist.
struct NoHandle {
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces);
  [[nodiscard]] Result<void> close();
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes);
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
};
static_assert(gathering_writer<NoHandle> && reader_at<NoHandle> && seeker<NoHandle> && mapped_window<NoHandle>);

template <class B, Capability member>
struct HandleOf {
  using type = NoHandle;
};
template <class B>
  requires(may_have<B>(Capability::append))
struct HandleOf<B, Capability::append> {
  using type = value_of<decltype(std::declval<B&>().append())>;
};
template <class B>
  requires(may_have<B>(Capability::reader_at))
struct HandleOf<B, Capability::reader_at> {
  using type = value_of<decltype(std::declval<const B&>().open_reader_at())>;
};
template <class B>
  requires(may_have<B>(Capability::seeker))
struct HandleOf<B, Capability::seeker> {
  using type = value_of<decltype(std::declval<const B&>().open_seeker())>;
};
template <class B>
  requires(may_have<B>(Capability::map))
struct HandleOf<B, Capability::map> {
  using type = value_of<decltype(std::declval<const B&>().map(0, 0))>;
};

/// What create() gives; append() may give another type.
template <class B>
using writer_of = value_of<decltype(std::declval<B&>().create())>;
template <class B>
using appender_of = typename HandleOf<B, Capability::append>::type;
template <class B>
using reader_of = value_of<decltype(std::declval<const B&>().open())>;
template <class B>
using reader_at_of = typename HandleOf<B, Capability::reader_at>::type;
template <class B>
using seeker_of = typename HandleOf<B, Capability::seeker>::type;
template <class B>
using window_of = typename HandleOf<B, Capability::map>::type;

// Sizes of handles ------------------------------------------------------------------------------------------------------------------

/// A handle that knows how long its object is (D8), as a number or as a Result: a wrapper's handle has `size()` where the inner one has.
template <class H>
concept tells_size = requires(const H& h) {
  { h.size() } -> std::convertible_to<std::uint64_t>;
} || requires(const H& h) {
  { h.size() } -> std::same_as<Result<std::uint64_t>>;
};

/// Errors: those of the handle.
template <tells_size H>
[[nodiscard]] Result<std::uint64_t> size_of(const H& handle) {
  return handle.size();
}

}  // namespace hybridbuffer::inline v0_1::detail
