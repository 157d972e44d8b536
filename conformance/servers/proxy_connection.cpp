#include "proxy_connection.hpp"

#include "redis_slot.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace hybridbuffer::servers {
namespace {

constexpr std::size_t most_held = std::size_t{1} << 20U;  // bytes that wait for a slow reader before their source is left to wait

// The second word of a Redis command as it is on the wire; empty when there is none.
std::string_view first_key(std::string_view command) {
  for (int word = 0; word < 2; ++word) {
    const std::size_t size = command.find('$');
    const std::size_t begin = command.find('\n', size);
    if (size == std::string_view::npos || begin == std::string_view::npos) return {};
    const auto length = static_cast<std::size_t>(std::strtoull(std::string{command.substr(size + 1, begin - size)}.c_str(), nullptr, 10));
    if (word == 1) return command.substr(begin + 1, length);
    command.remove_prefix(std::min(command.size(), begin + 1 + length));
  }
  return {};
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
}

}  // namespace

ProxyConnection::ProxyConnection(ProxyState& state, int client, SSL_CTX* tls, int server)
    : state_{&state},
      client_{client, tls},
      server_{server},
      up_{MessageFraming{state.protocol, MessageFraming::Side::request}},
      down_{MessageFraming{state.protocol, MessageFraming::Side::reply}} {}

Fault& ProxyConnection::fired(std::uint32_t number) {
  ArmedFaults::Armed& armed = state_->faults[number];
  ++armed.fired;
  return armed.fault;
}

void ProxyConnection::apply(const std::vector<std::uint32_t>& faults) {
  using enum Fault::Action;
  for (const std::uint32_t number : faults) {
    switch (state_->faults[number].fault.action) {
      case reset:
        fired(number);
        this->reset();
        break;
      case close:
      case half_close:
        fired(number);
        down_.output.add_close();
        break;
      case stall:
      case late: down_.output.add_wait(fired(number).time); break;
      case slow: down_.output.add_rate(fired(number).time); break;
      case restart:
        state_->restart_time = fired(number).time;
        state_->restarts = true;
        break;
      default: break;  // refuse and certificate: their owner saw to them
    }
  }
}

bool ProxyConnection::reads(bool from_client) const noexcept {
  const Direction& direction = from_client ? up_ : down_;
  return !direction.has_ended && (drains_ || direction.output.size() < most_held);
}

std::optional<ProxyOutput::Clock::time_point> ProxyConnection::wakes() const {
  const auto up = up_.output.wakes();
  const auto down = down_.output.wakes();
  if (up && down) return std::min(*up, *down);
  return up ? up : down;
}

void ProxyConnection::readable(bool from_client) {
  Direction& direction = from_client ? up_ : down_;
  ProxySocket& socket = from_client ? client_ : server_;
  std::array<char, 65'536> block;
  while (!is_over() && socket.is_open() && reads(from_client)) {
    std::size_t count = 0;
    const ProxySocket::Outcome outcome = socket.read(block, count);
    if (outcome == ProxySocket::Outcome::later) break;
    if (outcome == ProxySocket::Outcome::failed) return reset();
    if (outcome == ProxySocket::Outcome::done) {
      if (!drains_ && !direction.is_cut) take(direction, {block.data(), count});
      continue;
    }
    direction.has_ended = true;
    if (direction.framing.size() > 0 && !direction.is_cut) {  // what came of a message that has no end, or is cut short
      if (!direction.is_decided) pass(direction);
      if (state_->protocol != Protocol::opaque && direction.is_decided && direction.is_swallowed) finish(direction);
    }
    if (!direction.is_cut) direction.output.add_half_close();
  }
  if (!is_over()) flush();
}

void ProxyConnection::take(Direction& direction, std::string_view bytes) {
  while (!bytes.empty() && !direction.is_cut && !is_over()) {
    // Not a reply, of which the next request would miss its own.
    if (state_->protocol == Protocol::http && !is_up(direction) && expected_.empty()) return direction.output.add(bytes);
    if (!is_up(direction) && direction.held.empty() && !direction.is_decided) {
      direction.framing.expect_no_body(!expected_.empty() && expected_.front().head.starts_with("HEAD "));
    }
    const MessageFraming::Step step = direction.framing.feed(bytes);
    direction.held += bytes.substr(0, step.taken);
    bytes.remove_prefix(step.taken);
    if (step.ends && direction.framing.is_interim()) {
      direction.output.add(std::exchange(direction.held, {}));
      continue;
    }
    if (!direction.is_decided && direction.framing.is_recognised()) decide(direction);
    if (direction.is_decided) pass(direction);
    if (step.ends) finish(direction);
  }
}

void ProxyConnection::decide(Direction& direction) {
  direction.is_decided = true;
  direction.is_swallowed = direction.is_copied = false;
  direction.passed = 0;
  direction.plan.clear();
  std::vector<std::uint32_t> faults;
  if (is_up(direction)) {
    ++state_->requests;
    expected_.push_back({direction.framing.head()});
    faults = state_->faults.occasion(Fault::Event::request, direction.framing.head());
  } else {
    ++state_->replies;
    is_replaced_ = false;
    faults =
        state_->faults.occasion(Fault::Event::reply, expected_.empty() ? std::string_view{} : std::string_view{expected_.front().head});
  }
  for (const std::uint32_t number : faults) plan(direction, number);
  const auto earlier = [](const Step& a, const Step& b) { return std::pair{a.at, a.fault} < std::pair{b.at, b.fault}; };
  std::sort(direction.plan.begin(), direction.plan.end(), earlier);
  if (is_up(direction) && !direction.is_swallowed && !server_.is_open()) reset();
}

