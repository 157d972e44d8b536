#pragma once

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/detail/erased.hpp>
#include <hybridbuffer/detail/url.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/url_parameters.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Storage URLs and what they may mean: schemes and transforms that a registry, a value, knows.
///
///     scheme://user:password@host:port/path?parameter=value&transform=value
///
/// Everything between the delimiters is percent-decoded (RFC 3986; `+` is a plus). A part that the scheme does not take, or a parameter
/// that nobody knows, is an error. Errors are `invalid_argument`, name the wrong part, and never hold a value, a user or a password.

namespace hybridbuffer::inline v0_1 {

/// A storage URL taken apart.
class StorageUrl {
 public:
  /// Errors: `invalid_argument` that names the wrong part; std::bad_alloc.
  [[nodiscard]] static Result<StorageUrl> parse(std::string_view text) {
    auto raw = detail::split_url(text);
    if (!raw) return std::unexpected{std::move(raw).error()};
    StorageUrl url;
    url.scheme_ = raw->scheme;
    std::transform(url.scheme_.begin(), url.scheme_.end(), url.scheme_.begin(), detail::lower_case);
    if (auto read = url.read_user_info(raw->user_info); !read) return std::unexpected{std::move(read).error()};
    if (auto read = url.read_host(raw->host); !read) return std::unexpected{std::move(read).error()};
    if (auto read = url.read_port(raw->port); !read) return std::unexpected{std::move(read).error()};
    auto path = detail::decode_url_part(raw->path, ":@/", "path");
    if (!path) return std::unexpected{std::move(path).error()};
    url.path_ = *std::move(path);
    auto parameters = UrlParameters::parse(raw->query);
    if (!parameters) return std::unexpected{std::move(parameters).error()};
    url.parameters_ = *std::move(parameters);
    return url;
  }

  /// In lower case.
  [[nodiscard]] std::string_view scheme() const noexcept { return scheme_; }
  /// Whether there is a user or a password.
  [[nodiscard]] bool has_user_info() const noexcept { return has_user_info_; }
  /// Decoded; empty when there is none.
  [[nodiscard]] std::string_view user() const noexcept { return user_; }
  /// Decoded; empty when there is none.
  [[nodiscard]] std::string_view password() const noexcept { return password_; }
  /// A name or an address, IPv6 without its brackets; empty where there is none.
  [[nodiscard]] std::string_view host() const noexcept { return host_; }
  /// Nothing when there is none.
  [[nodiscard]] std::optional<std::uint16_t> port() const noexcept { return port_; }
  /// With its leading slash; empty where there is none.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// Those behind the `?`, decoded, in their order.
  [[nodiscard]] const UrlParameters& parameters() const noexcept { return parameters_; }

 private:
  [[nodiscard]] Result<void> read_user_info(std::optional<std::string_view> text) {
    if (!text) return {};
    const std::size_t colon = text->find(':');
    auto user = detail::decode_url_part(text->substr(0, colon), "", "user information");
    if (!user) return std::unexpected{std::move(user).error()};
    auto password = detail::decode_url_part(colon == std::string_view::npos ? "" : text->substr(colon + 1), ":", "user information");
    if (!password) return std::unexpected{std::move(password).error()};
    has_user_info_ = true;
    user_ = *std::move(user);
    password_ = *std::move(password);
    return {};
  }
  [[nodiscard]] Result<void> read_host(std::string_view text) {
    if (text.starts_with('[')) {
      const bool closed = text.size() > 2 && text.ends_with(']');
      const std::string_view address = closed ? text.substr(1, text.size() - 2) : std::string_view{};
      const bool is_address = closed && detail::all_of(address, [](char c) { return c == ':' || c == '.' || detail::hex_digit(c); });
      if (!is_address) return wrong_url("host", "not an address in brackets such as [::1]");
      host_ = address;
      return {};
    }
    auto host = detail::decode_url_part(text, "", "host");
    if (!host) return std::unexpected{std::move(host).error()};
    host_ = *std::move(host);
    return {};
  }
  [[nodiscard]] Result<void> read_port(std::optional<std::string_view> text) {
    if (!text) return {};
    const auto number = detail::take_number(*text);
    if (!number || !text->empty() || *number == 0 || *number > std::numeric_limits<std::uint16_t>::max()) {
      return wrong_url("port", "not a number from 1 to 65535");
    }
    if (host_.empty()) return wrong_url("host", "missing before the port");
    port_ = static_cast<std::uint16_t>(*number);
    return {};
  }

