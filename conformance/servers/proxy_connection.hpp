#pragma once

#include "message_framing.hpp"
#include "proxy_faults.hpp"
#include "proxy_output.hpp"
#include "proxy_socket.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::servers {

/// What all connections of a proxy share. Inside the proxy's process.
struct ProxyState {
  Protocol protocol = Protocol::opaque;
  std::uint16_t port = 0;
  ArmedFaults faults;
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
  bool restarts = false;  // a fault asked for it: the owner does it
  milliseconds restart_time{0};
};

/// One client's connection and the one to the server that belongs to it. Inside the proxy's process.
class ProxyConnection {
 public:
  /// `server`: −1 when there is none, and every request has to be answered by a fault.
  ProxyConnection(ProxyState& state, int client, SSL_CTX* tls, int server);

  /// What happens to a new connection.
  void apply(const std::vector<std::uint32_t>& faults);
  void readable(bool from_client);
  void flush();
  void release();
  void reset();

  [[nodiscard]] bool is_over() const noexcept { return !client_.is_open(); }
  [[nodiscard]] int client() const noexcept { return client_.descriptor(); }
  [[nodiscard]] int server() const noexcept { return server_.descriptor(); }
  [[nodiscard]] bool reads(bool from_client) const noexcept;
  [[nodiscard]] bool writes(bool to_client) const noexcept { return (to_client ? down_ : up_).output.wants_to_write(); }
  [[nodiscard]] std::optional<ProxyOutput::Clock::time_point> wakes() const;

 private:
  struct Step {
    std::uint32_t fault;
    std::uint64_t at;  // bytes of the message
  };
  struct Direction {
    MessageFraming framing;
    ProxyOutput output{};
    std::string held{};  // of the message, not yet passed on
    std::string copy{};  // of the message, when it is to come twice
    bool is_decided = false;
    bool is_swallowed = false;
    bool is_copied = false;
    bool is_cut = false;       // nothing passes any more
    bool has_ended = false;    // its source has
    std::uint64_t passed = 0;  // bytes of the message
    std::vector<Step> plan{};  // sorted by `at`
  };
  struct Expected {
    std::string head;  // of the request
    bool is_answered_here = false;
    bool is_ready = false;
    std::string answer{};
    std::uint32_t fault = 0;
  };

  void take(Direction& direction, std::string_view bytes);
  void decide(Direction& direction);
  void plan(Direction& direction, std::uint32_t number);
  void pass(Direction& direction);
  void happen(Direction& direction, const Step& step);
  void finish(Direction& direction);
  void answer_what_is_due();
  [[nodiscard]] std::string filled_in(std::string text, std::string_view head) const;
  [[nodiscard]] bool is_up(const Direction& direction) const noexcept { return &direction == &up_; }
  Fault& fired(std::uint32_t number);

  ProxyState* state_;
  ProxySocket client_;
  ProxySocket server_;
  Direction up_;
  Direction down_;
  std::deque<Expected> expected_;
  std::string replacement_;  // of the reply under way
  bool is_replaced_ = false;
  bool drains_ = false;  // ended; what the client still says is thrown away
};

}  // namespace hybridbuffer::servers
