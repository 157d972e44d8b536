// The same backend with one bug, of the kind that every store without versions invites: create() clears the way for the new object at once,
// so that the old one is gone although nothing is committed yet.

#include "harness.hpp"

#include <string_view>

namespace {

class BrokenBackend : public sqlite_example::SqliteBackend {
 public:
  using SqliteBackend::SqliteBackend;

  hybridbuffer::Result<Writer> create() {
    if (auto removed = remove(); !removed) return std::unexpected{removed.error()};
    return SqliteBackend::create();
  }
};

struct BrokenHarness {
  static constexpr std::string_view name = "broken-sqlite";
  hybridbuffer::Result<BrokenBackend> make_backend() { return BrokenBackend{place.database()}; }

  sqlite_example::TemporaryDatabase place;
};

}  // namespace

HYBRIDBUFFER_CONFORMANCE(BrokenHarness)
