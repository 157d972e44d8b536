#pragma once

#include "proxy_control.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hybridbuffer::servers {

/// The faults that a proxy was told, and how often each had its occasion and took effect. Inside the proxy's process.
class ArmedFaults {
 public:
  struct Armed {
    Fault fault;
    std::uint64_t seen = 0;
    std::uint64_t fired = 0;
    bool is_armed = true;
  };

  [[nodiscard]] std::uint32_t arm(const ProxyRequest& request) {
    Fault fault;
    fault.action = request.action;
    fault.event = request.event;
    fault.k = request.k;
    fault.after = request.after;
    fault.time = milliseconds{request.milliseconds};
    fault.repeats = request.repeats;
    fault.in_body = request.in_body;
    fault.mask = request.mask;
    fault.match = request.match.str();
    fault.text = request.text.str();
    all_.push_back({fault});
    return static_cast<std::uint32_t>(all_.size() - 1);
  }
  void disarm() {
    for (Armed& armed : all_) armed.is_armed = false;
  }

  /// The numbers of those whose occasion this is. `head`: of the request.
  [[nodiscard]] std::vector<std::uint32_t> occasion(Fault::Event event, std::string_view head) {
    std::vector<std::uint32_t> found;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      Armed& armed = all_[i];
      if (!armed.is_armed || armed.fault.event != event || head.find(armed.fault.match) == std::string_view::npos) continue;
      ++armed.seen;
      if (armed.seen < armed.fault.k) continue;
      if (!armed.fault.repeats) armed.is_armed = false;
      found.push_back(static_cast<std::uint32_t>(i));
    }
    return found;
  }

  [[nodiscard]] Armed& operator[](std::uint32_t number) { return all_[number]; }
  [[nodiscard]] std::vector<Armed>& all() noexcept { return all_; }

 private:
  std::vector<Armed> all_;
};

}  // namespace hybridbuffer::servers
