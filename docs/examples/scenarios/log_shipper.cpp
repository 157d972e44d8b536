// A log shipper: records wait in a buffer until the collector has confirmed them, however long it is away.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "log_shipper.cpp: does not hold: %s\n", what);
  std::exit(1);
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool receive_all(int socket, void* bytes, std::size_t size) {
  return size == 0 || ::recv(socket, bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

struct BatchHead {
  std::uint64_t offset;  // of the batch in everything that was ever logged
  std::uint64_t size;
};

// [log_shipper]
/// What was logged and is not confirmed. Offsets count from the first record ever logged, whatever was given back since.
class LogQueue {
 public:
  Result<void> log(std::string_view record) { return waiting_.append(record); }

  /// Sends everything, a batch at a time. What the collector does not confirm is sent again the next time.
  Result<void> ship(int collector) {
    if (auto back = waiting_.seek(static_cast<std::int64_t>(waiting_.first_offset())); !back) return std::unexpected{back.error()};
    while (waiting_.unread() != 0) {
      const BatchHead head{.offset = waiting_.tell(), .size = std::min(waiting_.unread(), std::uint64_t{64_KiB})};
      const auto batch = waiting_.next(head.size);
      if (!batch) return std::unexpected{batch.error()};
      std::uint64_t confirmed = 0;
      if (!send_all(collector, {reinterpret_cast<const char*>(&head), sizeof head}) ||
          !send_all(collector, {reinterpret_cast<const char*>(batch->data()), batch->size()}) ||
          !receive_all(collector, &confirmed, sizeof confirmed) || confirmed != waiting_.tell()) {
        return failure(errc::unavailable, "ship a batch");
      }
      if (auto forgotten = waiting_.discard_read(); !forgotten) return forgotten;  // memory and storage of what is confirmed
    }
    return {};
  }

  [[nodiscard]] BufferStats stats() const { return waiting_.stats(); }
  [[nodiscard]] std::uint64_t unconfirmed() const { return waiting_.size() - waiting_.first_offset(); }

 private:
  HybridBuffer<> waiting_{SpillAt{256_KiB}};
};
// [log_shipper]

/// Takes `batches` batches and then goes away without confirming the last: the shipper cannot know that it arrived.
void collect(int socket, int batches, std::string& collected) {
  for (int count = 0; count != batches; ++count) {
    BatchHead head{};
    if (!receive_all(socket, &head, sizeof head)) break;
    std::string batch(head.size, '\0');
    if (!receive_all(socket, batch.data(), batch.size())) break;
    require(head.offset <= collected.size(), "no gap");
    collected.resize(head.offset);  // a batch that comes again replaces what came before
    collected += batch;
    const std::uint64_t confirmed = collected.size();
    if (count + 1 != batches && !send_all(socket, {reinterpret_cast<const char*>(&confirmed), sizeof confirmed})) break;
  }
  ::close(socket);
}

}  // namespace

int main() {
  LogQueue queue;
  std::string logged;
  std::string collected;
  int number = 0;
  const auto log_some = [&](int count) {
    for (const int end = number + count; number != end; ++number) {
      const std::string record = "record " + std::to_string(number) + " of the log\n";
      logged += record;
      require(queue.log(record).has_value(), "log");
    }
  };
  const auto ship_to_collector = [&](int batches) {
    int sockets[2];  // NOLINT(modernize-avoid-c-arrays): what socketpair takes
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "a connection");
    std::jthread collector{[&] { collect(sockets[1], batches, collected); }};
    const auto done = queue.ship(sockets[0]);
    ::close(sockets[0]);
    return done;
  };

  log_some(100'000);
  require(queue.stats().stored > 0 && queue.stats().in_memory <= 256_KiB, "the collector is away: records wait in storage");

  const auto broken = ship_to_collector(5);
  require(!broken && broken.error() == errc::unavailable, "the collector goes away in the middle");
  require(queue.unconfirmed() == logged.size() - 4 * 64_KiB, "what it confirmed is given back, and nothing else");

  log_some(10'000);
  require(ship_to_collector(1'000'000).has_value(), "the collector is back");
  require(collected == logged, "every record, once and in order");
  require(queue.unconfirmed() == 0 && queue.stats().stored_held == 0, "nothing waits, and no storage is held");
  std::printf("%d records shipped over two connections\n", number);
  return 0;
}
