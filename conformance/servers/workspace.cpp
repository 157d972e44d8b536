#include "workspace.hpp"

#include "loopback.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::servers {
namespace {

// Above what packages' own daemons use and below the kernel's range for clients.
constexpr std::uint16_t lowest_port = 14'000;
constexpr std::uint16_t highest_port = 31'999;
constexpr std::uint16_t block_count = (highest_port - lowest_port + 1) / Workspace::port_count;

std::function<bool()>& failed() {
  static std::function<bool()> predicate;
  return predicate;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' && std::string_view{value} != "0";
}

bool is_free(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // as servers do: a connection in TIME_WAIT is no obstacle
  const sockaddr_in address = loopback(port);
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(socket, 1) == 0;
  ::close(socket);
  return bound;
}

// Returns: the socket whose name is the claim; −1 when another process has it.
int claim(std::uint16_t first_port) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) throw ServerFailure{std::string{"no socket: "} + std::strerror(errno)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "hybridbuffer-ports-" + std::to_string(first_port);
  std::copy(name.begin(), name.end(), std::begin(address.sun_path) + 1);  // a leading zero: the abstract namespace
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0) return socket;
  ::close(socket);
  return -1;
}

std::pair<int, std::uint16_t> claim_ports() {
  // Processes begin at different places so that they seldom ask for the same block.
  const auto begin = static_cast<unsigned>(::getpid()) * 37U;
  for (unsigned i = 0; i < block_count; ++i) {
    const auto first = static_cast<std::uint16_t>(lowest_port + (begin + i) % block_count * Workspace::port_count);
    const int socket = claim(first);
    if (socket < 0) continue;
    bool all_free = true;
    for (std::uint16_t port = 0; port < Workspace::port_count && all_free; ++port)
      all_free = is_free(static_cast<std::uint16_t>(first + port));
    if (all_free) return {socket, first};
    ::close(socket);
  }
  throw ServerFailure{"no sixteen free ports in a row on 127.0.0.1"};
}

std::string temporary_directory() {
  constexpr std::size_t longest = 30;
  const char* named = std::getenv("TMPDIR");
  const std::string directory = named != nullptr && *named == '/' ? named : "/tmp";
  return directory.size() <= longest ? directory : "/tmp";
}

std::string last_lines(const std::string& text) {
  constexpr std::size_t most = 4'000;
  if (text.size() <= most) return text;
  const std::size_t line = text.find('\n', text.size() - most);
  return text.substr(line == std::string::npos ? text.size() - most : line + 1);
}

}  // namespace

void skip_when_asked() {
  if (!is_set("HYBRIDBUFFER_SKIP_SERVERS")) return;
  constexpr int skipped = 77;
  std::cout << "skipped: HYBRIDBUFFER_SKIP_SERVERS is set; nothing was tested on real servers\n" << std::flush;
  std::_Exit(skipped);
}

void require_programs(std::initializer_list<std::string_view> programs, std::string_view packages) {
  skip_when_asked();
  const char* variable = std::getenv("PATH");
  const std::string path = std::string{variable != nullptr ? variable : ""} + ":/usr/bin:/usr/sbin:/bin:/sbin";
  std::string missing;
  for (const std::string_view program : programs) {
    bool found = false;
    for (std::size_t begin = 0; begin < path.size() && !found;) {
      const std::size_t end = std::min(path.find(':', begin), path.size());
      found = ::access((path.substr(begin, end - begin) + "/" + std::string{program}).c_str(), X_OK) == 0;
      begin = end + 1;
    }
    if (!found) missing += " " + std::string{program};
  }
  if (missing.empty()) return;
  throw ServerFailure{"not installed:" + missing + ". Install with: apt-get install --no-install-recommends " + std::string{packages} +
                      " (or set HYBRIDBUFFER_SKIP_SERVERS=1 to skip the tests on real servers)"};
}

Workspace::Workspace(std::string_view name)
    : directory_{temporary_directory() + "/hb-" + std::string{name} + "-XXXXXX"},
      exceptions_{std::uncaught_exceptions()},
      owner_{::getpid()} {
  if (::mkdtemp(directory_.data()) == nullptr) throw ServerFailure{"no directory " + directory_ + ": " + std::strerror(errno)};
  try {
    std::tie(claim_, first_port_) = claim_ports();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    throw;
  }
}

Workspace::~Workspace() {
  ::close(claim_);
  if (owner_ != ::getpid()) return;
  const bool keep = is_set("HYBRIDBUFFER_KEEP_SERVERS") || (failed() && failed()());
  if (keep || std::uncaught_exceptions() > exceptions_)
    std::cerr << "servers in " << directory_ << (keep ? ", kept" : "") << '\n' << logs();
  std::error_code ignored;
  if (!keep) std::filesystem::remove_all(directory_, ignored);
}

std::string Workspace::logs() const {
  std::string text;
  std::error_code failure;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{directory_, failure}) {
    if (entry.path().extension() != ".log") continue;
    text += "-- " + entry.path().string() + "\n" + last_lines(content_of(entry.path().string())) + "\n";
  }
  return text;
}

void Workspace::keep_when(std::function<bool()> predicate) { failed() = std::move(predicate); }

bool is_listening(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const sockaddr_in address = loopback(port);
  const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, std::string_view content) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << content << std::flush;
  if (!file) throw ServerFailure{"cannot write " + path};
}

void wait_until(const std::function<bool()>& is_ready, milliseconds limit, std::string_view what, const Workspace& workspace) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!is_ready()) {
    if (std::chrono::steady_clock::now() > end) {
      throw ServerFailure{std::string{what} + ": not within " + std::to_string(limit.count()) + " ms\n" + workspace.logs()};
    }
    std::this_thread::sleep_for(milliseconds{5});
  }
}

}  // namespace hybridbuffer::servers
