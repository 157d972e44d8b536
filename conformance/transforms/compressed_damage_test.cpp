#include "../support/forked_child.hpp"
#include "compressed_support.hpp"

#include <hybridbuffer/literals.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <sys/mman.h>
#include <utility>

// Stored bytes that are not what was written read as `corrupted`, by every route, and nothing of them is delivered.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t chunk = 48;

/// An object in a location of its own, what stands in its store, and a way to change it.
struct Stored {
  explicit Stored(const CompressionMethod& method, const Bytes& content)
      : backend{*compressed(inner, method, {.chunk_bytes = chunk}).create_backend()} {
    BOOST_TEST_REQUIRE(write_all(backend.create(), content, content.size() + 1).has_value());
  }
  Bytes& bytes() { return *inner.made->front()->bytes; }

  OpenStorage inner;
  CompressedBackend<OpenBackend> backend;
};

[[nodiscard]] bool is_prefix(const Bytes& found, const Bytes& content) {
  return found.size() <= content.size() && std::equal(found.begin(), found.end(), content.begin());
}

/// Whether `handle` fails with `corrupted`, having delivered nothing but a beginning of `content`.
template <class Handle>
[[nodiscard]] bool finds_damage(Result<Handle> handle, const Bytes& content) {
  if (!handle) return handle.error() == errc::corrupted;
  Bytes all;
  Bytes block(chunk);
  for (;;) {
    const auto count = handle->read(block);
    if (!count) return count.error() == errc::corrupted && is_prefix(all, content);
    if (*count == 0) return false;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

void expect_damage(const CompressionMethod& method, const Bytes& content, const std::function<void(Bytes&)>& change) {
  {
    Stored stored{method, content};
    change(stored.bytes());
    BOOST_TEST(finds_damage(stored.backend.open(), content));
    BOOST_TEST(finds_damage(stored.backend.open_seeker(), content));
  }
  Stored stored{method, content};
  change(stored.bytes());
  auto reader_at = stored.backend.open_reader_at();
  Bytes all(content.size() + 1, std::byte{1});
  const auto error = reader_at ? reader_at->read_at(0, all) : Result<std::size_t>{std::unexpected{reader_at.error()}};
  BOOST_TEST_REQUIRE(!error.has_value());
  BOOST_TEST((error.error() == errc::corrupted));
  if (reader_at) BOOST_TEST((all == zeros(all.size())));
}

/// A frame that shrank, one that did not, and a short one.
Bytes small_content() {
  Bytes content = zeros(chunk);
  const Bytes random = pattern(chunk + 9);
  content.insert(content.end(), random.begin(), random.end());
  return content;
}

BOOST_AUTO_TEST_CASE(any_bit_that_flips_is_found) {
  const Bytes content = small_content();
  for (const auto& [name, method] : each_codec()) {
    const std::size_t size = Stored{method, content}.bytes().size();
    for (std::size_t bit = 0; bit != 8 * size; ++bit) {
      BOOST_TEST_CONTEXT(name << ", bit " << bit << " of " << 8 * size) {
        expect_damage(method, content, [&](Bytes& stored) { stored[bit / 8] ^= std::byte{1} << (bit % 8); });
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_object_that_was_cut_off_anywhere_or_has_bytes_behind_it_is_found) {
  const Bytes content = small_content();
  for (const auto& [name, method] : each_codec()) {
    const std::size_t size = Stored{method, content}.bytes().size();
    for (std::size_t rest = 0; rest != size; ++rest) {
      BOOST_TEST_CONTEXT(name << ", " << rest << " of " << size << " bytes") {
        expect_damage(method, content, [&](Bytes& stored) { stored.resize(rest); });
      }
    }
    expect_damage(method, content, [](Bytes& stored) { stored.push_back(std::byte{}); });
  }
}

constexpr std::ptrdiff_t header = detail::CompressedHeader::bytes;
constexpr std::ptrdiff_t raw_frame = detail::CompressedFrame::header_bytes + chunk;

BOOST_AUTO_TEST_CASE(frames_that_changed_places_are_found) {
  expect_damage(Zstd{}, pattern(3 * chunk), [](Bytes& stored) {
    std::swap_ranges(stored.begin() + header, stored.begin() + header + raw_frame, stored.begin() + header + raw_frame);
  });
  expect_damage(Zstd{}, pattern(3 * chunk), [](Bytes& stored) {  // the second twice
    std::copy_n(stored.begin() + header + raw_frame, raw_frame, stored.begin() + header + 2 * raw_frame);
  });
}

BOOST_AUTO_TEST_CASE(frames_of_an_earlier_object_are_found) {
  const Bytes content = pattern(3 * chunk);
  Stored stored{Lz4{}, content};
  const Bytes before = stored.bytes();
  BOOST_TEST_REQUIRE(write_all(stored.backend.create(), content, 10).has_value());
  BOOST_TEST_REQUIRE(stored.bytes().size() == before.size());
  std::copy_n(before.begin() + header + raw_frame, raw_frame, stored.bytes().begin() + header + raw_frame);
  BOOST_TEST(finds_damage(stored.backend.open(), content));

  Stored whole{Lz4{}, content};
  const Bytes first = whole.bytes();
  BOOST_TEST_REQUIRE(write_all(whole.backend.create(), content, 10).has_value());
  whole.bytes() = first;
  BOOST_TEST(finds_damage(whole.backend.open(), content));
}

BOOST_AUTO_TEST_CASE(frames_of_another_location_are_found) {
  const Bytes content = pattern(3 * chunk);
  const OpenStorage inner;
  const auto storage = compressed(inner, Snappy{}, {.chunk_bytes = chunk});
  auto one = *storage.create_backend();
  auto other = *storage.create_backend();
  BOOST_TEST_REQUIRE(write_all(one.create(), content, 100).has_value());
  BOOST_TEST_REQUIRE(write_all(other.create(), content, 100).has_value());
  Bytes& stored = *inner.made->front()->bytes;
  const Bytes foreign = *inner.made->back()->bytes;
  std::copy_n(foreign.begin() + header, raw_frame, stored.begin() + header);
  BOOST_TEST(finds_damage(one.open(), content));

  Stored whole{Snappy{}, content};
  whole.bytes() = foreign;
  BOOST_TEST(finds_damage(whole.backend.open(), content));
}

// A storage that was made before a fork makes locations in both processes.
BOOST_AUTO_TEST_CASE(frames_of_a_forked_childs_location_are_found) {
  const Bytes content = pattern(3 * chunk);
  const OpenStorage inner;
  const auto storage = compressed(inner, Snappy{}, {.chunk_bytes = chunk});
  const auto store = [&] {
    auto backend = *storage.create_backend();
    BOOST_TEST_REQUIRE(write_all(backend.create(), content, 100).has_value());
    return backend;
  };
  constexpr auto stored_bytes = static_cast<std::size_t>(header + 3 * raw_frame);
  void* shared = ::mmap(nullptr, stored_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  BOOST_TEST_REQUIRE(shared != MAP_FAILED);
  const std::span foreign{static_cast<std::byte*>(shared), stored_bytes};

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    const auto backend = store();
    const Bytes& stored = *inner.made->back()->bytes;
    std::copy_n(stored.begin(), std::min(stored.size(), stored_bytes), foreign.begin());
    holds(stored.size() == stored_bytes);
  });
  BOOST_TEST(first_failure == 0);
  const auto backend = store();
  Bytes& stored = *inner.made->back()->bytes;
  BOOST_TEST(stored.size() == stored_bytes);
  std::copy(foreign.begin(), foreign.end(), stored.begin());

  BOOST_TEST(finds_damage(backend.open(), content));
  ::munmap(shared, stored_bytes);
}

BOOST_AUTO_TEST_CASE(a_frame_is_bound_to_its_number_and_its_place) {
  const FrameForge forge{Zstd{}};
  const Bytes content = text(500);
  const Bytes frame = forge.encode(content, {7, 500});
  BOOST_TEST((forge.decode(frame, 500, {7, 500}) == content));
  BOOST_TEST((forge.decode(frame, 500, {8, 500}).error() == errc::corrupted));
  BOOST_TEST((forge.decode(frame, 500, {7, 0}).error() == errc::corrupted));
  BOOST_TEST((forge.decode(frame, 499, {7, 500}).error() == errc::corrupted));
  BOOST_TEST((FrameForge{Zstd{}}.decode(frame, 500, {7, 500}).error() == errc::corrupted));
}

}  // namespace
}  // namespace hybridbuffer::testing
