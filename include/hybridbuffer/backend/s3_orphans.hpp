#pragma once

#include <hybridbuffer/backend/s3_options.hpp>
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

namespace hybridbuffer::inline v0_1 {

/// An object, or an upload, that its process left behind.
struct S3Orphan {
  std::string key{};                                ///< The key of the object.
  std::string upload_id{};                          ///< empty: an object
  std::uint64_t size = 0;                           ///< of an object; what an upload holds the list does not tell
  std::chrono::system_clock::time_point created{};  ///< When it was made, as the store says.
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

}  // namespace detail
}  // namespace hybridbuffer::inline v0_1
