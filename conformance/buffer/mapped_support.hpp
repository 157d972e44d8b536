#pragma once

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/overlapped.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <tuple>
#include <utility>

/// \file
/// What the tests of MappedReader share: backends that map as planned, at times, or not at all, and buffers over them and the shipped ones.

namespace hybridbuffer::testing {

inline constexpr std::size_t page = 4096;

// Backends ---------------------------------------------------------------------------------------------------------------------

/// What `map` of a PlannedBackend does next.
enum class MapEffect : std::uint8_t { none, error, bad_alloc, unsupported, not_found, empty };
struct MapPlan {
  static inline MapEffect effect = MapEffect::none;                             ///< of each call, until it is set anew
  static inline std::size_t longest = std::numeric_limits<std::size_t>::max();  ///< of a window
  static inline std::uint64_t calls = 0;
  static inline std::uint64_t windows = 0;       ///< alive
  static inline std::uint64_t most_windows = 0;  ///< at once

  static void reset() { effect = MapEffect::none, longest = std::numeric_limits<std::size_t>::max(), calls = 0, most_windows = windows; }
};

/// Files that cannot shrink and cannot discard, whose `map` does as planned.
class PlannedBackend {
 public:
  class Window {
   public:
    explicit Window(FileWindow inner) : inner_{std::move(inner)} { count(); }
    Window(Window&& other) noexcept : inner_{std::move(other.inner_)} { count(); }
    Window& operator=(Window&&) noexcept = default;
    ~Window() { --MapPlan::windows; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return inner_.bytes(); }

   private:
    static void count() noexcept { MapPlan::most_windows = std::max(MapPlan::most_windows, ++MapPlan::windows); }
    FileWindow inner_;
  };

  explicit PlannedBackend(FileBackend inner) : inner_{std::move(inner)} {}
  static constexpr Capabilities capabilities() { return {Capability::reader_at, Capability::append, Capability::map, Capability::gather}; }
  Result<FileWriter> create() { return inner_.create(); }
  Result<FileWriter> append() { return inner_.append(); }
  [[nodiscard]] Result<FileReader> open() const { return inner_.open(); }
  [[nodiscard]] Result<FileReaderAt> open_reader_at() const { return inner_.open_reader_at(); }
  Result<void> remove() { return inner_.remove(); }
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const {
    ++MapPlan::calls;
    switch (MapPlan::effect) {
      case MapEffect::none: break;
      case MapEffect::error: return failure(errc::io, "map, which fails as planned");
      case MapEffect::bad_alloc: throw std::bad_alloc{};
      case MapEffect::unsupported: return failure(errc::unsupported, "map");
      case MapEffect::not_found: return failure(errc::not_found, "map");
      case MapEffect::empty: n = 0; break;
    }
    auto window = inner_.map(offset, std::min(n, MapPlan::longest));
    if (!window) return std::unexpected{window.error()};
    return Window{std::move(*window)};
  }

 private:
  FileBackend inner_;
};
struct PlannedStorage {
  FileStorage inner{};
  [[nodiscard]] Result<PlannedBackend> create_backend() const {
    auto made = inner.create_backend();
    if (!made) return std::unexpected{made.error()};
    return PlannedBackend{std::move(*made)};
  }
};

/// Locations of every kind by turns: some can map, some cannot.
struct MixedStorage {
  AnyStorage files{FileStorage{{.max_bytes = 20'000}}};
  AnyStorage vectors{InPlaceStorage<examples::VectorBackend>{}};
  AnyStorage blocks{BasicMemoryStorage<1000>{{.max_bytes = 7000}}};
  std::shared_ptr<std::atomic<unsigned>> made = std::make_shared<std::atomic<unsigned>>(0U);
  [[nodiscard]] Result<AnyBackend> create_backend() const {
    const unsigned kind = (*made)++ % 3;
    return (kind == 0 ? files : kind == 1 ? vectors : blocks).create_backend();
  }
};

// Compositions -------------------------------------------------------------------------------------------------------------------

struct Files {
  using Buffer = HybridBuffer<SegmentedMemory<64>, SpillAt, FileBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, FileStorage{}}; }
};
struct RecycledSmallFiles {
  using Buffer = HybridBuffer<SegmentedMemory<4096>, SpillAt, FileBackend>;
  static Buffer make(std::uint64_t threshold) {
    return Buffer{SpillAt{threshold}, FileStorage{{.max_bytes = 30'000, .reserve_ahead = 1 << 20, .recycled_files = 4}}};
  }
};
struct Blocks {
  using Buffer = HybridBuffer<ContiguousMemory, SpillAt, BasicMemoryBackend<1000>>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, BasicMemoryStorage<1000>{}}; }
};
struct Minimal {
  using Buffer = HybridBuffer<InlineMemory<300>, SpillAt, examples::VectorBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}}; }
};
struct MixedKinds {
  using Buffer = HybridBuffer<SegmentedMemory<256>, SpillAt, AnyBackend, MixedStorage>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SegmentedMemory<256>{}, SpillAt{threshold}, MixedStorage{}}; }
};
struct Planned {
  using Buffer = HybridBuffer<SegmentedMemory<64>, SpillAt, PlannedBackend, PlannedStorage>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, PlannedStorage{}}; }
};
struct Overlapping {
  using Buffer = HybridBuffer<SegmentedMemory<256>, Overlapped<SpillAt>, FileBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{Overlapped{SpillAt{threshold}}, FileStorage{}}; }
};
using Compositions = std::tuple<Files, RecycledSmallFiles, Blocks, Minimal, MixedKinds, Planned, Overlapping>;

/// The content, spilled after every `piece` bytes.
template <class Composition>
typename Composition::Buffer spilled_by(std::size_t piece, const Bytes& content) {
  auto buffer = Composition::make(0);
  for (View left{content}; !left.empty(); left = left.subspan(std::min(piece, left.size()))) {
    buffer.append(left.first(std::min(piece, left.size()))).value();
    buffer.spill().value();
  }
  return buffer;
}

template <class T>
[[nodiscard]] bool has_failed(const Result<T>& done, errc code) {
  return !done && done.error() == code;
}

/// Mappings of files without a name.
inline std::size_t mapped_files() {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) found += line.ends_with("(deleted)") && line.find(" r--") != std::string::npos ? 1 : 0;
  return found;
}

}  // namespace hybridbuffer::testing
