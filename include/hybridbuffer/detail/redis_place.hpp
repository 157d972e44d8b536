#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/detail/light_lock.hpp>
#include <hybridbuffer/detail/per_process.hpp>
#include <hybridbuffer/detail/redis_link.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// The slot of a key in a cluster: CRC16/XMODEM of its hash tag. Source: "Redis cluster specification", section "Hash tags".
[[nodiscard]] constexpr std::uint16_t redis_slot_of_tag(std::string_view tag) noexcept {
  constexpr unsigned polynomial = 0x1021;
  constexpr unsigned slots = 16'384;
  unsigned crc = 0;
  for (const char c : tag) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = ((crc << 1U) ^ ((crc & 0x8000U) != 0 ? polynomial : 0U)) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc % slots);
}

/// A Redis with its settings, and what all locations in it share: idle connections, and who has which slot. Threads: any number at once.
class RedisPlace {
 public:
  RedisPlace(RedisOptions options, RedisTlsContextRef tls) : options_{std::move(options)}, tls_{std::move(tls)} {}
  RedisPlace(const RedisPlace&) = delete;
  RedisPlace& operator=(const RedisPlace&) = delete;
  ~RedisPlace() = default;

  [[nodiscard]] const RedisOptions& options() const noexcept { return options_; }
  [[nodiscard]] bool has_sentinels() const noexcept { return !options_.sentinel_master.empty(); }
  /// How long keys live that no commit has made part of an object.
  [[nodiscard]] std::chrono::milliseconds lease() const noexcept {
    constexpr std::chrono::hours without_expiration{24};
    return options_.expiration.count() != 0 ? options_.expiration : std::chrono::milliseconds{without_expiration};
  }

  /// Until when something is to be removed, and whether it may be tried again.
  struct Cleanup {
    RedisClock::time_point end;
    bool once = false;
  };
  /// Of a destructor that begins now. After one that could not reach the store the others are short until somebody did: a thousand
  /// locations do not take a thousand times as long.
  [[nodiscard]] Cleanup cleanup() const noexcept {
    const bool is_short = is_out_of_reach_.load(std::memory_order_relaxed);
    return {RedisClock::now() + (is_short ? options_.timeouts.cleanup / 4 : options_.timeouts.cleanup), is_short};
  }
  void note_cleanup(bool reached) noexcept { is_out_of_reach_.store(!reached, std::memory_order_relaxed); }

  /// The server to ask for a slot. Errors: those of a sentinel; std::bad_alloc.
  [[nodiscard]] Result<RedisAddress> address_for(std::uint16_t slot, RedisClock::time_point deadline) {
    Local& mine = local_.get();
    {
      const LightGuard guard{mine.topology_lock};
      if (has_sentinels()) {
        if (mine.master) return *mine.master;
      } else {
        if (mine.owners && (*mine.owners)[slot] != nobody) return mine.nodes[(*mine.owners)[slot]];
        const std::size_t count = options_.servers.size() + mine.nodes.size();
        const std::size_t which = mine.turn % count;
        return which < options_.servers.size() ? options_.servers[which] : mine.nodes[which - options_.servers.size()];
      }
    }
    auto master = ask_sentinels(deadline);
    if (!master) return master;
    const LightGuard guard{mine.topology_lock};
    mine.master = *master;
    return master;
  }
  /// A server has said who has the slot. Errors: std::bad_alloc.
  void note_owner(std::uint16_t slot, const RedisAddress& address) {
    Local& mine = local_.get();
    const LightGuard guard{mine.topology_lock};
    mine.note_owner(slot, slot, address);
  }
  /// Whether all owners should be learnt at once, which the one who asks then does: a slot had another owner than was known.
  /// Errors: std::bad_alloc.
  [[nodiscard]] bool should_learn() {
    Local& mine = local_.get();
    const LightGuard guard{mine.topology_lock};
    const auto now = RedisClock::now();
    constexpr std::chrono::seconds rest{1};
    if (mine.learnt && now - *mine.learnt < rest) return false;
    mine.learnt = now;
    return true;
  }
  /// From the answer to CLUSTER SLOTS of `from`. Errors: std::bad_alloc.
  void learn(const RedisReply& slots, const RedisAddress& from) {
    Local& mine = local_.get();
    const LightGuard guard{mine.topology_lock};
    for (const RedisReply& range : slots.elements) {
      if (range.elements.size() < 3 || range.elements[2].elements.size() < 2) continue;
      const RedisReply& node = range.elements[2];
      const auto first = number_of(range.elements[0], 0, slot_count - 1);
      const auto last = number_of(range.elements[1], first.value_or(0), slot_count - 1);
      const auto port = number_of(node.elements[1], 1, std::numeric_limits<std::uint16_t>::max());
      if (!first || !last || !port) continue;
      const std::string& host = node.elements[0].text;
      const bool has_name = !host.empty() && host != "?";  // a node that is to be known by its name, and has none, says ?
      mine.note_owner(*first, *last, {has_name ? host : from.host, *port});
    }
  }
  /// It cannot be reached, or says that it is not the one: the next to ask is another.
  void note_failed(std::uint16_t slot, const RedisAddress& address) noexcept {
    Local* const mine = local_.find();
    if (mine == nullptr) return;
    const LightGuard guard{mine->topology_lock};
    ++mine->turn;
    if (mine->master == address) mine->master.reset();
    if (mine->owners && (*mine->owners)[slot] != nobody && mine->nodes[(*mine->owners)[slot]] == address) {
      const std::uint16_t failed = (*mine->owners)[slot];
      std::replace(mine->owners->begin(), mine->owners->end(), failed, nobody);
    }
  }

