#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/redis_error.hpp>
#include <hybridbuffer/detail/redis_reply.hpp>
#include <hybridbuffer/detail/redis_socket.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/random.h>
#include <sys/uio.h>
#include <utility>

namespace hybridbuffer::inline v0_1::detail {

class RedisLink;

/// A command of a caller's. It stays where it is from submit() to its end or cancel().
struct RedisCommand {
  enum class Phase : std::uint8_t { idle, waiting, sent, answered, done };

  OperationName operation{"use Redis"};
  RedisText text{};
  std::span<std::byte> sink{};  ///< where the text of the reply goes
  RedisReply::Kind expected = RedisReply::Kind::status;
  bool may_split = false;  ///< who sent it makes several of it when only some of its keys are there

  Phase phase = Phase::idle;
  RedisReply reply{};
  Result<void> result{};  ///< once done
  bool is_split = false;  ///< it failed, and smaller ones may not
  bool was_sent = false;  ///< a part of it may have left
  RedisLink* link = nullptr;
  std::optional<RedisAddress> asked{};
  unsigned redirections = 0;
  RedisClock::time_point not_before{};

  /// As new, for the next use.
  void restart(OperationName what, RedisText&& command, RedisReply::Kind kind) noexcept {
    operation = what;
    text = std::move(command);
    sink = {};
    expected = kind;
    may_split = is_split = was_sent = false;
    phase = Phase::idle;
    reply.clear();
    result = {};
    link = nullptr;
    asked.reset();
    redirections = 0;
    not_before = {};
  }
};

/// A connection to one server, with the commands that wait for their answers in it, in their order.
///
/// An answer that came twice or got lost would give every later command the answer of another. So each batch of commands ends with a
/// marker, an ECHO of a number that was never used before, and counts only when that came back in its place.
class RedisLink {
 public:
  struct Expected {
    RedisCommand* command = nullptr;  // null: a marker, or nobody's any more
    std::uint64_t marker = 0;         // 0: none
    std::uint64_t end = 0;            // of its text, counted from the first byte that this link has sent
  };

  /// Connects, authenticates and selects the database.
  /// Errors: `unavailable`, `timeout`, `permission`, `invalid_argument`; std::bad_alloc.
  [[nodiscard]] static Result<std::unique_ptr<RedisLink>> open(const RedisOptions& options, const RedisAddress& address,
                                                               const RedisTlsContextRef& tls, RedisClock::time_point deadline,
                                                               bool to_sentinel = false) {
    deadline = std::min(deadline, RedisClock::now() + options.timeouts.connect);
    auto socket = RedisSocket::connect(address, tls, deadline);
    if (!socket) return std::unexpected{std::move(socket).error()};
    std::unique_ptr<RedisLink> link{new RedisLink{address, *std::move(socket)}};
    if (::getrandom(&link->nonce_, sizeof link->nonce_, 0) != sizeof link->nonce_) return failure_from_errno("draw a random number");
    const std::string& user = to_sentinel ? options.sentinel_user : options.user;
    const std::string& password = to_sentinel ? options.sentinel_password : options.password;
    if (!password.empty()) {
      auto answer = user.empty() ? link->call({"AUTH", password}, deadline) : link->call({"AUTH", user, password}, deadline);
      if (!answer) return std::unexpected{std::move(answer).error()};
    }
    if (options.database != 0 && !to_sentinel) {
      auto answer = link->call({"SELECT", std::to_string(options.database)}, deadline);
      if (!answer) return std::unexpected{std::move(answer).error()};
    }
    if (!options.sentinel_master.empty() && !to_sentinel) {
      auto role = link->call({"ROLE"}, deadline);
      if (!role) return std::unexpected{std::move(role).error()};
      if (role->elements.empty() || role->elements.front().text != "master") {
        return failure(errc::unavailable, "connect to Redis at", name_of(address) + ", which is no master");
      }
    }
    return link;
  }

  /// One command on a link that nothing else is under way in. Errors: those of the reply too.
  [[nodiscard]] Result<RedisReply> call(std::initializer_list<std::string_view> words, RedisClock::time_point deadline) {
    RedisCommand command;
    command.restart("begin with Redis", RedisText{words}, RedisReply::Kind::none);
    if (!enqueue(command)) return failure(errc::no_space, "begin with Redis", "out of memory");
    RedisReply answer;
    while (answer.kind == RedisReply::Kind::none) {
      const Moved moved = move([&](const Expected&, RedisReply& reply) {
        std::swap(answer, reply);
        return true;
      });
      if (moved == Moved::failed) return failure(errc::unavailable, "begin with Redis at", name_of(address_));
      if (answer.kind != RedisReply::Kind::none) break;
      if (!wait_for_socket(socket_.descriptor(), events(), deadline))
        return failure(errc::timeout, "begin with Redis at", name_of(address_));
    }
    if (answer.kind == RedisReply::Kind::error) return std::unexpected{error_of_redis(answer.text, "begin with Redis")};
    has_unmarked_ = false;
    return answer;
  }

