// The snippets of docs/guide.md, each a function that is run.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/memory/locked.hpp>
#include <hybridbuffer/spill/always_spill.hpp>
#include <hybridbuffer/spill/capped.hpp>
#include <hybridbuffer/spill/never_spill.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/spill/shared_budget.hpp>
#include <hybridbuffer/storage_url.hpp>
#include <memory>
#include <string>
#include <unistd.h>

#include "minimal_backend.hpp"

using namespace hybridbuffer;
using namespace std::literals;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "guide.cpp: does not hold: %s\n", what);
  std::exit(1);
}

// clang-format off
void compose() {
  // [compose]
  HybridBuffer<> defaults;                                     // 64 KiB chunks, 2 MiB in memory, then an anonymous file
  HybridBuffer   large{SpillAt{64_MiB}};                       // each part that is not named is the default
  HybridBuffer   huge{SpillAt{.threshold = 64_MiB, .while_stored = 1_MiB}};  // less memory, and faster, once it has spilled
  HybridBuffer   upload{SegmentedMemory<>{}, SpillAt{8_MiB}, FileStorage{{.directory = "/var/tmp"}}};
  HybridBuffer   message{InlineMemory<512>{}, SpillAt{512}};   // small contents live in the object itself
  HybridBuffer   request{Capped{SpillAt{1_MiB}, 10_MiB}};      // an append past 10 MiB in all fails with limit_exceeded
  HybridBuffer   scratch{ContiguousMemory{}, NeverSpill{}};    // one span; memory only
  // [compose]
  require(defaults.empty() && large.empty() && upload.empty() && message.empty() && request.empty() && scratch.empty(), "empty");
}

// clang-format on

void budget() {
  // [budget]
  MemoryBudget budget{256_MiB};
  HybridBuffer first{SegmentedMemory<>{}, SharedBudget{budget}, FileStorage{}};
  HybridBuffer second{SegmentedMemory<>{}, SharedBudget{budget, 64_MiB}, FileStorage{}};  // and never more than 64 MiB of it
  // [budget]
  require(first.append("x").has_value() && second.append("y").has_value() && budget.used() > 0, "the budget is in use");
}

void overlap() {
  // [overlap]
  HybridBuffer log{SegmentedMemory<>{}, Overlapped{SpillAt{64_MiB}}, FileStorage{}};  // one half is stored while the other fills
  // [overlap]
  require(log.append("x").has_value() && log.spill().has_value() && log.stats().in_flight == 0, "spill() waits");
}

void errors() {
  // [errors]
  HybridBuffer request{Capped{SpillAt{1_MiB}, 4}};
  const auto done = request.append("too long");
  if (!done && done.error() == errc::limit_exceeded) {  // act on the category
    std::puts(done.error().message().c_str());          // the text is for people
  }
  // [errors]
  require(!done && request.empty(), "a failed append changes nothing");
}

void queue() {
  // [queue]
  HybridBuffer queue{SpillAt{1_MiB}};  // of unbounded length, in bounded memory
  for (int round = 0; round != 100; ++round) {
    const bool produced = queue.append("one record of a long stream\n").has_value();
    const auto record = queue.read_line();
    const bool given_back = queue.discard_read().has_value();  // memory and storage of what was read
    require(produced && record && given_back, "a round of the queue");
  }
  // [queue]
  require(queue.first_offset() == queue.size(), "everything was given back");
}

void windows() {
  HybridBuffer buffer{SpillAt{1_KiB}};
  require(buffer.append(std::string(5000, 'x')).has_value(), "append");
  // [windows]
  std::size_t sum = 0;
  for (;;) {
    const auto chunk = buffer.next_chunk();  // contiguous bytes, valid until the next call that is not const
    if (!chunk || chunk->empty()) break;
    for (const std::byte byte : *chunk) sum += std::to_integer<std::size_t>(byte);
  }
  // [windows]
  require(sum == 5000 * std::size_t{'x'}, "the sum");
}

void anywhere() {
  HybridBuffer buffer{SpillAt{1_KiB}};
  require(buffer.append(std::string(5000, 'x')).has_value(), "append");
  // [anywhere]
  std::array<std::byte, 16> block{};
  const auto count = buffer.read_at(4990, block);  // short only at the end: 10
  auto cursor = buffer.open_reader();              // a position of its own, at tell()
  const auto first = cursor.read(block);
  // [anywhere]
  require(count == 10U && first == 16U && buffer.tell() == 0, "reads anywhere leave the position");
}