void ProxyConnection::plan(Direction& direction, std::uint32_t number) {
  using enum Fault::Action;
  const Fault& fault = state_->faults[number].fault;
  switch (fault.action) {
    case answer: {
      direction.is_swallowed = true;
      Expected& expected = expected_.back();
      expected.is_answered_here = true;
      expected.answer = filled_in(fault.text, expected.head);
      expected.fault = number;
      // Who waits for leave to send a body does not send it now.
      if (expected.head.find("100-continue") == std::string::npos) break;
      expected.is_ready = true;
      answer_what_is_due();
      if (!is_over()) down_.output.add_close();
      break;
    }
    case replace:
      direction.is_swallowed = true;
      is_replaced_ = true;
      replacement_ = filled_in(fired(number).text, expected_.empty() ? std::string_view{} : std::string_view{expected_.front().head});
      break;
    case duplicate:
      direction.is_copied = true;
      direction.copy.clear();
      fired(number);
      break;
    case restart:
      state_->restart_time = fired(number).time;
      state_->restarts = true;
      direction.is_cut = true;  // nothing of this message passes
      break;
    case refuse:
    case certificate: break;
    default: {
      const std::optional<std::uint64_t> body = direction.framing.body();
      if (!fault.in_body) direction.plan.push_back({number, fault.after});
      else if (body) direction.plan.push_back({number, *body + fault.after});
    }
  }
}

// Passes on what is held, up to each byte at which something is to happen.
void ProxyConnection::pass(Direction& direction) {
  std::string& held = direction.held;
  while (!held.empty() && !direction.is_cut) {
    std::size_t count = held.size();
    const bool is_due = !direction.plan.empty() && direction.plan.front().at < direction.passed + held.size();
    if (is_due) count = static_cast<std::size_t>(direction.plan.front().at - direction.passed);
    if (!direction.is_swallowed) direction.output.add(std::string_view{held}.substr(0, count));
    if (direction.is_copied) direction.copy += held.substr(0, count);
    held.erase(0, count);
    direction.passed += count;
    if (!is_due) continue;
    const Step step = direction.plan.front();
    direction.plan.erase(direction.plan.begin());
    happen(direction, step);
  }
  held.clear();
}

void ProxyConnection::happen(Direction& direction, const Step& step) {
  using enum Fault::Action;
  const Fault& fault = state_->faults[step.fault].fault;
  switch (fault.action) {
    case reset: direction.output.add_reset(); break;
    case close: direction.output.add_close(); break;
    case half_close: direction.output.add_half_close(); break;
    case stall:
    case late: direction.output.add_wait(fault.time); break;
    case slow: direction.output.add_rate(fault.time); break;
    case flip:
      if (direction.held.empty()) return;
      direction.held.front() = static_cast<char>(static_cast<unsigned char>(direction.held.front()) ^ fault.mask);
      break;
    default: return;
  }
  fired(step.fault);
  direction.is_cut = fault.action == reset || fault.action == close || fault.action == half_close;
}

void ProxyConnection::finish(Direction& direction) {
  // What was to happen behind the last byte.
  for (const Step& step : std::exchange(direction.plan, {})) {
    if (step.at == direction.passed && !direction.is_cut) happen(direction, step);
  }
  direction.is_decided = false;
  if (is_up(direction)) {
    if (!expected_.empty() && expected_.back().is_answered_here) expected_.back().is_ready = true;
  } else {
    if (direction.is_copied) direction.output.add(direction.copy);
    if (is_replaced_) direction.output.add(replacement_);
    if (!expected_.empty()) expected_.pop_front();
  }
  answer_what_is_due();
}

void ProxyConnection::answer_what_is_due() {
  while (!expected_.empty() && expected_.front().is_answered_here && expected_.front().is_ready) {
    fired(expected_.front().fault);
    down_.output.add(expected_.front().answer);
    expected_.pop_front();
  }
}

std::string ProxyConnection::filled_in(std::string text, std::string_view head) const {
  const std::size_t begin = std::min(head.find(' '), head.size());
  const std::size_t end = std::min(head.find(' ', begin + 1), head.size());
  replace_all(text, "{port}", std::to_string(state_->port));
  if (state_->protocol == Protocol::http && begin < end) replace_all(text, "{target}", head.substr(begin + 1, end - begin - 1));
  if (state_->protocol == Protocol::redis) replace_all(text, "{slot}", std::to_string(redis_key_slot(first_key(head))));
  return text;
}

void ProxyConnection::flush() {
  using Demand = ProxyOutput::Demand;
  for (Direction* direction : {&up_, &down_}) {
    ProxySocket& to = is_up(*direction) ? server_ : client_;
    if (is_over() || !to.is_open()) continue;
    switch (direction->output.flush(to)) {
      case Demand::none: break;
      case Demand::reset:
      case Demand::failed: return reset();
      case Demand::close:
        client_.end_writing();
        server_.close();
        down_.has_ended = drains_ = true;
        direction->output = {};
    }
  }
  if (is_over()) return;
  const bool has_server = server_.is_open();
  const bool nothing_left = (!has_server || up_.output.is_empty()) && (down_.output.is_empty() || down_.output.waits());
  if (up_.has_ended && (drains_ || ((!has_server || down_.has_ended) && nothing_left))) {
    client_.close();
    server_.close();
  }
}

void ProxyConnection::release() {
  up_.output.release();
  down_.output.release();
  flush();
}

void ProxyConnection::reset() {
  client_.reset();
  server_.reset();
}

}  // namespace hybridbuffer::servers
