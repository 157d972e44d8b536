#pragma once

#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage_registry.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

namespace detail {

/// "host:port,host:port". Returns: whether it is that.
[[nodiscard]] inline bool read_redis_addresses(std::string_view text, std::vector<RedisAddress>& addresses) {
  while (true) {
    const std::string_view one = text.substr(0, text.find(','));
    const std::size_t colon = one.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    std::string_view host = one.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    RedisAddress address{.host = std::string{host}, .port = 0};
    const auto [end, wrong] = std::from_chars(one.data() + colon + 1, one.data() + one.size(), address.port);
    if (wrong != std::errc{} || end != one.data() + one.size() || address.port == 0) return false;
    addresses.push_back(std::move(address));
    if (one.size() == text.size()) return true;
    text.remove_prefix(one.size() + 1);
  }
}

[[nodiscard]] inline Result<AnyStorage> redis_storage_of(const StorageUrl& url, RedisOptions options) {
  if (!url.host().empty()) {
    constexpr std::uint16_t usual_port = 6379;
    options.servers = {{.host = std::string{url.host()}, .port = url.port().value_or(usual_port)}};
  }
  if (url.has_user_info()) {
    options.user = url.user();
    options.password = url.password();
  }
  if (const std::string_view path = url.path(); path.size() > 1) {
    const auto [end, wrong] = std::from_chars(path.data() + 1, path.data() + path.size(), options.database);
    if (wrong != std::errc{} || end != path.data() + path.size()) return wrong_url("path", "not the number of a database, as in /9");
  }
  std::string servers;
  std::string socket;
  UrlParameterReader reader{url.parameters()};
  reader.text("prefix", options.prefix)
      .duration("ttl", options.expiration)
      .size("chunk", options.chunk_bytes)
      .size("window", options.window_bytes)
      .size("pool", options.pool_size)
      .text("servers", servers)
      .text("socket", socket)
      .text("sentinel_master", options.sentinel_master)
      .duration("connect_timeout", options.timeouts.connect)
      .duration("call_timeout", options.timeouts.call)
      .duration("operation_timeout", options.timeouts.operation)
      .duration("cleanup_timeout", options.timeouts.cleanup)
      .count("attempts", options.retry.attempts)
      .flag("verify_tls", options.tls.verify)
      .text("ca_file", options.tls.ca_file);
  if (!socket.empty() && !socket.starts_with('/')) reader.refuse("socket", "not the path of a Unix socket");
  if (url.parameters().has("servers") && !read_redis_addresses(servers, options.servers)) {
    reader.refuse("servers", "not a list such as host:port,host:port");
  }
  if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
  if (!socket.empty() && !url.host().empty()) return wrong_url("host", "none beside the parameter 'socket'");
  if (!socket.empty()) options.servers = {{.host = socket, .port = 0}};
  options.window_bytes = std::max(options.window_bytes, options.chunk_bytes);
  RedisStorage storage{std::move(options)};
  if (auto usable = storage.create_backend(); !usable) return std::unexpected{std::move(usable).error()};
  return storage;
}

[[nodiscard]] inline StorageScheme redis_scheme_named(std::string_view name, RedisOptions defaults) {
  return {.name = std::string{name},
          .parameters = {"prefix", "ttl", "chunk", "window", "pool", "servers", "socket", "sentinel_master", "connect_timeout",
                         "call_timeout", "operation_timeout", "cleanup_timeout", "attempts", "verify_tls", "ca_file"},
          .takes_user_info = true,
          .takes_host = true,
          .takes_path = true,
          .make = [defaults = std::move(defaults)](const StorageUrl& url) { return redis_storage_of(url, defaults); }};
}

}  // namespace detail

/// `redis://user:password@host:port/database?prefix=app:&ttl=1h&chunk=64KiB&…`: a RedisStorage. Parameters are the fields of RedisOptions;
/// `ttl` is its expiration, `servers=host:port,host:port` names further nodes or sentinels, `socket=/path` a Unix socket. What a URL leaves
/// out is as `defaults` say; a password may stand there and not in the URL, which ends up in logs.
///
///     StorageRegistry registry = default_registry();
///     if (auto added = registry.add(redis_scheme()); !added) return added;
///     auto storage = storage_from_url("redis://127.0.0.1:6379/9?prefix=app:&ttl=3600", registry);
///
/// Errors: `invalid_argument` that names the wrong part. Nothing is sent: RedisStorage::check() tells whether the place works.
[[nodiscard]] inline StorageScheme redis_scheme(RedisOptions defaults = {}) {
  return detail::redis_scheme_named("redis", std::move(defaults));
}

/// `rediss://…`: the same with TLS.
[[nodiscard]] inline StorageScheme rediss_scheme(RedisOptions defaults = {}) {
  defaults.tls.enabled = true;
  return detail::redis_scheme_named("rediss", std::move(defaults));
}

}  // namespace hybridbuffer::inline v0_1
