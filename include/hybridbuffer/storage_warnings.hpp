#pragma once

#include <concepts>
#include <string>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// A storage that says what about its place works and is probably not meant, a sentence each; none is the usual answer.
/// Threads: warnings() from any number at once.
template <class S>
concept warning_storage = requires(const S& s) {
  { s.warnings() } -> std::same_as<std::vector<std::string>>;
};

/// What `storage` warns of; nothing where it has no `warnings()`. What stands before a storage passes on with it what that one says.
///
///     for (const std::string& warning : warnings_of(storage)) std::cerr << warning << '\n';
///
/// A `warnings()` of another kind is a compile error. Errors: std::bad_alloc.
template <class S>
[[nodiscard]] std::vector<std::string> warnings_of(const S& storage) {
  if constexpr (warning_storage<S>) {
    return storage.warnings();
  } else {
    constexpr bool has_none = !requires(S& s) { s.warnings(); };
    static_assert(has_none, "the warnings of a storage are: std::vector<std::string> warnings() const;");
    return {};
  }
}

}  // namespace hybridbuffer::inline v0_1
