#pragma once

#include <hybridbuffer/detail/redis_error.hpp>
#include <hybridbuffer/detail/redis_link.hpp>
#include <hybridbuffer/detail/redis_place.hpp>
#include <hybridbuffer/detail/redis_retries.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <poll.h>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// The commands of one caller on the keys of one slot: sent one behind the other without waiting for answers, each again after what passes
/// by itself, and to wherever the slot has gone. Driven inside the caller's call; no thread.
///
/// Every command must be one that may run twice, and whose effect does not depend on those beside it.
class RedisPipeline {
 public:
  RedisPipeline(RedisPlaceRef place, std::uint16_t slot) noexcept
      : place_{std::move(place)}, slot_{slot}, retries_{place_->options().retry} {}
  RedisPipeline(const RedisPipeline&) = delete;
  RedisPipeline& operator=(const RedisPipeline&) = delete;
  ~RedisPipeline() { release(); }

  [[nodiscard]] RedisPlace& place() const noexcept { return *place_; }
  [[nodiscard]] const RedisPlaceRef& place_ref() const noexcept { return place_; }

  /// Gives up at the first failure.
  void try_once() noexcept { retries_.try_once(); }

  /// Takes a command; it runs whenever somebody drives. Errors: std::bad_alloc.
  void submit(RedisCommand& command) {
    commands_.push_back(&command);
    command.phase = RedisCommand::Phase::waiting;
    ++waiting_;
  }
  /// Ends a command that is not done. Nobody waits for its answer; whether it had its effect is open.
  void cancel(RedisCommand& command) noexcept {
    const auto found = std::find(commands_.begin(), commands_.end(), &command);
    if (found == commands_.end()) return;
    commands_.erase(found);
    if (command.phase == RedisCommand::Phase::waiting) --waiting_;
    if (command.link != nullptr && !command.link->forget(command)) drop(*command.link);
    command.phase = RedisCommand::Phase::idle;
    command.link = nullptr;
  }

  /// Drives until `is_done()`, or, past `deadline`, ends every command under way with an error.
  template <class IsDone>
  void drive(RedisClock::time_point deadline, IsDone&& is_done) {
    if (is_done()) return;
    begin_to_wait();
    while (!is_done()) {
      const bool moved = step(deadline);
      if (is_done()) break;
      if (RedisClock::now() >= deadline) {
        expire();
        break;
      }
      if (!moved) wait(deadline);
    }
  }
  /// Moves what can be moved without waiting, but for a connection that has to be made.
  void poll(RedisClock::time_point deadline) {
    begin_to_wait();
    step(deadline);
  }
  /// A command from its beginning to its end. Errors: those of the command; std::bad_alloc.
  [[nodiscard]] Result<void> run(RedisCommand& command, RedisClock::time_point deadline) {
    submit(command);
    drive(deadline, [&] { return command.phase == RedisCommand::Phase::done; });
    return command.result;
  }

  /// Waits for the answers of what was sent, and sends nothing; what loses its connection is not waited for. What is not answered then may
  /// still have its effect.
  void settle(RedisClock::time_point deadline) {
    const auto is_under_way = [](const RedisCommand* one) { return one->phase == Phase::sent || one->phase == Phase::answered; };
    is_settling_ = true;
    drive(deadline, [&] { return std::none_of(commands_.begin(), commands_.end(), is_under_way); });
    is_settling_ = false;
  }

  /// Gives connections back that nothing is under way in, and closes the others.
  void release() noexcept {
    while (!commands_.empty()) cancel(*commands_.back());
    for (auto& link : links_) {
      if (link->is_idle()) place_->give_link(std::move(link));
    }
    links_.clear();
  }
  /// As release(), when nothing is under way.
  void rest() noexcept {
    if (commands_.empty()) release();
  }

 private:
  using Phase = RedisCommand::Phase;

  /// Nobody waited since the last call of the caller's: no time for an answer has passed.
  void begin_to_wait() noexcept {
    const auto now = RedisClock::now();
    for (const auto& link : links_) link->last_answer = now;
  }

  /// Returns: whether anything moved.
  bool step(RedisClock::time_point deadline) {
    const bool moved = step_each(deadline);
    if (std::exchange(is_given_up_, false)) links_.clear();
    if (std::any_of(commands_.begin(), commands_.end(), [](const RedisCommand* one) { return one->phase == Phase::done; })) {
      std::erase_if(commands_, [](const RedisCommand* one) { return one->phase == Phase::done; });
    }
    if (std::exchange(should_learn_, false)) learn();
    return moved;
  }

