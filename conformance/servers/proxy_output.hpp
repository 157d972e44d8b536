#pragma once

#include "fault.hpp"
#include "proxy_socket.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::servers {

/// What waits to go out of one socket, in order: bytes, and what is to happen between them. Inside the proxy's process.
class ProxyOutput {
 public:
  using Clock = std::chrono::steady_clock;
  /// What the owner has to do, when flush() says so: reset or end the connection.
  enum class Demand { none, reset, close, failed };

  void add(std::string_view bytes) {
    if (bytes.empty()) return;
    if (items_.empty() || items_.back().kind != Kind::bytes) items_.push_back({Kind::bytes, {}, {}, {}});
    items_.back().bytes += bytes;
    size_ += bytes.size();
  }
  void add_wait(milliseconds time) { items_.push_back({Kind::wait, {}, time, {}}); }
  void add_rate(milliseconds interval) { items_.push_back({Kind::rate, {}, interval, {}}); }
  void add_reset() { items_.push_back({Kind::reset, {}, {}, {}}); }
  void add_close() { items_.push_back({Kind::close, {}, {}, {}}); }
  void add_half_close() { items_.push_back({Kind::half_close, {}, {}, {}}); }

  /// Ends waits, those under way and those to come.
  void release() {
    for (Item& item : items_) {
      if (item.kind == Kind::wait) item.time = milliseconds{0};
      item.until.reset();
    }
  }

  [[nodiscard]] bool is_empty() const noexcept { return items_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool waits() const noexcept { return !items_.empty() && items_.front().kind == Kind::wait; }
  [[nodiscard]] bool wants_to_write() const noexcept { return is_blocked_; }
  /// When flush() has something to do again, whatever the socket says.
  [[nodiscard]] std::optional<Clock::time_point> wakes() const { return wakes_; }

  Demand flush(ProxySocket& socket) {
    is_blocked_ = false;
    wakes_.reset();
    while (!items_.empty()) {
      Item& item = items_.front();
      switch (item.kind) {
        case Kind::bytes: {
          const auto now = Clock::now();
          if (interval_.count() > 0 && now < next_byte_) {
            wakes_ = next_byte_;
            return Demand::none;
          }
          const std::string_view bytes{item.bytes};
          std::size_t count = 0;
          const auto outcome = socket.write(interval_.count() > 0 ? bytes.substr(0, 1) : bytes, count);
          if (outcome == ProxySocket::Outcome::later) {
            is_blocked_ = true;
            return Demand::none;
          }
          if (outcome != ProxySocket::Outcome::done) return Demand::failed;
          next_byte_ = now + interval_;
          size_ -= count;
          item.bytes.erase(0, count);
          if (!item.bytes.empty()) continue;
          break;
        }
        case Kind::wait:
          if (!item.until) item.until = Clock::now() + item.time;
          if (Clock::now() < *item.until) {
            wakes_ = item.until;
            return Demand::none;
          }
          break;
        case Kind::rate: interval_ = item.time; break;
        case Kind::reset: return Demand::reset;
        case Kind::close: return Demand::close;
        case Kind::half_close: socket.end_writing(); break;
      }
      items_.pop_front();
    }
    return Demand::none;
  }

 private:
  enum class Kind { bytes, wait, rate, reset, close, half_close };
  struct Item {
    Kind kind;
    std::string bytes;
    milliseconds time;
    std::optional<Clock::time_point> until;
  };

  std::deque<Item> items_;
  std::size_t size_ = 0;
  bool is_blocked_ = false;
  milliseconds interval_{0};
  Clock::time_point next_byte_;
  std::optional<Clock::time_point> wakes_;
};

}  // namespace hybridbuffer::servers
