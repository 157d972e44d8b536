#pragma once

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/storage_registry.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// `file:///directory?max_bytes=1GiB&…`: a FileStorage in that directory; each further field of FileOptions is a parameter of its name.
/// What a URL leaves out is as `defaults` say.
///
/// Errors: `invalid_argument` for a host, a path that is missing or relative, a parameter that is wrong; those of
///         FileStorage::create_backend and those of making a file there, which is let go of, because a place that cannot be used is an
///         error now and not at the first spill. One that is full is none: there may be room by then.
[[nodiscard]] inline StorageScheme file_scheme(FileOptions defaults = {}) {
  return {.name = "file",
          .parameters = {"prefix", "max_bytes", "reserve_ahead", "recycled_files", "recycled_bytes", "sync_on_publish"},
          .takes_path = true,
          .make = [defaults = std::move(defaults)](const StorageUrl& url) -> Result<AnyStorage> {
            if (url.path().empty()) return wrong_url("path", "missing: a directory, as in file:///var/tmp");
            if (!url.path().starts_with('/')) return wrong_url("path", "not absolute: a directory, as in file:///var/tmp");
            FileOptions options = defaults;
            options.directory = url.path();
            UrlParameterReader reader{url.parameters()};
            reader.text("prefix", options.prefix)
                .size("max_bytes", options.max_bytes)
                .size("reserve_ahead", options.reserve_ahead)
                .count("recycled_files", options.recycled_files)
                .size("recycled_bytes", options.recycled_bytes)
                .flag("sync_on_publish", options.sync_on_publish);
            if (options.prefix.find('/') != std::string::npos) reader.refuse("prefix", "a slash cannot be in it");
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            FileStorage storage{std::move(options)};
            auto location = storage.create_backend();
            if (!location) return std::unexpected{std::move(location).error()};
            const auto file = location->create();  // some only look like a place
            if (!file && file.error() != errc::no_space) return std::unexpected{file.error()};
            return storage;
          }};
}

/// `memory:?max_bytes=16MiB`: a MemoryStorage. What a URL leaves out is as `defaults` say.
[[nodiscard]] inline StorageScheme memory_scheme(MemoryOptions defaults = {}) {
  return {.name = "memory", .parameters = {"max_bytes"}, .make = [defaults](const StorageUrl& url) -> Result<AnyStorage> {
            MemoryOptions options = defaults;
            UrlParameterReader reader{url.parameters()};
            reader.size("max_bytes", options.max_bytes);
            if (auto read = reader.status(); !read) return std::unexpected{std::move(read).error()};
            return MemoryStorage{options};
          }};
}

/// A registry that knows `file:` and `memory:`, and no transform. Errors: std::bad_alloc.
[[nodiscard]] inline StorageRegistry default_registry() {
  StorageRegistry registry;
  // Cannot fail: the names are names, and apart.
  [[maybe_unused]] const bool added = registry.add(file_scheme()).has_value() && registry.add(memory_scheme()).has_value();
  return registry;
}

/// The place that `url` names, by the schemes of the default registry.
///
///     auto storage = storage_from_url("file:///var/tmp?max_bytes=1GiB");
///
/// Errors: `invalid_argument` that names the wrong part and holds no value of the URL; those of the place; std::bad_alloc.
[[nodiscard]] inline Result<AnyStorage> storage_from_url(std::string_view url) { return storage_from_url(url, default_registry()); }

}  // namespace hybridbuffer::inline v0_1
