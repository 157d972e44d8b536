#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// \file
/// The sizes, windows and cuts that the clauses try: exhaustive round every boundary that a backend can have, thin elsewhere.

namespace hybridbuffer::conformance {

using Sizes = std::vector<std::uint64_t>;
using Random = std::mt19937_64;

/// Sorted, without repetitions, none above `most`.
[[nodiscard]] Sizes normalised(Sizes sizes, std::uint64_t most);

/// centre − radius … centre + radius, as far as they exist.
[[nodiscard]] Sizes around(std::uint64_t centre, std::uint64_t radius = 1);
[[nodiscard]] Sizes around(const Sizes& centres, std::uint64_t radius = 1);

/// The multiples of each chunk size for m in [1, multiples].
[[nodiscard]] Sizes multiples_of(const Sizes& chunks, std::uint64_t multiples);

/// A few sizes that matter with any chunk size in `chunks`: empty, one byte, and one to three chunks with a byte more and less.
[[nodiscard]] Sizes few_sizes(const Sizes& chunks, std::uint64_t most);

/// The whole ladder: 0…17, 2^k ± 1 up to `most`, mC ± 1.
[[nodiscard]] Sizes size_ladder(const Sizes& chunks, std::uint64_t multiples, std::uint64_t most);

/// A window of an object.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Every window with one of the offsets and one of the lengths.
[[nodiscard]] std::vector<Range> windows(const Sizes& offsets, const Sizes& lengths);

/// `total` cut in pieces of `piece`, the last one smaller.
[[nodiscard]] Sizes even_pieces(std::uint64_t total, std::uint64_t piece);

/// `total` cut at random, each piece between 1 and `most`; an empty piece now and then when `with_empty`.
[[nodiscard]] Sizes random_pieces(Random& random, std::uint64_t total, std::uint64_t most, bool with_empty = false);

/// `items` in random order.
template <class T>
[[nodiscard]] std::vector<T> shuffled(std::vector<T> items, Random& random) {
  std::shuffle(items.begin(), items.end(), random);
  return items;
}

}  // namespace hybridbuffer::conformance
