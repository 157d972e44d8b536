#pragma once

#include <hybridbuffer/detail/s3_request.hpp>
#include <hybridbuffer/detail/s3_text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// \file
/// What the head of an HTTP answer says.

namespace hybridbuffer::inline v0_1::detail {

/// Notes a line of the head, its end of line with it. A status line begins a new answer; one of 1xx, which only comes before the answer, is
/// none. Errors: std::bad_alloc.
inline void note_header_line(S3Answer& answer, std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    answer = {};
    const auto blank = line.find(' ');
    const auto status = blank != std::string_view::npos ? s3_number(line.substr(blank + 1, 3)).value_or(0) : 0;
    if (status >= 200) answer.status = static_cast<long>(status);
    return;
  }
  if (line.empty()) answer.head_is_whole = answer.status != 0;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  const auto is = [&](std::string_view wanted) {
    const auto lower = [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter; };
    return std::ranges::equal(name, wanted, {}, lower);
  };
  if (is("etag")) answer.etag = value;
  else if (is("content-range")) answer.content_range = value;
  else if (is("content-length")) answer.content_length = s3_number(value);
  else if (is("date")) answer.date = value;
  else if (is("x-amz-bucket-region")) answer.bucket_region = value;
  else if (is("x-amz-request-id")) answer.request_id = value;
  else if (is("x-amz-server-side-encryption")) answer.encryption = value;
}

/// Whether the answer is exactly the bytes that were asked for, of the object that was meant.
[[nodiscard]] inline bool is_right_range(const S3Answer& answer, const S3Range& range) noexcept {
  const std::uint64_t first = range.offset + range.received;
  const std::uint64_t count = range.sink.size() - range.received;
  if (!answer.etag.empty() && answer.etag != range.etag) return false;
  if (answer.status == 200) {  // a store without ranges answers with the whole object
    return first == 0 && count == range.object_size && answer.content_length == count;
  }
  std::string_view text{answer.content_range};
  if (!text.starts_with("bytes ")) return false;
  text.remove_prefix(6);
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return false;
  const auto total = s3_number(text.substr(slash + 1));
  return s3_number(text.substr(0, dash)) == first && s3_number(text.substr(dash + 1, slash - dash - 1)) == first + count - 1 &&
         (total == range.object_size || text.substr(slash + 1) == "*");
}

}  // namespace hybridbuffer::inline v0_1::detail
