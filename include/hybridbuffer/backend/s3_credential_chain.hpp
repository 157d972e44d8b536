#pragma once

#include <hybridbuffer/backend/s3_credentials.hpp>
#include <hybridbuffer/detail/s3_credential_service.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Where the AWS tools look for credentials, in their order: environment, shared file, the container's service, the machine's (IMDSv2).

namespace hybridbuffer::inline v0_1 {

namespace detail {
[[nodiscard]] inline std::string environment(const char* name) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as everywhere, nobody may call setenv meanwhile
  return text != nullptr ? text : "";
}
[[nodiscard]] inline std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}
}  // namespace detail

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Errors: `not_found` when the first two are not both set.
[[nodiscard]] inline Result<S3Credentials> credentials_from_environment() {
  S3Credentials found{.access_key = detail::environment("AWS_ACCESS_KEY_ID"),
                      .secret_key = detail::environment("AWS_SECRET_ACCESS_KEY"),
                      .session_token = detail::environment("AWS_SESSION_TOKEN")};
  if (found.access_key.empty() || found.secret_key.empty()) return failure(errc::not_found, "read credentials from the environment");
  return found;
}

/// A section of a file such as ~/.aws/credentials. Errors: `not_found` when there is no such file or profile, or it has no keys.
[[nodiscard]] inline Result<S3Credentials> credentials_from_file(const std::string& path, std::string_view profile) {
  std::ifstream file{path};
  if (!file) return failure(errc::not_found, "read credentials from", path);
  S3Credentials found;
  bool is_ours = false;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = detail::trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      is_ours = detail::trimmed(text.substr(1, text.find(']') - 1)) == profile;
      continue;
    }
    const auto equals = text.find('=');
    if (!is_ours || equals == std::string_view::npos) continue;
    const std::string_view name = detail::trimmed(text.substr(0, equals));
    const std::string_view value = detail::trimmed(text.substr(equals + 1));
    if (name == "aws_access_key_id") found.access_key = value;
    else if (name == "aws_secret_access_key") found.secret_key = value;
    else if (name == "aws_session_token") found.session_token = value;
  }
  if (found.access_key.empty() || found.secret_key.empty()) return failure(errc::not_found, "find a profile with keys in", path);
  return found;
}

/// AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials; `profile` empty: AWS_PROFILE or "default".
[[nodiscard]] inline Result<S3Credentials> credentials_from_shared_file(std::string profile = {}) {
  std::string path = detail::environment("AWS_SHARED_CREDENTIALS_FILE");
  if (path.empty()) path = detail::environment("HOME") + "/.aws/credentials";
  if (profile.empty()) profile = detail::environment("AWS_PROFILE");
  return credentials_from_file(path, profile.empty() ? std::string_view{"default"} : std::string_view{profile});
}

/// The service of a container (ECS, EKS Pod Identity): AWS_CONTAINER_CREDENTIALS_FULL_URI, or _RELATIVE_URI at 169.254.170.2, with the
/// token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN. Plain http only to this machine and to those
/// services. Errors: `not_found` when none is named; those of asking it.
[[nodiscard]] inline Result<S3Credentials> credentials_from_container(std::chrono::milliseconds deadline) {
  std::string url = detail::environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string path = detail::environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty()) {
    url = "http://169.254.170.2" + path;
  }
  if (url.empty()) return failure(errc::not_found, "ask a container's credential service", "none is named");
  if (!detail::is_credential_service(url)) {
    return failure(errc::permission, "ask a container's credential service", "it is neither https nor a known local address");
  }
  std::string token = detail::environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = detail::environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    std::ifstream file{path};
    if (!std::getline(file, token)) return failure(errc::not_found, "read a container's authorisation token from", path);
    token = detail::trimmed(token);
  }
  return detail::credentials_from_service(url, token.empty() ? std::string{} : "Authorization: " + token, deadline);
}

/// The role of an EC2 instance, by version 2 of its metadata service, which needs a token and so cannot be reached by a forwarded request.
/// `address`: AWS_EC2_METADATA_SERVICE_ENDPOINT, or http://169.254.169.254. Nothing is asked with AWS_EC2_METADATA_DISABLED=true.
/// Errors: `not_found` when it is switched off or has no role; those of asking it, within two seconds in all.
[[nodiscard]] inline Result<S3Credentials> credentials_from_instance(std::chrono::milliseconds deadline) {
  constexpr OperationName operation{"ask the instance's metadata service"};
  if (detail::environment("AWS_EC2_METADATA_DISABLED") == "true") return failure(errc::not_found, operation, "it is switched off");
  std::string address = detail::environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (address.empty()) address = "http://169.254.169.254";
  if (address.ends_with('/')) address.pop_back();
  const auto end = std::chrono::steady_clock::now() + std::min(deadline, std::chrono::milliseconds{2'000});
  const auto left = [&] { return std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()); };
  auto token = detail::ask_credential_service("PUT", address + "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", left());
  if (!token) return std::unexpected{std::move(token).error()};
  const std::string header = "X-aws-ec2-metadata-token: " + *token;
  const std::string roles = address + "/latest/meta-data/iam/security-credentials/";
  auto role = detail::ask_credential_service("GET", roles, header, left());
  if (!role) return std::unexpected{std::move(role).error()};
  const std::string_view name = detail::trimmed(std::string_view{*role}.substr(0, role->find('\n')));
  if (name.empty()) return failure(errc::not_found, operation, "the instance has no role");
  return detail::credentials_from_service(roles + detail::s3_encode(name), header, left());
}

/// The first that has any: environment, shared file, container, instance. Those of a service are fetched anew before they expire.
/// Errors: `permission` when nobody has any; that of a container's service that is named and fails.
[[nodiscard]] inline S3CredentialSource default_credentials() {
  return [](std::chrono::milliseconds deadline) -> Result<S3Credentials> {
    const auto end = std::chrono::steady_clock::now() + deadline;
    if (auto found = credentials_from_environment()) return found;
    if (auto found = credentials_from_shared_file()) return found;
    if (auto found = credentials_from_container(deadline); found || found.error() != errc::not_found) return found;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (auto found = credentials_from_instance(left)) return found;
    return failure(errc::permission, "find credentials for S3", "none in the environment, the shared file, a container or an instance");
  };
}

}  // namespace hybridbuffer::inline v0_1
