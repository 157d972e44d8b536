// An HTTP server that takes an upload of any size in bounded memory, and gives it a name only when all of it has come.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "http_upload.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// [connection]
/// The receiving side of a connection; a `reader`, so that a buffer can read from it.
class Connection {
 public:
  explicit Connection(int socket) : socket_{socket} {}

  Result<std::size_t> read(std::span<std::byte> out) {
    if (out.empty()) return std::size_t{0};
    if (begin_ == end_) {
      const auto count = ::recv(socket_, ahead_.data(), ahead_.size(), 0);
      if (count < 0) return failure_from_errno("receive");
      begin_ = 0;
      end_ = static_cast<std::size_t>(count);
    }
    const std::size_t count = std::min(out.size(), end_ - begin_);
    std::memcpy(out.data(), ahead_.data() + begin_, count);
    begin_ += count;
    return count;
  }
  /// A line of the head without its end. Errors: `invalid_argument` when it is longer than a line of a head has to be, or ends early.
  Result<std::string> read_line() {
    std::string line;
    for (std::byte unit{}; line.size() < 8192;) {
      const auto count = read({&unit, 1});
      if (!count) return std::unexpected{count.error()};
      if (*count == 0) return failure(errc::invalid_argument, "read a line", "the connection ended");
      if (unit != std::byte{'\n'}) {
        line += static_cast<char>(unit);
      } else {
        if (line.ends_with('\r')) line.pop_back();
        return line;
      }
    }
    return failure(errc::invalid_argument, "read a line", "too long");
  }

 private:
  int socket_;
  std::array<std::byte, 16384> ahead_{};  // received and not yet read: [begin_, end_)
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};
// [connection]

struct Head {
  std::string target;
  std::optional<std::uint64_t> length;
  bool is_chunked = false;
};

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

