#pragma once

#include <hybridbuffer/capabilities.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_concepts.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

/// \file
/// The concepts of a place where bytes can be kept: the backend, which makes handles (handle_concepts.hpp) and declares what else it can
/// do (capabilities.hpp), and the storage factory, which makes backends.
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

// The backend --------------------------------------------------------------------------------------------------------------------

namespace detail {

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
