#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_concepts.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

/// \file
/// What a backend can do beyond the three calls that every one has: it declares it, as a set, and has the members that it declares.

namespace hybridbuffer::inline v0_1 {

/// What `publish` does when its destination exists: replace it at once and whole, or keep it and answer `already_exists`.
enum class PublishMode : std::uint8_t { replace, keep };

namespace detail {

template <class R>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

template <class R>
concept result = is_result<std::remove_cvref_t<R>>;

template <result R>
using value_of = typename std::remove_cvref_t<R>::value_type;

}  // namespace detail

/// What a backend can do beyond create, open and remove. Each enumerator names the member that it declares.
enum class Capability : std::uint16_t {
  reader_at = 1U << 0U,           ///< `open_reader_at() const -> Result<reader_at>`
  seeker = 1U << 1U,              ///< `open_seeker() const -> Result<seeker>`
  append = 1U << 2U,              ///< `append() -> Result<writer>`: extends the committed object; without one, acts as create()
  append_granularity = 1U << 3U,  ///< `append_granularity() const -> uint64_t`: sizes that are multiples cost least; advice only
  shrink = 1U << 4U,              ///< `shrink(uint64_t n) -> Result<void>`: the committed object becomes its first n bytes
  discard = 1U << 5U,             ///< `discard(uint64_t offset, uint64_t n) -> Result<void>`: gives the storage of a range back
  map = 1U << 6U,                 ///< `map(uint64_t offset, size_t n) const -> Result<mapped_window>`: 1..n bytes from offset, 0 at the end
  transfer = 1U << 7U,            ///< `transfer_to(int fd, uint64_t offset, uint64_t n) const`, `transfer_from(int fd, uint64_t n)`
  publish = 1U << 8U,             ///< `publish(std::string_view destination, PublishMode) -> Result<void>`
  gather = 1U << 9U,              ///< its writers are `gathering_writer`s
  max_object_size = 1U << 10U,    ///< `max_object_size() const -> uint64_t`: no object may be larger
};

/// A set of capabilities.
class Capabilities {
 public:
  constexpr Capabilities() noexcept = default;
  /// Of these members.
  constexpr Capabilities(std::same_as<Capability> auto... members) noexcept  // NOLINT(google-explicit-constructor): a set literal
      : bits_{static_cast<std::uint16_t>((0U | ... | static_cast<unsigned>(members)))} {}

  /// Whether `member` is in it.
  [[nodiscard]] constexpr bool has(Capability member) const noexcept { return (bits_ & static_cast<unsigned>(member)) != 0; }
  /// Those of both.
  [[nodiscard]] constexpr Capabilities with(Capabilities others) const noexcept { return from_bits(bits_ | 0U | others.bits_); }
  /// Those that are not in `others`.
  [[nodiscard]] constexpr Capabilities without(Capabilities others) const noexcept {
    return from_bits(static_cast<unsigned>(bits_) & ~static_cast<unsigned>(others.bits_));
  }
  /// Those that are in both.
  [[nodiscard]] constexpr Capabilities common_with(Capabilities others) const noexcept {
    return from_bits(static_cast<unsigned>(bits_) & others.bits_);
  }
  friend constexpr bool operator==(Capabilities, Capabilities) noexcept = default;