  /// Puts a command behind those under way. Its text must stay until is_sent() or the end of this link. False: there is no memory.
  [[nodiscard]] bool enqueue(RedisCommand& command, bool asking = false) noexcept {
    try {
      if (asking) {
        expected_.push_back({.end = end_of(asking_text())});
        append(asking_text());
      }
      const std::string_view text{command.text.data(), command.text.size()};
      expected_.push_back({.command = &command, .end = end_of(text)});
      append(text);
    } catch (const std::bad_alloc&) {
      is_broken_ = true;
      return false;
    }
    command.reply.clear();
    command.link = this;
    command.was_sent = true;
    has_unmarked_ = true;
    return true;
  }
  [[nodiscard]] bool has_unmarked() const noexcept { return has_unmarked_; }
  /// Ends a batch.
  [[nodiscard]] bool mark() noexcept {
    std::array<char, 64> text{};
    try {
      const std::string_view name = marker_text(++markers_, text);
      std::array<char, 96> command{};
      char* at = command.data();
      for (const std::string_view piece : {std::string_view{"*2\r\n$4\r\nECHO\r\n$32\r\n"}, name, std::string_view{"\r\n"}}) {
        at = std::copy(piece.begin(), piece.end(), at);
      }
      const std::string_view whole{command.data(), static_cast<std::size_t>(at - command.data())};
      expected_.push_back({.marker = markers_, .end = end_of(whole)});
      append(whole);
    } catch (const std::bad_alloc&) {
      is_broken_ = true;
      return false;
    }
    has_unmarked_ = false;
    return true;
  }
  /// Whether a reply is what a marker must bring back.
  [[nodiscard]] bool is_marker(std::uint64_t marker, const RedisReply& reply) const noexcept {
    std::array<char, 64> text{};
    return reply.kind == RedisReply::Kind::text && reply.text == marker_text(marker, text);
  }

  enum class Moved : unsigned char { nothing, some, failed };
  /// Sends and receives what can be without waiting. `take(const Expected&, RedisReply&)` gets each reply; false from it ends the link.
  template <class Take>
  [[nodiscard]] Moved move(Take&& take) {
    using State = RedisSocket::Transfer::State;
    if (is_broken_) return Moved::failed;
    bool moved = false;
    while (!out_.empty()) {
      const RedisSocket::Transfer sent = send_some();
      if (sent.state == State::failed || sent.state == State::end) return fail();
      if (sent.state == State::none_now) break;
      moved = true;
    }
    for (;;) {
      const RedisSocket::Transfer got = socket_.read_some(*buffer_);
      if (got.state == State::failed || got.state == State::end) return fail();
      if (got.state == State::none_now) break;
      moved = true;
      reader_.feed(buffer_->data(), got.count);
      if (!take_replies(take)) return fail();
      if (got.count < buffer_->size() && !has_tls_) break;
    }
    return moved ? Moved::some : Moved::nothing;
  }

  /// Nobody waits for this command any more. False: half of it is sent, so that the link must end.
  [[nodiscard]] bool forget(const RedisCommand& command) noexcept {
    for (Expected& one : expected_) {
      if (one.command == &command) one.command = nullptr;
    }
    return std::none_of(out_.begin(), out_.end(), [&](const Piece& piece) { return piece.external == command.text.data(); });
  }

  [[nodiscard]] const RedisAddress& address() const noexcept { return address_; }
  [[nodiscard]] int descriptor() const noexcept { return socket_.descriptor(); }
  [[nodiscard]] short events() const noexcept { return socket_.events(!out_.empty()); }
  [[nodiscard]] bool is_idle() const noexcept { return !is_broken_ && expected_.empty() && out_.empty() && reader_.is_empty(); }
  [[nodiscard]] bool is_usable() const noexcept { return is_idle() && socket_.is_quiet(); }
  /// Whether it ended because answers were not what they should be.
  [[nodiscard]] bool is_confused() const noexcept { return is_confused_; }
  [[nodiscard]] bool waits_for_answers() const noexcept { return !expected_.empty(); }

  RedisClock::time_point last_answer{};  ///< when the last reply came, or somebody began to wait

 private:
  struct Piece {
    std::string own;
    const char* external = nullptr;  // of a command
    std::size_t size = 0;            // of the external text

