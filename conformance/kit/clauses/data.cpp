#include "../cursor.hpp"
#include "../hostile_contents.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// DATA: every byte, every content and every size survives.

namespace hybridbuffer::conformance::clauses {
namespace {

using Bytes = std::vector<std::byte>;

// Every pair of bytes once, one after the other: the concatenated Lyndon words of length 1 and 2 (a de Bruijn sequence), and its first
// byte again.
Bytes all_pairs() {
  Bytes bytes;
  bytes.reserve(65'537);
  for (unsigned i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<std::byte>(i));
    for (unsigned j = i + 1; j < 256; ++j) {
      bytes.push_back(static_cast<std::byte>(i));
      bytes.push_back(static_cast<std::byte>(j));
    }
  }
  bytes.push_back(std::byte{0});
  return bytes;
}

// An object that takes long to read.
bool is_large(const Context& c, std::uint64_t size) { return size > 65536 || size / c.chunk() > 1024; }

// By every route, or by one after the other where the object is large and time is short.
void compare(Context& c, const Location& location, const Object& object, std::size_t turn, const std::string& what) {
  const std::vector<Route> routes = c.routes();
  if (is_large(c, object.size()) && c.tier() == Tier::quick) {
    expect_object_of_many_chunks(c, location, object, routes[turn % routes.size()], what);
  } else {
    expect_object_of_many_chunks(c, location, object, what);
  }
}

// Stores literal bytes and compares them. `what` says which, for the failure.
void round_trip(Context& c, Location& location, const Bytes& bytes, const Sizes& pieces, std::size_t turn, const std::string& what) {
  c.reached(bytes.size());
  const Object object{bytes};
  c.store(location, object, pieces);
  compare(c, location, object, turn, what);
}
void round_trip(Context& c, const Bytes& bytes, const std::string& what) {
  c.start_case();
  Location location = c.make();
  round_trip(c, location, bytes, bytes.empty() ? Sizes{} : Sizes{bytes.size()}, 0, what);
}

// One and two bytes: each value first, last and alone.
void short_objects(Context& c) {
  const Pace pace{c, 3};
  std::vector<unsigned> values;
  for (unsigned value = 0; value < 256; ++value) values.push_back(value);
  values = shuffled(values, c.random());
  values.insert(values.begin(), {0xff, 0x00, 0x0a, 0x0d, 0x1a, 0x80, 0x04, 0x7f});
  c.start_case();
  Location location = c.make();
  for (const unsigned value : values) {
    const auto byte = static_cast<std::byte>(value);
    const std::string what = "an object of the byte value " + std::to_string(value);
    round_trip(c, location, {byte}, {1}, 0, what);
    const Bytes around{byte, std::byte{0x41}, byte, byte, std::byte{0x42}, byte};
    round_trip(c, location,
               Bytes(around.begin(), around.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(around.size(), c.most()))),
               even_pieces(std::min<std::uint64_t>(around.size(), c.most()), 1), 0, what);
    if (!pace.more() && value != 0xff) return;
  }
}

void data_1(Context& c) {
  const Bytes pairs = all_pairs();
  const Pace pace{c};
  // Shifted by 0…7 against the start, written in different pieces; in slices where no object may be so large.
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes bytes(shift, std::byte{0x55});
    bytes.insert(bytes.end(), pairs.begin(), pairs.end());
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(c.most(), bytes.size()));
    for (std::size_t from = 0; from < bytes.size(); from += std::max<std::size_t>(most - 1, 1)) {
      c.start_case();
      Location location = c.make();
      const Bytes slice(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), from + most)));
      const std::uint64_t longest =
          std::max<std::uint64_t>({slice.size() / c.rounds(slice.size() / 7 + 1, 8), 7, shift % 3 == 0 ? c.chunk() : 0});
      const Sizes pieces = shift == 0 ? Sizes{slice.size()} : random_pieces(c.random(), slice.size(), longest);
      round_trip(c, location, slice, pieces, shift, "all pairs of bytes, shifted by " + std::to_string(shift));
      if (slice.size() == bytes.size()) break;
      if (!pace.more()) break;
    }
    if (!pace.more() && is_large(c, bytes.size())) break;
  }
  short_objects(c);
  if (c.chunk() > 7 && c.hooks().set_chunk_size && c.lower_chunk_size(7)) {
    const auto first = static_cast<std::size_t>(std::min<std::uint64_t>(c.most(), pairs.size()));
    round_trip(c, Bytes(pairs.end() - static_cast<std::ptrdiff_t>(first), pairs.end()), "pairs of bytes in chunks of 7");
  }
}

