#pragma once

#include <hybridbuffer/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// The concepts of a place where bytes can be kept: handles (writer, reader, reader_at, seeker), the backend that makes them, the
/// storage factory that makes backends, and the capabilities that a backend declares.
///
/// A complete backend; its twenty lines compile in docs/examples/minimal_backend.hpp:
///
///     class Backend {
///      public:
///       Result<Writer> create();        // starts a new object, visible once the writer is closed
///       Result<Reader> open() const;    // reads the committed object from its start; not_found before the first commit
///       Result<void>   remove();        // removes the object; succeeds also when there is none
///     };
///
/// What a compiler cannot check is a numbered clause in docs/contract.md.

namespace hybridbuffer::inline v0_1 {

/// Where a seek offset counts from.
enum class Whence : std::uint8_t { begin, current, end };

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

// Handles ------------------------------------------------------------------------------------------------------------------------

/// Takes an object's bytes. `write` accepts all bytes or fails; `close` commits; destroying an unclosed writer abandons.
/// A second `close` repeats the first verdict; `write` after `close` is `closed`.
/// Threads: one at a time, any thread.
template <class W>
concept writer = std::movable<W> && std::is_nothrow_destructible_v<W> && requires(W& w, std::span<const std::byte> bytes) {
  { w.write(bytes) } -> std::same_as<Result<void>>;
  { w.close() } -> std::same_as<Result<void>>;
};

/// A writer that takes a list of spans in one call, all or error, as if they were written one after the other.
/// Declared by the backend as `Capability::gather`.
template <class W>
concept gathering_writer = writer<W> && requires(W& w, std::span<const std::span<const std::byte>> pieces) {
  { w.write(pieces) } -> std::same_as<Result<void>>;
};

/// Delivers an object's bytes in order: `read` gives 1..n bytes, 0 only at the end or for an empty span. Destroying it closes it.
/// Threads: one at a time, any thread.
template <class R>
concept reader = std::movable<R> && std::is_nothrow_destructible_v<R> && requires(R& r, std::span<std::byte> bytes) {
  { r.read(bytes) } -> std::same_as<Result<std::size_t>>;
};

/// Delivers any window of an object: short only at the end, 0 at and beyond it, no cursor.
/// Threads: any number at once.
template <class R>
concept reader_at =
    std::movable<R> && std::is_nothrow_destructible_v<R> && requires(const R& r, std::uint64_t offset, std::span<std::byte> bytes) {
      { r.read_at(offset, bytes) } -> std::same_as<Result<std::size_t>>;
    };

/// A reader with a position that can be set. A target before 0 is `invalid_argument` and moves nothing; beyond the end is legal.
/// Returns:  the new absolute position.
template <class S>
concept seeker = reader<S> && requires(S& s, std::int64_t offset, Whence whence) {
  { s.seek(offset, whence) } -> std::same_as<Result<std::uint64_t>>;
};

/// Readable bytes that the backend lends; they stay readable until the window is destroyed.
template <class W>
concept mapped_window = std::movable<W> && std::is_nothrow_destructible_v<W> && requires(const W& w) {
  { w.bytes() } noexcept -> std::same_as<std::span<const std::byte>>;
};

// Capabilities -------------------------------------------------------------------------------------------------------------------

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

// The backend --------------------------------------------------------------------------------------------------------------------

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

// clang-format off
template <class B>
concept has_create = requires(B& b) { { b.create() } -> result_of_writer; };
template <class B>
concept has_open = requires(const B& b) { { b.open() } -> result_of_reader; };
template <class B>
concept has_remove = requires(B& b) { { b.remove() } -> std::same_as<Result<void>>; };
// clang-format on
template <class B>
concept has_readable_capabilities = declares_at_compile_time<B> || declares_at_run_time<B> || !requires(const B& b) { b.capabilities(); };
template <class B>
concept is_one_location = std::movable<B> && std::is_nothrow_destructible_v<B>;

template <class B>
consteval bool declarations_hold() {
  using enum Capability;
  return declaration_holds<B, reader_at>() && declaration_holds<B, seeker>() && declaration_holds<B, append>() &&
         declaration_holds<B, append_granularity>() && declaration_holds<B, shrink>() && declaration_holds<B, discard>() &&
         declaration_holds<B, map>() && declaration_holds<B, transfer>() && declaration_holds<B, publish>() &&
         declaration_holds<B, gather>() && declaration_holds<B, max_object_size>();
}

}  // namespace detail

/// One location that keeps one object. Owns it: destroying the backend removes what is stored there.
/// Threads: `open*` from any thread, also while another is inside create, append, write, close or remove; the rest one at a time.
template <class B>
concept storage_backend = detail::is_one_location<B> && detail::has_create<B> && detail::has_open<B> && detail::has_remove<B> &&
                          detail::has_readable_capabilities<B> && detail::declarations_hold<B>();