  bool step_each(RedisClock::time_point deadline) {
    bool moved = send_waiting(deadline);
    for (const auto& one : links_) {  // whoever ends one returns
      RedisLink& link = *one;
      if (link.has_unmarked() && !link.mark()) {
        lose(link, {errc::no_space, "use Redis", "out of memory"});
        return true;
      }
      const RedisLink::Moved outcome =
          link.move([&](const RedisLink::Expected& expected, RedisReply& reply) { return take(link, expected, reply); });
      if (is_given_up_) return true;
      if (outcome == RedisLink::Moved::failed) {
        lose(link, broken_error(link));
        return true;
      }
      moved = moved || outcome == RedisLink::Moved::some;
      if (link.waits_for_answers() && RedisClock::now() - link.last_answer > place_->options().timeouts.call) {
        lose(link, {errc::timeout, "wait for an answer of Redis at", name_of(link.address())});
        return true;
      }
    }
    return moved;
  }

  /// Asks for the owners of all slots, so that the next location need not begin at the wrong server.
  void learn() {
    if (learn_.phase != Phase::idle && learn_.phase != Phase::done) return;
    learn_.restart("ask for the slots of a cluster", RedisText{"CLUSTER", "SLOTS"}, RedisReply::Kind::array);
    submit(learn_);
  }

  bool send_waiting(RedisClock::time_point deadline) {
    if (waiting_ == 0 || is_settling_) return false;
    const auto now = RedisClock::now();
    if (now < retries_.resume_at()) return false;
    bool sent = false;
    for (RedisCommand* const one : commands_) {
      RedisCommand& command = *one;
      if (command.phase != Phase::waiting || command.not_before > now) continue;
      auto link = link_for(command, deadline);
      if (!link) {
        command.asked.reset();
        fail_attempt(link.error());
        return true;
      }
      command.phase = Phase::sent;
      --waiting_;
      if (!(*link)->enqueue(command, command.asked.has_value())) {
        lose(**link, {errc::no_space, "use Redis", "out of memory"});
        return true;
      }
      sent = true;
    }
    return sent;
  }

  /// Errors: what keeps it from being there.
  [[nodiscard]] Result<RedisLink*> link_for(const RedisCommand& command, RedisClock::time_point deadline) {
    Result<RedisAddress> address = command.asked ? Result<RedisAddress>{*command.asked} : place_->address_for(slot_, deadline);
    if (!address) return std::unexpected{std::move(address).error()};
    for (const auto& link : links_) {
      if (link->address() == *address) return link.get();
    }
    links_.reserve(links_.size() + 1);
    auto link = place_->take_link(*address, deadline);
    if (!link) {
      place_->note_failed(slot_, *address);
      return std::unexpected{std::move(link).error()};
    }
    (*link)->last_answer = RedisClock::now();
    links_.push_back(*std::move(link));
    return links_.back().get();
  }

  // Replies -----------------------------------------------------------------------------------------------------------------------

  /// Returns: false when the connection has lost its place in the order of answers.
  bool take(RedisLink& link, const RedisLink::Expected& expected, RedisReply& reply) {
    return take_one(link, expected, reply) && !is_given_up_;
  }
  bool take_one(RedisLink& link, const RedisLink::Expected& expected, RedisReply& reply) {
    if (expected.marker != 0) return take_marker(link, expected.marker, reply);
    if (expected.command == nullptr) return true;
    RedisCommand& command = *expected.command;
    if (reply.kind == RedisReply::Kind::error) {
      take_error(link, command, reply);
      return true;
    }
    const bool is_expected = command.expected == RedisReply::Kind::none || reply.kind == command.expected ||
                             (command.expected == RedisReply::Kind::text && reply.kind == RedisReply::Kind::nil);
    if (!is_expected) return false;
    std::swap(command.reply, reply);
    command.phase = Phase::answered;
    if (&command == &learn_) place_->learn(learn_.reply, link.address());
    return true;
  }

  bool take_marker(RedisLink& link, std::uint64_t marker, const RedisReply& reply) {
    if (reply.kind == RedisReply::Kind::error) {
      const RedisFailure why = failure_of_redis(reply.text);
      for (RedisCommand* command : commands_) {
        if (command->link != &link || command->phase != Phase::answered) continue;
        if (why.next == RedisFailure::Next::give_up) finish(*command, std::unexpected{error_of_redis(reply.text, command->operation)});
        else wait_again(*command);
      }
      if (why.next != RedisFailure::Next::give_up) fail_attempt(error_of_redis(reply.text, "use Redis"));
      return true;
    }
    if (!link.is_marker(marker, reply)) return false;
    for (RedisCommand* command : commands_) {
      if (command->link == &link && command->phase == Phase::answered) finish(*command, command->result);
    }
    retries_.reset();
    return true;
  }

