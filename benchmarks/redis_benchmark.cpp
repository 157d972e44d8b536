#include <hybridbuffer/backend/redis.hpp>
#include <hybridbuffer/literals.hpp>

#include <benchmark/benchmark.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

// RedisStorage beside its limit in the same run: the same chunks with hiredis, pipelined as redis-benchmark does it, 16 at a time. Each
// object that is written replaces one, so the limit too writes to new names and removes the old ones. The program starts a redis-server of
// its own on loopback, and ends it.

namespace {

using namespace hybridbuffer;

constexpr std::size_t chunk_bytes = 64_KiB;
constexpr std::size_t object_bytes = 64_MiB;
constexpr std::size_t chunks = object_bytes / chunk_bytes;
constexpr std::size_t pipelined = 16;

/// A server on a free port of 127.0.0.1, without persistence.
class Server {
 public:
  static const Server& running() {
    static const Server server;
    return server;
  }
  Server() : port_{free_port()} {
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      const std::string port = std::to_string(port_);
      ::execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port.c_str(), "--save", "", "--appendonly", "no", nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !is_there_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
      is_there_ = RedisStorage{options()}.check().has_value();
      int status = 0;
      if (!is_there_ && ::waitpid(process_, &status, WNOHANG) == process_) {
        process_ = -1;
        return;
      }
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  [[nodiscard]] bool is_there() const noexcept { return is_there_; }
  [[nodiscard]] RedisOptions options() const {
    RedisOptions options{.servers = {{"127.0.0.1", port_}}};
    options.timeouts.operation = std::chrono::milliseconds{2'000};
    options.retry.attempts = 1;
    return options;
  }
  [[nodiscard]] std::unique_ptr<redisContext, void (*)(redisContext*)> connect() const {
    return {::redisConnect("127.0.0.1", port_), ::redisFree};
  }

 private:
  static std::uint16_t free_port() {
    const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(one, reinterpret_cast<const sockaddr*>(&address), size);
    ::getsockname(one, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(one);
    return ::ntohs(address.sin_port);
  }

  std::uint16_t port_;
  pid_t process_ = -1;
  bool is_there_ = false;
};

bool has_server(benchmark::State& state) {
  if (Server::running().is_there()) return true;
  state.SkipWithError("no redis-server: apt-get install redis-server");
  return false;
}

std::vector<std::byte> some_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937_64 random{1};
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(object_bytes));
}

std::string key_of(std::size_t object, std::size_t chunk) {
  return "benchmark:{0123456789abcdef0123456789abcdef}:" + std::to_string(object) + ":" + std::to_string(chunk);
}

/// Sends `pipelined` commands, then takes their answers, again and again. Returns: whether all were of this type.
template <class Append>
bool pipeline(redisContext* context, int type, Append&& append) {
  for (std::size_t first = 0; first < chunks; first += pipelined) {
    for (std::size_t i = 0; i < pipelined; ++i) append(first + i);
    for (std::size_t i = 0; i < pipelined; ++i) {
      void* answer = nullptr;
      if (::redisGetReply(context, &answer) != REDIS_OK) return false;
      const std::unique_ptr<void, void (*)(void*)> owner{answer, ::freeReplyObject};
      const auto* const reply = static_cast<const redisReply*>(answer);
      if (reply->type != type) return false;
      benchmark::DoNotOptimize(reply->str);
    }
  }
  return true;
}

void append_set(redisContext* context, std::size_t object, std::size_t chunk, std::span<const std::byte> content) {
  const std::string key = key_of(object, chunk);
  std::array<const char*, 3> words{"SET", key.c_str(), reinterpret_cast<const char*>(content.data() + chunk * chunk_bytes)};
  const std::array<std::size_t, 3> sizes{3, key.size(), chunk_bytes};
  ::redisAppendCommandArgv(context, 3, words.data(), sizes.data());
}

bool remove_object(redisContext* context, std::size_t object) {
  return pipeline(context, REDIS_REPLY_INTEGER, [&](std::size_t chunk) {
    const std::string key = key_of(object, chunk);
    ::redisAppendCommand(context, "UNLINK %b", key.data(), key.size());
  });
}

void write_limit(benchmark::State& state) {
  if (!has_server(state)) return;
  const auto content = some_bytes(object_bytes);
  const auto context = Server::running().connect();
  std::size_t object = 0;
  for (auto _ : state) {
    const auto set = [&](std::size_t chunk) { append_set(context.get(), object, chunk, content); };
    if (!pipeline(context.get(), REDIS_REPLY_STATUS, set)) return state.SkipWithError("SET");
    if (object != 0 && !remove_object(context.get(), object - 1)) return state.SkipWithError("UNLINK");
    ++object;
  }
  if (object != 0 && !remove_object(context.get(), object - 1)) return state.SkipWithError("UNLINK");
  count_bytes(state);
}

void read_limit(benchmark::State& state) {
  if (!has_server(state)) return;
  const auto content = some_bytes(object_bytes);
  const auto context = Server::running().connect();
  const auto set = [&](std::size_t chunk) { append_set(context.get(), 0, chunk, content); };
  if (!pipeline(context.get(), REDIS_REPLY_STATUS, set)) return state.SkipWithError("SET");
  for (auto _ : state) {
    const auto get = [&](std::size_t chunk) {
      const std::string key = key_of(0, chunk);
      ::redisAppendCommand(context.get(), "GET %b", key.data(), key.size());
    };
    if (!pipeline(context.get(), REDIS_REPLY_STRING, get)) return state.SkipWithError("GET");
  }
  static_cast<void>(remove_object(context.get(), 0));
  count_bytes(state);
}

bool store(RedisBackend& backend, std::span<const std::byte> content, std::size_t piece) {
  auto writer = backend.create();
  if (!writer) return false;
  for (std::size_t at = 0; at < content.size(); at += piece) {
    if (!writer->write(content.subspan(at, std::min(piece, content.size() - at)))) return false;
  }
  return writer->close().has_value();
}

/// `piece`: what one write() or read() moves.
void write_redis(benchmark::State& state) {
  if (!has_server(state)) return;
  const auto content = some_bytes(object_bytes);
  const auto piece = static_cast<std::size_t>(state.range(0));
  const RedisStorage storage{Server::running().options()};
  auto backend = storage.create_backend();
  for (auto _ : state) {
    if (!store(*backend, content, piece)) return state.SkipWithError("write");
  }
  count_bytes(state);
}

void read_redis(benchmark::State& state) {
  if (!has_server(state)) return;
  const auto content = some_bytes(object_bytes);
  const RedisStorage storage{Server::running().options()};
  auto backend = storage.create_backend();
  if (!store(*backend, content, content.size())) return state.SkipWithError("write");
  std::vector<std::byte> piece(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto reader = backend->open();
    std::size_t total = 0;
    for (std::size_t count = 1; reader && count != 0; total += count) {
      const auto got = reader->read(piece);
      if (!got) return state.SkipWithError("read");
      count = *got;
      benchmark::DoNotOptimize(piece.data());
    }
    if (total != object_bytes) return state.SkipWithError("read");
  }
  count_bytes(state);
}

void read_at_redis(benchmark::State& state) {
  if (!has_server(state)) return;
  const auto content = some_bytes(object_bytes);
  const RedisStorage storage{Server::running().options()};
  auto backend = storage.create_backend();
  if (!store(*backend, content, content.size())) return state.SkipWithError("write");
  const auto reader = backend->open_reader_at();
  std::vector<std::byte> piece(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (std::size_t at = 0; at < object_bytes; at += piece.size()) {
      if (!reader || !reader->read_at(at, piece)) return state.SkipWithError("read_at");
    }
  }
  count_bytes(state);
}

}  // namespace

// The names end in what they are beside: /limit is hiredis.
BENCHMARK(write_limit)->Name("write/limit")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(write_redis)->Name("write/redis")->Arg(64_KiB)->Arg(1_MiB)->Arg(10'000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(read_limit)->Name("read/limit")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(read_redis)->Name("read/redis")->Arg(64_KiB)->Arg(1_MiB)->Arg(10'000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(read_at_redis)->Name("read_at/redis")->Arg(1_MiB)->UseRealTime()->Unit(benchmark::kMillisecond);