  std::string scheme_;
  bool has_user_info_ = false;
  std::string user_;
  std::string password_;
  std::string host_;
  std::optional<std::uint16_t> port_;
  std::string path_;
  UrlParameters parameters_;
};

/// What a scheme means: how a place is made of a URL, and which of its parts it takes. Another part in a URL is an error.
struct StorageScheme {
  std::string name;                       ///< in lower case
  std::vector<std::string> parameters{};  ///< the names of those that `make` reads
  bool takes_user_info = false;           ///< Whether its URLs may have a user and a password.
  bool takes_host = false;                ///< and a port
  bool takes_path = false;                ///< Whether its URLs may have a path.
  /// Called with a URL of this scheme that has no part which it does not take. Const calls from several threads must be safe.
  detail::SharedFunction<Result<AnyStorage>(const StorageUrl& url)> make{};
};

/// What a parameter means that puts a transform before the storage: how the one is made of the other.
struct StorageTransform {
  std::string parameter;                  ///< its presence asks for the transform: `compress`
  std::vector<std::string> parameters{};  ///< the names of those that `make` reads beside it and that mean nothing without it: `level`
  /// Called with what is behind the transform, and all parameters of the URL. Const calls from several threads must be safe.
  detail::SharedFunction<Result<AnyStorage>(const AnyStorage& inner, const UrlParameters& parameters)> make{};
};

/// The schemes and transforms that a URL may name. A value: copies are independent, nothing is global.
///
///     StorageRegistry registry = default_registry();            // file: and memory:
///     registry.add(StorageScheme{.name = "ram", .make = [](const StorageUrl&) -> Result<AnyStorage> { return MemoryStorage{}; }});
///     auto storage = storage_from_url("ram:", registry);
///
/// Threads: const members from any number at once.
class StorageRegistry {
 public:
  /// Adds a scheme.
  /// Errors: `already_exists` for a known one, and for a parameter that a transform has; `invalid_argument` for a name that is none, or
  ///         no `make`; std::bad_alloc. The registry is then as it was.
  [[nodiscard]] Result<void> add(StorageScheme scheme) {
    const bool is_lower = std::none_of(scheme.name.begin(), scheme.name.end(), [](char c) { return c != detail::lower_case(c); });
    if (!detail::is_scheme(scheme.name) || !is_lower || !are_names(scheme.parameters) || scheme.make.is_empty()) {
      return failure(errc::invalid_argument, "add a storage scheme", scheme.name);
    }
    if (find_scheme(scheme.name) != nullptr) return failure(errc::already_exists, "add a storage scheme", scheme.name);
    for (const std::string& parameter : scheme.parameters) {
      if (owner_of(parameter) != nullptr) return failure(errc::already_exists, "add a parameter of a storage scheme", parameter);
    }
    schemes_.push_back(std::move(scheme));
    return {};
  }

  /// Adds a transform.
  /// Errors: `already_exists` for a parameter that another transform, or a scheme, has; `invalid_argument` for a name that is none, or no
  ///         `make`; std::bad_alloc. The registry is then as it was.
  [[nodiscard]] Result<void> add(StorageTransform transform) {
    if (!detail::is_name(transform.parameter) || !are_names(transform.parameters) || transform.make.is_empty()) {
      return failure(errc::invalid_argument, "add a storage transform", transform.parameter);
    }
    if (is_taken(transform.parameter)) return failure(errc::already_exists, "add a storage transform", transform.parameter);
    for (const std::string& parameter : transform.parameters) {
      if (is_taken(parameter)) return failure(errc::already_exists, "add a parameter of a storage transform", parameter);
    }
    transforms_.push_back(std::move(transform));
    return {};
  }