// `content` over and over, `size` bytes in all, starting inside it so that it stands differently at each boundary.
Bytes repeated(const Bytes& content, std::uint64_t size, std::size_t start) {
  Bytes bytes(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = content[(start + i) % content.size()];
  return bytes;
}

// Chunks of which some are alike: all, every second one, the first and the last.
std::vector<Bytes> repetitive(Context& c, std::uint64_t chunk) {
  const auto size = static_cast<std::size_t>(chunk);
  Location nowhere = c.make();
  const Bytes a = c.object(nowhere, chunk).bytes();
  const Bytes b = c.object(nowhere, chunk).bytes();
  const Bytes zeros(size, std::byte{0});
  const Bytes ones(size, std::byte{0xff});
  const auto joined = [](std::initializer_list<const Bytes*> parts) {
    Bytes all;
    for (const Bytes* part : parts) all.insert(all.end(), part->begin(), part->end());
    return all;
  };
  Bytes ends_in_zeros = joined({&a, &zeros});
  ends_in_zeros.push_back(std::byte{0});
  Bytes begins_with_zeros = joined({&zeros, &a});
  begins_with_zeros.insert(begins_with_zeros.begin(), std::byte{0});
  return {joined({&a, &a, &a}),        joined({&a, &b, &a}),         joined({&a, &b, &b}),   joined({&zeros, &zeros, &zeros}),
          joined({&a, &zeros, &b}),    joined({&zeros, &a, &zeros}), joined({&ones, &ones}), std::move(ends_in_zeros),
          std::move(begins_with_zeros)};
}

// Two locations with the same content, whole or in part: what happens to one must not touch the other.
void equal_contents(Context& c, const Bytes& bytes) {
  c.start_case();
  Location first = c.make();
  Location second = c.make();
  Location third = c.make();
  const Object object{bytes};
  c.store(first, object);
  c.store(second, object);
  c.store(third, object);
  c.require(first.remove(), "remove() of one of three equal objects");
  c.expect_object(second, object, "an object equal to a removed one");
  const Object other = c.object(second, bytes.size() / 2 + 1);
  c.store(second, other);
  c.expect_object(third, object, "an object equal to a replaced one");
  c.store(third, object);
  c.expect_object(third, object, "an object replaced by an equal one");
  c.store(first, object);
  second.destroy();
  c.expect_object(first, object, "an object equal to a destroyed one");
  c.expect_object(third, object, "an object equal to a destroyed one");
}

void data_2(Context& c) {
  const Pace pace{c};
  for (const auto& [name, text] : hostile_contents()) {
    if (text.size() > c.most()) continue;
    Bytes content(text.size());
    std::transform(text.begin(), text.end(), content.begin(), [](char character) { return static_cast<std::byte>(character); });
    round_trip(c, content, "content " + std::string{name});
    // Next to other bytes, and over and over across the chunks.
    const std::uint64_t size = chunks_and(c, std::min<std::uint64_t>(c.chunk(), 65536), 2, 1 + text.size() / 2);
    if (pace.more())
      round_trip(c, repeated(content, size, c.random()() % content.size()), "content " + std::string{name} + ", again and again");
  }
  for (const std::uint64_t chunk : usable_chunks(c, 4)) {
    if (chunk > 65536 && !c.time_left()) break;
    const std::vector<Bytes> contents =
        repetitive(c, std::min(chunk, std::max<std::uint64_t>((c.most() - std::min<std::uint64_t>(c.most(), 1)) / 3, 1)));
    for (const Bytes& bytes : contents) {
      if (bytes.size() <= c.most()) round_trip(c, bytes, "chunks that are alike or uniform");
      if (chunk > 65536 && !c.time_left()) break;
    }
    if (contents.front().size() <= c.most()) equal_contents(c, contents.front());
    if (!c.time_left()) break;
  }
}

void store_and_compare(Context& c, std::uint64_t size, std::size_t turn) {
  c.start_case();
  const auto [location, object] = c.stored(size);
  compare(c, location, object, turn, "an object of " + std::to_string(size) + " bytes");
}

// mC and its neighbours, for every small m, the m near powers of two and a few more up to 300.
Sizes many_chunks(std::uint64_t chunk, std::uint64_t most) {
  Sizes counts = around({16, 32, 64, 100, 128, 256, 299}, 1);
  for (std::uint64_t m = 1; m <= 12; ++m) counts.push_back(m);
  counts.push_back(200);
  for (std::uint64_t& m : counts) m *= chunk;
  return normalised(around(counts), most);
}

void ladder(Context& c, const Sizes& sizes, const Pace& pace, std::size_t least = 20) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    store_and_compare(c, sizes[i], i);
    if (!pace.more() && i + 1 >= least) return;
  }
}

