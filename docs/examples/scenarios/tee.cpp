// One stream to two storages at once, as one writer: both have all of it, or neither does.

#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "tee.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// [tee]
/// What is written goes to both buffers; a failure of either leaves both as they were before the write.
template <class First, class Second>
class Tee {
 public:
  Tee(First& first, Second& second) : first_{&first}, second_{&second} {}

  Result<void> write(std::span<const std::byte> bytes) {
    const auto before = first_->size();
    if (auto done = first_->append(bytes); !done) return done;
    auto done = second_->append(bytes);  // a failed append changes nothing
    if (!done && !first_->truncate(before)) return failure(errc::corrupted, "undo one half of a tee");
    return done;
  }
  Result<void> close() { return {}; }  // both buffers stay open

 private:
  First* first_;
  Second* second_;
};
static_assert(writer<Tee<HybridBuffer<>, HybridBuffer<>>>);
// [tee]

template <class First, class Second>
bool have_the_same(const First& first, const Second& second) {
  const auto left = first.to_string();
  const auto right = second.to_string();
  return left && right && *left == *right;
}

}  // namespace

int main() {
  HybridBuffer<> source{SpillAt{64_KiB}};
  for (int line = 0; line != 20'000; ++line) require(source.append("what both are to have\n").has_value(), "append");

  // [tee_use]
  HybridBuffer on_disk{SpillAt{64_KiB}, FileStorage{}};
  HybridBuffer in_memory{Capped{SpillAt{64_KiB}, 1_MiB}, MemoryStorage{}};
  Tee both{on_disk, in_memory};
  const auto copied = source.write_to(both);  // anything that takes a writer takes a tee
  // [tee_use]

  require(copied == source.size() && on_disk.is_spilled() && in_memory.is_spilled(), "all of it went to both storages");
  require(have_the_same(on_disk, in_memory) && source.seek(0) && have_the_same(on_disk, source), "the same bytes");

  const auto size = on_disk.size();
  const std::string too_much(2_MiB, 'x');
  const auto refused = both.write(std::as_bytes(std::span{too_much}));
  require(!refused && refused.error() == errc::limit_exceeded, "the second refuses what exceeds its limit");
  require(on_disk.size() == size && in_memory.size() == size, "and neither keeps any of it");
  require(both.write(std::as_bytes(std::span{std::string_view{"end"}})).has_value(), "the next write goes on behind what both have");
  require(have_the_same(on_disk, in_memory) && on_disk.size() == size + 3, "the same bytes");
  std::printf("%zu bytes in a file and in memory\n", static_cast<std::size_t>(on_disk.size()));
  return 0;
}