  void take_error(RedisLink& link, RedisCommand& command, const RedisReply& reply) {
    const RedisFailure why = failure_of_redis(reply.text);
    using enum RedisFailure::Next;
    switch (why.next) {
      case give_up:
        command.result = std::unexpected{error_of_redis(reply.text, command.operation)};
        command.phase = Phase::answered;
        return;
      case split:
        if (command.may_split) {
          command.is_split = true;
          command.result = std::unexpected{error_of_redis(reply.text, command.operation)};
          command.phase = Phase::answered;
          return;
        }
        break;
      case moved:
      case asked: {
        auto address = redirection_of_redis(reply.text, link.address());
        if (!address) {
          command.result = failure(errc::io, command.operation, "Redis answered with a redirection to nowhere");
          command.phase = Phase::answered;
          return;
        }
        constexpr unsigned at_once = 3;
        wait_again(command);
        if (why.next == moved) {
          place_->note_owner(slot_, *address);
          should_learn_ = should_learn_ || place_->should_learn();
        } else {
          command.asked = *std::move(address);
        }
        if (++command.redirections <= at_once) return;
        if (command.redirections == at_once + 1 || command.redirections % 4 == 0) break;
        command.not_before = RedisClock::now() + retries_.pause(command.redirections);
        return;
      }
      case other_node: place_->note_failed(slot_, link.address()); break;
      case again: break;
    }
    if (command.phase != Phase::waiting) wait_again(command);
    // The others that are under way may well meet the same; one failure of them all.
    const auto now = RedisClock::now();
    if (now >= retries_.resume_at()) fail_attempt(error_of_redis(reply.text, command.operation));
    command.not_before = retries_.resume_at();
  }

  // Ends ------------------------------------------------------------------------------------------------------------------------------

  void finish(RedisCommand& command, Result<void> result) noexcept {
    if (command.phase == Phase::waiting) --waiting_;
    command.result = std::move(result);
    command.phase = Phase::done;
    command.link = nullptr;
  }
  /// Its next attempt is at the owner of the slot: another node was to be asked once.
  void wait_again(RedisCommand& command) noexcept {
    if (command.phase != Phase::waiting) ++waiting_;
    command.phase = Phase::waiting;
    command.link = nullptr;
    command.asked.reset();
    command.result = {};
  }

  /// Takes a connection out of use; what was under way on it waits again.
  void drop(const RedisLink& link) noexcept {
    for (RedisCommand* command : commands_) {
      if (command->link == &link) wait_again(*command);
    }
    std::erase_if(links_, [&](const auto& one) { return one.get() == &link; });
  }
  void lose(RedisLink& link, const Error& why) {
    place_->note_failed(slot_, link.address());
    drop(link);
    fail_attempt(why);
  }
  [[nodiscard]] static Error broken_error(const RedisLink& link) {
    return {link.is_confused() ? errc::io : errc::unavailable, "talk with Redis at", name_of(link.address())};
  }

  /// One more failure in a row: after a pause everything that waits is sent again, unless there were too many, or no retry can help.
  void fail_attempt(const Error& why) {
    if (!retries_.note(why)) end_all(why);
  }
  void end_all(const Error& why) noexcept {
    for (RedisCommand* command : commands_) {
      if (command->phase != Phase::done) finish(*command, std::unexpected{Error{why}});
    }
    retries_.reset();
    is_given_up_ = true;  // its links may be at work: step() ends them
  }
  void expire() {
    const bool waits_for_answers = std::any_of(links_.begin(), links_.end(), [](const auto& link) { return link->waits_for_answers(); });
    if (const Error* last = retries_.last_error(); last != nullptr && !waits_for_answers) end_all(*last);
    else end_all({errc::timeout, "wait for Redis"});
    is_given_up_ = false;
    links_.clear();
    commands_.clear();
  }

  void wait(RedisClock::time_point deadline) {
    std::vector<pollfd> sockets;
    auto until = deadline;
    for (const auto& link : links_) {
      sockets.push_back({.fd = link->descriptor(), .events = link->events(), .revents = 0});
      if (link->waits_for_answers()) until = std::min(until, link->last_answer + place_->options().timeouts.call);
    }
    if (waiting_ != 0 && !is_settling_) {
      auto next = RedisClock::time_point::max();
      for (const RedisCommand* command : commands_) {
        if (command->phase == Phase::waiting) next = std::min(next, command->not_before);
      }
      until = std::min(until, std::max(next, retries_.resume_at()));
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - RedisClock::now()).count();
    ::poll(sockets.data(), sockets.size(), static_cast<int>(std::clamp<long long>(left + 1, 0, 60'000)));
  }

  RedisPlaceRef place_;
  std::uint16_t slot_;
  RedisRetries retries_;
  std::vector<RedisCommand*> commands_;  // not done, in their order
  std::vector<std::unique_ptr<RedisLink>> links_;
  std::size_t waiting_ = 0;  // commands that are to be sent
  bool is_given_up_ = false;
  bool is_settling_ = false;
  bool should_learn_ = false;
  RedisCommand learn_;
};

}  // namespace hybridbuffer::inline v0_1::detail