/// Stops the compilation with one sentence for each signature that `B` lacks.
template <class B>
consteval bool explain_storage_backend() {
  using enum Capability;
  // Each assertion is on a plain bool: the compilers then print the sentence, not the concepts and helpers behind it.
  constexpr bool location = detail::is_one_location<B>;
  static_assert(location, "a storage backend must be movable and have a noexcept destructor");
  constexpr bool creates = detail::has_create<B>;
  static_assert(creates, "a storage backend needs: Result<Writer> create(); where Writer models hybridbuffer::writer");
  constexpr bool opens = detail::has_open<B>;
  static_assert(opens, "a storage backend needs: Result<Reader> open() const; where Reader models hybridbuffer::reader");
  constexpr bool removes = detail::has_remove<B>;
  static_assert(removes, "a storage backend needs: Result<void> remove();");
  constexpr bool declares = detail::has_readable_capabilities<B>;
  static_assert(declares,
                "capabilities() must be static constexpr Capabilities capabilities(), or a const member where it is known at run time");
  constexpr bool reader_at_holds = detail::declaration_holds<B, reader_at>();
  static_assert(reader_at_holds, "Capability::reader_at must be declared exactly when there is: Result<ReaderAt> open_reader_at() const;");
  constexpr bool seeker_holds = detail::declaration_holds<B, seeker>();
  static_assert(seeker_holds, "Capability::seeker must be declared exactly when there is: Result<Seeker> open_seeker() const;");
  constexpr bool append_holds = detail::declaration_holds<B, append>();
  static_assert(append_holds, "Capability::append must be declared exactly when there is: Result<Writer> append();");
  constexpr bool append_granularity_holds = detail::declaration_holds<B, append_granularity>();
  static_assert(append_granularity_holds,
                "Capability::append_granularity must be declared exactly when there is: std::uint64_t append_granularity() const;");
  constexpr bool shrink_holds = detail::declaration_holds<B, shrink>();
  static_assert(shrink_holds, "Capability::shrink must be declared exactly when there is: Result<void> shrink(std::uint64_t size);");
  constexpr bool discard_holds = detail::declaration_holds<B, discard>();
  static_assert(discard_holds,
                "Capability::discard must be declared exactly when there is: Result<void> discard(std::uint64_t offset, std::uint64_t n);");
  constexpr bool map_holds = detail::declaration_holds<B, map>();
  static_assert(map_holds,
                "Capability::map must be declared exactly when there is: Result<Window> map(std::uint64_t offset, std::size_t n) const;");
  constexpr bool transfer_holds = detail::declaration_holds<B, transfer>();
  static_assert(
      transfer_holds,
      "Capability::transfer must be declared exactly when there are: Result<std::uint64_t> transfer_to(int fd, std::uint64_t offset, "
      "std::uint64_t n) const; and Result<std::uint64_t> transfer_from(int fd, std::uint64_t n);");
  constexpr bool publish_holds = detail::declaration_holds<B, publish>();
  static_assert(
      publish_holds,
      "Capability::publish must be declared exactly when there is: Result<void> publish(std::string_view destination, PublishMode);");
  constexpr bool gather_holds = detail::declaration_holds<B, gather>();
  static_assert(gather_holds,
                "Capability::gather must be declared exactly when every writer has: "
                "Result<void> write(std::span<const std::span<const std::byte>>);");
  constexpr bool max_object_size_holds = detail::declaration_holds<B, max_object_size>();
  static_assert(max_object_size_holds,
                "Capability::max_object_size must be declared exactly when there is: std::uint64_t max_object_size() const;");
  return true;
}

// The storage factory ------------------------------------------------------------------------------------------------------------

/// A place (a directory, a bucket) that makes backends. Each call makes a new, empty location; what it makes outlives it.
/// Threads: create_backend from any number at once.
template <class S>
concept storage_factory = std::movable<S> && requires(const S& s) {
  { s.create_backend() } -> detail::result;
  requires storage_backend<detail::value_of<decltype(s.create_backend())>>;
};

namespace detail {
template <class S>
concept has_create_backend = requires(const S& s) {
  { s.create_backend() } -> result;
};
template <class S, class B>
concept makes_backend = requires(const S& s) {
  { s.create_backend() } -> std::same_as<Result<B>>;
};
}  // namespace detail

/// Stops the compilation with a sentence where `S` is no storage of `B`. What `B` itself lacks is explain_storage_backend()'s.
template <class S, class B>
consteval bool explain_storage_of() {
  constexpr bool movable = std::movable<S>;
  static_assert(movable, "a storage factory must be movable");
  constexpr bool makes_any = detail::has_create_backend<S>;
  static_assert(makes_any, "a storage factory needs: Result<Backend> create_backend() const;");
  constexpr bool makes_this_one = !makes_any || detail::makes_backend<S, B>;
  static_assert(makes_this_one, "the storage must make the buffer's own backend: Result<Backend> create_backend() const;");
  return true;
}

/// The backend that a storage factory makes.
template <class S>
using backend_of_t = detail::value_of<decltype(std::declval<const S&>().create_backend())>;

/// The storage of a backend that needs no place: each location is a value-initialised `Backend`.
template <class Backend>
struct InPlaceStorage {
  [[nodiscard]] Result<Backend> create_backend() const { return Backend{}; }
};

namespace detail {
template <class Backend>
struct default_storage {
  using type = InPlaceStorage<Backend>;
};
template <class Backend>
  requires requires { typename Backend::storage_type; }
struct default_storage<Backend> {
  using type = typename Backend::storage_type;
};
}  // namespace detail

/// `Backend::storage_type` where the backend names one, else InPlaceStorage.
template <class Backend>
using default_storage_t = typename detail::default_storage<Backend>::type;

}  // namespace hybridbuffer::inline v0_1
