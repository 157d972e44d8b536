#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/memory/locked.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

// A buffer of secrets leaves none in the ordinary memory that it reads storage through.
namespace {

struct Watch {
  const std::byte* begin = nullptr;
  std::size_t size = 0;
  std::size_t freed = 0;     // how many bytes were given back
  std::size_t not_zero = 0;  // and how many of those were not zero
};
Watch watch;

void* allocate(std::size_t size) noexcept { return std::malloc(size == 0 ? 1 : size); }  // NOLINT(*-no-malloc)
void release(void* pointer) noexcept {
  const auto* bytes = static_cast<const std::byte*>(pointer);
  if (bytes != nullptr && bytes == watch.begin) {
    watch.freed += watch.size;
    watch.not_zero +=
        static_cast<std::size_t>(std::count_if(bytes, bytes + watch.size, [](std::byte byte) { return byte != std::byte{}; }));
  }
  std::free(pointer);  // NOLINT(*-no-malloc)
}

}  // namespace

void* operator new[](std::size_t size) {
  if (void* pointer = allocate(size)) return pointer;
  throw std::bad_alloc{};
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete[](void* pointer) noexcept { release(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { release(pointer); }

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::size_t block = std::size_t{64} << 10U;
using Secrets = HybridBuffer<LockedMemory, SpillAt, MemoryBackend>;

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{}; });
}

/// A buffer with stored secrets, and its block of what it read ahead.
struct Reading {
  std::unique_ptr<Secrets> buffer = std::make_unique<Secrets>(SpillAt{0});
  Bytes secret = pattern(3 * block, 1);
  std::span<const std::byte> ahead{};

  Reading() {
    BOOST_TEST_REQUIRE(buffer->append(secret).has_value());
    ahead = buffer->peek().value();
    BOOST_TEST_REQUIRE(ahead.size() == block);
    BOOST_TEST_REQUIRE(!is_zero(ahead));
  }
};

BOOST_AUTO_TEST_CASE(what_was_read_ahead_is_overwritten_when_content_is_removed) {
  const std::array<std::function<bool(Secrets&)>, 3> removals{
      [](Secrets& buffer) { return buffer.next(100) && buffer.discard_read(); },
      [](Secrets& buffer) { return buffer.truncate(buffer.size() - 1).has_value(); },
      [](Secrets& buffer) { return buffer.reset().has_value(); },
  };
  for (std::size_t which = 0; which != removals.size(); ++which) {
    Reading reading;
    Secrets& buffer = *reading.buffer;

    BOOST_TEST(removals[which](buffer));

    BOOST_TEST(is_zero(reading.ahead), "removal " << which);
    const std::size_t rest = static_cast<std::size_t>(buffer.unread());
    const auto at = reading.secret.begin() + static_cast<std::ptrdiff_t>(buffer.tell());
    BOOST_TEST(same(buffer.next(rest).value(), Bytes(at, at + static_cast<std::ptrdiff_t>(rest))), "removal " << which);
  }
}

BOOST_AUTO_TEST_CASE(what_was_read_ahead_is_overwritten_before_it_is_given_back) {
  for (int how = 0; how != 3; ++how) {
    Reading reading;
    watch = {.begin = reading.ahead.data(), .size = block};

    if (how == 0) BOOST_TEST(reading.buffer->close().has_value());
    if (how == 1) reading.buffer.reset();
    if (how == 2) *reading.buffer = Secrets{SpillAt{0}};

    const Watch seen = std::exchange(watch, {});
    BOOST_TEST(seen.freed == block, "way " << how);
    BOOST_TEST(seen.not_zero == 0U, "way " << how);
  }
}

BOOST_AUTO_TEST_CASE(a_mapped_reader_that_copies_overwrites_its_block) {
  HybridBuffer<LockedMemory, SpillAt, examples::VectorBackend> buffer{SpillAt{0}};
  BOOST_REQUIRE(buffer.append(pattern(2 * block, 1)).has_value());
  {
    MappedReader reader{buffer};
    const auto shown = reader.peek().value();
    BOOST_REQUIRE(!is_zero(shown));
    watch = {.begin = shown.data(), .size = shown.size()};
  }
  const Watch seen = std::exchange(watch, {});

  BOOST_TEST(seen.freed >= 4096U);
  BOOST_TEST(seen.not_zero == 0U);
}

BOOST_AUTO_TEST_CASE(memory_that_wipes_nothing_costs_no_overwriting) {
  HybridBuffer<SegmentedMemory<>, SpillAt, MemoryBackend> buffer{SpillAt{0}};
  BOOST_REQUIRE(buffer.append(pattern(block, 1)).has_value());
  const auto ahead = buffer.peek().value();

  BOOST_REQUIRE(buffer.truncate(10).has_value());

  BOOST_TEST(!is_zero(ahead));
}

}  // namespace
