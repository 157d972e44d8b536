#pragma once

#include <hybridbuffer/backend/s3_credentials.hpp>
#include <hybridbuffer/error.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Where the AWS tools look for credentials, in their order: environment, shared file.

namespace hybridbuffer {

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Errors: `not_found` when the first two are not both set.
[[nodiscard]] inline Result<S3Credentials> credentials_from_environment() {
  const auto value = [](const char* name) {
    const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as everywhere, nobody may call setenv meanwhile
    return std::string{text != nullptr ? text : ""};
  };
  S3Credentials found{.access_key = value("AWS_ACCESS_KEY_ID"), .secret_key = value("AWS_SECRET_ACCESS_KEY"), .session_token = value("AWS_SESSION_TOKEN")};
  if (found.access_key.empty() || found.secret_key.empty()) return failure(errc::not_found, "read credentials from the environment");
  return found;
}

/// A section of a file as ~/.aws/credentials. Errors: `not_found` when there is no such file, profile, or it has no keys.
[[nodiscard]] inline Result<S3Credentials> credentials_from_file(const std::string& path, std::string_view profile) {
  std::ifstream file{path};
  if (!file) return failure(errc::not_found, "read credentials from", path);
  const auto trimmed = [](std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
    return text;
  };
  S3Credentials found;
  bool is_ours = false;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      std::string_view section = text.substr(1, text.find(']') - 1);
      if (section.starts_with("profile ")) section.remove_prefix(8);
      is_ours = trimmed(section) == profile;
      continue;
    }
    const auto equals = text.find('=');
    if (!is_ours || equals == std::string_view::npos) continue;
    const std::string_view name = trimmed(text.substr(0, equals));
    const std::string_view value = trimmed(text.substr(equals + 1));
    if (name == "aws_access_key_id") found.access_key = value;
    else if (name == "aws_secret_access_key") found.secret_key = value;
    else if (name == "aws_session_token") found.session_token = value;
  }
  if (found.access_key.empty() || found.secret_key.empty()) return failure(errc::not_found, "read credentials of a profile from", path);
  return found;
}

/// AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, AWS_PROFILE or "default".
[[nodiscard]] inline Result<S3Credentials> credentials_from_shared_file() {
  const auto value = [](const char* name) -> std::string {
    const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return text != nullptr ? text : "";
  };
  std::string path = value("AWS_SHARED_CREDENTIALS_FILE");
  if (path.empty()) path = value("HOME") + "/.aws/credentials";
  const std::string profile = value("AWS_PROFILE");
  return credentials_from_file(path, profile.empty() ? "default" : std::string_view{profile});
}

/// The first of: environment, shared file. `proxy`: as S3Options::proxy.
/// Errors: `permission` when nobody has any.
[[nodiscard]] inline S3CredentialSource default_credentials(std::optional<std::string> /*proxy*/ = {}) {
  return [](std::chrono::milliseconds) -> Result<S3Credentials> {
    if (auto found = credentials_from_environment()) return found;
    if (auto found = credentials_from_shared_file()) return found;
    return failure(errc::permission, "find credentials for S3", "neither in the environment nor in the shared file");
  };
}

}  // namespace hybridbuffer