  /// A connection, an idle one where there is one. Errors: those of RedisLink::open().
  [[nodiscard]] Result<std::unique_ptr<RedisLink>> take_link(const RedisAddress& address, RedisClock::time_point deadline) {
    Local& mine = local_.get();
    for (;;) {
      std::unique_ptr<RedisLink> link;
      {
        const LightGuard guard{mine.lock};
        const auto found = std::find_if(mine.idle.rbegin(), mine.idle.rend(), [&](const auto& one) { return one->address() == address; });
        if (found == mine.idle.rend()) break;
        link = std::move(*found);
        mine.idle.erase(std::next(found).base());
      }
      if (link->is_usable()) return link;
    }
    return RedisLink::open(options_, address, tls_, deadline);
  }
  void give_link(std::unique_ptr<RedisLink> link) noexcept {
    std::unique_ptr<RedisLink> oldest;  // ends outside the lock
    Local* const mine = local_.find();
    if (mine == nullptr || !link->is_idle()) return;
    const LightGuard guard{mine->lock};
    try {
      mine->idle.push_back(std::move(link));
      if (mine->idle.size() <= options_.pool_size) return;
      oldest = std::move(mine->idle.front());
      mine->idle.erase(mine->idle.begin());
    } catch (const std::bad_alloc&) {
      return;
    }
  }
  /// Closes idle connections.
  void trim() noexcept {
    Local* const mine = local_.find();
    if (mine == nullptr) return;
    std::vector<std::unique_ptr<RedisLink>> idle;
    const LightGuard guard{mine->lock};
    std::swap(idle, mine->idle);
  }

 private:
  static constexpr std::uint16_t nobody = 0xffff;
  static constexpr std::int64_t slot_count = 16'384;

  /// What belongs to one process. A forked child learns for itself who has which slot.
  struct Local {
    LightLock lock;
    std::vector<std::unique_ptr<RedisLink>> idle;

    LightLock topology_lock;
    std::optional<RedisAddress> master;  // with sentinels
    std::vector<RedisAddress> nodes;     // of a cluster
    std::unique_ptr<std::array<std::uint16_t, slot_count>> owners;
    std::size_t turn = 0;
    std::optional<RedisClock::time_point> learnt;

    /// Under the topology lock.
    void note_owner(std::uint16_t first, std::uint16_t last, const RedisAddress& address) {
      auto found = std::find(nodes.begin(), nodes.end(), address);
      if (found == nodes.end()) {
        constexpr std::size_t most_nodes = 4096;
        if (nodes.size() >= most_nodes) return;
        nodes.push_back(address);
        found = nodes.end() - 1;
      }
      if (!owners) {
        owners = std::make_unique<std::array<std::uint16_t, slot_count>>();
        owners->fill(nobody);
      }
      const auto index = static_cast<std::uint16_t>(found - nodes.begin());
      std::fill(owners->begin() + first, owners->begin() + last + 1, index);
    }
  };

  /// Nothing where it is no number, or none of `least` to `most`.
  static std::optional<std::uint16_t> number_of(const RedisReply& reply, std::int64_t least, std::int64_t most) noexcept {
    if (reply.kind != RedisReply::Kind::integer || reply.integer < least || reply.integer > most) return {};
    return static_cast<std::uint16_t>(reply.integer);
  }

  [[nodiscard]] Result<RedisAddress> ask_sentinels(RedisClock::time_point deadline) {
    Result<RedisAddress> answer = failure(errc::unavailable, "ask the sentinels", options_.sentinel_master);
    for (const RedisAddress& sentinel : options_.servers) {
      auto link = RedisLink::open(options_, sentinel, tls_, deadline, true);
      if (!link) {
        answer = std::unexpected{std::move(link).error()};
        continue;
      }
      auto reply = (*link)->call({"SENTINEL", "get-master-addr-by-name", options_.sentinel_master},
                                 std::min(deadline, RedisClock::now() + options_.timeouts.connect));
      if (!reply) {
        answer = std::unexpected{std::move(reply).error()};
        continue;
      }
      if (reply->elements.size() != 2) {
        answer = failure(errc::unavailable, "ask a sentinel for the master", options_.sentinel_master);
        continue;
      }
      const std::string& port = reply->elements[1].text;
      RedisAddress master{.host = reply->elements[0].text};
      if (master.host.empty()) continue;  // a certificate for nobody would do for it
      if (std::from_chars(port.data(), port.data() + port.size(), master.port).ec == std::errc{} && master.port != 0) return master;
    }
    return answer;
  }

  RedisOptions options_;
  RedisTlsContextRef tls_;
  std::atomic<bool> is_out_of_reach_{false};
  PerProcess<Local> local_{};
};

using RedisPlaceRef = std::shared_ptr<RedisPlace>;

}  // namespace hybridbuffer::inline v0_1::detail
