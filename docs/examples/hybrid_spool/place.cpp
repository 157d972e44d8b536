#include "place.hpp"

#include "spool_buffer.hpp"

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <hybridbuffer/transform/retry_url.hpp>
#ifdef HYBRID_SPOOL_REDIS
#include <hybridbuffer/backend/redis_url.hpp>
#endif
#ifdef HYBRID_SPOOL_S3
#include <hybridbuffer/backend/s3_url.hpp>
#endif
#ifdef HYBRID_SPOOL_CHECKSUM
#include <hybridbuffer/transform/checksum_url.hpp>
#endif
#ifdef HYBRID_SPOOL_COMPRESSION
#include <hybridbuffer/transform/compression_url.hpp>
#endif
#ifdef HYBRID_SPOOL_ENCRYPTION
#include <hybridbuffer/transform/encryption_url.hpp>
#endif

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace spool {

using hybridbuffer::AnyStorage;
using hybridbuffer::FileOptions;
using hybridbuffer::FileStorage;
using hybridbuffer::Result;

namespace {

/// What is claimed ahead would count as stored.
FileOptions settings_for(const Options& options) {
  FileOptions settings;
  const bool is_limited = options.max_storage != Options{}.max_storage;
  if (is_limited) settings.reserve_ahead = 0;
  return settings;
}

/// Stores a byte and lets it go.
Result<void> check(const AnyStorage& storage) {
  auto backend = storage.create_backend();
  if (!backend) return std::unexpected{std::move(backend).error()};
  auto writer = backend->create();
  if (!writer) return std::unexpected{std::move(writer).error()};
  constexpr std::byte probe{1};
  if (auto written = writer->write(std::span{&probe, 1}); !written) return written;
  return writer->close();
}

/// What works and is probably not meant.
void tell_warnings(const AnyStorage& storage, Console& console) {
  for (const std::string& warning : storage.warnings()) console.note("warning: " + warning);
}

Outcome storage_failure(const hybridbuffer::Error& error) { return {ExitCode::usage, "--storage: " + error.message()}; }

/// What a URL may name here: with the stores and transforms whose libraries the program was built with.
Result<hybridbuffer::StorageRegistry> known_here(const Options& options) {
  hybridbuffer::StorageRegistry registry;
  const std::vector<hybridbuffer::StorageScheme> schemes{
      hybridbuffer::file_scheme(settings_for(options)),
      hybridbuffer::memory_scheme(),
#ifdef HYBRID_SPOOL_REDIS
      hybridbuffer::redis_scheme(),
      hybridbuffer::rediss_scheme(),
#endif
#ifdef HYBRID_SPOOL_S3
      hybridbuffer::s3_scheme(),
#endif
  };
  for (const auto& scheme : schemes) {
    if (auto added = registry.add(scheme); !added) return std::unexpected{std::move(added).error()};
  }
  const std::vector<hybridbuffer::StorageTransform> transforms{
      hybridbuffer::retry_transform(),
#ifdef HYBRID_SPOOL_CHECKSUM
      hybridbuffer::checksum_transform(),
#endif
#ifdef HYBRID_SPOOL_COMPRESSION
      hybridbuffer::compression_transform(),
#endif
#ifdef HYBRID_SPOOL_ENCRYPTION
      hybridbuffer::encryption_transform(),
#endif
  };
  for (const auto& transform : transforms) {
    if (auto added = registry.add(transform); !added) return std::unexpected{std::move(added).error()};
  }
  return registry;
}

std::expected<AnyStorage, Outcome> named_by_url(const Options& options, Console& console) {
  const auto registry = known_here(options);
  if (!registry) return std::unexpected{Outcome{ExitCode::failure, registry.error().message()}};
  auto storage = hybridbuffer::storage_from_url(options.storage, *registry);
  if (!storage) return std::unexpected{storage_failure(storage.error())};
  if (const auto checked = check(*storage); !checked && !means_full(checked.error())) {
    return std::unexpected{storage_failure(checked.error())};
  }
  tell_warnings(*storage, console);
  return *std::move(storage);
}

Outcome directory_failure(const Options& options, const hybridbuffer::Error& error) {
  if (!options.directory.empty()) return {ExitCode::usage, "--directory: " + error.message()};
  return {ExitCode::failure, (options.output.empty() ? "" : "--output '" + options.output + "': ") + error.message()};
}

std::expected<AnyStorage, Outcome> in_a_directory(const Options& options, const std::optional<OutputFile>& file, Console& console) {
  FileOptions settings = settings_for(options);
  settings.directory = options.directory;
  const bool is_beside_output = file.has_value() && options.directory.empty();
  if (is_beside_output) settings.directory = file->directory();

  FileStorage storage{settings};
  auto checked = storage.check();
  if (!checked && is_beside_output && checked.error() == hybridbuffer::errc::permission) {
    // Writable by everybody, so unfit for the spill; the result can be copied there all the same.
    settings.directory.clear();
    storage = FileStorage{settings};
    checked = storage.check();
  }
  if (!checked && !means_full(checked.error())) return std::unexpected{directory_failure(options, checked.error())};
  AnyStorage place{storage};
  if (!is_beside_output) tell_warnings(place, console);
  return place;
}

}  // namespace

std::expected<AnyStorage, Outcome> find_place(const Options& options, const std::optional<OutputFile>& file, Console& console) {
  return options.storage.empty() ? in_a_directory(options, file, console) : named_by_url(options, console);
}

}  // namespace spool