    [[nodiscard]] std::string_view view() const noexcept {
      return external != nullptr ? std::string_view{external, size} : std::string_view{own};
    }
  };
  static constexpr std::size_t buffer_bytes = std::size_t{64} * 1024;

  RedisLink(RedisAddress address, RedisSocket&& socket)
      : address_{std::move(address)},
        socket_{std::move(socket)},
        buffer_{std::make_unique_for_overwrite<std::array<char, buffer_bytes>>()} {
    last_answer = RedisClock::now();
    has_tls_ = socket_.has_tls();
  }

  Moved fail() noexcept {
    is_broken_ = true;
    return Moved::failed;
  }

  bool confused() noexcept {
    is_confused_ = true;
    return false;
  }
  static std::string_view asking_text() noexcept { return "*1\r\n$6\r\nASKING\r\n"; }
  /// 32 digits: 16 of the link, 16 of the marker.
  std::string_view marker_text(std::uint64_t marker, std::array<char, 64>& text) const noexcept {
    std::fill(text.begin(), text.end(), '0');
    for (const auto& [value, end] : {std::pair{nonce_, 16}, std::pair{marker, 32}}) {
      std::uint64_t rest = value;
      for (int i = 1; i <= 16; ++i, rest >>= 4U) text[static_cast<std::size_t>(end - i)] = "0123456789abcdef"[rest & 15U];
    }
    return {text.data(), 32};
  }

  /// Where a text ends that is appended next.
  [[nodiscard]] std::uint64_t end_of(std::string_view text) const noexcept { return appended_ + text.size(); }
  /// Short texts are copied, one behind the other; a long one stays where it is.
  void append(std::string_view text) {
    appended_ += text.size();
    constexpr std::size_t short_text = 4096;
    constexpr std::size_t long_piece = 65'536;
    if (text.size() > short_text) {
      out_.push_back({.own = {}, .external = text.data(), .size = text.size()});
      return;
    }
    if (out_.empty() || out_.back().external != nullptr || out_.back().own.size() > long_piece) out_.push_back({});
    out_.back().own.append(text);
  }

  RedisSocket::Transfer send_some() noexcept {
    std::array<iovec, 16> pieces;
    std::size_t count = 0;
    for (auto piece = out_.begin(); piece != out_.end() && count < pieces.size(); ++piece) {
      std::string_view view = piece->view();
      if (count == 0) view.remove_prefix(sent_);
      pieces[count++] = {.iov_base = const_cast<char*>(view.data()),
                         .iov_len = view.size()};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    }
    const RedisSocket::Transfer sent = socket_.write_some(std::span{pieces}.first(count));
    sent_ += sent.count;
    gone_ += sent.count;
    while (!out_.empty() && sent_ >= out_.front().view().size()) {
      sent_ -= out_.front().view().size();
      out_.pop_front();
    }
    return sent;
  }

  template <class Take>
  [[nodiscard]] bool take_replies(Take&& take) {
    for (;;) {
      const Expected next = expected_.empty() ? Expected{} : expected_.front();
      const bool has_sink = next.command != nullptr;
      const RedisReader::State state = reader_.next(reply_, has_sink ? next.command->sink : std::span<std::byte>{});
      if (state == RedisReader::State::incomplete) {
        const std::size_t longest = (has_sink ? next.command->sink.size() : 0) + std::size_t{1024} * 1024;
        return reader_.pending() <= longest + buffer_bytes || confused();  // a longer answer is none to what was asked
      }
      if (state != RedisReader::State::complete || expected_.empty()) return confused();
      // Nobody can have answered what has not left, and whoever waits for it frees its text then. But a server may refuse a client unheard.
      if (next.end > gone_) return reply_.kind != RedisReply::Kind::error && confused();
      expected_.pop_front();
      last_answer = RedisClock::now();
      if (!take(next, reply_)) return confused();
    }
  }

  RedisAddress address_;
  RedisSocket socket_;
  bool has_tls_ = false;
  RedisReader reader_;
  RedisReply reply_;
  std::unique_ptr<std::array<char, buffer_bytes>> buffer_;
  std::deque<Expected> expected_;
  std::deque<Piece> out_;
  std::size_t sent_ = 0;        // of the first piece
  std::uint64_t appended_ = 0;  // bytes in all
  std::uint64_t gone_ = 0;      // of them
  std::uint64_t nonce_ = 0;
  std::uint64_t markers_ = 0;
  bool has_unmarked_ = false;
  bool is_broken_ = false;
  bool is_confused_ = false;
};

}  // namespace hybridbuffer::inline v0_1::detail
