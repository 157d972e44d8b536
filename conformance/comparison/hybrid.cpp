#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

// What spooled.py does, with HybridBuffer: `hybrid FAULT DIRECTORY`. scripts/compare runs both.

namespace {

using namespace hybridbuffer;
using Bytes = std::vector<std::byte>;

constexpr std::size_t threshold = std::size_t{64} * 1024;
constexpr std::size_t piece_bytes = 10'000;

Bytes piece(std::size_t number) {
  Bytes bytes(piece_bytes);
  for (std::size_t i = 0; i < piece_bytes; ++i) bytes[i] = static_cast<std::byte>((number * 7919 + i * 31 + i / 251) % 256);
  return bytes;
}

template <class Which>
void set_soft(Which which, rlim_t soft) {
  rlimit limit{};
  ::getrlimit(which, &limit);
  limit.rlim_cur = soft;
  ::setrlimit(which, &limit);
}
template <class Which>
rlim_t soft_of(Which which) {
  rlimit limit{};
  ::getrlimit(which, &limit);
  return limit.rlim_cur;
}

/// Makes storage fail from some point on, and ends that.
class Fault {
 public:
  Fault(std::string_view name, std::string directory) : name_{name}, directory_{std::move(directory)} {
    if (name == "file-limit" || name == "spill-beyond-file-limit") {
      std::signal(SIGXFSZ, SIG_IGN);
      set_soft(RLIMIT_FSIZE, name == "file-limit" ? 200'000 : 30'000);
    } else if (is_full_disk()) {
      struct statvfs status{};
      ::statvfs(directory_.c_str(), &status);
      const int ballast = ::open((directory_ + "/ballast").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
      const auto free_bytes = static_cast<off_t>(status.f_bavail * status.f_frsize);
      if (::posix_fallocate(ballast, 0, free_bytes - (name == "full-disk" ? 250'000 : 30'000)) != 0) std::puts("cannot fill the disk");
      ::close(ballast);
    } else if (name == "no-descriptor") {
      const int next = ::dup(0);
      ::close(next);
      set_soft(RLIMIT_NOFILE, static_cast<rlim_t>(next));
    } else if (name == "no-directory") {
      std::filesystem::remove_all(directory_);
    }
  }

  void end() const {
    set_soft(RLIMIT_FSIZE, file_size_);
    set_soft(RLIMIT_NOFILE, descriptors_);
    if (is_full_disk()) std::filesystem::remove(directory_ + "/ballast");
    if (name_ == "no-directory") std::filesystem::create_directory(directory_);
  }

 private:
  [[nodiscard]] bool is_full_disk() const { return name_ == "full-disk" || name_ == "spill-to-full-disk"; }

  std::string name_;
  std::string directory_;
  rlim_t file_size_ = soft_of(RLIMIT_FSIZE);
  rlim_t descriptors_ = soft_of(RLIMIT_NOFILE);
};

template <class Buffer>
Result<Bytes> content_of(Buffer& buffer) {
  if (auto start = buffer.seek(0); !start) return std::unexpected{start.error()};
  return buffer.next(buffer.size());
}

std::string after(const std::string& word, std::size_t number) { return word + " " + std::to_string(number); }

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 3) return std::fputs("usage: hybrid FAULT DIRECTORY\n", stderr), 2;
  const std::string name{argv[1]};
  HybridBuffer buffer{SpillAt{threshold}, FileStorage{{.directory = argv[2]}}};
  if (name == "killed") {
    for (std::size_t number = 0; number < 20; ++number) static_cast<void>(buffer.append(piece(number)));
    ::kill(::getpid(), SIGKILL);
  }
  const Fault fault{name, argv[2]};
  Bytes written;
  std::size_t number = 0;
  Result<void> appended;
  for (; number < 200; ++number) {
    appended = buffer.append(piece(number));
    if (!appended) break;
    const Bytes bytes = piece(number);
    written.insert(written.end(), bytes.begin(), bytes.end());
  }
  if (appended) return std::puts("no write failed"), 0;
  std::string words = after("write", number + 1) + " fails (" + std::string{name_of(appended.error().code())} + ")";
  const auto left = content_of(buffer);
  if (!left) {
    words += "; reading fails (" + std::string{name_of(left.error().code())} + ")";
  } else {
    const auto differs = std::mismatch(left->begin(), left->end(), written.begin(), written.end());
    const auto good = static_cast<std::size_t>(differs.second - written.begin());
    words += good == written.size()
                 ? "; everything before is readable"
                 : "; " + std::to_string(written.size() - good) + " of " + std::to_string(written.size()) + " bytes before are lost";
    words += left->size() <= written.size() ? "; the failed write left nothing"
                                            : "; " + std::to_string(left->size() - written.size()) + " bytes of the failed write are there";
  }
  fault.end();
  if (auto again = buffer.append(piece(number)); !again) {
    words += "; the retry fails (" + std::string{name_of(again.error().code())} + ")";
  } else {
    const Bytes bytes = piece(number);
    written.insert(written.end(), bytes.begin(), bytes.end());
    const auto whole = content_of(buffer);
    words += whole && *whole == written ? "; the retry is exact" : "; after the retry the content is wrong";
  }
  std::puts(words.c_str());
  return 0;
}
