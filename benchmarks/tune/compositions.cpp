#include "compositions.hpp"

#include <array>
#include <cstdio>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/mapped.hpp>

namespace tune {

namespace {

using namespace hybridbuffer;

template <class MakeMemory, class Storage>
Result<Figures> run(const Load& load, std::uint64_t threshold, std::uint64_t volume, bool recycles, MakeMemory make_memory,
                    const Storage& storage) {
  if (recycles) {
    HybridBuffer before{make_memory(), SpillAt{threshold}, storage};
    if (auto figures = run_load(before, load, volume); !figures) return figures;
  }
  HybridBuffer buffer{make_memory(), SpillAt{threshold}, storage};
  return run_load(buffer, load, volume);
}

// The one macro: only a macro has both the tokens and their text.
#define COMPOSITION(chunk, is_recycling, memory, ...)                                                                 \
  Composition {                                                                                                       \
    #memory, #__VA_ARGS__, chunk, is_recycling, [](const Load& load, std::uint64_t threshold, std::uint64_t volume) { \
      const std::string& directory = load.directory;                                                                  \
      return run(load, threshold, volume, is_recycling, [] { return memory; }, __VA_ARGS__);                          \
    }                                                                                                                 \
  }

constexpr std::array all{
    COMPOSITION(64_KiB, false, SegmentedMemory<>{}, FileStorage{{.directory = directory}}),
    COMPOSITION(64_KiB, false, SegmentedMemory<>{}, FileStorage{{.directory = directory, .reserve_ahead = 0}}),
    COMPOSITION(64_KiB, true, SegmentedMemory<>{}, FileStorage{{.directory = directory, .recycled_files = 1, .recycled_bytes = 4_GiB}}),
    COMPOSITION(1_MiB, false, SegmentedMemory<1_MiB>{}, FileStorage{{.directory = directory}}),
    COMPOSITION(1_MiB, true, SegmentedMemory<1_MiB>{}, FileStorage{{.directory = directory, .recycled_files = 1, .recycled_bytes = 4_GiB}}),
    COMPOSITION(2_MiB, false, MappedMemory{}, FileStorage{{.directory = directory}}),
    COMPOSITION(2_MiB, true, MappedMemory{}, FileStorage{{.directory = directory, .recycled_files = 1, .recycled_bytes = 4_GiB}}),
};
#undef COMPOSITION

}  // namespace

std::span<const Composition> compositions() { return all; }

std::string string_literal(std::string_view text) {
  std::string literal = "\"";
  for (const char unit : text) {
    const auto code = static_cast<unsigned char>(unit);
    if (code < 0x20 || code == 0x7F) {
      std::array<char, 8> octal{};
      std::snprintf(octal.data(), octal.size(), "\\%03o", static_cast<unsigned>(code));
      literal += octal.data();
      continue;
    }
    if (unit == '"' || unit == '\\') literal += '\\';
    literal += unit;
  }
  return literal + '"';
}

std::string Composition::line(const Load& load, std::uint64_t threshold) const {
  std::string place{storage};
  constexpr std::string_view placeholder = "= directory";
  if (const std::size_t at = place.find(placeholder); at != std::string::npos) {
    place.replace(at, placeholder.size(), "= " + string_literal(load.directory));
  }
  const std::string begin = "HybridBuffer buffer{" + std::string{memory} + ", SpillAt{" + size_literal(threshold) + "}, ";
  if (!recycles) return begin + place + "};";
  // The storage outlives the buffers: it keeps their files.
  return "const auto storage = " + place + "; " + begin + "storage};";
}

}  // namespace tune
