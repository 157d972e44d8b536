#pragma once

#include <hybridbuffer/backend/s3_options.hpp>
#include <hybridbuffer/detail/s3_download.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_upload.hpp>
#include <hybridbuffer/detail/s3_xml.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer {

/// An object, or an upload, that its process left behind.
struct S3Orphan {
  std::string key{};
  std::string upload_id{};  ///< empty: an object
  std::uint64_t size = 0;   ///< of an object; what an upload holds the list does not tell
  std::chrono::system_clock::time_point created{};
};

namespace detail {

[[nodiscard]] inline std::string s3_name_prefix(const S3Options& options) { return options.prefix + "hybridbuffer-"; }

/// One list of the bucket, page by page. `take(element)` for each `row` element; `next(document)` gives the query of the next page.
template <class Take, class Next>
[[nodiscard]] Result<void> list_s3(const S3PlaceRef& place, S3Pairs query, std::string_view row, Take&& take, Next&& next) {
  const S3Lease lease{place};
  constexpr unsigned most_pages = 10'000;  // a store that says "go on" for ever
  for (unsigned page = 0; page < most_pages; ++page) {
    S3Call call;
    call.request = {.operation{"list an S3 bucket"}, .method = S3Method::get, .query = query};
    call.may_fail_in_body = true;
    if (auto run = lease.engine().run(*place, call, S3Clock::now() + place->options().timeouts.operation); !run) return run;
    const auto document = S3XmlParser::parse(call.answer.body);
    if (!document) return failure(errc::io, "list an S3 bucket", "unreadable answer");
    for (const S3Element& element : document->children) {
      if (element.name == row) take(element);
    }
    if (document->text_of("IsTruncated") != "true") return {};
    next(*document, query);
  }
  return failure(errc::io, "list an S3 bucket", "the list has no end");
}

[[nodiscard]] inline Result<std::vector<S3Orphan>> list_orphans(const S3PlaceRef& place, std::string_view own, std::chrono::seconds age) {
  const std::string prefix = s3_name_prefix(place->options());
  const std::time_t newest = place->now() - static_cast<std::time_t>(age.count());
  std::vector<S3Orphan> orphans;
  const auto take = [&](const S3Element& element, std::string_view time_name) {
    S3Orphan orphan{.key = s3_decode(element.text_of("Key")), .upload_id = std::string{element.text_of("UploadId")}};
    orphan.size = s3_number(element.text_of("Size")).value_or(0);
    const auto time = s3_time(element.text_of(time_name));
    if (!time || *time > newest || !orphan.key.starts_with(prefix) || orphan.key.starts_with(own)) return;
    orphan.created = std::chrono::system_clock::from_time_t(*time);
    orphans.push_back(std::move(orphan));
  };
  const auto set = [](S3Pairs& query, std::string_view name, std::string_view value) {
    for (auto& [known, old] : query) {
      if (known == name) {
        old = value;
        return;
      }
    }
    query.emplace_back(name, value);
  };
  auto objects = list_s3(
      place, {{"list-type", "2"}, {"prefix", prefix}, {"encoding-type", "url"}}, "Contents",
      [&](const S3Element& element) { take(element, "LastModified"); },
      [&](const S3Element& page, S3Pairs& query) { set(query, "continuation-token", page.text_of("NextContinuationToken")); });
  if (!objects) return std::unexpected{std::move(objects).error()};
  auto uploads = list_s3(
      place, {{"uploads", ""}, {"prefix", prefix}, {"encoding-type", "url"}}, "Upload",
      [&](const S3Element& element) { take(element, "Initiated"); },
      [&](const S3Element& page, S3Pairs& query) {
        set(query, "key-marker", s3_decode(page.text_of("NextKeyMarker")));
        set(query, "upload-id-marker", page.text_of("NextUploadIdMarker"));
      });
  if (!uploads) return std::unexpected{std::move(uploads).error()};
  return orphans;
}

/// Reads the object and stores it under a name that must be free, in one step of the store's.
/// Errors: `already_exists`; `unsupported` where the store has no such step.
[[nodiscard]] inline Result<void> publish_if_absent(const S3PlaceRef& place, const S3Lease& lease, const S3Object& object,
                                                    std::string_view destination, S3Clock::time_point end) {
  constexpr OperationName operation{"publish an S3 object"};
  std::vector<std::byte> bytes(static_cast<std::size_t>(object.size));
  if (auto read = read_ranges(place, object, 0, bytes); !read) return std::unexpected{std::move(read).error()};
  S3Call call;
  call.request = {
      .operation = operation, .method = S3Method::put, .key = std::string{destination}, .headers = place->options().object_headers};
  call.request.headers.emplace_back("if-none-match", "*");
  call.request.body = bytes;
  auto run = lease.engine().run(*place, call, end);
  if (!run && run.error() == errc::already_exists && call.failures > 1) {
    return failure(errc::unavailable, operation, "what is there may be this very copy");
  }
  return run;
}

/// A copy on the server.
[[nodiscard]] inline Result<void> publish_object(const S3PlaceRef& place, const S3Object& object, std::string_view destination,
                                                 PublishMode mode) {
  constexpr std::uint64_t most_copied = std::uint64_t{5} << 30U;
  constexpr OperationName operation{"publish an S3 object"};
  if (destination.empty() || destination.starts_with('/')) {
    return failure(errc::invalid_argument, operation, "a key does not begin with a slash");
  }
  if (object.size > most_copied) return failure(errc::unsupported, operation, "S3 copies 5 GiB at most");
  const S3Lease lease{place};
  const auto end = S3Clock::now() + place->options().timeouts.operation;
  if (mode == PublishMode::keep) {
    S3Call look;
    look.request = {.operation = operation, .method = S3Method::head, .key = std::string{destination}};
    auto found = lease.engine().run(*place, look, end);
    if (found) return failure(errc::already_exists, operation, destination);
    if (found.error() != errc::not_found) return found;
    if (object.size <= place->options().part_bytes) {
      auto stored = publish_if_absent(place, lease, object, destination, end);
      if (stored || stored.error() != errc::unsupported) return stored;
    }
  }
  S3Call call;
  call.request = {.operation = operation, .method = S3Method::put, .key = std::string{destination}};
  call.request.headers = place->options().object_headers;
  call.request.headers.emplace_back("x-amz-copy-source", "/" + place->options().bucket + "/" + s3_encode(object.key, true));
  call.request.headers.emplace_back("x-amz-copy-source-if-match", object.etag);
  if (mode == PublishMode::keep) call.request.headers.emplace_back("if-none-match", "*");
  call.may_fail_in_body = true;
  auto run = lease.engine().run(*place, call, end);
  if (run || run.error() == errc::already_exists || run.error() == errc::not_found) {
    if (run) return run;
    if (run.error() == errc::not_found) return failure(errc::corrupted, operation, "the object is gone");
    if (mode == PublishMode::replace) return failure(errc::corrupted, operation, "the object was changed");
    if (call.failures > 1) return failure(errc::unavailable, operation, "what is there may be this very copy");
  }
  return run;
}

}  // namespace detail
}  // namespace hybridbuffer
