#pragma once

#include <hybridbuffer/backend/file.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

/// \file
/// What the tests of FileBackend share.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

/// A new directory, removed with all it holds.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& parent = "/var/tmp") : path_{parent + "/hybridbuffer-test-XXXXXX"} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"no temporary directory in " + parent};
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string{name}; }
  /// The names in it, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{path_}) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::string path_;
};

/// `n` bytes of object `key` from `offset` on: each a function of its absolute offset, so that a misplaced byte shows.
[[nodiscard]] inline Bytes pattern(std::size_t n, std::uint64_t key = 1, std::uint64_t offset = 0) {
  Bytes bytes(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t mixed = (offset + i + 1) * 0x9E3779B97F4A7C15U ^ key * 0xC2B2AE3D27D4EB4FU;
    mixed ^= mixed >> 29U;
    bytes[i] = static_cast<std::byte>((mixed * 0xBF58476D1CE4E5B9U) >> 56U);
  }
  return bytes;
}

[[nodiscard]] inline Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

template <class T>
[[nodiscard]] errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

inline std::ostream& operator<<(std::ostream& out, const Bytes& bytes) { return out << bytes.size() << " bytes"; }

/// Writes and closes.
[[nodiscard]] inline Result<void> store(Result<FileWriter> writer, std::span<const std::byte> bytes) {
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}

/// A backend in `storage`; the test fails without one.
[[nodiscard]] inline FileBackend make_backend(const FileStorage& storage) {
  auto backend = storage.create_backend();
  if (!backend) throw std::runtime_error{backend.error().message()};
  return *std::move(backend);
}

/// All that a reader delivers, asked for in pieces of `piece` bytes.
template <class Reader>
[[nodiscard]] Result<Bytes> drain(Reader& reader, std::size_t piece = 65'521) {
  Bytes all;
  Bytes block(piece);
  for (;;) {
    auto count = reader.read(block);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

[[nodiscard]] inline Result<Bytes> content_of(const FileBackend& backend) {
  auto reader = backend.open();
  if (!reader) return std::unexpected{reader.error()};
  return drain(*reader);
}

/// Whether reader, seeker, reader_at and map all show `expected` and nothing else.
[[nodiscard]] inline bool shows(const FileBackend& backend, const Bytes& expected) {
  auto read = content_of(backend);
  if (!read || *read != expected) return false;
  auto at = backend.open_reader_at();
  if (!at || at->size() != expected.size()) return false;
  Bytes all(expected.size() + 3);
  if (at->read_at(0, all) != expected.size()) return false;
  all.resize(expected.size());
  if (all != expected) return false;
  auto window = backend.map(0, expected.size() + 3);
  if (!window || !std::ranges::equal(window->bytes(), expected)) return false;
  const std::size_t middle = expected.size() / 2;
  auto seeker = backend.open_seeker();
  if (!seeker || !seeker->seek(static_cast<std::int64_t>(middle), Whence::begin)) return false;
  auto rest = drain(*seeker);
  return rest && std::ranges::equal(*rest, std::span{expected}.subspan(middle));
}

[[nodiscard]] inline Bytes file_content(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// How many descriptors the process holds.
[[nodiscard]] inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    (void)entry;
    ++count;
  }
  return count - 1;  // the one that counts
}

/// The name under /proc of the only file in `directory` that this process holds open and that has no name there.
[[nodiscard]] inline std::string only_unnamed_file(const std::string& directory) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with(directory + "/") && target.ends_with(" (deleted)")) found.push_back(entry.path().string());
  }
  if (found.size() != 1) throw std::runtime_error{std::to_string(found.size()) + " files without a name in " + directory};
  return found.front();
}

/// Bytes of storage that this file takes.
[[nodiscard]] inline std::uint64_t occupied_by_only_file(const std::string& directory) {
  struct stat status{};
  if (::stat(only_unnamed_file(directory).c_str(), &status) != 0) throw std::runtime_error{"no status"};
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

inline constexpr std::uint64_t kibi = 1'024;
inline constexpr std::uint64_t mebi = kibi * kibi;

}  // namespace hybridbuffer::testing