bool is_named(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

Result<Head> read_head(Connection& connection) {
  auto request = connection.read_line();
  if (!request) return std::unexpected{request.error()};
  if (!request->starts_with("PUT /") || !request->ends_with(" HTTP/1.1")) return failure(errc::unsupported, "understand a request");
  Head head;
  head.target = request->substr(5, request->size() - 5 - 9);
  if (head.target.empty() || !std::ranges::all_of(head.target, [](unsigned char unit) { return std::isalnum(unit) != 0; })) {
    return failure(errc::invalid_argument, "understand a request", "the name");
  }
  while (true) {
    const auto line = connection.read_line();
    if (!line) return std::unexpected{line.error()};
    if (line->empty()) break;
    const std::string_view text = *line;
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return failure(errc::invalid_argument, "understand a request", "a line of the head");
    std::string_view value = text.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (is_named(text.substr(0, colon), "Content-Length")) {
      head.length = number(value, 10);
      if (!head.length) return failure(errc::invalid_argument, "understand a request", "the length");
    } else if (is_named(text.substr(0, colon), "Transfer-Encoding")) {
      head.is_chunked = is_named(value, "chunked");
      if (!head.is_chunked) return failure(errc::unsupported, "understand a request", "the transfer coding");
    }
  }
  // Both at once is how requests are smuggled.
  if (head.length.has_value() == head.is_chunked) return failure(errc::invalid_argument, "understand a request", "where the body ends");
  return head;
}

// [spool_body]
using Upload = HybridBuffer<SegmentedMemory<>, Capped<SpillAt>, FileBackend>;
constexpr std::uint64_t in_memory = 256_KiB;
constexpr std::uint64_t largest_upload = 16_MiB;

/// `length` bytes from the connection into the buffer.
Result<void> spool(Connection& connection, std::uint64_t length, Upload& body) {
  if (length > largest_upload - body.size()) return failure(errc::limit_exceeded, "take an upload");  // before any of it is read
  const auto taken = body.read_from(connection, length);
  if (!taken) return std::unexpected{taken.error()};
  if (*taken != length) return failure(errc::invalid_argument, "take an upload", "the connection ended");
  return {};
}

Result<void> spool_chunks(Connection& connection, Upload& body) {
  while (true) {
    const auto line = connection.read_line();  // the size of a chunk, perhaps with an extension
    if (!line) return std::unexpected{line.error()};
    const auto size = number(std::string_view{*line}.substr(0, line->find(';')), 16);
    if (!size) return failure(errc::invalid_argument, "take an upload", "the size of a chunk");
    if (*size == 0) break;
    if (auto done = spool(connection, *size, body); !done) return done;
    const auto end = connection.read_line();
    if (!end || !end->empty()) return failure(errc::invalid_argument, "take an upload", "the end of a chunk");
  }
  while (true) {  // trailers
    const auto line = connection.read_line();
    if (!line) return std::unexpected{line.error()};
    if (line->empty()) return {};
  }
}

Result<std::uint64_t> take_upload(Connection& connection, const std::string& directory) {
  const auto head = read_head(connection);
  if (!head) return std::unexpected{head.error()};
  Upload body{SegmentedMemory<>{}, Capped{SpillAt{in_memory}, largest_upload}, FileStorage{{.directory = directory}}};
  const auto length = head->length;
  const auto spooled = length ? spool(connection, *length, body) : spool_chunks(connection, body);
  if (!spooled) return std::unexpected{spooled.error()};  // what had come is gone with the buffer
  const auto named = body.publish(directory + "/" + head->target, PublishMode::replace);
  if (!named) return std::unexpected{named.error()};
  return body.size();
}
// [spool_body]

std::string_view status_of(const Result<std::uint64_t>& result) {
  if (result) return "201 Created";
  switch (result.error().code()) {
    case errc::limit_exceeded: return "413 Content Too Large";
    case errc::no_space: return "507 Insufficient Storage";
    case errc::invalid_argument: return "400 Bad Request";
    case errc::unsupported: return "501 Not Implemented";
    default: return "500 Internal Server Error";
  }
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Serves one connection after the other, one request each, until the listening socket is shut down.
void serve(int listener, const std::string& directory) {
  for (int socket = 0; (socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(socket)) {
    Connection connection{socket};
    const auto result = take_upload(connection, directory);
    const std::string text = result ? std::to_string(*result) + " bytes\n" : result.error().message() + "\n";
    send_all(socket, "HTTP/1.1 " + std::string{status_of(result)} + "\r\nContent-Length: " + std::to_string(text.size()) +
                         "\r\nConnection: close\r\n\r\n" + text);
    ::shutdown(socket, SHUT_WR);
    std::array<std::byte, 16384> rest{};
    for (auto count = connection.read(rest); count && *count != 0;) count = connection.read(rest);  // else the answer may be lost
  }
}

/// A client: sends the request and the body, then returns the status line of the answer.
std::string put(std::uint16_t port, const std::string& head, std::string_view body) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  require(socket >= 0 && ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
  require(send_all(socket, head + "\r\n") && send_all(socket, body) && ::shutdown(socket, SHUT_WR) == 0, "send a request");
  Connection connection{socket};
  auto answer = connection.read_line();
  require(answer.has_value() && ::close(socket) == 0, "an answer");
  return *answer;
}

std::string chunked(std::string_view body) {
  std::string text;
  for (std::size_t size = 1; !body.empty(); size = size * 3 % 70'001) {
    const auto chunk = body.substr(0, size);
    std::array<char, 32> line{};
    std::snprintf(line.data(), line.size(), "%zx;about=nothing\r\n", chunk.size());
    text.append(line.data()).append(chunk).append("\r\n");
    body.remove_prefix(chunk.size());
  }
  return text + "0\r\nTrailer: ignored\r\n\r\n";
}

/// Removes the file. Returns: whether it held exactly `content`.
bool take_file(const std::string& path, std::string_view content) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return false;
  std::string found(content.size() + 1, '\0');
  found.resize(std::fread(found.data(), 1, found.size(), file));
  return std::fclose(file) == 0 && ::unlink(path.c_str()) == 0 && found == content;
}

}  // namespace

int main() {
  std::string directory = "/var/tmp/hybridbuffer-upload-XXXXXX";
  require(::mkdtemp(directory.data()) != nullptr, "a directory");
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof address;
  require(listener >= 0 && ::bind(listener, reinterpret_cast<const sockaddr*>(&address), length) == 0 && ::listen(listener, 8) == 0 &&
              ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0,
          "listen");
  const std::uint16_t port = ntohs(address.sin_port);
  std::jthread server{[&] { serve(listener, directory); }};

  std::string body;
  for (int number = 0; body.size() < 3_MiB; ++number) body += std::to_string(number) + ' ';
  const auto with_length = [](std::size_t size) { return "Content-Length: " + std::to_string(size) + "\r\n"; };
  const std::string request = " HTTP/1.1\r\nHost: localhost\r\n";
  const std::string created = "HTTP/1.1 201 Created";
  const std::string bad = "HTTP/1.1 400 Bad Request";
  const std::string too_large = "HTTP/1.1 413 Content Too Large";
  const std::string chunks = "Transfer-Encoding: chunked\r\n";

  require(put(port, "PUT /known" + request + with_length(body.size()), body) == created, "an upload of a known length");
  require(take_file(directory + "/known", body), "is the file");
  require(put(port, "PUT /streamed" + request + chunks, chunked(body)) == created, "an upload in chunks");
  require(take_file(directory + "/streamed", body), "is the file");
  require(put(port, "PUT /small" + request + with_length(5), "small") == created, "an upload that memory holds");
  require(take_file(directory + "/small", "small"), "is the file");

  require(put(port, "PUT /cut" + request + with_length(body.size() + 1), body) == bad, "an upload that ends early");
  require(put(port, "PUT /cut" + request + chunks, "5\r\nhel") == bad, "a chunk that ends early");
  require(put(port, "PUT /huge" + request + with_length(largest_upload + 1), "") == too_large, "too long");
  require(put(port, "PUT /huge" + request + chunks, "ffffffffffffffff\r\n") == too_large, "a chunk that is too long");
  require(put(port, "PUT /both" + request + with_length(0) + chunks, "0\r\n\r\n") == bad, "an ambiguous length");
  require(put(port, "PUT /../x" + request + with_length(0), "") == bad, "a name that is none");

  ::shutdown(listener, SHUT_RDWR);
  server.join();
  ::close(listener);
  require(::rmdir(directory.c_str()) == 0, "a failed upload leaves nothing");
  std::puts("3 uploads taken, 6 refused, nothing left behind");
  return 0;
}
