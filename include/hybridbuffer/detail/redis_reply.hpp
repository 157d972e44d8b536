#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <hiredis/hiredis.h>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// RESP, the protocol of Redis, by hiredis' formatter and reader.

namespace hybridbuffer::inline v0_1::detail {

/// A command as it goes over the wire.
class RedisText {
 public:
  RedisText() = default;
  /// Errors: std::bad_alloc.
  explicit RedisText(std::span<const std::string_view> words) {
    std::vector<const char*> pointers;
    std::vector<std::size_t> sizes;
    pointers.reserve(words.size());
    sizes.reserve(words.size());
    for (const std::string_view word : words) {
      pointers.push_back(word.data() == nullptr ? "" : word.data());
      sizes.push_back(word.size());
    }
    char* text = nullptr;
    const int size = ::redisFormatCommandArgv(&text, static_cast<int>(words.size()), pointers.data(), sizes.data());
    if (size < 0) throw std::bad_alloc{};
    text_.reset(text);
    size_ = static_cast<std::size_t>(size);
  }
  RedisText(std::initializer_list<std::string_view> words) : RedisText{std::span{words.begin(), words.size()}} {}

  [[nodiscard]] const char* data() const noexcept { return text_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(char* text) const noexcept { ::redisFreeCommand(text); }
  };
  std::unique_ptr<char, Free> text_;
  std::size_t size_ = 0;
};

/// What a server answered.
struct RedisReply {
  enum class Kind : std::uint8_t { none, text, status, integer, nil, array, error };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  std::size_t length = 0;  ///< of a text, wherever its bytes went
  std::string text{};      ///< of a status or an error; of a text that no sink took
  std::vector<RedisReply> elements{};

  void clear() noexcept {
    kind = Kind::none;
    integer = 0;
    length = 0;
    text.clear();
    elements.clear();
  }
};

/// Takes bytes from the wire and gives replies. A text goes straight to where its reader wants it.
///
/// Bounded whatever a server sends: a reply has at most `most_elements`, and holds at most `most_text` bytes that no sink takes.
class RedisReader {
 public:
  static constexpr std::size_t most_elements = 500'000;  // the slots of the largest cluster take some 300 000
  static constexpr std::size_t most_text = std::size_t{8} << 20U;

  /// Errors: std::bad_alloc.
  RedisReader() : reader_{::redisReaderCreateWithFunctions(&functions())} {
    if (!reader_) throw std::bad_alloc{};
    reader_->privdata = this;
    reader_->maxbuf = std::size_t{4} << 20U;  // what it keeps for the next reply
  }
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;
  ~RedisReader() = default;

  enum class State : std::uint8_t { incomplete, complete, broken, out_of_memory };

  void feed(const char* bytes, std::size_t count) noexcept { ::redisReaderFeed(reader_.get(), bytes, count); }
  /// The next reply, if it is complete; its text is in `sink` as far as that reaches, unless the sink is empty.
  [[nodiscard]] State next(RedisReply& reply, std::span<std::byte> sink) noexcept {
    if (!is_inside_) {
      reply.clear();
      elements_ = text_bytes_ = 0;
    }
    is_inside_ = true;
    reply_ = &reply;
    sink_ = sink;
    void* made = nullptr;
    const int status = ::redisReaderGetReply(reader_.get(), &made);
    if (status != REDIS_OK) return reader_->err == REDIS_ERR_OOM ? State::out_of_memory : State::broken;
    if (made == nullptr) return State::incomplete;
    is_inside_ = false;
    return State::complete;
  }
  /// Bytes that wait for the rest of their reply.
  [[nodiscard]] std::size_t pending() const noexcept { return reader_->len - reader_->pos; }
  [[nodiscard]] bool is_empty() const noexcept { return !is_inside_ || pending() == 0; }

 private:
  struct Free {
    void operator()(redisReader* reader) const noexcept { ::redisReaderFree(reader); }
  };

  static RedisReply* target(const redisReadTask* task) noexcept {
    if (task->parent == nullptr) return static_cast<RedisReader*>(task->privdata)->reply_;
    auto* const parent = static_cast<RedisReply*>(task->parent->obj);
    return &parent->elements[static_cast<std::size_t>(task->idx)];
  }
  static void* make_text(const redisReadTask* task, char* bytes, std::size_t count) noexcept {
    RedisReply& reply = *target(task);
    auto& self = *static_cast<RedisReader*>(task->privdata);
    const bool is_text = task->type == REDIS_REPLY_STRING;
    reply.kind = is_text ? RedisReply::Kind::text : task->type == REDIS_REPLY_STATUS ? RedisReply::Kind::status : RedisReply::Kind::error;
    reply.length = count;
    if (task->parent == nullptr && is_text) {
      const std::span<std::byte> sink = self.sink_;
      if (!sink.empty()) {
        std::memcpy(sink.data(), bytes, std::min(count, sink.size()));
        return &reply;
      }
    }
    constexpr std::size_t longest = std::size_t{64} * 1024;  // nothing that has no sink is longer
    self.text_bytes_ += std::min(count, longest);
    if (self.text_bytes_ > most_text) return nullptr;
    try {
      reply.text.assign(bytes, std::min(count, longest));
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    return &reply;
  }
  /// `Count` is as the version of hiredis has it: int, or std::size_t from 1.0 on.
  template <std::integral Count>
  static void* make_array(const redisReadTask* task, Count count) noexcept {
    RedisReply& reply = *target(task);
    auto& self = *static_cast<RedisReader*>(task->privdata);
    if (!std::in_range<std::size_t>(count) || static_cast<std::size_t>(count) > most_elements - self.elements_) return nullptr;
    self.elements_ += static_cast<std::size_t>(count);
    reply.kind = RedisReply::Kind::array;
    try {
      reply.elements.resize(static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    return &reply;
  }
  static void* make_integer(const redisReadTask* task, long long value) noexcept {
    RedisReply& reply = *target(task);
    reply.kind = RedisReply::Kind::integer;
    reply.integer = value;
    return &reply;
  }
  static void* make_nil(const redisReadTask* task) noexcept {
    RedisReply& reply = *target(task);
    reply.kind = RedisReply::Kind::nil;
    return &reply;
  }
  static redisReplyObjectFunctions& functions() noexcept {
    static redisReplyObjectFunctions all = [] {
      redisReplyObjectFunctions made{};  // what it has none for, RESP2 does not have
      made.createString = make_text;
      made.createArray = make_array;
      made.createInteger = make_integer;
      made.createNil = make_nil;
      made.freeObject = [](void*) noexcept {};
      return made;
    }();
    return all;
  }

  std::unique_ptr<redisReader, Free> reader_;
  RedisReply* reply_ = nullptr;
  std::span<std::byte> sink_{};
  std::size_t elements_ = 0;    // of this reply so far
  std::size_t text_bytes_ = 0;  // that it holds itself
  bool is_inside_ = false;
};

}  // namespace hybridbuffer::inline v0_1::detail