 private:
  static constexpr Capabilities from_bits(unsigned bits) noexcept {
    Capabilities set;
    set.bits_ = static_cast<std::uint16_t>(bits);
    return set;
  }
  std::uint16_t bits_ = 0;
};

namespace detail {

template <class R>
concept result_of_writer = result<R> && writer<value_of<R>>;
template <class R>
concept result_of_gathering_writer = result<R> && gathering_writer<value_of<R>>;
template <class R>
concept result_of_reader = result<R> && reader<value_of<R>>;
template <class R>
concept result_of_reader_at = result<R> && reader_at<value_of<R>>;
template <class R>
concept result_of_seeker = result<R> && seeker<value_of<R>>;
template <class R>
concept result_of_window = result<R> && mapped_window<value_of<R>>;

// clang-format off: tables, a row a line

// The name is there, whatever it returns: what an undeclared member is recognised by.
template <class B, Capability member>
consteval bool has_member() {
  using enum Capability;
  if constexpr (member == reader_at) return requires(const B& b) { b.open_reader_at(); };
  else if constexpr (member == seeker) return requires(const B& b) { b.open_seeker(); };
  else if constexpr (member == append) return requires(B& b) { b.append(); };
  else if constexpr (member == append_granularity) return requires(const B& b) { b.append_granularity(); };
  else if constexpr (member == shrink) return requires(B& b, std::uint64_t n) { b.shrink(n); };
  else if constexpr (member == discard) return requires(B& b, std::uint64_t n) { b.discard(n, n); };
  else if constexpr (member == map) return requires(const B& b, std::uint64_t offset, std::size_t n) { b.map(offset, n); };
  else if constexpr (member == transfer) {
    return requires(const B& b, int fd, std::uint64_t n) { b.transfer_to(fd, n, n); } ||
           requires(B& b, int fd, std::uint64_t n) { b.transfer_from(fd, n); };
  } else if constexpr (member == publish) {
    return requires(B& b, std::string_view destination, PublishMode mode) { b.publish(destination, mode); };
  } else if constexpr (member == gather) return requires(B& b) { { b.create() } -> result_of_gathering_writer; };
  else return requires(const B& b) { b.max_object_size(); };
}

// The member is there with the promised signature.
template <class B, Capability member>
consteval bool has_exact_member() {
  using enum Capability;
  using Done = Result<void>;
  using Count = Result<std::uint64_t>;
  if constexpr (member == reader_at) return requires(const B& b) { { b.open_reader_at() } -> result_of_reader_at; };
  else if constexpr (member == seeker) return requires(const B& b) { { b.open_seeker() } -> result_of_seeker; };
  else if constexpr (member == append) return requires(B& b) { { b.append() } -> result_of_writer; };
  else if constexpr (member == append_granularity) {
    return requires(const B& b) { { b.append_granularity() } -> std::same_as<std::uint64_t>; };
  } else if constexpr (member == shrink) return requires(B& b, std::uint64_t n) { { b.shrink(n) } -> std::same_as<Done>; };
  else if constexpr (member == discard) return requires(B& b, std::uint64_t n) { { b.discard(n, n) } -> std::same_as<Done>; };
  else if constexpr (member == map) {
    return requires(const B& b, std::uint64_t offset, std::size_t n) { { b.map(offset, n) } -> result_of_window; };
  } else if constexpr (member == transfer) {
    return requires(const B& c, B& b, int fd, std::uint64_t n) {
      { c.transfer_to(fd, n, n) } -> std::same_as<Count>;
      { b.transfer_from(fd, n) } -> std::same_as<Count>;
    };
  } else if constexpr (member == publish) {
    return requires(B& b, std::string_view destination, PublishMode mode) { { b.publish(destination, mode) } -> std::same_as<Done>; };
  } else if constexpr (member == gather) {
    if constexpr (has_member<B, append>()) {
      return requires(B& b) { { b.create() } -> result_of_gathering_writer; { b.append() } -> result_of_gathering_writer; };
    } else {
      return requires(B& b) { { b.create() } -> result_of_gathering_writer; };
    }
  } else return requires(const B& b) { { b.max_object_size() } -> std::same_as<std::uint64_t>; };
}

// clang-format on

template <class B>
concept declares_at_compile_time = requires { typename std::bool_constant<B::capabilities().has(Capability::append)>; };

template <class B>
concept declares_at_run_time = !declares_at_compile_time<B> && requires(const B& b) {
  { b.capabilities() } -> std::same_as<Capabilities>;
};

}  // namespace detail

/// True when `B` has the member that `member` declares, so that code which calls it compiles.
template <class B>
[[nodiscard]] consteval bool may_have(Capability member) {
  if constexpr (detail::declares_at_compile_time<B>) {
    return B::capabilities().has(member);
  } else if constexpr (detail::declares_at_run_time<B>) {
    using enum Capability;
    switch (member) {
      case reader_at: return detail::has_exact_member<B, reader_at>();
      case seeker: return detail::has_exact_member<B, seeker>();
      case append: return detail::has_exact_member<B, append>();
      case append_granularity: return detail::has_exact_member<B, append_granularity>();
      case shrink: return detail::has_exact_member<B, shrink>();
      case discard: return detail::has_exact_member<B, discard>();
      case map: return detail::has_exact_member<B, map>();
      case transfer: return detail::has_exact_member<B, transfer>();
      case publish: return detail::has_exact_member<B, publish>();
      case gather: return detail::has_exact_member<B, gather>();
      case max_object_size: return detail::has_exact_member<B, max_object_size>();
    }
    return false;
  } else {
    return false;
  }
}

/// What `backend` declares; nothing when it has no `capabilities()`.
template <class B>
[[nodiscard]] constexpr Capabilities capabilities_of([[maybe_unused]] const B& backend) noexcept {
  if constexpr (detail::declares_at_compile_time<B>) return B::capabilities();
  else if constexpr (detail::declares_at_run_time<B>) return backend.capabilities();
  else return {};
}

namespace detail {

// Declared at compile time: the exact member is there. Not declared: no such member. Declared at run time: either.
template <class B, Capability member>
consteval bool declaration_holds() {
  if constexpr (declares_at_run_time<B>) return true;
  else if constexpr (may_have<B>(member)) return has_exact_member<B, member>();
  else return !has_member<B, member>();
}

template <class B>
consteval bool declarations_hold() {
  using enum Capability;
  return declaration_holds<B, reader_at>() && declaration_holds<B, seeker>() && declaration_holds<B, append>() &&
         declaration_holds<B, append_granularity>() && declaration_holds<B, shrink>() && declaration_holds<B, discard>() &&
         declaration_holds<B, map>() && declaration_holds<B, transfer>() && declaration_holds<B, publish>() &&
         declaration_holds<B, gather>() && declaration_holds<B, max_object_size>();
}

}  // namespace detail

}  // namespace hybridbuffer::inline v0_1
