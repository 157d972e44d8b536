// A request body that comes once, as a stream, and may have to be sent more than once: kept while it is sent, replayed on a retry.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "replay.cpp: does not hold: %s\n", what);
  std::exit(1);
}

bool send_all(int socket, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

// [replay]
/// A body that can be read again, made of one that cannot: the first attempt pulls it from its source, later ones begin with what was kept.
template <reader Source>
class ReplayableBody {
 public:
  explicit ReplayableBody(Source& source) : source_{&source} {}

  /// One attempt's view of the whole body; a `reader`.
  class Attempt {
   public:
    explicit Attempt(ReplayableBody& body) : body_{&body}, kept_{body.kept_.open_reader()} {}
    Result<std::size_t> read(std::span<std::byte> out) {
      const auto count = kept_.read(out);
      if (!count || *count != 0) return count;
      const auto fresh = body_->source_->read(out);  // all that was kept is sent: the source goes on where it stopped
      if (!fresh) return fresh;
      if (auto done = body_->kept_.append(out.first(*fresh)); !done) return std::unexpected{done.error()};
      if (auto moved = kept_.seek(static_cast<std::int64_t>(*fresh), Whence::current); !moved) return std::unexpected{moved.error()};
      return fresh;
    }

   private:
    ReplayableBody* body_;
    HybridBuffer<>::reader_type kept_;
  };
  Attempt attempt() { return Attempt{*this}; }
  [[nodiscard]] const HybridBuffer<>& kept() const { return kept_; }

 private:
  Source* source_;
  HybridBuffer<> kept_{SpillAt{128_KiB}};  // only its readers move: its own position stays at the beginning, where they start
};
// [replay]

/// A stream that can be read once: so many lines, made as they are asked for.
class Generator {
 public:
  explicit Generator(int lines) : lines_{lines} {}
  Result<std::size_t> read(std::span<std::byte> out) {
    std::size_t count = 0;
    while (count != out.size() && (made_ != lines_ || !rest_.empty())) {
      if (rest_.empty()) rest_ = "line " + std::to_string(made_++) + " of the body\n";
      out[count++] = static_cast<std::byte>(rest_.front());
      rest_.erase(0, 1);
    }
    return count;
  }

 private:
  int lines_;
  int made_ = 0;
  std::string rest_;
};

/// A server that hangs up after `patience` bytes, or at the end answers `answer`.
void take(int socket, std::size_t patience, std::string_view answer, std::string& received) {
  std::array<char, 4096> block{};
  while (received.size() < patience) {
    const auto count = ::recv(socket, block.data(), block.size(), 0);
    if (count <= 0) break;
    received.append(block.data(), static_cast<std::size_t>(count));
  }
  if (received.size() < patience) send_all(socket, std::as_bytes(std::span{answer}));
  ::close(socket);
}

/// Sends the body. Returns: the answer, empty when the connection broke.
template <class Body>
std::string send_body(Body& body, int socket) {
  auto attempt = body.attempt();
  std::array<std::byte, 8192> block{};
  bool connected = true;
  while (connected) {
    const auto count = attempt.read(block);
    require(count.has_value(), "the body can be read");
    if (*count == 0) break;
    connected = send_all(socket, std::span{block}.first(*count));
  }
  ::shutdown(socket, SHUT_WR);
  std::array<char, 64> answer{};
  const auto count = connected ? ::recv(socket, answer.data(), answer.size(), 0) : 0;
  return {answer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

}  // namespace

int main() {
  constexpr int lines = 100'000;
  Generator source{lines};
  ReplayableBody body{source};
  std::string received;
  const auto post = [&](std::size_t patience, std::string_view answer) {
    int sockets[2];  // NOLINT(modernize-avoid-c-arrays): what socketpair takes
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "a connection");
    received.clear();
    std::jthread server{[&] { take(sockets[1], patience, answer, received); }};
    std::string got = send_body(body, sockets[0]);
    ::close(sockets[0]);
    return got;
  };
  constexpr std::size_t patient = 1U << 30U;

  require(post(500'000, "200").empty(), "the first server hangs up");
  const auto kept_then = body.kept().size();
  require(kept_then >= 500'000 && body.kept().is_spilled(), "what was pulled from the source is kept");
  require(post(patient, "503") == "503", "the second is not ready, although it got everything");
  require(body.kept().size() > kept_then, "and the source was read on from where it stopped");
  require(post(patient, "200") == "200", "the third takes it");

  std::string expected;
  for (int line = 0; line != lines; ++line) expected += "line " + std::to_string(line) + " of the body\n";
  require(received == expected, "the whole body, on the third attempt");
  std::printf("%zu bytes, sent three times, made once\n", received.size());
  return 0;
}
