#pragma once

#include <hybridbuffer/error.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// What an S3 store knows a caller by. No error and no message ever shows the secret or the token.
struct S3Credentials {
  std::string access_key{};                                        ///< The public half.
  std::string secret_key{};                                        ///< The secret half.
  std::string session_token{};                                     ///< empty: none
  std::optional<std::chrono::system_clock::time_point> expires{};  ///< nothing: never
};

/// Fetches credentials. Called when there are none yet, a few minutes before they expire (of what lives less, in the middle of its life),
/// and when a store says that they did; not from two threads at once for one storage, and not within a second after an error. `deadline`:
/// how long it may take, which is what is left of the time for the call that needs them. It answers with an error and does not throw:
/// what it throws, other than std::bad_alloc, is `permission`.
using S3CredentialSource = std::function<Result<S3Credentials>(std::chrono::milliseconds deadline)>;

/// Always the same ones.
[[nodiscard]] inline S3CredentialSource fixed_credentials(S3Credentials credentials) {
  return [credentials = std::move(credentials)](std::chrono::milliseconds) -> Result<S3Credentials> { return credentials; };
}

}  // namespace hybridbuffer::inline v0_1
