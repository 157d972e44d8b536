#include <hybridbuffer/detail/copy_bytes.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

// Every size and every place that copy_bytes() treats on its own; the copies stand alone in memory, so that the address sanitizer sees a
// byte too many.

namespace hybridbuffer::testing {
namespace {

constexpr std::byte untouched{0xEE};

std::byte pattern_at(std::size_t i) { return static_cast<std::byte>(i * 131 + i / 251); }

/// Copies n bytes between two places of pages, and looks at all round them.
bool copies(std::size_t n, std::size_t from_offset, std::size_t to_offset) {
  constexpr std::size_t page = 4096;
  std::vector<std::byte> from(2 * page + from_offset + n);
  std::vector<std::byte> to(2 * page + to_offset + n, untouched);
  const auto at_page = [](std::vector<std::byte>& bytes, std::size_t offset) {
    const auto inside = reinterpret_cast<std::uintptr_t>(bytes.data()) % page;
    return bytes.data() + (page - inside) + offset;
  };
  std::byte* source = at_page(from, from_offset);
  std::byte* target = at_page(to, to_offset);
  for (std::size_t i = 0; i < n; ++i) source[i] = pattern_at(i);

  detail::copy_bytes(target, source, n);

  for (std::size_t i = 0; i < n; ++i) {
    if (target[i] != pattern_at(i)) return false;
  }
  const auto is_untouched = [](std::byte b) { return b == untouched; };
  return std::all_of(to.data(), target, is_untouched) && std::all_of(target + n, to.data() + to.size(), is_untouched);
}

BOOST_AUTO_TEST_CASE(every_small_size_is_exact) {
  for (std::size_t n = 0; n <= 130; ++n) BOOST_TEST_REQUIRE(copies(n, n % 7, n % 5), n);
}

BOOST_AUTO_TEST_CASE(a_destination_just_behind_its_source_in_the_page_is_exact) {
  for (const std::size_t n : {1023U, 1024U, 1025U, 1087U, 1088U, 4096U, 5001U}) {
    for (std::size_t behind = 0; behind <= 65; ++behind) {
      BOOST_TEST_REQUIRE(copies(n, 0, behind), n << " bytes, " << behind << " behind");
      BOOST_TEST_REQUIRE(copies(n, 4090, (4090 + behind) % 4096), n << " bytes, " << behind << " behind, across a page");
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_read_or_written_beyond_the_bytes) {
  for (std::size_t n = 1; n <= 64; ++n) {
    const std::vector<std::byte> from(n, std::byte{1});
    std::vector<std::byte> to(n);
    detail::copy_bytes(to.data(), from.data(), n);
    BOOST_TEST_REQUIRE((to == from), n);
  }
}

}  // namespace
}  // namespace hybridbuffer::testing
