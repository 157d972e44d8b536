#pragma once

#include "load.hpp"
#include "workload.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tune {

/// A way to compose a buffer. Its text and what is measured are the same tokens, so that what is recommended compiles.
struct Composition {
  std::string_view memory;   // the memory policy, as C++
  std::string_view storage;  // the storage, as C++; `directory` stands for the load's
  std::uint64_t chunk_bytes;
  bool recycles;

  /// One run of the load over `volume` bytes; where files are recycled, after one that leaves its file.
  hybridbuffer::Result<Figures> (*run)(const Load& load, std::uint64_t threshold, std::uint64_t volume);

  /// The declaration of a `buffer`, with the values of the load.
  [[nodiscard]] std::string line(const Load& load, std::uint64_t threshold) const;
};

/// All of them; there are no others.
[[nodiscard]] std::span<const Composition> compositions();

/// `text` as a C++ string literal.
[[nodiscard]] std::string string_literal(std::string_view text);

}  // namespace tune