  /// The place that `url` names, with the transforms in its parameters before it.
  ///
  /// Bytes that are written pass the transforms in the order in which their parameters stand: the first is the one next to the buffer,
  /// the last the one next to the store. The order of all other parameters means nothing.
  /// Errors: `invalid_argument` that names the wrong part; those of the scheme and the transforms, in that order; std::bad_alloc.
  [[nodiscard]] Result<AnyStorage> storage_from_url(std::string_view url) const {
    const auto parsed = StorageUrl::parse(url);
    if (!parsed) return std::unexpected{parsed.error()};
    const StorageScheme* scheme = find_scheme(parsed->scheme());
    if (scheme == nullptr) return unknown_scheme();
    if (auto checked = check(*parsed, *scheme); !checked) return std::unexpected{std::move(checked).error()};
    auto storage = scheme->make(*parsed);
    const auto& parameters = parsed->parameters().all();
    for (auto parameter = parameters.rbegin(); storage && parameter != parameters.rend(); ++parameter) {
      const StorageTransform* transform = owner_of(parameter->name);
      if (transform != nullptr && transform->parameter == parameter->name) storage = transform->make(*storage, parsed->parameters());
    }
    return storage;
  }

 private:
  static bool are_names(const std::vector<std::string>& names) { return std::all_of(names.begin(), names.end(), detail::is_name); }
  static bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  [[nodiscard]] const StorageScheme* find_scheme(std::string_view name) const {
    const auto found = std::find_if(schemes_.begin(), schemes_.end(), [&](const StorageScheme& scheme) { return scheme.name == name; });
    return found == schemes_.end() ? nullptr : &*found;
  }
  /// The transform that has this parameter, its own one or a further one.
  [[nodiscard]] const StorageTransform* owner_of(std::string_view name) const {
    const auto found = std::find_if(transforms_.begin(), transforms_.end(), [&](const StorageTransform& transform) {
      return transform.parameter == name || contains(transform.parameters, name);
    });
    return found == transforms_.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool is_taken(std::string_view parameter) const {
    return owner_of(parameter) != nullptr || std::any_of(schemes_.begin(), schemes_.end(), [&](const StorageScheme& scheme) {
             return contains(scheme.parameters, parameter);
           });
  }

  [[nodiscard]] Result<void> check(const StorageUrl& url, const StorageScheme& scheme) const {
    if (url.has_user_info() && !scheme.takes_user_info) return not_taken("user information", scheme);
    if (!url.host().empty() && !scheme.takes_host) return not_taken("host", scheme);
    if (!url.path().empty() && !scheme.takes_path) return not_taken("path", scheme);
    for (const UrlParameters::Parameter& parameter : url.parameters().all()) {
      if (contains(scheme.parameters, parameter.name)) continue;
      const StorageTransform* transform = owner_of(parameter.name);
      if (transform == nullptr) return wrong_url("parameter", "unknown", parameter.name);
      if (!url.parameters().has(transform->parameter)) return without_owner(parameter.name, transform->parameter);
    }
    return {};
  }

  static std::unexpected<Error> not_taken(std::string_view part, const StorageScheme& scheme) {
    detail::BoundedText text;
    text.add(part).add(": there is none in a URL of ").add(scheme.name).add(":");
    return failure(errc::invalid_argument, detail::reading_a_url, text.view());
  }
  static std::unexpected<Error> without_owner(std::string_view name, std::string_view owner) {
    detail::BoundedText text;
    text.add("parameter '").add(name).add("': means nothing without '").add(owner).add("'");
    return failure(errc::invalid_argument, detail::reading_a_url, text.view());
  }
  // The scheme is not shown: a URL without one may begin with a user's name.
  [[nodiscard]] std::unexpected<Error> unknown_scheme() const {
    detail::BoundedText text;
    text.add("scheme: unknown; known are");
    for (const StorageScheme& scheme : schemes_) text.add(" ").add(scheme.name).add(":");
    return failure(errc::invalid_argument, detail::reading_a_url, text.view());
  }

  std::vector<StorageScheme> schemes_;
  std::vector<StorageTransform> transforms_;
};

/// The place that `url` names; see StorageRegistry::storage_from_url.
[[nodiscard]] inline Result<AnyStorage> storage_from_url(std::string_view url, const StorageRegistry& registry) {
  return registry.storage_from_url(url);
}

}  // namespace hybridbuffer::inline v0_1
