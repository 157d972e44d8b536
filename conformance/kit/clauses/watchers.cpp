#include "watchers.hpp"

#include "changes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {
namespace {

void read_up_to(Context& c, Reader& reader, const Object& object, std::uint64_t position) {
  std::vector<std::byte> block(static_cast<std::size_t>(position));
  for (std::size_t done = 0; done < block.size();) {
    const std::span<std::byte> rest = std::span{block}.subspan(done);
    const std::size_t count = c.require(reader.read(rest), "read() at " + std::to_string(done));
    c.check(count != 0 && count <= rest.size(),
            "read(" + std::to_string(rest.size()) + ") at " + std::to_string(done) + " returned " + std::to_string(count));
    c.expect_bytes(object, done, rest.first(count), "a reader");
    done += count;
  }
}

}  // namespace

Watchers::Watchers(Context& c, const Location& location, Object object, const Sizes& positions) : context_{&c}, object_{std::move(object)} {
  for (const std::uint64_t position : positions) {
    readers_.push_back({c.require(location.open(), "open()"), position, false});
    if (c.has(Capability::seeker)) readers_.push_back({c.require(location.open_seeker(), "open_seeker()"), position, true});
  }
  for (Watcher& watcher : readers_) read_up_to(c, watcher.reader, object_, watcher.position);
  if (c.has(Capability::reader_at)) windows_.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
}

void Watchers::expect_old(bool errors, std::string_view what) {
  const std::string text = std::string{what} + ", a reader opened before";
  for (Watcher& watcher : readers_) {
    const std::uint64_t piece = object_.size() / 2 + 1;
    watcher.position = expect_old_rest(*context_, watcher.reader, object_, watcher.position, piece, errors, text);
    if (!watcher.seeks) continue;
    const auto start = watcher.reader.seek(0, Whence::begin);
    if (!start) {
      if (!errors) context_->require(start, text + ": seek(0, begin)");
      continue;
    }
    watcher.position = expect_old_rest(*context_, watcher.reader, object_, 0, object_.size() + 1, errors, text + ", after seek(0, begin)");
  }
  for (const ReaderAt& reader : windows_) expect_old_windows(*context_, reader, object_, errors, text);
}

}  // namespace hybridbuffer::conformance::clauses
