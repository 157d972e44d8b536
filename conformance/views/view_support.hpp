#pragma once

#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../../docs/examples/minimal_backend.hpp"

/// \file
/// What the tests of the views share: buffers whose content lies in known places, storage that fails when told to, awkward readers.

namespace hybridbuffer::testing {

// Chunks so small that a few lines cross many boundaries.
using SmallMemory = SegmentedMemory<64>;
using FileBuffer = HybridBuffer<SmallMemory, SpillAt, FileBackend>;
using MemoryBuffer = HybridBuffer<ContiguousMemory, SpillAt, MemoryBackend>;
using MinimalBuffer = HybridBuffer<SmallMemory, SpillAt, examples::VectorBackend>;
using Buffers = std::tuple<FileBuffer, MemoryBuffer, MinimalBuffer>;

enum class Place : std::uint8_t { memory, storage, both };
inline constexpr std::array places{Place::memory, Place::storage, Place::both};

/// Appends `content` so that it lies in that place; in both, the first half is stored, in two spills.
template <class Buffer>
void fill(Buffer& buffer, Place place, std::string_view content) {
  const std::size_t stored = place == Place::memory ? 0 : place == Place::storage ? content.size() : content.size() / 2;
  buffer.append(content.substr(0, stored / 3)).value();
  buffer.spill().value();
  buffer.append(content.substr(stored / 3, stored - stored / 3)).value();
  buffer.spill().value();
  buffer.append(content.substr(stored)).value();
  BOOST_REQUIRE(buffer.is_spilled() == (stored > 0));
  BOOST_REQUIRE(buffer.stats().in_memory == content.size() - stored);
}
template <class Buffer>
[[nodiscard]] Buffer filled(Place place, std::string_view content) {
  Buffer buffer;
  fill(buffer, place, content);
  return buffer;
}

[[nodiscard]] inline std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("HYBRIDBUFFER_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("HYBRIDBUFFER_SEED=" << seed);
  return seed;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_{seed} {}

  /// In [0, bound).
  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  /// One of the sizes round 0, 1 and `block`, or any up to three blocks.
  [[nodiscard]] std::size_t size_round(std::size_t block) {
    const std::array sizes{std::size_t{0}, std::size_t{1}, block - 1, block, block + 1, 2 * block, below(3 * block + 1)};
    return sizes[below(sizes.size())];
  }
  [[nodiscard]] std::string bytes(std::size_t size) {
    std::string all(size, '\0');
    for (char& unit : all) unit = static_cast<char>(engine_() & 0xFFU);
    return all;
  }
  /// Without newlines; with carriage returns.
  [[nodiscard]] std::string line(std::size_t size) {
    std::string all = bytes(size);
    for (char& unit : all) {
      if (unit == '\n') unit = '\r';
    }
    return all;
  }

 private:
  std::mt19937_64 engine_;
};

// Faults -------------------------------------------------------------------------------------------------------------------------

/// Which calls of a FaultyBackend fail: the k-th read and the k-th write from now on, once; 0 for none. They count what fired.
struct FaultPlan {
  std::uint64_t failing_read = 0;
  std::uint64_t failing_write = 0;
  std::uint64_t fired = 0;

  [[nodiscard]] Result<void> next(std::uint64_t& countdown) {
    if (countdown == 0) return {};
    if (--countdown != 0) return {};
    ++fired;
    return failure(errc::unavailable, "reach a store that fails when told to");
  }
};

/// A backend with no more than create, open and remove, over the minimal one.
class FaultyBackend {
  using Inner = examples::VectorBackend;

 public:
  struct Writer {
    Result<void> write(std::span<const std::byte> bytes) {
      if (auto planned = plan->next(plan->failing_write); !planned) return planned;
      return inner.write(bytes);
    }
    Result<void> close() { return inner.close(); }
    std::shared_ptr<FaultPlan> plan;
    Inner::Writer inner;
  };
  struct Reader {
    Result<std::size_t> read(std::span<std::byte> bytes) {
      if (auto planned = plan->next(plan->failing_read); !planned) return std::unexpected{planned.error()};
      return inner.read(bytes);
    }
    std::shared_ptr<FaultPlan> plan;
    Inner::Reader inner;
  };

  explicit FaultyBackend(std::shared_ptr<FaultPlan> plan) : plan_{std::move(plan)} {}

  Result<Writer> create() {
    auto inner = inner_.create();
    if (!inner) return std::unexpected{inner.error()};
    return Writer{plan_, std::move(*inner)};
  }
  [[nodiscard]] Result<Reader> open() const {
    auto inner = inner_.open();
    if (!inner) return std::unexpected{inner.error()};
    return Reader{plan_, std::move(*inner)};
  }
  Result<void> remove() { return inner_.remove(); }

 private:
  std::shared_ptr<FaultPlan> plan_;
  Inner inner_;
};

struct FaultyStorage {
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  [[nodiscard]] Result<FaultyBackend> create_backend() const { return FaultyBackend{plan}; }
};

using FaultyBuffer = HybridBuffer<SmallMemory, SpillAt, FaultyBackend, FaultyStorage>;

/// A buffer and the plan of its storage.
struct FaultyFixture {
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  FaultyBuffer buffer{SpillAt{}, FaultyStorage{plan}};
};

// Readers that are awkward but legal, and one that is not ------------------------------------------------------------------------

/// Delivers `content` in pieces of at most `longest_read` bytes.
struct StingyReader {
  Result<std::size_t> read(std::span<std::byte> bytes) {
    const std::size_t count = std::min({bytes.size(), longest_read, content.size()});
    std::copy_n(std::as_bytes(std::span{content}).begin(), count, bytes.begin());
    content.remove_prefix(count);
    return count;
  }
  std::string_view content;
  std::size_t longest_read = 1;
};

/// Claims one byte more than it was asked for.
struct BoastingReader {
  static Result<std::size_t> read(std::span<std::byte> bytes) { return bytes.size() + 1; }
};

}  // namespace hybridbuffer::testing
