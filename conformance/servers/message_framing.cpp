#include "message_framing.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace hybridbuffer::servers {
namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string_view header(std::string_view lower_case_head, std::string_view name) {
  std::string line{"\r\n"};
  line.append(name).append(":");
  const std::size_t found = lower_case_head.find(line);
  if (found == std::string_view::npos) return {};
  const std::size_t begin = lower_case_head.find_first_not_of(' ', found + line.size());
  return lower_case_head.substr(begin, lower_case_head.find('\r', begin) - begin);
}

std::uint64_t number(std::string_view text, int base = 10) { return std::strtoull(std::string{text}.c_str(), nullptr, base); }

}  // namespace

void MessageFraming::begin() {
  ended_ = false;
  state_ = protocol_ == Protocol::opaque ? State::until_close : State::line;
  line_.clear();
  head_.clear();
  in_head_ = true;
  size_ = 0;
  left_ = 0;
  elements_ = 1;
  is_chunked_ = in_trailer_ = is_interim_ = false;
  body_.reset();
  if (protocol_ == Protocol::opaque || (protocol_ == Protocol::redis && side_ == Side::request)) body_ = 0;
}

bool MessageFraming::is_recognised() const noexcept {
  switch (protocol_) {
    case Protocol::opaque: return true;
    case Protocol::http: return !in_head_;
    case Protocol::redis: return ended_ || head_.size() >= kept;
  }
  return true;
}

MessageFraming::Step MessageFraming::feed(std::string_view bytes) {
  if (ended_) begin();
  std::size_t taken = 0;
  while (taken < bytes.size() && !ended_) {
    std::string_view rest = bytes.substr(taken);
    if (state_ == State::line) {
      const std::size_t end = rest.find('\n');
      rest = rest.substr(0, end == std::string_view::npos ? rest.size() : end + 1);
      line_ += rest;
    } else if (state_ != State::until_close) {
      rest = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      left_ -= rest.size();
    }
    taken += rest.size();
    size_ += rest.size();
    if (protocol_ == Protocol::http && in_head_) head_ += rest;
    if (protocol_ != Protocol::http && head_.size() < kept) head_ += rest.substr(0, kept - head_.size());
    if (state_ == State::line) {
      if (!line_.ends_with('\n')) continue;
      if (protocol_ == Protocol::http) take_http_line();
      else take_redis_line();
      line_.clear();
    } else if (state_ != State::until_close && left_ == 0) {
      if (protocol_ == Protocol::redis) ended_ = elements_ == 0;
      else ended_ = !is_chunked_;
      state_ = State::line;
    }
  }
  return {taken, ended_};
}

void MessageFraming::take_http_line() {
  if (in_head_) {
    if (line_ == "\r\n" && head_.size() > 2) end_http_head();
    return;
  }
  // Of a chunked body: the size of a chunk, or, behind the last one, the trailer.
  if (in_trailer_) {
    ended_ = line_ == "\r\n";
    return;
  }
  const std::uint64_t size = number(line_, 16);
  if (size == 0) {
    in_trailer_ = true;
    return;
  }
  left_ = size + 2;
  state_ = State::chunk;
}

void MessageFraming::end_http_head() {
  const std::string head = lower_case(head_);
  const std::size_t space = head.find(' ');
  const std::string_view status =
      side_ == Side::reply && space != std::string::npos ? std::string_view{head}.substr(space + 1, 3) : std::string_view{};
  if (status.starts_with('1')) {
    is_interim_ = ended_ = true;
    return;
  }
  in_head_ = false;
  const bool is_empty = side_ == Side::reply && (no_body_ || status == "204" || status == "304");
  const std::string_view length = header(head, "content-length");
  is_chunked_ = !is_empty && header(head, "transfer-encoding").ends_with("chunked");
  left_ = is_empty || is_chunked_ ? 0 : number(length);
  if (!is_empty) body_ = size_;
  if (is_chunked_) return;
  const bool ends_with_connection = !is_empty && side_ == Side::reply && length.empty();
  if (ends_with_connection) state_ = State::until_close;
  else if (left_ > 0) state_ = State::bytes;
  else ended_ = true;
}

void MessageFraming::take_redis_line() {
  const char type = line_.empty() ? '\0' : line_.front();
  const std::int64_t count = std::strtoll(line_.c_str() + 1, nullptr, 10);
  --elements_;
  if (type == '*') elements_ += std::max<std::int64_t>(count, 0);
  if (type == '$' && count >= 0) {
    if (!body_) body_ = size_;
    left_ = static_cast<std::uint64_t>(count) + 2;
    state_ = State::bytes;
    return;
  }
  ended_ = elements_ == 0;
}

}  // namespace hybridbuffer::servers