void publish() {
  const std::string path = "/var/tmp/hybridbuffer-guide-" + std::to_string(::getpid());
  // [publish]
  HybridBuffer report{SpillAt{1_MiB}, FileStorage{{.directory = "/var/tmp"}}};
  const bool written = report.append("the whole report").has_value();
  const auto named = report.publish(path, PublishMode::replace);  // appears at once and whole, by a link: no byte is copied
  // [publish]
  require(written && named && report.stats().publish_copied == 0, "published by a link");
  require(::unlink(path.c_str()) == 0, "the file was there");
}

void own_backend() {
  // [own_backend]
  HybridBuffer<SegmentedMemory<>, SpillAt, examples::VectorBackend> buffer{SpillAt{1_KiB}};
  // [own_backend]
  require(buffer.append(std::string(5000, 'x')).has_value() && buffer.is_spilled(), "it spills to the user's backend");
}

Result<BuiltBuffer> build_from(std::string_view text_of_the_configuration) {
  // [builder]
  const auto storage = storage_from_url(text_of_the_configuration);  // "file:///var/tmp?recycled_files=4", "memory:", …
  if (!storage) return std::unexpected{storage.error()};
  return Builder{}.with_threshold(16_MiB).with_limit(64_GiB).with_storage_factory(*storage).build();
  // [builder]
}

// [bounded]
/// A transform: what stands before any storage and makes at most so many locations there.
struct Bounded {
  Bounded(AnyStorage storage, std::uint32_t locations)
      : inner{std::move(storage)}, left{std::make_shared<std::atomic<std::int64_t>>(locations)} {}
  [[nodiscard]] Result<AnyBackend> create_backend() const {
    if (left->fetch_sub(1) <= 0) return failure(errc::limit_exceeded, "create a location");
    return inner.create_backend();
  }
  AnyStorage inner;
  std::shared_ptr<std::atomic<std::int64_t>> left;
};
// [bounded]

void registry() {
  // [registry]
  StorageRegistry registry = default_registry();  // file: and memory:; a value of yours, nothing is global
  const auto scheme = registry.add(StorageScheme{
      .name = "vector",
      .make = [](const StorageUrl&) -> Result<AnyStorage> { return InPlaceStorage<examples::VectorBackend>{}; },
  });
  const auto transform = registry.add(StorageTransform{
      .parameter = "locations",
      .make = [](const AnyStorage& inner, const UrlParameters& parameters) -> Result<AnyStorage> {
        std::uint32_t count = 0;
        UrlParameterReader reader{parameters};
        reader.count("locations", count);
        if (const auto read = reader.status(); !read) return std::unexpected{read.error()};
        return Bounded{inner, count};
      },
  });
  const auto storage = storage_from_url("vector:?locations=2", registry);
  // [registry]
  require(scheme && transform && storage, "a scheme and a transform of one's own");
  require(storage->create_backend() && storage->create_backend(), "two locations");
  require(storage->create_backend().error() == errc::limit_exceeded, "and no third");
  const auto wrong = storage_from_url("vector:?locations=many", registry);
  require(!wrong && wrong.error() == errc::invalid_argument, "a wrong parameter");
}

void run_time() {
  auto built = build_from("memory:?max_bytes=1MiB");
  require(built && built->append(std::string(3 << 20, 'x')), "a buffer from a URL");
  require(!build_from("file:///var/tmp?max_size=1") && !build_from("memory"), "wrong URLs");
}

void descriptors() {
  std::array<int, 2> pipe{};
  require(::pipe(pipe.data()) == 0 && ::write(pipe[1], "abc", 3) == 3 && ::close(pipe[1]) == 0, "pipe");
  const int input = pipe[0];
  // [descriptors]
  HybridBuffer buffer{SpillAt{16_MiB}};
  const auto taken = buffer.read_from(input);         // until the end, or an error: size() says how far it went
  const auto given = buffer.write_to(STDOUT_FILENO);  // consumes exactly what the descriptor accepted
  // [descriptors]
  require(taken == 3U && given == 3U && buffer.unread() == 0, "through descriptors");
  require(::close(input) == 0, "close");
}

}  // namespace

int main() {
  compose();
  budget();
  overlap();
  errors();
  queue();
  windows();
  anywhere();
  publish();
  own_backend();
  run_time();
  registry();
  descriptors();
  return 0;
}
