#pragma once

#include <concepts>
#include <type_traits>

/// \file
/// Whether a backend keeps content from who sees what is stored. Then whatever stands before it leaves none in memory that it gives back.

namespace hybridbuffer::inline v0_1::detail {

/// A backend, or the rule of a wrapper, whose `keeps_secrets()` is known at compile time: `static constexpr bool keeps_secrets()`.
template <class B>
concept tells_secrecy_at_compile_time = requires { typename std::bool_constant<B::keeps_secrets()>; };

/// One that knows at run time only, because the backend in it does: `bool keeps_secrets() const`.
template <class B>
concept tells_secrecy_at_run_time = !tells_secrecy_at_compile_time<B> && requires(const B& b) {
  { b.keeps_secrets() } -> std::same_as<bool>;
};

/// What `B` says without an object.
template <class B>
[[nodiscard]] consteval bool always_keeps_secrets() {
  if constexpr (tells_secrecy_at_compile_time<B>) return B::keeps_secrets();
  else return false;
}

/// Whether some object of `B` may say so.
template <class B>
[[nodiscard]] consteval bool may_keep_secrets() {
  return tells_secrecy_at_run_time<B> || always_keeps_secrets<B>();
}

/// What `backend` says; false where it says nothing.
template <class B>
[[nodiscard]] constexpr bool secrecy_of([[maybe_unused]] const B& backend) noexcept {
  if constexpr (tells_secrecy_at_run_time<B>) return backend.keeps_secrets();
  else return always_keeps_secrets<B>();
}

}  // namespace hybridbuffer::inline v0_1::detail
