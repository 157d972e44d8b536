#include <hybridbuffer/conformance/sizes.hpp>

#include <range/v3/action/sort.hpp>
#include <range/v3/action/unique.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/cartesian_product.hpp>
#include <range/v3/view/concat.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/transform.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

Sizes normalised(Sizes sizes, std::uint64_t most) {
  std::erase_if(sizes, [&](std::uint64_t n) { return n > most; });
  return std::move(sizes) | ranges::actions::sort | ranges::actions::unique;
}

Sizes around(std::uint64_t centre, std::uint64_t radius) {
  const std::uint64_t first = centre > radius ? centre - radius : 0;
  return ranges::views::iota(first, centre + radius + 1) | ranges::to<std::vector>();
}

Sizes around(const Sizes& centres, std::uint64_t radius) {
  return centres | ranges::views::transform([=](std::uint64_t centre) { return around(centre, radius); }) | ranges::views::join |
         ranges::to<std::vector>();
}

Sizes multiples_of(const Sizes& chunks, std::uint64_t multiples) {
  return ranges::views::cartesian_product(chunks, ranges::views::iota(std::uint64_t{1}, multiples + 1)) |
         ranges::views::transform([](const auto& pair) { return std::get<0>(pair) * std::get<1>(pair); }) | ranges::to<std::vector>();
}

Sizes few_sizes(const Sizes& chunks, std::uint64_t most) {
  const Sizes smallest{0, 1, 2};
  const Sizes boundaries = around(multiples_of(chunks, 3));
  return normalised(ranges::views::concat(smallest, boundaries) | ranges::to<std::vector>(), most);
}

Sizes size_ladder(const Sizes& chunks, std::uint64_t multiples, std::uint64_t most) {
  const Sizes powers = ranges::views::iota(0, 63) |
                       ranges::views::transform([](int k) { return std::uint64_t{1} << static_cast<unsigned>(k); }) |
                       ranges::views::filter([&](std::uint64_t n) { return n - 1 <= most; }) | ranges::to<std::vector>();
  const Sizes smallest = ranges::views::iota(std::uint64_t{0}, std::uint64_t{18}) | ranges::to<std::vector>();
  const Sizes near_powers = around(powers);
  const Sizes near_chunks = around(multiples_of(chunks, multiples));
  return normalised(ranges::views::concat(smallest, near_powers, near_chunks) | ranges::to<std::vector>(), most);
}

std::vector<Range> windows(const Sizes& offsets, const Sizes& lengths) {
  return ranges::views::cartesian_product(offsets, lengths) |
         ranges::views::transform([](const auto& pair) { return Range{std::get<0>(pair), std::get<1>(pair)}; }) | ranges::to<std::vector>();
}

Sizes even_pieces(std::uint64_t total, std::uint64_t piece) {
  Sizes pieces(static_cast<std::size_t>(total / piece), piece);
  if (total % piece != 0) pieces.push_back(total % piece);
  return pieces;
}

Sizes random_pieces(Random& random, std::uint64_t total, std::uint64_t most, bool with_empty) {
  Sizes pieces;
  for (std::uint64_t left = total; left != 0;) {
    if (with_empty && random() % 8 == 0) pieces.push_back(0);
    const std::uint64_t piece = std::min(left, random() % most + 1);
    pieces.push_back(piece);
    left -= piece;
  }
  return pieces;
}

}  // namespace hybridbuffer::conformance
