#include "redis_connection.hpp"

#include "environment_fields.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <hiredis/hiredis.h>
#include <utility>

namespace hybridbuffer::servers {
namespace {

constexpr timeval patience{5, 0};

// hiredis writes without MSG_NOSIGNAL: to a server that was killed, that would end this process.
class NoPipeSignal {
 public:
  NoPipeSignal() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;
  ~NoPipeSignal() {
    const timespec at_once{};
    if (::sigismember(&before_, SIGPIPE) == 0) ::sigtimedwait(&pipe_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

RedisReply copy_of(const redisReply& reply) {
  using enum RedisReply::Kind;
  RedisReply copy;
  copy.integer = reply.integer;
  if (reply.str != nullptr) copy.text.assign(reply.str, reply.len);
  switch (reply.type) {
    case REDIS_REPLY_STRING: copy.kind = text; break;
    case REDIS_REPLY_STATUS: copy.kind = status; break;
    case REDIS_REPLY_INTEGER: copy.kind = integer; break;
    case REDIS_REPLY_ARRAY: copy.kind = array; break;
    case REDIS_REPLY_ERROR: copy.kind = error; break;
    default: copy.kind = nil; break;
  }
  for (std::size_t i = 0; i < reply.elements; ++i) copy.elements.push_back(copy_of(*reply.element[i]));
  return copy;
}

}  // namespace

std::string RedisEndpoint::name() const { return socket_path.empty() ? host + ":" + std::to_string(port) : socket_path; }

void RedisEndpoint::to_environment(const char* name) const {
  write_environment(name, {host, std::to_string(port), std::to_string(tls_port), socket_path, certificate_authority, user, password,
                           std::to_string(database)});
}

std::optional<RedisEndpoint> RedisEndpoint::from_environment(const char* name) {
  auto fields = EnvironmentFields::of(name);
  if (!fields) return {};
  RedisEndpoint endpoint;
  endpoint.host = fields->next();
  endpoint.port = static_cast<std::uint16_t>(std::stoi(fields->next()));
  endpoint.tls_port = static_cast<std::uint16_t>(std::stoi(fields->next()));
  endpoint.socket_path = fields->next();
  endpoint.certificate_authority = fields->next();
  endpoint.user = fields->next();
  endpoint.password = fields->next();
  endpoint.database = std::stoi(fields->next());
  return endpoint;
}

void RedisConnection::Disconnect::operator()(redisContext* context) const noexcept { ::redisFree(context); }

RedisConnection::RedisConnection(RedisEndpoint endpoint) : endpoint_{std::move(endpoint)} {}
RedisConnection::RedisConnection(RedisConnection&&) noexcept = default;
RedisConnection& RedisConnection::operator=(RedisConnection&&) noexcept = default;
RedisConnection::~RedisConnection() = default;

void RedisConnection::connect() {
  const bool has_socket = !endpoint_.socket_path.empty();
  context_.reset(has_socket ? ::redisConnectUnixWithTimeout(endpoint_.socket_path.c_str(), patience)
                            : ::redisConnectWithTimeout(endpoint_.host.c_str(), endpoint_.port, patience));
  if (context_ == nullptr || context_->err != 0) {
    const std::string why = context_ == nullptr ? "no memory" : context_->errstr;
    context_.reset();
    throw ServerFailure{"Redis at " + endpoint_.name() + ": " + why};
  }
  ::redisSetTimeout(context_.get(), patience);
  const std::string user = endpoint_.user.empty() ? "default" : endpoint_.user;
  if (!endpoint_.password.empty()) expect({"AUTH", user, endpoint_.password});
  if (endpoint_.database != 0) expect({"SELECT", std::to_string(endpoint_.database)});
}

RedisReply RedisConnection::run(const std::vector<std::string_view>& words) {
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    pointers.push_back(word.data());
    sizes.push_back(word.size());
  }
  const NoPipeSignal no_signal;
  std::string why = "not connected";
  const bool was_connected = context_ != nullptr;
  for (int attempt = was_connected ? 0 : 1; attempt < 2; ++attempt) {
    if (context_ == nullptr) connect();
    void* answer = ::redisCommandArgv(context_.get(), static_cast<int>(words.size()), pointers.data(), sizes.data());
    if (answer != nullptr) {
      const std::unique_ptr<void, void (*)(void*)> owner{answer, ::freeReplyObject};
      return copy_of(*static_cast<const redisReply*>(answer));
    }
    why = context_->errstr;
    const bool timed_out = context_->err == REDIS_ERR_IO && why != "Server closed the connection" &&
                           why.find("reset") == std::string::npos && why.find("pipe") == std::string::npos;
    context_.reset();
    if (timed_out) break;
  }
  throw ServerFailure{"Redis at " + endpoint_.name() + ": " + why};
}

RedisReply RedisConnection::expect(const std::vector<std::string_view>& words) {
  RedisReply reply = run(words);
  if (reply.kind == RedisReply::Kind::error) throw ServerFailure{"Redis answered " + std::string{words.front()} + " with " + reply.text};
  return reply;
}

bool RedisConnection::answers() noexcept {
  try {
    return run({"PING"}).text == "PONG";
  } catch (const ServerFailure&) {
    return false;
  }
}

std::vector<std::string> RedisConnection::keys(std::string_view prefix) {
  std::vector<std::string> names;
  const std::string pattern = std::string{prefix} + "*";
  std::string cursor = "0";
  do {
    RedisReply reply = expect({"SCAN", cursor, "MATCH", pattern, "COUNT", "10000"});
    cursor = reply.elements.at(0).text;
    for (RedisReply& name : reply.elements.at(1).elements) names.push_back(std::move(name.text));
  } while (cursor != "0");
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());  // SCAN may say one twice
  return names;
}

std::int64_t RedisConnection::milliseconds_to_live(std::string_view key) { return expect({"PTTL", key}).integer; }

std::vector<std::string> RedisConnection::lasting_keys(std::string_view prefix) {
  std::vector<std::string> names = keys(prefix);
  std::erase_if(names, [&](const std::string& name) { return milliseconds_to_live(name) != -1; });
  return names;
}

std::optional<std::string> RedisConnection::get(std::string_view key) {
  RedisReply reply = expect({"GET", key});
  if (reply.kind == RedisReply::Kind::nil) return {};
  return std::move(reply.text);
}

void RedisConnection::set(std::string_view key, std::string_view bytes) { expect({"SET", key, bytes}); }

void RedisConnection::overwrite(std::string_view key, std::uint64_t offset, std::string_view bytes) {
  if (static_cast<std::uint64_t>(expect({"STRLEN", key}).integer) < offset + bytes.size()) {
    throw ServerFailure{"nothing to overwrite at " + std::to_string(offset) + " in " + std::string{key}};
  }
  expect({"SETRANGE", key, std::to_string(offset), bytes});
}

void RedisConnection::flip(std::string_view key, std::uint64_t offset, unsigned char mask) {
  const std::string at = std::to_string(offset);
  const std::string old = expect({"GETRANGE", key, at, at}).text;
  if (old.size() != 1) throw ServerFailure{"no byte " + at + " in " + std::string{key}};
  const char flipped = static_cast<char>(static_cast<unsigned char>(old[0]) ^ mask);
  overwrite(key, offset, {&flipped, 1});
}

bool RedisConnection::remove(std::string_view key) { return expect({"DEL", key}).integer == 1; }

std::int64_t RedisConnection::info(std::string_view field) {
  const std::string text = expect({"INFO", "everything"}).text;
  const std::string line = "\n" + std::string{field} + ":";
  const std::size_t found = text.find(line);
  if (found == std::string::npos) return -1;
  std::int64_t number = -1;
  std::from_chars(text.data() + found + line.size(), text.data() + text.size(), number);
  return number;
}

}  // namespace hybridbuffer::servers
