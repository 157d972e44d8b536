#include "file_harness.hpp"

#include <hybridbuffer/conformance/program.hpp>

#include <string>
#include <string_view>
#include <sys/types.h>

// The conformance clauses on FileBackend. HYBRIDBUFFER_FILE_VARIANT says where its files are, and how they are kept.

namespace hybridbuffer::testing {

/// As most programs use it.
struct OnDisk {
  static constexpr std::string_view name = "FileBackend";
  static constexpr const char* parent = "/var/tmp";
  static FileOptions options() { return {}; }
  static off_t cut(off_t size) { return size / 2; }
};

/// Files of removed objects are overwritten by later ones.
struct Recycling {
  static constexpr std::string_view name = "FileBackend, recycled files";
  static constexpr const char* parent = "/var/tmp";
  static FileOptions options() { return {.recycled_files = 8}; }
  static off_t cut(off_t) { return 1; }  // a recycled file may be much longer than its object
};

/// In memory; with a limit, and publishing to stable storage.
struct InMemory {
  static constexpr std::string_view name = "FileBackend, tmpfs";
  static constexpr const char* parent = "/dev/shm";
  static FileOptions options() { return {.max_bytes = std::uint64_t{1} << 20U, .sync_on_publish = true}; }
  static off_t cut(off_t size) { return size / 2; }
};

}  // namespace hybridbuffer::testing

int main(int count, char** arguments) {
  using namespace hybridbuffer;
  return conformance::run_program<testing::FileHarness<testing::HYBRIDBUFFER_FILE_VARIANT>>(count, arguments);
}