// The declared limit itself; a byte more is refused, and leaves what was there, or works like any other size.
void declared_limit(Context& c) {
  const std::uint64_t limit = c.declared_most();
  if (limit > std::uint64_t{1} << 33U) return;  // no tier goes there
  if (limit > c.most()) return c.not_run("the declared limit of " + std::to_string(limit) + " bytes is too large for this tier");
  if (!is_large(c, limit)) store_and_compare(c, limit - std::min<std::uint64_t>(limit, 1), 1);
  c.start_case();
  auto [location, object] = c.stored(limit);
  compare(c, location, object, 2, "an object as large as declared");
  const Object larger = c.object(location, limit + 1);
  const auto store = [&]() -> Result<void> {
    auto writer = location.create();
    if (!writer) return std::unexpected{writer.error()};
    if (auto written = writer->write(larger.bytes()); !written) return written;
    return writer->close();
  };
  const Result<void> done = store();
  if (done) return compare(c, location, larger, 0, "an object larger than declared, which close() accepted");
  c.expect_error(done, {errc::limit_exceeded, errc::no_space}, "a byte more than the declared limit");
  compare(c, location, object, 0, "the object that one above the limit could not replace");
}

// Sizes that are round to somebody: where the chunk size is not known, it may be any of their divisors.
Sizes round_sizes(std::uint64_t most) {
  Sizes sizes;
  for (std::uint64_t m = 1; m <= 12; ++m) {
    for (const std::uint64_t unit : {100U, 512U, 1000U, 1500U, 3000U, 4000U, 4096U - 16U, 5000U, 8192U, 10'000U}) sizes.push_back(m * unit);
  }
  return normalised(around(sizes), most);
}

void data_3(Context& c) {
  declared_limit(c);
  if (!c.traits().chunk_size) ladder(c, shuffled(round_sizes(c.most()), c.random()), Pace{c});
  Sizes sizes = size_ladder(c.chunks(), 3, std::min<std::uint64_t>(c.most(), (std::uint64_t{1} << 24U) + 1));
  if (c.chunks().size() == 1) {
    for (const std::uint64_t size : many_chunks(c.chunk(), c.most())) sizes.push_back(size);
    sizes = normalised(sizes, c.most());
  }
  // Of the large ones the powers of two come first, in case time runs out.
  const auto large = std::find_if(sizes.begin(), sizes.end(), [](std::uint64_t size) { return size > 131'072; });
  const auto others = std::partition(large, sizes.end(), [](std::uint64_t size) { return std::has_single_bit(size); });
  std::sort(large, others);
  std::sort(others, sizes.end());
  ladder(c, Sizes(sizes.begin(), large), Pace{c});
  ladder(c, Sizes(large, sizes.end()), Pace{c}, 1);
  if (c.chunk() > 16 && c.hooks().set_chunk_size) {
    if (c.lower_chunk_size(16)) ladder(c, many_chunks(16, c.most()), Pace{c});
    else c.not_run("set_chunk_size(16) said no: many chunks only as large as they are");
  }
}

constexpr std::array all{
    Clause{.id = "DATA-1",
           .rule = "every byte value and every pair of bytes survives, at every alignment",
           .look_here = "signed characters compared or widened, and text modes",
           .run = data_1},
    Clause{.id = "DATA-2",
           .rule = "hostile content survives: terminators, line ends, look-alikes of protocols, uniform and repeated chunks",
           .look_here = "strings where spans belong, escapes, compression, holes and shared chunks",
           .run = data_2},
    Clause{.id = "DATA-3",
           .rule = "objects of every size survive: small, near powers of two, exact multiples of the chunk, the declared limit",
           .look_here = "the last chunk when it is full, and when it has one byte",
           .run = data_3},
};

}  // namespace

std::span<const Clause> data() { return all; }

}  // namespace hybridbuffer::conformance::clauses
